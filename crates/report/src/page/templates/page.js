// Looks an address up in the lists of this page, inside the browser. SITE comes from site.js and
// TEXT from the file of the language. Nothing that is asked leaves the device: an image is loaded
// whole, and the question of a link stands behind its #, which no browser sends.
"use strict";
(() => {
const LISTED = 1, EXPIRED = 2, BAD_KEY = -1, NEWER = -4;
const root = document.currentScript.src.replace(/[^/]*$/, "");
const form = document.getElementById("ask"), field = document.getElementById("key"), out = document.getElementById("answer");
if (!form) return;

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
const bytes = base64 => Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
async function load(name, inlined) {
  if (inlined) return unpacked(bytes(inlined));
  const response = await fetch(root + name, { credentials: "omit" });
  if (!response.ok) throw new Error(response.status);
  return unpacked(new Uint8Array(await response.arrayBuffer()));
}
// A web server may have told the browser to unpack a .gz by itself. What is damaged the reader refuses.
async function unpacked(data) {
  if (data[0] !== 0x1f || data[1] !== 0x8b) return data;
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer().catch(() => new ArrayBuffer(0)));
}

// A module has one image open. Each zone gets a module of its own, when it is first asked.
let compiled;
const opened = new Map();
function open(zone) {
  if (!opened.has(zone)) {
    const reader = openZone(zone);
    opened.set(zone, reader);
    reader.catch(() => opened.delete(zone));
  }
  return opened.get(zone);
}
async function openZone(zone) {
  compiled ??= load("reader.wasm", SITE.module).then(module => WebAssembly.compile(module));
  compiled.catch(() => { compiled = undefined; });
  const [module, image] = await Promise.all([compiled, load(zone.image, zone.inlined)]);
  const call = (await WebAssembly.instantiate(module, {})).exports;
  const give = data => {
    const at = call.rblmap_alloc(data.length);
    new Uint8Array(call.memory.buffer, at, data.length).set(data);
    return at;
  };
  const left = () => new Uint8Array(call.memory.buffer, call.rblmap_out_at(), call.rblmap_out_len()).slice();
  const state = call.rblmap_open(give(image), image.length);
  if (state < 0) return { state };
  const facts = new DataView(left().buffer), serial = facts.getBigUint64(0, true);
  // Without a history the list still answers.
  const since = zone.since && await openSince(zone, serial).catch(() => undefined);
  return {
    state, serial, since, created: Number(facts.getBigUint64(8, true)),
    lookup(key) {
      const data = new TextEncoder().encode(key), now = BigInt(Math.floor(Date.now() / 1000));
      return { state: call.rblmap_lookup(0, give(data), data.length, now), records: records(left()) };
    },
  };
}
function records(data) {
  const found = [];
  for (let at = 0; at + 5 <= data.length; at += 5 + data[at + 4]) {
    const text = new TextDecoder().decode(data.subarray(at + 5, at + 5 + data[at + 4]));
    found.push({ a: data.slice(at, at + 4).join("."), text });
  }
  return found;
}

// ZONE.since, whose bytes docs/page.md describes: gives since when a listed key is listed.
async function openSince(zone, serial) {
  const data = await load(zone.since, zone.since_inlined), view = new DataView(data.buffer);
  const u32 = at => view.getUint32(at, true), u64 = at => view.getBigUint64(at, true);
  if (new TextDecoder().decode(data.subarray(0, 8)) !== "RBLSINC1" || u64(8) !== serial) return;
  const [times, v4, v6, names, , flags] = [24, 28, 32, 36, 40, 44].map(u32);
  const at4 = 48 + 8 * times, at6 = at4 + 12 * v4, ends = at6 + 36 * v6, texts = ends + 8 * names;
  const begins = u64(16), time = index => u64(48 + 8 * index);
  // Of so many in order, the last one that is not above what is asked for.
  const last = (count, isAbove) => {
    let low = 0;
    for (let high = count; low < high;) {
      const middle = (low + high) >> 1;
      if (isAbove(middle)) high = middle; else low = middle + 1;
    }
    return low - 1;
  };
  const in4 = address => {
    const found = last(v4, n => u32(at4 + 4 * n) > address);
    return found >= 0 && u32(at4 + 4 * (v4 + found)) >= address ? time(u32(at4 + 4 * (2 * v4 + found))) : begins;
  };
  const wide = at => view.getBigUint64(at) << 64n | view.getBigUint64(at + 8);
  const in6 = address => {
    const found = last(v6, n => wide(at6 + 16 * n) > address);
    return found >= 0 && wide(at6 + 16 * (v6 + found)) >= address ? time(u32(at6 + 32 * v6 + 4 * found)) : begins;
  };
  const text = n => new TextDecoder().decode(data.subarray(texts + (n ? u32(ends + 4 * n - 4) : 0), texts + u32(ends + 4 * n)));
  const kind = n => u32(ends + 4 * (names + n));
  // A name is there twice if those below it are listed since another time: first itself, then they.
  const point = (name, below) => {
    for (let n = last(names, n => text(n) > name); n >= 0 && text(n) === name; n--)
      if (kind(n) >>> 31 === below) return time(kind(n) & 0x7fffffff);
  };
  const inNames = name => {
    let found = point(name, 0);
    for (let above = name; found === undefined && above; found = point(above, 1))
      above = above.includes(".") ? above.slice(above.indexOf(".") + 1) : "";
    return found ?? begins;
  };
  return key => {
    const address = number(key);
    if (address === undefined) return said(inNames(key.toLowerCase().replace(/\.$/, "")));
    // 2002::/16 has the answers of the IPv4 address inside, too.
    if (flags & 1 || typeof address === "bigint" && address >> 112n === 0x2002n) return;
    return said(typeof address === "bigint" ? in6(address) : in4(address));
  };
  function said(since) {
    return { since: Number(since), least: since === begins };
  }
}
// An address as a number, if it is one; a mapped one is its IPv4 address.
function number(key) {
  if (/^\d+(\.\d+){3}$/.test(key)) return key.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
  if (!key.includes(":")) return;
  const [head, tail] = new URL(`http://[${key}]`).hostname.slice(1, -1).split("::").map(part => part ? part.split(":") : []);
  const groups = tail ? [...head, ...Array(8 - head.length - tail.length).fill("0"), ...tail] : head;
  const all = groups.reduce((sum, group) => sum << 16n | BigInt("0x" + group), 0n);
  return all >> 32n === 0xffffn ? Number(all & 0xffffffffn) : all;
}

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}
function link(text, href) {
  const made = element("a", text);
  made.href = href;
  return made;
}
// The places of the URL templates are those of the mail policy: %a the key, %z the zone.
const expand = (url, key, zone) =>
  url.replace(/%([az])/g, (all, what) => encodeURIComponent(what === "a" ? key : zone.name));

function card(zone, key, reader, answer) {
  const values = { key, zone: zone.title, serial: String(reader.serial ?? ""), made: day(reader.created) };
  const made = element("section");
  made.className = "card";
  const say = text => made.append(element("p", fill(text, values)));
  const head = text => made.append(element("h2", fill(text, values)));
  const { state } = answer;
  if (state === LISTED) {
    made.classList.add("listed");
    head(TEXT.listed);
    for (const text of new Set(answer.records.map(record => record.text).filter(Boolean)))
      made.append(element("blockquote", "", ...linked(text)));
    const known = reader.since?.(key);
    if (known) {
      values.since = day(known.since);
      say(known.least ? TEXT.since_least : TEXT.since);
    }
    say(TEXT.listed_what);
    say(TEXT.listed_sender);
    const help = element("ul");
    if (zone.removal_url) help.append(element("li", "", link(TEXT.remove, expand(zone.removal_url, key, zone))));
    if (zone.evidence_url) help.append(element("li", "", link(TEXT.evidence, expand(zone.evidence_url, key, zone))));
    if (help.children.length) made.append(element("h3", fill(TEXT.listed_owner, values)), help);
    made.append(element("h3", TEXT.report_title), reports(zone, key, values, answer));
  } else if (state === 0) {
    made.classList.add("clear");
    head(TEXT.not_listed);
    say(TEXT.not_listed_what);
  } else head(state === EXPIRED ? TEXT.expired : state === NEWER ? TEXT.newer : TEXT.damaged);
  // An image that was built by hand has neither number nor time.
  if (reader.serial) say(reader.created ? TEXT.edition : TEXT.edition_only);
  return made;
}
const day = seconds => seconds ? new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC" : "–";
const linked = text => text.split(/(https?:\/\/[^\s<>"]+)/).map((part, at) => at % 2 ? link(part, part) : part);

function reports(zone, key, values, answer) {
  const text = answer.records.map(record => [record.a, record.text].filter(Boolean).join(" ")).join("; ");
  const filled = { ...values, zone: zone.name, text };
  const subject = fill(TEXT.report_subject, filled), body = fill(TEXT.report_body, filled);
  const list = element("ul");
  if (SITE.contact.includes("@")) {
    const to = `mailto:${SITE.contact}?subject=${encodeURIComponent(subject)}&body=${encodeURIComponent(body.replace(/\n/g, "\r\n"))}`;
    const mail = link(TEXT.report_mail, to);
    mail.dataset.to = SITE.contact;
    list.append(element("li", "", mail));
  }
  list.append(saving(TEXT.report_xarf, "report.xarf.json", "application/json", () => xarf(zone, key, text)),
    saving(TEXT.report_arf, "report.eml", "message/rfc822", () => arf(zone, key, subject, body)));
  return list;
}
function saving(label, name, type, content) {
  const button = element("button", label);
  button.type = "button";
  button.className = "link";
  button.addEventListener("click", () => {
    const made = link("", URL.createObjectURL(new Blob([content()], { type })));
    made.download = name;
    made.click();
    setTimeout(() => URL.revokeObjectURL(made.href), 1000);
  });
  return element("li", "", button);
}
// XARF 4: xarf.org. Whoever sends the report fills in who they are.
function xarf(zone, key, text) {
  const who = { org: "", contact: "", domain: "" };
  return JSON.stringify({
    xarf_version: "4.0.0", report_id: crypto.randomUUID?.() ?? String(Date.now()), timestamp: new Date().toISOString(),
    reporter: who, sender: who, source_identifier: key, category: "reputation", type: "blocklist",
    evidence_source: "user_report", blocklist_name: zone.name, reason: text, description: "This listing is wrong.",
  }, null, 2) + "\n";
}
// ARF: RFC 5965, with the type not-spam of RFC 6430.
function arf(zone, key, subject, body) {
  const mark = "=_rblmap_report", date = new Date().toUTCString().replace("GMT", "+0000");
  const source = key.includes(":") || /^[\d.]+$/.test(key) ? `Source-IP: ${key}` : `Reported-Domain: ${key}`;
  const encoded = text => /^[\x20-\x7e]*$/.test(text) ? text
    : `=?UTF-8?B?${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}?=`;
  return [`To: ${SITE.contact}`, `Subject: ${encoded(subject)}`, `Date: ${date}`, "MIME-Version: 1.0",
    `Content-Type: multipart/report; report-type=feedback-report; boundary="${mark}"`, "",
    `--${mark}`, "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", "", ...body.split("\n"),
    `--${mark}`, "Content-Type: message/feedback-report", "", "Feedback-Type: not-spam", "User-Agent: rblmap-page/1",
    "Version: 1", `Arrival-Date: ${date}`, source, `Reporting-MTA: dns; ${zone.name}`, "",
    `--${mark}`, "Content-Type: text/rfc822-headers", "", "", `--${mark}--`, ""].join("\r\n");
}

async function show(key, only) {
  const zones = SITE.zones.filter(zone => !only || zone.name === only);
  field.removeAttribute("aria-invalid");
  const cards = [];
  out.replaceChildren(element("p", TEXT.loading));
  for (const zone of zones.length ? zones : SITE.zones) {
    if (!zone.image) {
      if (only) cards.push(element("p", fill(TEXT.no_image, { zone: zone.title })));
      continue;
    }
    try {
      const reader = await open(zone);
      const answer = reader.state < 0 ? reader : reader.lookup(key);
      if (answer.state === BAD_KEY) {
        field.setAttribute("aria-invalid", "true");
        return out.replaceChildren(element("p", TEXT.bad_key));
      }
      cards.push(card(zone, key, reader, answer));
    } catch (error) {
      cards.push(element("p", `${zone.title}: ${fill(TEXT.failed, { cause: error.message })}`));
    }
  }
  // What is listed comes first.
  cards.sort((one, other) => other.classList.contains("listed") - one.classList.contains("listed"));
  out.replaceChildren(...cards);
}
const ownZone = SITE.zones.find(zone => location.pathname.endsWith(`/${zone.name}.html`))?.name;
function fromLink() {
  const asked = new URLSearchParams(location.hash.slice(1)), key = asked.get("a")?.trim();
  if (!key) return;
  field.value = key;
  // On a small screen the answer stands below the question, out of sight.
  show(key, asked.get("z") || ownZone).then(() => out.scrollIntoView({ block: "nearest" }));
}
form.hidden = false;
form.addEventListener("submit", event => {
  event.preventDefault();
  const key = field.value.trim();
  if (key) show(key, ownZone); else field.focus();
});
addEventListener("hashchange", fromLink);
fromLink();
})();

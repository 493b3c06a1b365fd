// Uses the page as people do, in headless Chromium, by keyboard alone.
//
//   node browser.mjs SITE PLAN.json MODULES [SCREENSHOTS]
//
// SITE is the folder to serve; PLAN says which questions must have which answers; MODULES holds
// playwright-core and axe-core. Prints a line for each check and exits 1 if one does not hold.
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";

const [site, planFile, modules, shots] = process.argv.slice(2);
const plan = JSON.parse(fs.readFileSync(planFile, "utf8"));
const require = createRequire(path.join(path.resolve(modules), "node_modules", "none.js"));
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };
const served = [];
const server = http.createServer((request, response) => {
  if (request.url === "/favicon.ico") { response.writeHead(204); return response.end(); }
  served.push(request.url);
  const name = decodeURIComponent(request.url.split("?")[0]).replace(/\/$/, "/index.html");
  const file = path.join(site, name);
  if (!fs.existsSync(file)) { response.writeHead(404); return response.end(); }
  response.writeHead(200, { "content-type": TYPES[path.extname(file)] ?? "application/octet-stream", ...plan.headers });
  fs.createReadStream(file).pipe(response);
});
await new Promise(done => server.listen(0, "127.0.0.1", done));
const base = `http://127.0.0.1:${server.address().port}/`;

let failures = 0;
function check(what, holds, more = "") {
  if (!holds) failures += 1;
  console.log(`${holds ? "ok" : "FAILED"}: ${what}${holds ? "" : ` ${more}`}`);
}

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
const asked = [];
async function visit(url, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on("request", request => asked.push(request.url()));
  page.on("pageerror", error => check("no script fails", false, String(error)));
  page.on("console", message => { if (message.type() === "error") check("the console is quiet", false, message.text()); });
  await page.goto(url);
  return page;
}
const answer = page => page.waitForFunction(words => {
  const text = document.getElementById("answer").textContent;
  return text && !words.includes(text);
}, plan.loading, { timeout: 10000 }).then(() => page.textContent("#answer"));

// By keyboard alone: to the field, the key, Enter.
async function ask(page, key) {
  for (let presses = 0; presses < 20; presses++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement?.id === "key")) break;
  }
  await page.keyboard.press("Control+A");
  await page.keyboard.type(key);
  await page.evaluate(() => document.getElementById("answer").replaceChildren());
  await page.keyboard.press("Enter");
  return answer(page);
}

for (const { key, says, page: name = "index.html", status } of plan.questions) {
  const page = await visit(base + name);
  const text = await ask(page, key);
  check(`${name}: ${key}: ${says}`, text.includes(says), text);
  if (status === "bad") check(`${key} is marked`, await page.getAttribute("#key", "aria-invalid") === "true");
  await page.context().close();
}
for (const { hash, says } of plan.links) {
  const page = await visit(`${base}#${hash}`);
  const text = await answer(page);
  check(`the link #${hash}: ${says}`, text.includes(says), text);
  await page.context().close();
}
// What a list says is text, whatever it looks like; of it only addresses of the web become links.
{
  const page = await visit(`${base}#${plan.hostile}`);
  await answer(page);
  const made = await page.evaluate(() => [...document.querySelectorAll("#answer blockquote *")].map(one => one.outerHTML));
  check("a text of a list makes one link and nothing else",
    made.length === 1 && made[0] === '<a href="http://a.example/?">http://a.example/?</a>', made.join(" "));
  await page.context().close();
}
// Since when, beside `rblmap history`.
{
  const page = await visit(base);
  for (const { key, zone, says } of plan.since) {
    await page.evaluate(() => document.getElementById("answer").replaceChildren());
    await page.evaluate(hash => { location.hash = hash; }, `a=${encodeURIComponent(key)}&z=${zone}`);
    const text = await answer(page);
    check(`${key} in ${zone}: ${says}`, text.includes(says), text);
  }
  await page.context().close();
}
// On paper a link shows where it leads, and an image that was built by hand has no edition.
{
  const page = await visit(`${base}#${plan.links[0].hash}`);
  const text = await answer(page);
  check(`nothing says ${plan.not_said}`, !text.includes(plan.not_said), text);
  await page.emulateMedia({ media: "print" });
  const printed = await page.evaluate(() => [...document.querySelectorAll("#answer a")].map(link => getComputedStyle(link, "::after").content).join(" "));
  check("the contact's address is printed", printed.includes(plan.contact), printed);
  await page.context().close();
}
check("no request to another origin", asked.every(url => url.startsWith(base) || url.startsWith("blob:")), asked.find(url => !url.startsWith(base)));
const told = served.filter(url => plan.secret.some(key => url.includes(key)));
check("the server never saw a key", told.length === 0, told.join(" "));

// Reports are made in the browser, as files. XARF 4 is JSON with these fields; ARF is a report of three
// parts (RFC 5965), of which the second one is for programs.
function isXarf(text) {
  const report = JSON.parse(text);
  return report.xarf_version === "4.0.0" && report.source_identifier === "192.0.2.1" &&
    report.category === "reputation" && !Number.isNaN(Date.parse(report.timestamp)) && report.blocklist_name === "ops.example";
}
function isArf(text) {
  const [, mark] = text.match(/^Content-Type: multipart\/report; report-type=feedback-report;\s+boundary="([^"]+)"/mi) ?? [];
  const parts = mark ? text.split(`--${mark}`) : [];
  return parts.length === 5 && parts[4].startsWith("--") && /Content-Type: text\/plain/i.test(parts[1]) &&
    /Content-Type: message\/feedback-report/i.test(parts[2]) && /^Source-IP: 192\.0\.2\.1\r?$/m.test(parts[2]) &&
    /^Version: 1\r?$/m.test(parts[2]) && /^User-Agent: /m.test(parts[2]);
}
{
  const page = await visit(`${base}#${plan.links[0].hash}`, { acceptDownloads: true });
  await answer(page);
  for (const [label, name, part] of plan.reports) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: label }).press("Enter")]);
    const text = fs.readFileSync(await download.path(), "utf8");
    check(`${name} is saved`, download.suggestedFilename() === name && text.includes(part), text);
    check(`${name} is what programs read`, name.endsWith(".json") ? isXarf(text) : isArf(text), text);
  }
  await page.context().close();
}

// Without scripts all the words are there.
{
  const page = await visit(base, { javaScriptEnabled: false });
  const text = await page.innerText("main");
  check("without scripts the words are there", text.length > 1000 && await page.isHidden("#ask"), text.slice(0, 200));
  await page.context().close();
}

async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.map(v => `${v.id} (${v.impact}): ${v.nodes.map(n => n.html).slice(0, 2).join(" ")}`);
}
const views = [["light", { colorScheme: "light" }], ["dark", { colorScheme: "dark" }],
  ["320 px", { viewport: { width: 320, height: 640 } }], ["200 %", { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }]];
for (const [view, options] of views) {
  for (const name of plan.pages) {
    // axe cannot be injected under the page's own rule; the checks above ran with it.
    const page = await visit(base + name, { ...options, bypassCSP: true });
    if (name.includes("#")) await answer(page);
    const found = await violations(page);
    check(`${view} ${name}: nothing that axe finds`, found.length === 0, found.join("\n"));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    check(`${view} ${name}: no scrolling sideways`, !wide);
    if (shots && name.endsWith(plan.shot)) await page.screenshot({ path: path.join(shots, `${view.replace(/\W/g, "")}.png`), fullPage: true });
    await page.context().close();
  }
}
// A page with faults must be found faulty, or the checks above show nothing.
{
  const page = await visit(base, { bypassCSP: true });
  await page.setContent('<!doctype html><html><title>x</title><body><input><button></button><p style="color:#ccc;background:#fff">pale</p>');
  const found = (await violations(page)).join(" ");
  check("axe finds faults where there are some", ["button-name", "color-contrast", "html-has-lang", "label"].every(id => found.includes(id)), found);
  await page.context().close();
}
if (plan.timing) {
  const page = await visit(base);
  const { open, lookup } = await page.evaluate(async name => {
    const call = (await WebAssembly.instantiateStreaming(fetch("reader.wasm"), {})).instance.exports;
    const image = new Uint8Array(await (await fetch(name)).arrayBuffer());
    const give = data => { const at = call.rblmap_alloc(data.length); new Uint8Array(call.memory.buffer, at, data.length).set(data); return at; };
    const begin = performance.now();
    if (call.rblmap_open(give(image), image.length) !== 0) throw new Error("not opened");
    const opened = performance.now();
    for (let n = 0; n < 10000; n++) {
      const key = new TextEncoder().encode(`${n % 223 + 1}.${n % 256}.${n >> 8}.${n * 7 % 256}`);
      call.rblmap_lookup(0, give(key), key.length, 0n);
    }
    return { open: opened - begin, lookup: (performance.now() - opened) / 10000 };
  }, plan.timing);
  console.log(`open ${open.toFixed(1)} ms, a lookup ${(lookup * 1000).toFixed(2)} us`);
  check("a large list opens in 300 ms, a lookup takes under 1 ms", open < 300 && lookup < 1);
  await page.context().close();
}
if (plan.local) {
  const page = await visit(`file://${path.resolve(plan.local)}/index.html#${plan.links[0].hash}`);
  const text = await answer(page);
  check("the page works as a local file", text.includes(plan.links[0].says), text);
  const { key, zone, says } = plan.local_since;
  await page.evaluate(() => document.getElementById("answer").replaceChildren());
  await page.evaluate(hash => { location.hash = hash; }, `a=${encodeURIComponent(key)}&z=${zone}`);
  const since = await answer(page);
  check(`a local file says since when: ${says}`, since.includes(says), since);
  await page.context().close();
}
if (shots) {
  const page = await visit(`${base}#${plan.links[0].hash}`);
  await answer(page);
  await page.pdf({ path: path.join(shots, "print.pdf"), format: "A4" });
}
await browser.close();
server.close();
console.log(`${failures} failed`);
process.exit(failures ? 1 : 0);

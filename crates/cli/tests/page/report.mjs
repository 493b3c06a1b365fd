// Opens the report of `rblmap impact --html` as a local file, at the widths of a phone and of a
// desktop, in light and dark, and prints it.
//
//   node report.mjs REPORT.html MODULES [PICTURES]
//
// MODULES holds playwright-core and axe-core. Prints a line for each check and exits 1 if one does
// not hold.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [report, modules, pictures] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(modules), "node_modules", "none.js"));
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const url = pathToFileURL(path.resolve(report)).href;

let failures = 0;
function check(what, holds, more = "") {
  if (!holds) failures += 1;
  console.log(`${holds ? "ok" : "FAILED"}: ${what}${holds ? "" : ` ${more}`}`);
}

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
async function visit(options) {
  const page = await (await browser.newContext(options)).newPage();
  const asked = [];
  page.on("request", request => asked.push(request.url()));
  page.on("console", message => { if (message.type() === "error") check("the console is quiet", false, message.text()); });
  await page.goto(url);
  return { page, asked };
}
async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.map(v => `${v.id} (${v.impact}): ${v.nodes.map(n => n.html).slice(0, 2).join(" ")}`);
}

for (const width of [320, 1200]) {
  for (const colorScheme of ["light", "dark"]) {
    const options = { viewport: { width, height: 800 }, colorScheme };
    const { page, asked } = await visit(options);
    check(`${width} ${colorScheme}: no request leaves the file`, asked.every(one => one === url || one.startsWith("data:")), asked.join(" "));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(`${width} ${colorScheme}: no scrolling sideways`, wide <= 0, wide);
    if (pictures) await page.screenshot({ path: path.join(pictures, `report-${width}-${colorScheme}.png`), fullPage: true });
    // axe cannot be injected under the report's own rule; the checks above ran with it.
    const open = await visit({ ...options, bypassCSP: true });
    const found = await violations(open.page);
    check(`${width} ${colorScheme}: nothing that axe finds`, found.length === 0, found.join("\n"));
  }
}
// Printed, nothing is wider than the paper: A4 less margins of 1 cm is 718 px at 96 dpi.
{
  const { page } = await visit({ viewport: { width: 718, height: 1047 } });
  await page.emulateMedia({ media: "print" });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  check("A4: nothing is cut off", wide <= 0, wide);
  const pdf = await page.pdf({ format: "A4", margin: { top: "1cm", right: "1cm", bottom: "1cm", left: "1cm" }, ...(pictures && { path: path.join(pictures, "report.pdf") }) });
  const sizes = [...pdf.toString("latin1").matchAll(/\/MediaBox\s*\[\s*0\s+0\s+([\d.]+)\s+([\d.]+)\s*\]/g)];
  const isA4 = ([, width, height]) => Math.abs(width - 595.28) < 1 && Math.abs(height - 841.89) < 1;
  check("A4: every page has its size", sizes.length > 0 && sizes.every(isA4), sizes.map(size => size[0]).join(" "));
  // What the printer would cut: anything that is wider than what holds it, and no scroll bar on paper.
  const cut = await page.evaluate(() => [...document.body.querySelectorAll("*")]
    .filter(one => one.getBoundingClientRect().right > innerWidth + 1).map(one => one.tagName + " " + one.textContent.slice(0, 30)));
  check("A4: no part reaches over the edge", cut.length === 0, cut.slice(0, 5).join("; "));
  const pages = pdf.toString("latin1").match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  check("A4: it prints on one to five pages", pages >= 1 && pages <= 5, pages);
}
// A page with faults must be found faulty, or the checks above show nothing.
{
  const { page } = await visit({ bypassCSP: true });
  await page.setContent('<!doctype html><html><title>x</title><body><input><button></button><p style="color:#ccc;background:#fff">pale</p>');
  const found = (await violations(page)).join(" ");
  check("axe finds faults where there are some", ["button-name", "color-contrast", "html-has-lang", "label"].every(id => found.includes(id)), found);
}
await browser.close();
console.log(`${failures} failed`);
process.exit(failures ? 1 : 0);

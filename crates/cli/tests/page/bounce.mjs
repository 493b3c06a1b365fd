// Opens the link of a bounce as its reader does, and prints what the page answers.
//
//   node bounce.mjs SITE MODULES LINK [PICTURES]
//
// The link's host is answered from the folder SITE; every other host is refused and is a failure.
// PICTURES is a folder for screenshots. MODULES holds playwright-core.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [site, modules, link, pictures] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(modules), "node_modules", "none.js"));
const { chromium } = require("playwright-core");
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };
const { origin } = new URL(link);
const strange = [];

async function serve(route) {
  const url = new URL(route.request().url());
  const file = path.join(site, decodeURIComponent(url.pathname).replace(/\/$/, "/index.html"));
  if (url.origin !== origin) {
    strange.push(url.href);
    return route.abort();
  }
  if (!fs.existsSync(file)) return route.fulfill({ status: 404 });
  return route.fulfill({ contentType: TYPES[path.extname(file)] ?? "application/octet-stream", body: fs.readFileSync(file) });
}

async function open(options) {
  const context = await browser.newContext(options);
  await context.route("**/*", serve);
  const page = await context.newPage();
  await page.goto(link);
  await page.waitForFunction(() => /listed/.test(document.getElementById("answer").textContent), null, { timeout: 20000 });
  return page;
}

const flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags });
const page = await open({ viewport: { width: 1200, height: 800 } });
console.log(await page.innerText("#answer"));
if (pictures) {
  const views = { desktop: { viewport: { width: 1200, height: 800 } }, phone: { viewport: { width: 360, height: 720 } },
    dark: { viewport: { width: 1200, height: 800 }, colorScheme: "dark" } };
  for (const [name, options] of Object.entries(views)) {
    const shown = await open(options);
    await shown.screenshot({ path: path.join(pictures, `${name}.png`) });
  }
  await page.emulateMedia({ media: "print" });
  await page.setViewportSize({ width: 794, height: 1123 });
  await page.screenshot({ path: path.join(pictures, "print.png") });
}
await browser.close();
if (strange.length) {
  console.log(`asked elsewhere: ${strange.join(" ")}`);
  process.exit(1);
}

// Drives a browser through the page. `.ci/page` starts it, and everything that it needs.

import { strict as assert } from "node:assert";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const [folder, executablePath, address, host, port, pid, pictures, what] = process.argv.slice(2);
const require = createRequire(join(folder, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const statsd = createSocket("udp4");
const send = (text) => new Promise((sent) => statsd.send(text, Number(port), host, sent));
const WIDE = { width: 1280, height: 900 }, NARROW = { width: 390, height: 844 };

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const complaints = [];

// A page that reports what it says on its console, and what it asks elsewhere.
async function open(options = {}) {
  const context = await browser.newContext({ viewport: WIDE, colorScheme: "light", ...options });
  // Chromium without a window is always visible.
  await context.addInitScript(() => {
    let hidden = false;
    Object.defineProperty(document, "hidden", { get: () => hidden });
    window.hide = (now) => { hidden = now; document.dispatchEvent(new Event("visibilitychange")); };
  });
  const page = await context.newPage(), open = new Set();
  page.asked = [];
  page.together = 0;
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(address) && !url.startsWith("data:")) complaints.push(`a request to ${url}`);
    if (!url.includes("real-time-metrics")) return;
    page.asked.push(url);
    open.add(request);
    page.together = Math.max(page.together, open.size);
  });
  for (const end of ["requestfinished", "requestfailed"]) page.on(end, (request) => open.delete(request));
  await page.goto(address);
  await page.waitForSelector("#rows tr");
  return page;
}

const text = (page, selector) => page.locator(selector).textContent();
const cells = (page, column) => page.locator(`#rows tr > :nth-child(${column})`).allTextContents();
const until = (page, condition, argument, timeout = 20000) => page.waitForFunction(condition, argument, { timeout });
const row = (name) => `#rows tr:has(a[href="#/service/${name}"])`;

async function accessible(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const found = serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).slice(0, 3).join(" ")}`);
  assert.deepEqual(found, [], `axe-core in ${where}`);
  for (const { id, impact } of violations) console.log(`axe-core in ${where}, ${impact}: ${id}`);
}

async function takePictures(name, act = async () => {}) {
  for (const [size, viewport] of Object.entries({ wide: WIDE, narrow: NARROW })) {
    for (const colorScheme of ["light", "dark"]) {
      // axe-core is a script that the page's own policy would not run.
      const page = await open({ viewport, colorScheme, bypassCSP: true });
      await act(page);
      await sleep(1500);
      await page.screenshot({ path: join(pictures, `${name}-${size}-${colorScheme}.png`) });
      await accessible(page, `${name}, ${size}, ${colorScheme}`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert(overflow <= 0, `${name}, ${size}: ${overflow} pixels too wide`);
      await page.context().close();
    }
  }
}

// For pictures: a service with a past, which a server that was just started has not. What is not known is null.
async function openWithPast(page) {
  const wave = (length, unknown) => Array.from({ length }, (_, at) => at < unknown ? null : Math.round(500 + 400 * Math.sin(at / 4)));
  const event = { seconds: wave(60, 0), minutes: wave(60, 0), hours: wave(24, 5), days: wave(30, 12) };
  const json = { service: "enrichment-pipeline", as_of: new Date().toISOString(), events: { event } };
  await page.route("**/openapi.json", (route) => route.fulfill({ json: { paths: { "/api/v1/services/{name}/history": {} } } }));
  await page.route("**/enrichment-pipeline/history", (route) => route.fulfill({ json }));
  await page.goto(`${address}#/service/enrichment-pipeline`);
  await until(page, () => document.querySelectorAll("#events .chart path[d^=M]").length === 4);
}

if (what === "picture") {
  const page = await open({ viewport: { width: 1180, height: 500 } });
  await page.getByRole("button", { name: "Events/s", exact: true }).click();
  await sleep(1500);
  await page.screenshot({ path: join(pictures, "readme.png") });
  await takePictures("overview");
  await takePictures("detail", openWithPast);
  await browser.close();
  process.exit(0);
}

const page = await open();

// What was sent a second before.
const sent = Date.now();
await send("sports-data.api_call:1234|c\nsports-data.data_fetch:1|c");
await until(page, (row) => document.querySelector(row)?.textContent.includes("1,235"), row("sports-data"));
console.log(`shown ${Date.now() - sent} ms after it was sent`);
assert((await text(page, row("sports-data"))).includes("active"));

// Sorted by any column, either way, with the mouse or the keyboard.
// The last one, of errors, is there when there are some.
const heads = await page.locator("#heads th:visible button").allTextContents();
assert.equal(heads.length, 11);
for (const [index, head] of heads.entries()) {
  await page.getByRole("button", { name: head, exact: true }).click();
  assert.equal(await page.locator("th[aria-sort]").count(), 1, head);
  const first = await page.locator(`#heads > :nth-child(${index + 1})`).getAttribute("aria-sort");
  await page.locator(`#heads > :nth-child(${index + 1}) button`).press("Enter");
  const second = await page.locator(`#heads > :nth-child(${index + 1})`).getAttribute("aria-sort");
  assert.deepEqual([first, second].sort(), ["ascending", "descending"], head);
}
await page.getByRole("button", { name: "Service", exact: true }).click();
const names = await cells(page, 1);
assert.deepEqual(names, [...names].sort(), "by name");
await page.getByRole("button", { name: "Total", exact: true }).click();
const totals = (await cells(page, heads.indexOf("Total") + 1)).map((total) => Number(total.replaceAll(",", "")));
assert.deepEqual(totals, [...totals].sort((a, b) => b - a), "by total");

// Filtered by text and by status.
await page.getByLabel("Filter").fill("sports");
assert.deepEqual(await cells(page, 1), ["sports-data"]);
assert.equal(await text(page, "#shown"), `1 of ${names.length} services`);
await page.getByLabel("Filter").fill("");
await page.getByLabel("Status").selectOption("inactive");
assert((await cells(page, 2)).every((status) => status === "inactive"));
await page.getByLabel("Status").selectOption("");

// A service: its events, durations, and its own rejected lines, which are text and nothing else.
await send("enrichment-pipeline.event:12.5|ms\nenrichment-pipeline.event:7|g");
await send('enrichment-pipeline.<img src=x onerror="document.title=1">:1|c');
await page.locator(row("enrichment-pipeline")).getByRole("link").press("Enter");
// The seconds, and from the server's history the minutes, hours and days.
await until(page, () => document.querySelectorAll("#events .chart path[d^=M]").length === 4);
assert.equal(await text(page, "#detail-title"), "enrichment-pipeline");
assert.equal(await page.evaluate(() => document.activeElement.id), "detail-title");
await until(page, () => document.querySelector("#events dl").textContent.includes("p99"));
await until(page, () => document.querySelector("#own-rejected").textContent.includes("<img src=x"));
assert((await text(page, "#own-rejected")).includes("unsupported_type"));
assert.equal(await page.locator("main img").count(), 0);
assert((await text(page, "#rejected")).includes("malformed"));
assert((await text(page, "#server")).includes("ready"));
await page.goBack();
await page.waitForSelector("#rows tr");

// Not asked while it is hidden, and at once when it is back.
await page.evaluate(() => window.hide(true));
await sleep(1200);
const before = page.asked.length;
await sleep(2500);
assert.equal(page.asked.length, before, "requests of a hidden page");
await page.evaluate(() => window.hide(false));
await sleep(400);
assert(page.asked.length > before, "none when it is back");

// A server that hangs: the figures stay and say that they are old; then they are new again.
const known = await text(page, row("sports-data") + " > :nth-child(6)");
process.kill(Number(pid), "SIGSTOP");
try {
  await page.waitForSelector("#state:not([hidden])", { timeout: 15000 });
  await until(page, () => document.querySelector("#state").textContent.includes("no answer within"));
  assert.equal(await text(page, row("sports-data") + " > :nth-child(6)"), known);
  await page.screenshot({ path: join(pictures, "old.png") });
} finally {
  process.kill(Number(pid), "SIGCONT");
}
await page.waitForSelector("#state", { state: "hidden", timeout: 30000 });
await send("sports-data.api_call:1|c");
await until(page, (row) => document.querySelector(row)?.textContent.includes("1,236"), row("sports-data"));
assert.equal(page.together, 1, "requests overlap");

await takePictures("overview");
await takePictures("detail", openWithPast);

// As many services as there can be.
const many = Array.from({ length: 285 }, (_, number) => `s${number}.e:${number + 1}|c`);
for (let at = 0; at < many.length; at += 50) await send(many.slice(at, at + 50).join("\n"));
await until(page, () => document.querySelectorAll("#rows tr").length === 300);
const longest = await page.evaluate(() => new Promise((done) => {
  let longest = 0;
  new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => { longest = Math.max(longest, duration); }))
    .observe({ entryTypes: ["longtask"] });
  setTimeout(() => done(longest), 4000);
}));
console.log(`300 services: the longest task of 4 s took ${longest < 50 ? "less than 50" : Math.round(longest)} ms`);

await browser.close();
statsd.close();
assert.deepEqual(complaints, []);
console.log(`${page.asked.length} requests, none elsewhere, and nothing on the console; pictures in ${pictures}`);

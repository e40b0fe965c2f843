// The demo's page in the real Chromium that `fanfare demo --browser=chromium` starts, with the sandbox for its push service.
// Everything is real but the clicks on notifications: those are synthetic events, since headless Chromium shows them to
// nobody.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createReadStream, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FANFARE = process.env.FANFARE ?? here("../../../../target/debug/fanfare");
for (const program of [CHROMIUM, FANFARE]) {
  if (!existsSync(program)) {
    console.error(`There is no ${program}: install it or build it, or set CHROMIUM or FANFARE.`);
    process.exit(1);
  }
}
const { default: puppeteer } = await import("puppeteer-core");
import { FanfareError, fanfare } from "../../src/grpc-web.js";
const PICTURES = here("../../../../target/pictures/");

let folder, demo, origin, fanfareUrl, browser, page, worker, protocol;

before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  folder = mkdtempSync(join(tmpdir(), "fanfare-demo-test-"));
  // The Chromium that the demo finds: headless, to be driven, and told by whom.
  const told = join(folder, "told");
  execFileSync("mkfifo", [told]);
  const arguments_ = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb",
    "--hide-scrollbars", "--remote-debugging-port=0",
  ];
  writeFileSync(
    join(folder, "chromium"), `#!/bin/sh\nexec ${CHROMIUM} ${arguments_.join(" ")} "$@" 2>${told}\n`, { mode: 0o755 });
  const lines = createInterface({ input: createReadStream(told) });
  const listening = new Promise((resolve) =>
    lines.on("line", (line) => {
      const [, url] = /DevTools listening on (ws:\S+)/.exec(line) ?? [];
      if (url) resolve(url);
    }),
  );
  demo = spawn(
    FANFARE,
    ["demo", "--browser=chromium", "--json", "--exit-with-stdin", "--page", "127.0.0.1:0"],
    { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, PATH: `${folder}:${process.env.PATH}` } },
  );
  for await (const line of createInterface(demo.stdout)) {
    ({ page: origin, server: fanfareUrl } = JSON.parse(line));
    break;
  }
  browser = await puppeteer.connect({ browserWSEndpoint: await listening, defaultViewport: { width: 1080, height: 900 } });
  await browser.defaultBrowserContext().overridePermissions(origin, ["notifications"]);
  const opened = await browser.waitForTarget((target) => target.type() === "page" && target.url() === origin);
  page = await opened.page();
  protocol = await page.createCDPSession();
  const target = await browser.waitForTarget((target) => target.type() === "service_worker");
  worker = await target.worker();
});

after(async () => {
  await browser?.disconnect();
  if (demo) {
    const ended = new Promise((resolve) => demo.once("exit", resolve));
    demo.stdin.end();
    await ended;
  }
  if (folder) rmSync(folder, { recursive: true });
});

const chips = () => page.$$eval("#messages > li:first-child .chip", (all) => all.map((chip) => chip.textContent));
const waitForChip = (text) =>
  page.waitForFunction(
    (text) => [...document.querySelectorAll("#messages > li:first-child .chip")].some((chip) => chip.textContent === text),
    { timeout: 15_000 },
    text,
  );

async function picture(name, { dark = false, width = 1080 } = {}) {
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: dark ? "dark" : "light" },
    { name: "prefers-reduced-motion", value: "reduce" },
  ]);
  await page.setViewport({ width, height: 900 });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${name}: ${overflow} px too wide`);
  await page.screenshot({ path: `${PICTURES}demo-${name}.png`, fullPage: true });
}

test("the page subscribes, sends, and sees what becomes of it", async () => {
  await page.waitForFunction(() => document.getElementById("live").textContent === "live");
  assert.equal(await page.$eval("#send", (button) => button.disabled), true);
  await page.waitForSelector("#subscribe:enabled");
  // By keyboard only.
  await page.focus("#subscribe");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#state.good");
  await page.focus("#send");
  await page.keyboard.press("Enter");
  await waitForChip("displayed");
  await worker.evaluate(async () => {
    Clients.prototype.openWindow = async (url) => void (self.openedUrl = url);
    const [notification] = await self.registration.getNotifications();
    const event = new NotificationEvent("notificationclick", { notification, action: "track" });
    const waits = [];
    event.waitUntil = (work) => waits.push(work);
    self.dispatchEvent(event);
    await Promise.all(waits);
  });
  await waitForChip("clicked");
  // The push service's answer and the browser's receipts come by different ways, in any order.
  await waitForChip("accepted");
  assert.deepEqual((await chips()).sort(), ["accepted", "clicked", "displayed", "stored"]);
  assert.equal(await worker.evaluate(() => self.openedUrl), `${origin}opened.html?by=track`);
  assert.match(await page.$eval("#messages > li h3", (title) => title.textContent), /^Your order has shipped/);
});

test("a topic that was not chosen reaches nobody, one that was chosen does", async () => {
  await page.select("[name=to]", "offers");
  await page.click("#send");
  await page.waitForFunction(() => document.querySelectorAll("#messages > li").length === 2);
  // Who has the topic is read after the message was stored.
  await waitForChip("nobody");
  await page.click("[name=topic][value=offers]");
  const held = await page.evaluate(() => {
    document.getElementById("subscribe").click();
    return document.getElementById("send").disabled;
  });
  assert.ok(held, "a message can be sent before the topics are saved, and goes by the old ones");
  await page.waitForFunction(() => document.getElementById("state").textContent.startsWith("Subscribed to news, offers,"));
  await page.click("#send");
  await page.waitForFunction(() => document.querySelectorAll("#messages > li").length === 3);
  await waitForChip("displayed");
  const second = await page.$$eval("#messages > li:nth-child(2) .chip", (all) => all.map((chip) => chip.textContent));
  assert.deepEqual(second, ["stored", "nobody"]);
});

test("it has names for all that can be used, and is legible in light, dark and narrow", async () => {
  const { nodes } = await protocol.send("Accessibility.getFullAXTree");
  const used = new Set(["button", "checkbox", "textbox", "combobox", "MenuListPopup"]);
  for (const { role, name, ignored } of nodes) {
    if (!ignored && used.has(role?.value) && role.value !== "MenuListPopup") assert.ok(name?.value, `a ${role.value} has no name`);
  }
  await picture("light");
  await picture("dark", { dark: true });
  await picture("narrow", { width: 360 });
  await picture("narrow-dark", { width: 360, dark: true });
});

test("the gRPC-Web module hands subscriptions to the same server", async () => {
  const { key } = await (await fetch(`${origin}settings.json`)).json();
  const backend = fanfare({ url: fanfareUrl, topics: ["straight"], labels: { from: "grpc-web" } });
  assert.equal(await backend.key(), key);
  const json = await page.evaluate(async () => {
    const { pushManager } = await navigator.serviceWorker.ready;
    return (await pushManager.getSubscription()).toJSON();
  });
  const told = { ...json, supportedContentEncodings: ["aes128gcm"], applicationServerKey: key };
  const old = `${told.endpoint}1`;
  await backend.save({ ...told, endpoint: old, expirationTime: Date.now() + 3_600_000 });
  await backend.save(told, old);
  // It is there: what is sent to its topic comes.
  await worker.evaluate(() => {
    self.arrived = new Promise((resolve) =>
      self.addEventListener("push", (event) => resolve(event.data.json()), { once: true }));
  });
  await fetch(`${origin}messages`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ topic: "straight", message: { json: { straight: true } } }),
  });
  assert.deepEqual(await worker.evaluate(() => self.arrived), { straight: true });
  await backend.remove(told.endpoint);
  await backend.remove(told.endpoint);
  const bad = backend.save({ ...told, keys: { p256dh: "x", auth: "y" } });
  await assert.rejects(bad, (error) => error instanceof FanfareError && error.code === 3 && /push_subscription/.test(error.message));
});

test("it unsubscribes, and then has nothing to send to", async () => {
  await page.setViewport({ width: 1080, height: 900 });
  await page.click("#unsubscribe");
  await page.waitForFunction(() => document.getElementById("state").textContent === "Not subscribed yet.");
  assert.equal(await page.$eval("#send", (button) => button.disabled), true);
});

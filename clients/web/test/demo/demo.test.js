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

/** Where all that can be clicked is, on the page as a whole. */
const places = () =>
  page.$$eval("button, input, select", (all) =>
    Object.fromEntries(all.map((one) => {
      const { left, top } = one.getBoundingClientRect();
      return [one.id || `${one.name} ${one.value}`, [Math.round(left + scrollX), Math.round(top + scrollY)]];
    })),
  );

const click = (action) =>
  worker.evaluate(async (action) => {
    self.openedUrl = null;
    Clients.prototype.openWindow = async (url) => void (self.openedUrl = url);
    const [notification] = await self.registration.getNotifications();
    const event = new NotificationEvent("notificationclick", { notification, action });
    const waits = [];
    event.waitUntil = (work) => waits.push(work);
    self.dispatchEvent(event);
    await Promise.all(waits);
    return self.openedUrl;
  }, action);

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
  const before = await places();
  // By keyboard only.
  await page.focus("#subscribe");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#state.good");
  await page.focus("#send");
  await page.keyboard.press("Enter");
  await waitForChip("displayed");
  assert.equal(await click("track"), `${origin}opened.html?by=track`);
  await waitForChip("clicked");
  // The push service's answer and the browser's receipts come by different ways, in any order.
  await waitForChip("accepted");
  assert.deepEqual((await chips()).sort(), ["accepted", "clicked", "displayed", "stored"]);
  assert.equal(await page.$eval("#messages > li h3", (title) => title.textContent), "Your order has shipped to this browser");
  // Nothing has moved under the pointer, though there is a button more.
  assert.deepEqual(await places(), before);
});

test("it says that the sandbox stands in for Google, where it does", async () => {
  const stood = /the sandbox, which stands in for (jmt17\.google|fcm\.googleapis)\.com/;
  assert.match(await page.$eval("#state", (state) => state.textContent), stood);
  const lines = await page.$$eval(".log li span", (all) => all.map((line) => line.textContent));
  assert.match(lines.find((line) => line.startsWith("accepted by")), stood);
});

test("the icon is one that notifications can show, and shows the same as the page's", async () => {
  const difference = await page.evaluate(async () => {
    const pixels = async (path) => {
      const image = new Image(96, 96);
      image.src = path;
      await image.decode();
      const context = new OffscreenCanvas(96, 96).getContext("2d");
      context.drawImage(image, 0, 0, 96, 96);
      return context.getImageData(0, 0, 96, 96).data;
    };
    const [png, svg] = [await pixels("icon.png"), await pixels("icon.svg")];
    return png.reduce((sum, octet, at) => sum + Math.abs(octet - svg[at]), 0) / png.length;
  });
  assert.ok(difference < 4, `${difference} of 255 on the mean`);
});

test("a button without an address opens nothing, and the page is told", async () => {
  await page.click("#send");
  await page.waitForFunction(() => document.querySelectorAll("#messages > li").length === 2);
  await waitForChip("displayed");
  assert.match(await worker.evaluate(async () => (await self.registration.getNotifications())[0].icon), /\/icon\.png$/);
  assert.equal(await click("later"), null);
  await page.waitForFunction(() => document.getElementById("sent").textContent.includes("“Later” was clicked"));
  await waitForChip("clicked");
  await page.waitForFunction(() => document.querySelector(".log").textContent.includes("clicked: later, which opens nothing"));
});

test("what goes wrong is told where it was asked for, and moves nothing", async () => {
  const state = await page.$eval("#state", (told) => told.textContent);
  const before = await places();
  await page.evaluate(async () => {
    const { pushManager } = await navigator.serviceWorker.ready;
    const { endpoint } = await pushManager.getSubscription();
    const headers = { "Content-Type": "application/json" };
    await fetch("subscriptions", { method: "DELETE", headers, body: JSON.stringify({ endpoint }) });
  });
  await page.click("#send");
  await page.waitForSelector("#sent.bad");
  assert.match(await page.$eval("#sent", (told) => told.textContent), /^That did not work: there is no such subscription$/);
  assert.equal(await page.$eval("#state", (told) => told.textContent), state);
  assert.deepEqual(await places(), before);
  await page.click("#subscribe");
  await page.waitForSelector("#state.good");
  await page.click("#send");
  await page.waitForSelector("#sent.good");
  await page.waitForFunction(() => document.querySelectorAll("#messages > li").length === 3);
  await waitForChip("displayed");
  assert.deepEqual(await places(), before);
});

test("who comes back from what was opened finds the story, and the topics", async () => {
  const told = async (page) => ({
    messages: await page.$$eval("#messages > li", (all) =>
      all.map((item) => [...item.querySelectorAll("h3, .chip, .log span")].map((part) => part.textContent).sort())),
    topics: await page.$$eval("[name=topic]:checked", (all) => all.map((box) => box.value)),
  });
  await page.click("[name=topic][value=news]");
  await page.click("[name=topic][value=alerts]");
  await page.click("#subscribe");
  await page.waitForFunction(() => document.getElementById("state").textContent.startsWith("Subscribed to alerts,"));
  const before = await told(page);
  assert.equal(before.messages.length, 3);
  const opened = await browser.newPage();
  await opened.goto(`${origin}opened.html?by=track`);
  await Promise.all([opened.waitForNavigation(), opened.click("a")]);
  await opened.waitForFunction(() => document.getElementById("state").textContent.startsWith("Subscribed to alerts,"));
  await opened.waitForFunction(
    (texts) => document.querySelectorAll("#messages .log li").length === texts, {},
    await page.$$eval("#messages .log li", (all) => all.length));
  assert.deepEqual(await told(opened), before);
  await opened.close();
  await page.bringToFront();
  await page.click("[name=topic][value=news]");
  await page.click("[name=topic][value=alerts]");
  await page.click("#subscribe");
  await page.waitForFunction(() => document.getElementById("state").textContent.startsWith("Subscribed to news,"));
});

test("a topic that was not chosen reaches nobody, one that was chosen does", async () => {
  const shown = await page.$$eval("#messages > li", (all) => all.length);
  const waitForMessages = (more) =>
    page.waitForFunction((count) => document.querySelectorAll("#messages > li").length === count, {}, shown + more);
  await page.select("[name=to]", "offers");
  await page.click("#send");
  await waitForMessages(1);
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
  await waitForMessages(2);
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
  await page.setViewport({ width: 360, height: 900 });
  const before = await places();
  for (const box of await page.$$("[name=topic]:not(:checked)")) await box.click();
  await page.click("#subscribe");
  await page.waitForFunction(() => document.getElementById("state").textContent.startsWith("Subscribed to news, alerts, offers,"));
  await page.click("#send");
  await page.waitForSelector("#sent.good");
  assert.deepEqual(await places(), before);
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

// The demo's page in a real Chromium, with a real server. Chromium's own push service is on the internet: a stand-in here
// takes what Fanfare posts, decrypts it as a browser does, and hands it to the real worker through the DevTools protocol.
// Everything else is real: the page's server, gRPC, encryption, the status stream, the worker, its receipts. Clicks on
// notifications are synthetic events, since headless Chromium shows them to nobody.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createDecipheriv, createECDH, hkdfSync, randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { createServer } from "node:http";
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

/** A push service with one subscription; `taken` is told what was decrypted. */
async function startPushService() {
  const ecdh = createECDH("prime256v1");
  const point = ecdh.generateKeys();
  const auth = randomBytes(16);
  const service = { taken: async () => {} };
  // RFC 8291 and RFC 8188: one record.
  const decrypt = (body) => {
    const salt = body.subarray(0, 16);
    const sender = body.subarray(21, 86);
    const info = Buffer.concat([Buffer.from("WebPush: info\0"), point, sender]);
    const ikm = Buffer.from(hkdfSync("sha256", ecdh.computeSecret(sender), auth, info, 32));
    const key = Buffer.from(hkdfSync("sha256", ikm, salt, "Content-Encoding: aes128gcm\0", 16));
    const nonce = Buffer.from(hkdfSync("sha256", ikm, salt, "Content-Encoding: nonce\0", 12));
    const decipher = createDecipheriv("aes-128-gcm", key, nonce).setAuthTag(body.subarray(-16));
    const record = Buffer.concat([decipher.update(body.subarray(86, -16)), decipher.final()]);
    return record.subarray(0, record.lastIndexOf(2)).toString();
  };
  const server = createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    response.writeHead(201, { Location: "/message/1", TTL: request.headers.ttl }).end();
    await service.taken(decrypt(Buffer.concat(pieces)));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  service.port = server.address().port;
  service.json = {
    endpoint: `http://127.0.0.1:${service.port}/push/1`,
    expirationTime: null,
    keys: { p256dh: point.toString("base64url"), auth: auth.toString("base64url") },
  };
  service.stop = () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve)));
  return service;
}

let service, demo, origin, fanfareUrl, browser, page, worker, protocol, registrationId;

before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  service = await startPushService();
  demo = spawn(
    FANFARE,
    ["demo", "--browser=none", "--json", "--exit-with-stdin", "--page", "127.0.0.1:0", "--push-service", `http://127.0.0.1:${service.port}`],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  for await (const line of createInterface(demo.stdout)) {
    ({ page: origin, server: fanfareUrl } = JSON.parse(line));
    break;
  }
  browser = await puppeteer.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb"],
  });
  await browser.defaultBrowserContext().overridePermissions(origin, ["notifications"]);
  page = await browser.newPage();
  await page.setViewport({ width: 1080, height: 900 });
  protocol = await page.createCDPSession();
  const registered = new Promise((resolve) =>
    protocol.on("ServiceWorker.workerRegistrationUpdated", ({ registrations: [registration] }) => {
      if (registration) resolve(registration.registrationId);
    }),
  );
  await protocol.send("ServiceWorker.enable");
  // The only thing that is not the browser's own: where its subscription comes from.
  await page.evaluateOnNewDocument((json) => {
    let subscription = null;
    PushManager.prototype.getSubscription = async () => subscription;
    PushManager.prototype.subscribe = async ({ applicationServerKey }) => {
      const unsubscribe = async () => ((subscription = null), true);
      return (subscription = { ...json, options: { applicationServerKey }, toJSON: () => json, unsubscribe });
    };
  }, service.json);
  await page.goto(origin);
  registrationId = await registered;
  service.taken = (data) =>
    protocol.send("ServiceWorker.deliverPushMessage", { origin: origin.replace(/\/$/, ""), registrationId, data });
  const target = await browser.waitForTarget((target) => target.type() === "service_worker");
  worker = await target.worker();
});

after(async () => {
  await browser?.close();
  if (demo) {
    const ended = new Promise((resolve) => demo.once("exit", resolve));
    demo.stdin.end();
    await ended;
  }
  await service?.stop();
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
  assert.deepEqual((await chips()).sort(), ["accepted", "clicked", "displayed", "stored"]);
  assert.equal(await worker.evaluate(() => self.openedUrl), `${origin}opened.html?by=track`);
  assert.match(await page.$eval("#messages > li h3", (title) => title.textContent), /^Your order has shipped/);
});

test("a topic that was not chosen reaches nobody, one that was chosen does", async () => {
  await page.select("[name=to]", "offers");
  await page.click("#send");
  await page.waitForFunction(() => document.querySelectorAll("#messages > li").length === 2);
  await page.click("[name=topic][value=offers]");
  await page.click("#subscribe");
  await page.waitForSelector("#state.good");
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
  const told = { ...service.json, endpoint: `${service.json.endpoint}1`, supportedContentEncodings: ["aes128gcm"], applicationServerKey: key };
  await backend.save({ ...told, expirationTime: Date.now() + 3_600_000 });
  await backend.save({ ...told, endpoint: `${told.endpoint}2` }, told.endpoint);
  // It is there: what is sent to its topic comes.
  const { taken } = service;
  const arrived = new Promise((resolve) => (service.taken = resolve));
  await fetch(`${origin}messages`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ topic: "straight", message: { json: { straight: true } } }),
  });
  assert.deepEqual(JSON.parse(await arrived), { straight: true });
  service.taken = taken;
  await backend.remove(`${told.endpoint}2`);
  await backend.remove(`${told.endpoint}2`);
  const bad = backend.save({ ...told, keys: { p256dh: "x", auth: "y" } });
  await assert.rejects(bad, (error) => error instanceof FanfareError && error.code === 3 && /push_subscription/.test(error.message));
});

test("it unsubscribes, and then has nothing to send to", async () => {
  await page.setViewport({ width: 1080, height: 900 });
  await page.click("#unsubscribe");
  await page.waitForFunction(() => document.getElementById("state").textContent === "Not subscribed yet.");
  assert.equal(await page.$eval("#send", (button) => button.disabled), true);
});

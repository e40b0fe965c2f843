// The worker in a real Chromium. Pushes come through its DevTools protocol, decrypted: encryption and real subscriptions
// are tested with the whole server. Headless Chromium shows notifications to nobody, so that clicks and closings are
// synthetic events, dispatched in the real worker; what they open is noted instead of opened, because browsers open
// windows for real clicks only.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, beforeEach, test } from "node:test";

import { startSite } from "./site.js";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
if (!existsSync(CHROMIUM)) {
  console.error(`There is no Chromium at ${CHROMIUM}: install it (Debian: chromium), or set CHROMIUM.`);
  process.exit(1);
}
const { default: puppeteer } = await import("puppeteer-core");

let browser, site, page, worker, protocol, registrationId;

before(async () => {
  site = await startSite();
  browser = await puppeteer.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  await browser.defaultBrowserContext().overridePermissions(site.origin, ["notifications"]);
  page = await browser.newPage();
  protocol = await page.createCDPSession();
  const registered = new Promise((resolve) =>
    protocol.on("ServiceWorker.workerRegistrationUpdated", ({ registrations: [registration] }) => {
      if (registration) resolve(registration.registrationId);
    }),
  );
  await protocol.send("ServiceWorker.enable");
  await page.goto(site.origin);
  await page.evaluate(async () => {
    const { register } = await import("/fanfare/page.js");
    await register("/sw.js");
  });
  registrationId = await registered;
  const target = await browser.waitForTarget((target) => target.type() === "service_worker");
  worker = await target.worker();
});

after(async () => {
  await browser?.close();
  await site?.stop();
});

beforeEach(async () => {
  site.receipts.length = 0;
  site.waiting.length = 0;
  site.receiptStatus = 204;
  await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    for (const notification of await registration.getNotifications()) notification.close();
  });
  // They go some time after close() returns: one that still counts would hide the next.
  await page.waitForFunction(
    async () => (await (await navigator.serviceWorker.ready).getNotifications()).length === 0,
    { timeout: 10_000, polling: 20 },
  );
  await worker.evaluate(() => {
    self.opened = [];
    self.show ??= ServiceWorkerRegistration.prototype.showNotification;
    ServiceWorkerRegistration.prototype.showNotification = async function (...of) {
      await self.show.apply(this, of);
      self.tellDisplayed();
    };
    Clients.prototype.openWindow = async (url) => void self.opened.push(url);
  });
});

/**
 * Delivers a push, and answers the notifications that are shown then. The worker tells when it has shown one: to ask for
 * them again and again does not do, since Chromium forgets what is asked for while it is about to be shown.
 */
async function push(data) {
  await worker.evaluate(() => {
    self.displayed = new Promise((resolve) => void (self.tellDisplayed = resolve));
  });
  await protocol.send("ServiceWorker.deliverPushMessage", { origin: site.origin, registrationId, data });
  await worker.evaluate(() => self.displayed);
  return shown();
}

const shown = () =>
  page.evaluate(async () => {
    const notifications = await (await navigator.serviceWorker.ready).getNotifications();
    const plain = (value) => JSON.parse(JSON.stringify(value));
    return notifications.map((n) => ({
      title: n.title, body: n.body, icon: n.icon, image: n.image, badge: n.badge, lang: n.lang, dir: n.dir, tag: n.tag,
      renotify: n.renotify, silent: n.silent, requireInteraction: n.requireInteraction, vibrate: plain(n.vibrate),
      timestamp: n.timestamp, data: n.data, actions: plain(n.actions.map(({ action, title, icon }) => ({ action, title, icon }))),
    }));
  });

/** A synthetic event about the notification that is shown. */
const act = (name, action = "") =>
  worker.evaluate(
    async (name, action) => {
      const [notification] = await self.registration.getNotifications();
      const event = new NotificationEvent(name, { notification, action });
      const waits = [];
      event.waitUntil = (work) => waits.push(work);
      self.dispatchEvent(event);
      await Promise.all(waits);
    },
    name,
    action,
  );

const everything = (origin) => ({
  web_push: 8030,
  notification: {
    title: "Hi", body: "there", icon: "/i", image: "/im", badge: "/b", sound: "/s", lang: "en", dir: "rtl", tag: "t",
    renotify: true, silent: false, requireInteraction: true, vibrate: [200, 100, 200], timestamp: 1_800_000_000_123,
    data: { order: 4711 },
    actions: [
      { action: "open", title: "Open", icon: "/o", navigate: `${origin}/o` },
      { action: "later", title: "Later" },
    ],
    navigate: `${origin}/orders/4711`, app_badge: 3,
  },
  app_badge: 3,
  mutable: true,
  fanfare: "token-1",
});

test("shows every option", async () => {
  const { origin } = site;
  const [notification] = await push(JSON.stringify(everything(origin)));
  assert.deepEqual(notification, {
    title: "Hi", body: "there", icon: `${origin}/i`, image: `${origin}/im`, badge: `${origin}/b`, lang: "en",
    dir: "rtl", tag: "t", renotify: true, silent: false, requireInteraction: true, vibrate: [200, 100, 200],
    timestamp: 1_800_000_000_123,
    actions: [
      { action: "open", title: "Open", icon: `${origin}/o` },
      { action: "later", title: "Later", icon: "" },
    ],
    data: {
      order: 4711,
      fanfare: { token: "token-1", navigate: `${origin}/orders/4711`, actions: { open: `${origin}/o` } },
    },
  });
});

for (const [name, data, title, body] of [
  ["no data", "", "Example", ""],
  ["text", "plain words", "Example", "plain words"],
  ["JSON", '{"title":"T","body":"B"}', "T", "B"],
  ["options that Chromium refuses", '{"title":"T","body":"B","renotify":true}', "T", "B"],
  ["a hook that fails", "break the hook", "Example", "break the hook"],
]) {
  test(`shows a notification for ${name}`, async () => {
    const [notification] = await push(data);
    assert.deepEqual([notification.title, notification.body], [title, body]);
  });
}

test("a synthetic click opens, closes the notification and reports", async () => {
  await push(JSON.stringify(everything(site.origin)));
  await act("notificationclick", "open");
  assert.deepEqual(await worker.evaluate(() => self.opened), [`${site.origin}/o`]);
  assert.deepEqual(await shown(), []);
  const receipts = await site.received(2);
  assert.deepEqual(
    receipts.map(({ token, kind, action }) => [token, kind, action]),
    [["token-1", "displayed", ""], ["token-1", "clicked", "open"]],
  );
});

test("a synthetic click focuses the tab that shows the page", async () => {
  const notification = { title: "T", navigate: `${site.origin}/` };
  await push(JSON.stringify({ notification }));
  await worker.evaluate(() => {
    WindowClient.prototype.focus = async function () {
      self.opened.push(`focused ${this.url}`);
    };
  });
  await act("notificationclick");
  assert.deepEqual(await worker.evaluate(() => self.opened), [`focused ${site.origin}/`]);
});

test("a synthetic close reports, of one that was not clicked", async () => {
  await push(JSON.stringify({ ...everything(site.origin), fanfare: "token-2" }));
  await act("notificationclose");
  const receipts = await site.received(2);
  assert.deepEqual(receipts.map(({ kind }) => kind), ["displayed", "closed"]);
});

test("a receipt that the server could not take waits in IndexedDB", async () => {
  site.receiptStatus = 503;
  await push(JSON.stringify(everything(site.origin)));
  await site.received(1);
  site.receiptStatus = 204;
  await act("notificationclick");
  const receipts = await site.received(3);
  assert.deepEqual(
    receipts.map(({ kind, answered }) => [kind, answered]),
    [["displayed", 503], ["displayed", 204], ["clicked", 204]],
  );
});

test("the page tells what this browser can", async () => {
  const told = await page.evaluate(async () => (await import("/fanfare/page.js")).support());
  assert.deepEqual(told, { reason: null, permission: "granted" });
});

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { subscribe } from "../src/page.js";
import { listen } from "../src/worker.js";
import { fakeBackend, fakePage, fakeReceipts, fakeWorker, keyOf, keyText, put } from "./fakes.js";

const RECEIPTS = "https://push.example.com/receipts";
let worker, receipts;

beforeEach((context) => {
  worker = fakeWorker();
  receipts = fakeReceipts();
  context.mock?.method(console, "error", () => {});
});

/** As the server writes it, with every member. */
const everything = {
  web_push: 8030,
  notification: {
    title: "Hi", body: "there", icon: "/i", image: "/im", badge: "/b", sound: "/s", lang: "en", dir: "rtl", tag: "t",
    renotify: true, silent: false, requireInteraction: true, vibrate: [200, 100], timestamp: 1_800_000_000_123,
    data: { order: 4711 },
    actions: [
      { action: "open", title: "Open", icon: "/o", navigate: "https://app.example/o" },
      { action: "later", title: "Later" },
    ],
    navigate: "https://app.example/orders/4711", app_badge: 3,
  },
  app_badge: 3,
  mutable: true,
  fanfare: "token-1",
};

test("maps every option", async () => {
  listen();
  await worker.push(JSON.stringify(everything));
  assert.deepEqual(worker.shown, [
    {
      title: "Hi",
      options: {
        body: "there", icon: "/i", image: "/im", badge: "/b", sound: "/s", lang: "en", dir: "rtl", tag: "t",
        renotify: true, silent: false, requireInteraction: true, vibrate: [200, 100], timestamp: 1_800_000_000_123,
        actions: [{ action: "open", title: "Open", icon: "/o" }, { action: "later", title: "Later" }],
        data: {
          order: 4711,
          fanfare: {
            token: "token-1",
            navigate: "https://app.example/orders/4711",
            actions: { open: "https://app.example/o" },
          },
        },
      },
    },
  ]);
  assert.equal(worker.badge, 3);
  assert.deepEqual(receipts.got, []);
});

test("shows something for whatever comes", async () => {
  listen({ title: "Example" });
  const cases = [
    [null, "Example", undefined],
    ["", "Example", undefined],
    ["plain words", "Example", "plain words"],
    ['{"title":"T","body":"B","icon":"/i"}', "T", "B"],
    ['{"notification":{"title":"N"}}', "N", undefined],
    ['{"notification":{"body":"no title"}}', "Example", undefined],
    ['{"alert":true}', "Example", undefined],
    ["[1,2]", "Example", "[1,2]"],
    ["7", "Example", "7"],
    ["null", "Example", "null"],
    ['{"title":7,"actions":"none","app_badge":-1}', "Example", undefined],
    ['{"title":"T","actions":[null,{"action":"a"},{"action":"a","title":"A"}]}', "T", undefined],
  ];
  for (const [text, title, body] of cases) {
    await worker.push(text);
    const { title: shown, options } = worker.shown.at(-1);
    assert.deepEqual([shown, options.body], [title, body], String(text));
  }
  assert.equal(worker.shown.length, cases.length);
  assert.deepEqual(worker.shown.at(-1).options.actions, [{ action: "a", title: "A" }]);
});

test("without a title it is the host's name", async () => {
  listen();
  await worker.push(null);
  assert.equal(worker.shown[0].title, "app.example");
});

test("a hook changes what is shown, and a broken one changes nothing", async () => {
  listen({
    async onPush(push) {
      await Promise.resolve();
      push.title = `${push.title}!`;
      push.options = { body: "changed", data: { own: 1 } };
    },
  });
  await worker.push(JSON.stringify(everything));
  const { title, options } = worker.shown[0];
  assert.deepEqual([title, options.body, options.data.own], ["Hi!", "changed", 1]);
  assert.equal(options.data.fanfare.token, "token-1");

  worker = fakeWorker();
  listen({
    onPush() {
      throw new Error("a bug in the app");
    },
  });
  await worker.push(JSON.stringify(everything));
  assert.equal(worker.shown[0].title, "Hi");
});

test("a hook that never ends does not keep the notification back for ever", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  listen({ onPush: () => new Promise(() => {}) });
  const pushed = worker.push("words");
  await new Promise(setImmediate);
  assert.equal(worker.shown.length, 0);
  context.mock.timers.tick(10_000);
  await pushed;
  assert.equal(worker.shown.length, 1);
});

test("what the browser refuses is shown with fewer options", async (context) => {
  context.mock.method(console, "warn", () => {});
  worker.refuses = (options) => "renotify" in options;
  listen();
  await worker.push(JSON.stringify(everything));
  const [{ title, options }] = worker.shown;
  assert.deepEqual([title, options.body, options.data.fanfare.navigate], ["Hi", "there", everything.notification.navigate]);
});

test("a click opens what the push says, or focuses the tab that shows it", async () => {
  listen();
  await worker.push(JSON.stringify(everything));
  await worker.act("notificationclick");
  await worker.act("notificationclick", "open");
  await worker.act("notificationclick", "later");
  assert.deepEqual(worker.opened, [
    "https://app.example/orders/4711", "https://app.example/o", "https://app.example/orders/4711",
  ]);
  worker.tabs = ["https://app.example/", "https://app.example/o"];
  await worker.act("notificationclick", "open");
  assert.deepEqual(worker.focused, ["https://app.example/o"]);
  assert.equal(worker.opened.length, 3);
});

test("without an address a click opens the app", async () => {
  listen({ open: "/inbox" });
  await worker.push("words");
  await worker.act("notificationclick");
  assert.deepEqual(worker.opened, ["https://app.example/inbox"]);
  worker = fakeWorker();
  listen();
  await worker.push("words");
  await worker.act("notificationclick");
  assert.deepEqual(worker.opened, ["https://app.example/"]);
});

test("a hook may handle a click by itself", async () => {
  const seen = [];
  listen({ onClick: (event) => seen.push(event.action) > 0, onClose: () => seen.push("closed") });
  await worker.push(JSON.stringify(everything));
  await worker.act("notificationclick", "later");
  await worker.act("notificationclose");
  assert.deepEqual([seen, worker.opened], [["later", "closed"], []]);
});

test("notifications that the app showed by itself are left alone", async () => {
  listen({ receipts: RECEIPTS });
  worker.shown.push({ options: { data: { own: true } } });
  await worker.act("notificationclick");
  await worker.act("notificationclose");
  assert.deepEqual([worker.opened, receipts.got], [[], []]);
});

test("reports displayed, clicked and closed, without cookies", async () => {
  listen({ receipts: RECEIPTS });
  const before = Date.now();
  await worker.push(JSON.stringify({ ...everything, fanfare: "token-2" }));
  await worker.act("notificationclose");
  await worker.act("notificationclick", "open");
  // As Firefox tells it after a click.
  await worker.act("notificationclose");
  assert.deepEqual(
    receipts.got.map(({ url, token, kind, action }) => [url, token, kind, action]),
    [
      [RECEIPTS, "token-2", "displayed", ""],
      [RECEIPTS, "token-2", "closed", ""],
      [RECEIPTS, "token-2", "clicked", "open"],
    ],
  );
  const [{ init, time }] = receipts.got;
  assert.deepEqual([init.method, init.credentials, init.keepalive, "headers" in init], ["POST", "omit", true, false]);
  assert.ok(time >= before && time <= Date.now());
});

test("nothing is reported without a token", async () => {
  listen({ receipts: RECEIPTS });
  await worker.push('{"notification":{"title":"N"}}');
  await worker.act("notificationclick");
  assert.deepEqual(receipts.got, []);
});

test("what happens offline is reported later, once and in order", async () => {
  listen({ receipts: RECEIPTS });
  receipts.answer = null;
  await worker.push(JSON.stringify(everything));
  await worker.act("notificationclick");
  assert.deepEqual(worker.synced, ["fanfare-receipts", "fanfare-receipts"]);
  receipts.answer = 503;
  await worker.dispatch("sync", { tag: "fanfare-receipts" });
  receipts.answer = 429;
  await worker.dispatch("sync", { tag: "fanfare-receipts" });
  receipts.got.length = 0;
  receipts.answer = 204;
  await worker.dispatch("sync", { tag: "fanfare-receipts" });
  assert.deepEqual(receipts.got.map(({ kind }) => kind), ["displayed", "clicked"]);
  await worker.push("words");
  assert.equal(receipts.got.length, 2);
});

test("a receipt that the server does not want is not repeated", async () => {
  listen({ receipts: RECEIPTS });
  receipts.answer = 410;
  await worker.push(JSON.stringify(everything));
  await worker.push("words");
  assert.equal(receipts.got.length, 1);
});

test("no more than 100 receipts wait, and none for ever", async () => {
  listen({ receipts: RECEIPTS });
  receipts.answer = null;
  const push = (number) => worker.push(JSON.stringify({ title: "T", fanfare: `token-${number}` }));
  for (let number = 0; number < 120; number++) await push(number);
  assert.equal(worker.indexedDB.stores.get("receipts").size, 100);
  const later = Date.now() + 36 * 86_400_000;
  const now = Date.now;
  Date.now = () => later;
  try {
    receipts.answer = 204;
    await worker.dispatch("sync", { tag: "fanfare-receipts" });
  } finally {
    Date.now = now;
  }
  assert.deepEqual([receipts.got.length, worker.indexedDB.stores.get("receipts").size], [0, 0]);
});

test("without storage a receipt is tried once", async () => {
  put("indexedDB", undefined);
  listen({ receipts: RECEIPTS });
  await worker.push(JSON.stringify(everything));
  assert.equal(receipts.got.length, 1);
});

/** A browser that has subscribed in a page, seen from its worker. */
async function subscribed(backend) {
  const page = fakePage();
  await subscribe({ key: keyText(7), backend });
  const old = page.pushManager.subscription;
  const { indexedDB } = globalThis;
  worker = fakeWorker();
  put("indexedDB", indexedDB);
  registration.pushManager = page.pushManager;
  page.pushManager.subscription = null;
  return { old, pushManager: page.pushManager };
}

for (const tells of [true, false]) {
  test(`a change of the subscription reaches the backend, where browsers ${tells ? "tell" : "do not tell"} the old one`, async () => {
    const backend = fakeBackend();
    const { old, pushManager } = await subscribed(fakeBackend());
    const changes = [];
    listen({ backend, onChange: (subscription) => changes.push(subscription.endpoint) });
    await worker.dispatch("pushsubscriptionchange", tells ? { oldSubscription: old, newSubscription: null } : {});
    assert.deepEqual(new Uint8Array(pushManager.asked.at(-1).applicationServerKey), keyOf(7));
    assert.deepEqual(backend.told, [["save", "https://push.example/2", "https://push.example/1"]]);
    assert.deepEqual(changes, ["https://push.example/2"]);
  });
}

test("a subscription that the browser made by itself is handed on", async () => {
  const backend = fakeBackend();
  const { old, pushManager } = await subscribed(fakeBackend());
  const made = await pushManager.subscribe({ applicationServerKey: keyOf(7) });
  const asked = pushManager.asked.length;
  listen({ backend });
  await worker.dispatch("pushsubscriptionchange", { oldSubscription: old, newSubscription: made });
  assert.equal(pushManager.asked.length, asked);
  assert.deepEqual(backend.told, [["save", made.endpoint, old.endpoint]]);
});

test("a change that the backend missed is told with the next push", async () => {
  const backend = fakeBackend();
  await subscribed(fakeBackend());
  listen({ backend });
  backend.fails = true;
  await assert.rejects(worker.dispatch("pushsubscriptionchange"), /away/);
  backend.fails = false;
  await worker.push("words");
  await worker.push("words");
  assert.deepEqual(backend.told, [["save", "https://push.example/2", "https://push.example/1"]]);
});

test("the worker knows the backend's address from the page", async () => {
  const calls = [];
  const { backend } = await import("../src/page.js");
  put("fetch", async (url, init) => {
    calls.push([url, JSON.parse(init.body).replaces]);
    return new Response(null, { status: 204 });
  });
  await subscribed(backend("/push"));
  listen();
  await worker.dispatch("pushsubscriptionchange");
  assert.deepEqual(calls, [["/push", undefined], ["/push", "https://push.example/1"]]);
});

test("a change without key or backend is an error that developers see", async () => {
  listen();
  await assert.rejects(worker.dispatch("pushsubscriptionchange"), /no key or no backend/);
});

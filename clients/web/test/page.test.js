import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { PushError, askPermission, backend, refresh, register, subscribe, support, unsubscribe } from "../src/page.js";
import { fakeBackend, fakePage, keyOf, keyText, put } from "./fakes.js";

let page, told;
const key = keyText(7);

beforeEach(() => {
  page = fakePage();
  told = fakeBackend();
});

const reason = (wanted) => (error) => error instanceof PushError && error.reason === wanted;

test("tells why there is no push", () => {
  assert.deepEqual(support(), { reason: null, permission: "default" });
  put("isSecureContext", false);
  assert.equal(support().reason, "insecure");
  put("isSecureContext", true);
  delete globalThis.PushManager;
  assert.equal(support().reason, "unsupported");
  navigator.standalone = false;
  assert.equal(support().reason, "home-screen");
});

test("subscribes, and the backend gets what Subscribe takes", async () => {
  let got;
  const subscription = await subscribe({ key, backend: { ...told, save: (...what) => (got = what) } });
  assert.equal(subscription, page.pushManager.subscription);
  assert.equal(page.prompts, 1);
  const [asked] = page.pushManager.asked;
  assert.equal(asked.userVisibleOnly, true);
  assert.deepEqual(new Uint8Array(asked.applicationServerKey), keyOf(7));
  assert.deepEqual(got, [
    {
      endpoint: "https://push.example/1",
      expirationTime: null,
      keys: { p256dh: "p", auth: "a" },
      supportedContentEncodings: ["aes128gcm", "aesgcm"],
      applicationServerKey: key,
    },
    undefined,
  ]);
});

test("takes keys as text of either alphabet and as octets", async () => {
  const octets = keyOf(0xfb);
  const within = new Uint8Array([9, ...octets, 9]).subarray(1, 66);
  const base64 = Buffer.from(octets).toString("base64");
  for (const given of [keyText(0xfb), base64, ` ${base64}\n`, octets, octets.buffer, within, new DataView(octets.buffer)]) {
    page = fakePage();
    await subscribe({ key: given, backend: told });
    assert.deepEqual(new Uint8Array(page.pushManager.asked[0].applicationServerKey), octets);
  }
  for (const bad of ["", "AAAA", "not base64!", keyOf(1).subarray(1), Uint8Array.from(keyOf(1)).fill(2)]) {
    await assert.rejects(subscribe({ key: bad, backend: told }), reason("key"));
  }
});

test("never asks without a user gesture", async () => {
  navigator.userActivation.isActive = false;
  await assert.rejects(subscribe({ key, backend: told }), reason("gesture"));
  assert.equal(page.prompts, 0);
  assert.equal(await refresh({ key, backend: told }), null);
  assert.equal(page.prompts, 0);
  Notification.permission = "granted";
  await subscribe({ key, backend: told });
  assert.equal(page.prompts, 0);
});

test("asks before anything else takes time", async () => {
  navigator.serviceWorker.ready = new Promise(() => {});
  subscribe({ key, backend: told });
  assert.equal(page.prompts, 1);
});

test("asks browsers that know the callback only", async () => {
  Notification.requestPermission = (callback) => void setTimeout(() => callback("denied"));
  assert.equal(await askPermission(), "denied");
});

test("tells what the user said", async () => {
  page.answer = "denied";
  await assert.rejects(subscribe({ key, backend: told }), reason("denied"));
  page = fakePage();
  page.answer = "default";
  await assert.rejects(subscribe({ key, backend: told }), reason("dismissed"));
});

test("tells that the browser's push service fails", async () => {
  page.pushManager.fails = new DOMException("push service not available", "AbortError");
  await assert.rejects(subscribe({ key, backend: told }), reason("service"));
  page.pushManager.fails = new DOMException("no", "NotAllowedError");
  await assert.rejects(subscribe({ key, backend: told }), reason("denied"));
});

test("an existing subscription is kept, and told again", async () => {
  await subscribe({ key, backend: told });
  await refresh({ key, backend: told });
  assert.equal(page.pushManager.asked.length, 1);
  assert.deepEqual(told.told, Array(2).fill(["save", "https://push.example/1", undefined]));
});

for (const tellsKey of [true, false]) {
  test(`a changed key replaces the subscription, where browsers ${tellsKey ? "tell" : "do not tell"} it`, async () => {
    page = fakePage({ tellsKey });
    await subscribe({ key, backend: told });
    await refresh({ key: keyText(8), backend: told });
    assert.deepEqual(told.told[1], ["save", "https://push.example/2", "https://push.example/1"]);
    await refresh({ key: keyText(8), backend: told });
    assert.deepEqual(told.told[2], ["save", "https://push.example/2", undefined]);
  });
}

test("a subscription of the time of gcm_sender_id is replaced", async () => {
  let ended = false;
  const old = { endpoint: "https://android.googleapis.com/gcm/send/x", options: { applicationServerKey: null } };
  page.pushManager.subscription = { ...old, unsubscribe: async () => void ((page.pushManager.subscription = null), (ended = true)) };
  await subscribe({ key, backend: told });
  assert.equal(ended, true);
  assert.deepEqual(told.told, [["save", "https://push.example/1", old.endpoint]]);
});

test("what is replaced is told even if a step in between failed", async () => {
  await subscribe({ key, backend: told });
  page.pushManager.fails = new DOMException("offline", "AbortError");
  await assert.rejects(subscribe({ key: keyText(8), backend: told }), reason("service"));
  page.pushManager.fails = null;
  told.fails = true;
  await assert.rejects(refresh({ key: keyText(8), backend: told }), /away/);
  told.fails = false;
  await refresh({ key: keyText(8), backend: told });
  assert.deepEqual(told.told.at(-1), ["save", "https://push.example/2", "https://push.example/1"]);
});

test("unsubscribes, and the next load does not subscribe again", async () => {
  await subscribe({ key, backend: told });
  assert.equal(await unsubscribe({ backend: told }), true);
  assert.deepEqual(told.told.at(-1), ["remove", "https://push.example/1"]);
  assert.equal(page.pushManager.subscription, null);
  assert.equal(await refresh({ key, backend: told }), null);
  assert.equal(await unsubscribe({ backend: told }), false);
});

test("works where the browser refuses IndexedDB", async () => {
  put("indexedDB", {
    open() {
      throw new DOMException("no", "SecurityError");
    },
  });
  await subscribe({ key, backend: told });
  await subscribe({ key: keyText(8), backend: told });
  assert.deepEqual(told.told.at(-1), ["save", "https://push.example/2", "https://push.example/1"]);
});

test("waits until the worker is active", async () => {
  const worker = { state: "installing" };
  navigator.serviceWorker.register = async (script, options) => {
    assert.deepEqual([script, options], ["/sw.js", { type: "module", scope: "/app/" }]);
    return { active: null, installing: worker };
  };
  const registered = register("/sw.js", { scope: "/app/" });
  setTimeout(() => {
    worker.state = "activated";
    worker.onstatechange();
  });
  await registered;
  const failed = register("/sw.js", { scope: "/app/" });
  setTimeout(() => {
    worker.state = "redundant";
    worker.onstatechange();
  });
  await assert.rejects(failed, /did not install/);
});

test("the app's own backend gets JSON", async () => {
  const calls = [];
  let status = 204;
  put("fetch", async (url, init) => {
    calls.push([url, init.method, init.headers.get("content-type"), init.headers.get("x-csrf"), JSON.parse(init.body)]);
    return new Response(null, { status });
  });
  const own = backend("/push", { headers: { "x-csrf": "c" } });
  await subscribe({ key, backend: own });
  await unsubscribe({ backend: own });
  assert.deepEqual(
    calls.map(([url, method, type, csrf]) => [url, method, type, csrf]),
    [["/push", "POST", "application/json", "c"], ["/push", "DELETE", "application/json", "c"]],
  );
  assert.equal(calls[0][4].subscription.endpoint, "https://push.example/1");
  assert.deepEqual(calls[1][4], { endpoint: "https://push.example/1" });
  status = 500;
  await assert.rejects(subscribe({ key, backend: own }), /500/);
});

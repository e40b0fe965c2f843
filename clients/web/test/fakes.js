// What browsers have and node does not, as far as the modules use it.

/** @param {string} name @param {unknown} value */
export function put(name, value) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

/** An IndexedDB that keeps everything in a map for each store. */
export function fakeIndexedDb() {
  const stores = new Map();
  const answer = (run) => {
    const request = {};
    queueMicrotask(() => {
      request.result = run();
      request.onsuccess?.();
    });
    return request;
  };
  const database = {
    createObjectStore: (name) => stores.set(name, new Map()),
    close() {},
    transaction: (name) => ({
      objectStore: () => {
        const rows = stores.get(name);
        return {
          get: (key) => answer(() => structuredClone(rows.get(key))),
          getAll: () => answer(() => structuredClone([...rows.values()])),
          put: (value, key) => answer(() => void rows.set(key, structuredClone(value))),
          delete: (key) => answer(() => void rows.delete(key)),
        };
      },
    }),
  };
  const indexedDB = {
    stores,
    open() {
      const request = { result: database };
      queueMicrotask(() => {
        if (stores.size === 0) request.onupgradeneeded();
        request.onsuccess();
      });
      return request;
    },
  };
  put("indexedDB", indexedDB);
  return indexedDB;
}

export const keyOf = (filler) => Uint8Array.from({ length: 65 }, (_, i) => (i === 0 ? 4 : filler));
export const keyText = (filler) => Buffer.from(keyOf(filler)).toString("base64url");

/** A push manager with one subscription at most, which names its endpoints one after the other. */
export function fakePushManager({ tellsKey = true } = {}) {
  let made = 0;
  const manager = {
    subscription: null,
    fails: null,
    asked: [],
    getSubscription: async () => manager.subscription,
    async subscribe(options) {
      manager.asked.push(options);
      if (manager.fails) throw manager.fails;
      const text = Buffer.from(options.applicationServerKey).toString("base64url");
      if (manager.subscription?.key === text) return manager.subscription;
      if (manager.subscription) throw new DOMException("another key", "InvalidStateError");
      const endpoint = `https://push.example/${++made}`;
      const key = options.applicationServerKey.slice().buffer;
      manager.subscription = {
        key: text,
        endpoint,
        options: tellsKey ? { applicationServerKey: key } : undefined,
        toJSON: () => ({ endpoint, expirationTime: null, keys: { p256dh: "p", auth: "a" } }),
        async unsubscribe() {
          manager.subscription = null;
          return true;
        },
      };
      return manager.subscription;
    },
  };
  return manager;
}

/** A page in a browser that has everything. */
export function fakePage(options) {
  const pushManager = fakePushManager(options);
  const registration = { pushManager, active: {} };
  const page = { pushManager, registration, prompts: 0, answer: "granted" };
  put("isSecureContext", true);
  put("PushManager", { supportedContentEncodings: ["aes128gcm", "aesgcm"] });
  put("Notification", {
    permission: "default",
    async requestPermission() {
      page.prompts += 1;
      Notification.permission = page.answer;
      return page.answer;
    },
  });
  put("navigator", {
    serviceWorker: { ready: Promise.resolve(registration), register: async () => registration },
    userActivation: { isActive: true },
  });
  page.indexedDB = fakeIndexedDb();
  return page;
}

/** A backend that notes what it is told. */
export function fakeBackend() {
  const backend = { told: [], fails: false };
  const note = (...what) => {
    if (backend.fails) throw new Error("the backend is away");
    backend.told.push(what);
  };
  backend.save = async (subscription, replaces) => note("save", subscription.endpoint, replaces);
  backend.remove = async (endpoint) => note("remove", endpoint);
  return backend;
}

/** A service worker's scope. */
export function fakeWorker() {
  const listeners = new Map();
  const worker = { shown: [], opened: [], focused: [], tabs: [], refuses: () => false, synced: [], pushManager: fakePushManager() };
  put("PushManager", { supportedContentEncodings: ["aes128gcm"] });
  put("location", new URL("https://app.example/sw.js"));
  put("addEventListener", (name, listener) => listeners.set(name, listener));
  put("registration", {
    scope: "https://app.example/",
    pushManager: worker.pushManager,
    sync: { register: async (name) => void worker.synced.push(name) },
    async showNotification(title, options) {
      if (worker.refuses(options)) throw new TypeError("this browser does not like it");
      worker.shown.push({ title, options });
    },
  });
  put("self", globalThis);
  put("clients", {
    matchAll: async () =>
      worker.tabs.map((url) => ({ url, focus: async () => void worker.focused.push(url) })),
    openWindow: async (url) => void worker.opened.push(url),
  });
  put("navigator", {
    setAppBadge: async (number) => void (worker.badge = number),
    clearAppBadge: async () => void (worker.badge = 0),
  });
  worker.indexedDB = fakeIndexedDb();
  /** Dispatches an event, and waits for all that it waits for. */
  worker.dispatch = async (name, event = {}) => {
    const waits = [];
    listeners.get(name)({ ...event, waitUntil: (work) => waits.push(work) });
    if (waits.length === 0) throw new Error("the event was not waited for");
    await Promise.all(waits);
  };
  worker.push = (text) => worker.dispatch("push", { data: text === null ? null : { text: () => text } });
  /** A click on, or the closing of, the notification that was shown last. */
  worker.act = (name, action = "") => {
    const last = worker.shown.at(-1);
    const notification = { data: last.options.data, closed: false, close: () => (notification.closed = true) };
    return worker.dispatch(name, { notification, action });
  };
  return worker;
}

/** A server for receipts; `answer` is a status, or null for no network. */
export function fakeReceipts() {
  const server = { answer: 204, got: [] };
  put("fetch", async (url, init) => {
    if (server.answer === null) throw new TypeError("offline");
    server.got.push({ url, init, ...JSON.parse(init.body) });
    return new Response(null, { status: server.answer });
  });
  return server;
}

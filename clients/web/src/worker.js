// The service worker's part: shows every push, opens what a click asks for, reports what happened, and keeps the
// subscription when the browser changes it. A worker of one line:
//
//   import { listen } from "./fanfare/worker.js"; listen({ receipts: "https://push.example.com/receipts" });
import { SYNC, flush, report } from "./receipts.js";
import { backend, handOver, remembered, toKey } from "./shared.js";
import { fallback, markOf, parse } from "./push.js";
/** @import { Backend, Push, Receipt } from "./types.js" */

export { parse } from "./push.js";
export { backend } from "./shared.js";

/**
 * @typedef {object} WorkerOptions
 * @property {Backend} [backend] Who is told when the browser changes the subscription. Without it: the address that the
 * page's `backend()` had.
 * @property {string | BufferSource} [key] The VAPID public key, for browsers that do not tell the old one.
 * @property {string} [receipts] Where Fanfare takes receipts, for example "https://push.example.com/receipts". Without it
 * none are sent.
 * @property {string} [title] Of notifications that came without one. Without it: the name of the host.
 * @property {string} [open] What a click opens when the push does not say. Without it: the worker's scope.
 * @property {(push: Push, event: PushEvent) => unknown} [onPush] Before a notification is shown: may change
 * `push.title` and `push.options`. Waited for, at most 10 s. Something is shown whatever it does: browsers end
 * subscriptions that show nothing.
 * @property {(event: NotificationEvent) => unknown} [onClick] Before anything is opened; `true` means that all is done.
 * @property {(event: NotificationEvent) => unknown} [onClose]
 * @property {(subscription: PushSubscription) => unknown} [onChange] The browser changed the subscription, and the backend
 * knows.
 */

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (globalThis));
/** How long a hook may hold a notification back. */
const HOOK_TIMEOUT = 10_000;

/** Tokens of notifications that were clicked: Firefox then tells that they close, which is nothing that the user did. */
const clickedTokens = new Set();

/**
 * Handles all events of Web Push. Call it once, while the worker's script runs.
 * @param {WorkerOptions} [options]
 */
export function listen(options = {}) {
  worker.addEventListener("push", (event) => event.waitUntil(pushed(event, options)));
  worker.addEventListener("notificationclick", (event) => event.waitUntil(clicked(event, options)));
  worker.addEventListener("notificationclose", (event) => event.waitUntil(closed(event, options)));
  worker.addEventListener("pushsubscriptionchange", (event) =>
    event.waitUntil(changed(/** @type {PushSubscriptionChangeEvent} */ (event), options)),
  );
  worker.addEventListener("sync", (event) => {
    const { tag } = /** @type {{ tag?: string }} */ (/** @type {unknown} */ (event));
    if (tag === SYNC && options.receipts) {
      /** @type {ExtendableEvent} */ (event).waitUntil(flush(options.receipts));
    }
  });
}

/** @param {PushEvent} event @param {WorkerOptions} options */
async function pushed(event, options) {
  const title = options.title ?? worker.location.hostname;
  const push = parse(event.data);
  const mark = markOf(push.options.data);
  await guarded(() => within(options.onPush?.(push, event)));
  push.options.data = { ...push.options.data, fanfare: { ...mark, ...markOf(push.options.data) } };
  await show(push, title);
  await guarded(() => setBadge(push.badge));
  await told(mark?.token, "displayed", "", options);
  await guarded(() => finishChange(options));
}

/**
 * Shows it with all its options; if the browser refuses one of them, with the few that no browser refuses.
 * @param {Push} push @param {string} title
 */
async function show(push, title) {
  const { registration } = worker;
  try {
    await registration.showNotification(push.title || title, push.options);
  } catch (error) {
    console.warn("fanfare: shown with fewer options:", error);
    await registration.showNotification(String(push.title || title), fallback(push.options));
  }
}

/** @param {number | undefined} badge */
async function setBadge(badge) {
  if (badge === undefined || !("setAppBadge" in navigator)) return;
  const { setAppBadge, clearAppBadge } = /** @type {any} */ (navigator);
  await (badge > 0 ? setAppBadge.call(navigator, badge) : clearAppBadge.call(navigator));
}

/** @param {NotificationEvent} event @param {WorkerOptions} options */
async function clicked(event, options) {
  const { notification, action } = event;
  const mark = markOf(notification.data);
  // One that the app showed by itself.
  if (!mark) return;
  if (mark.token) clickedTokens.add(mark.token);
  notification.close();
  const own = await guarded(() => options.onClick?.(event));
  // Before anything is reported: a click does not allow opening for long.
  if (own !== true) {
    const url = (action && mark.actions?.[action]) || mark.navigate || options.open || worker.registration.scope;
    await guarded(() => open(new URL(url, worker.registration.scope).href));
  }
  await told(mark.token, "clicked", action, options);
}

/** Focuses a tab that shows it, or opens one. @param {string} url */
async function open(url) {
  const tabs = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const shown = tabs.find((tab) => tab.url === url);
  await (shown ? shown.focus() : worker.clients.openWindow(url));
}

/** @param {NotificationEvent} event @param {WorkerOptions} options */
async function closed(event, options) {
  const mark = markOf(event.notification.data);
  if (!mark) return;
  await guarded(() => options.onClose?.(event));
  if (!clickedTokens.has(mark.token)) await told(mark.token, "closed", "", options);
}

/**
 * @param {string | undefined} token @param {Receipt["kind"]} kind @param {string} action
 * @param {WorkerOptions} options
 */
async function told(token, kind, action, { receipts }) {
  if (!receipts) return;
  await (token ? report(receipts, { token, kind, action, time: Date.now() }) : flush(receipts));
}

/** @param {PushSubscriptionChangeEvent} event @param {WorkerOptions} options */
async function changed(event, options) {
  const known = await remembered();
  const old = event.oldSubscription;
  const key = toKey(old?.options.applicationServerKey ?? known?.key ?? options.key ?? "");
  const to = options.backend ?? (known?.url ? backend(known.url) : undefined);
  if (!key || !to) throw new Error("fanfare: the subscription changed, but there is no key or no backend to tell");
  const { pushManager } = worker.registration;
  const subscription =
    event.newSubscription ?? (await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
  await handOver(subscription, key, known?.replaces ?? old?.endpoint ?? known?.endpoint, to);
  await guarded(() => options.onChange?.(subscription));
}

/** Tells the backend of a change that it has not heard of. @param {WorkerOptions} options */
async function finishChange(options) {
  const known = await remembered();
  const to = options.backend ?? (known?.url ? backend(known.url) : undefined);
  const key = toKey(known?.key ?? "");
  if (!known?.replaces || !to || !key) return;
  const subscription = await worker.registration.pushManager.getSubscription();
  if (subscription) await handOver(subscription, key, known.replaces, to);
}

/**
 * Whatever an app's own code does, the event goes on.
 * @template T
 * @param {() => T | Promise<T>} run
 * @returns {Promise<T | undefined>}
 */
async function guarded(run) {
  try {
    return await run();
  } catch (error) {
    console.error("fanfare:", error);
    return undefined;
  }
}

/** @param {unknown} work */
async function within(work) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("onPush took too long")), HOOK_TIMEOUT);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

// The page's part: whether this browser has push, asking the user, subscribing, telling the backend, ending it.
import { handOver, remember, remembered, toKey, toText } from "./shared.js";
/** @import { Backend, Reason, SubscribeOptions } from "./types.js" */

export { backend } from "./shared.js";

/** Why there is no subscription: see `reason`. */
export class PushError extends Error {
  /** @param {Reason} reason @param {unknown} [cause] */
  constructor(reason, cause) {
    super(`push: ${reason}`, { cause });
    this.name = "PushError";
    this.reason = reason;
  }
}

/**
 * Whether push works here (`reason` is null), and what the user has said.
 * @returns {{ reason: "insecure" | "home-screen" | "unsupported" | null, permission: NotificationPermission }}
 */
export function support() {
  const has = "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis;
  // Safari on iPhone and iPad has push in web apps on the home screen only.
  const apple = "standalone" in navigator && !navigator.standalone;
  const reason = !isSecureContext ? "insecure" : has ? null : apple ? "home-screen" : "unsupported";
  return { reason, permission: has ? Notification.permission : "default" };
}

/**
 * Registers the service worker, and waits until it is active.
 * @param {string | URL} script
 * @param {RegistrationOptions} [options]
 */
export async function register(script, options) {
  const registration = await navigator.serviceWorker.register(script, { type: "module", ...options });
  const worker = registration.installing ?? registration.waiting;
  if (!registration.active && worker) {
    await new Promise((resolve, reject) => {
      worker.onstatechange = () => {
        if (worker.state === "activated") resolve(worker);
        if (worker.state === "redundant") reject(new Error("the service worker did not install"));
      };
    });
  }
  return registration;
}

/**
 * Asks the user, unless that was done before. Only in a click or key press: browsers punish anything else.
 * @returns {Promise<NotificationPermission>}
 */
export async function askPermission() {
  if (Notification.permission !== "default") return Notification.permission;
  if (navigator.userActivation?.isActive === false) throw new PushError("gesture");
  return new Promise((resolve, reject) => {
    // Old Safari knows the callback only, and returns nothing.
    Notification.requestPermission(resolve)?.then(resolve, reject);
  });
}

/**
 * Subscribes and tells the backend; tells it also of a subscription that was there. One that was made with another key is
 * replaced. Call it in a click handler.
 * @param {SubscribeOptions} options
 * @returns {Promise<PushSubscription>}
 */
export async function subscribe({ key, backend, registration }) {
  const { reason } = support();
  if (reason) throw new PushError(reason);
  const wanted = toKey(key);
  if (!wanted) throw new PushError("key");
  // First of all that takes time: a click does not count for long.
  const permission = await askPermission();
  if (permission !== "granted") throw new PushError(permission === "denied" ? permission : "dismissed");
  const { pushManager } = registration ?? (await navigator.serviceWorker.ready);
  const known = await remembered();
  const old = await pushManager.getSubscription();
  let replaces = known?.replaces ?? known?.endpoint;
  const end = async (/** @type {PushSubscription} */ { endpoint }) => {
    replaces = known?.replaces ?? endpoint;
    // Before it is ended: if the next step fails, the next call knows.
    await remember({ endpoint, key: "", replaces });
    await old?.unsubscribe();
  };
  const make = () => pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: wanted });
  let subscription = null;
  try {
    // Old browsers do not tell the key: we may know.
    const made = old?.options?.applicationServerKey;
    const was = made ? toText(made) : known?.endpoint === old?.endpoint && known?.key;
    if (was === toText(wanted)) subscription = old;
    else if (old && was) await end(old);
    subscription ??= await make().catch(async (error) => {
      // Made with another key that nobody told, or with a gcm_sender_id.
      if (!old || error.name !== "InvalidStateError") throw error;
      await end(old);
      return make();
    });
  } catch (error) {
    const { name } = /** @type {Error} */ (error);
    throw new PushError(name === "NotAllowedError" ? "denied" : "service", error);
  }
  await handOver(subscription, wanted, replaces, backend);
  return subscription;
}

/**
 * For each load of the page: tells the backend again, and replaces what was made with an old key. Never asks the user;
 * null where nothing was subscribed.
 * @param {SubscribeOptions} options
 */
export async function refresh(options) {
  const { reason, permission } = support();
  return !reason && permission === "granted" && (await remembered()) ? subscribe(options) : null;
}

/**
 * Ends the subscription and tells the backend. Answers whether there was one.
 * @param {{ backend?: Backend, registration?: ServiceWorkerRegistration }} [options]
 */
export async function unsubscribe({ backend, registration } = {}) {
  const { pushManager } = registration ?? (await navigator.serviceWorker.ready);
  const subscription = await pushManager.getSubscription();
  const endpoint = subscription?.endpoint ?? (await remembered())?.endpoint;
  await subscription?.unsubscribe();
  await remember(null);
  if (endpoint) await backend?.remove(endpoint);
  return Boolean(subscription);
}

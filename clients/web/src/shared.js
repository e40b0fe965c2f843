// What page and worker share: what they remember, keys, and how the backend hears of a subscription.
/** @import { Backend, Remembered } from "./types.js" */

/** @type {(request: IDBRequest) => Promise<any>} */
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/**
 * Uses IndexedDB. Where the browser refuses it, all is forgotten: nothing else depends on it.
 * @template T
 * @param {"state" | "receipts"} name
 * @param {(store: IDBObjectStore, result: typeof done) => Promise<T>} use
 * @returns {Promise<T | undefined>}
 */
export async function stored(name, use) {
  let database;
  try {
    const opening = indexedDB.open("fanfare", 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore("state");
      opening.result.createObjectStore("receipts");
    };
    database = await done(opening);
    return await use(database.transaction(name, "readwrite").objectStore(name), done);
  } catch {
    return undefined;
  } finally {
    database?.close();
  }
}

/** @returns {Promise<Remembered | undefined>} */
export const remembered = () => stored("state", (store, result) => result(store.get(0)));

/** @param {Remembered | null} value */
export const remember = (value) =>
  stored("state", (store, result) => result(value ? store.put(value, 0) : store.delete(0)));

/** @param {ArrayBuffer | Uint8Array} octets */
export const toText = (octets) =>
  btoa(String.fromCharCode(...new Uint8Array(octets)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");

/**
 * A VAPID public key as octets; null if it is none.
 * @param {string | BufferSource} key
 */
export function toKey(key) {
  try {
    const octets =
      typeof key === "string"
        ? Uint8Array.from(atob(key.trim().replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0))
        : new Uint8Array("buffer" in key ? key.buffer.slice(key.byteOffset, key.byteOffset + key.byteLength) : key);
    return octets.length === 65 && octets[0] === 4 ? octets : null;
  } catch {
    return null;
  }
}

/**
 * Tells the backend of a subscription; remembers until it knows.
 * @param {PushSubscription} subscription
 * @param {Uint8Array} octets Its key.
 * @param {string | undefined} replaces
 * @param {Backend} backend
 */
export async function handOver(subscription, octets, replaces, backend) {
  const { endpoint } = subscription;
  const key = toText(octets);
  const other = replaces === endpoint ? undefined : replaces;
  const known = { endpoint, key, ...(backend.url && { url: backend.url }) };
  await remember(other ? { ...known, replaces: other } : known);
  const json = {
    .../** @type {{ endpoint: string }} */ (subscription.toJSON()),
    supportedContentEncodings: [...(PushManager.supportedContentEncodings ?? ["aes128gcm"])],
    applicationServerKey: key,
  };
  await backend.save(json, other);
  await remember(known);
}

/**
 * The app's own backend: JSON with the page's cookies. POST has `{subscription, replaces?}`, DELETE `{endpoint}`.
 * @param {string} url
 * @param {RequestInit} [init] For example headers.
 * @returns {Backend}
 */
export function backend(url, init) {
  /** @param {string} method @param {object} content */
  const send = async (method, content) => {
    const headers = new Headers(init?.headers);
    headers.set("Content-Type", "application/json");
    const body = JSON.stringify(content);
    const answer = await fetch(url, { credentials: "same-origin", ...init, method, headers, body });
    if (!answer.ok) throw new Error(`the backend answered ${answer.status}`);
  };
  return {
    url,
    save: (subscription, replaces) => send("POST", { subscription, replaces }),
    remove: (endpoint) => send("DELETE", { endpoint }),
  };
}

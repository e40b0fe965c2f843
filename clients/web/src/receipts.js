// Receipts: what the browser did with a notification, told to Fanfare. Each is written down before it is sent and crossed
// out when the server has it, so that what happens offline arrives later.
import { stored } from "./shared.js";
/** @import { Receipt } from "./types.js" */

/** Receipts that wait; beyond it the oldest go. */
const WAITING_MAX = 100;
/** Fanfare takes no receipt of a message that ran out longer ago. */
const AGE_MAX = 35 * 86_400_000;
/** How long one report may take. */
const TIMEOUT = 10_000;
/** The name of the background sync, where the browser has it. */
export const SYNC = "fanfare-receipts";

/** @param {Receipt} receipt */
const nameOf = ({ token, kind }) => `${kind} ${token}`;

/**
 * Notes a receipt and sends what waits.
 * @param {string} url
 * @param {Receipt} receipt
 */
export async function report(url, receipt) {
  const noted = await stored("receipts", async (store, result) => {
    await result(store.put(receipt, nameOf(receipt)));
    return true;
  });
  // Without storage there is one try.
  if (noted) return flush(url);
  await send(url, receipt);
}

/** @type {Promise<void> | undefined} */
let flushing;

/**
 * Sends what waits, oldest first; what does not get through stays.
 * @param {string} url
 * @returns {Promise<void>}
 */
export function flush(url) {
  // What was noted while another one sends, it may have missed.
  const flushed = (flushing ?? Promise.resolve()).then(() => sendAll(url));
  flushing = flushed;
  return flushed;
}

/** @param {string} url */
async function sendAll(url) {
  /** @type {Receipt[]} */
  const all = (await stored("receipts", (store, result) => result(store.getAll()))) ?? [];
  all.sort((a, b) => a.time - b.time);
  const good = all.filter(({ time }) => Date.now() - time < AGE_MAX).slice(-WAITING_MAX);
  await forget(all.filter((receipt) => !good.includes(receipt)));
  for (const receipt of good) {
    if (!(await send(url, receipt))) {
      await syncLater();
      return;
    }
    await forget([receipt]);
  }
}

/** @param {Receipt[]} receipts */
async function forget(receipts) {
  if (receipts.length === 0) return;
  await stored("receipts", async (store, result) => {
    for (const receipt of receipts) await result(store.delete(nameOf(receipt)));
  });
}

/**
 * Whether the server has it, or will never take it.
 * @param {string} url
 * @param {Receipt} receipt
 */
async function send(url, receipt) {
  try {
    // As text/plain, which needs no preflight. Without cookies: the token says it all.
    const answer = await fetch(url, {
      method: "POST",
      body: JSON.stringify(receipt),
      credentials: "omit",
      keepalive: true,
      signal: AbortSignal.timeout(TIMEOUT),
    });
    return answer.status < 500 && answer.status !== 429;
  } catch {
    return false;
  }
}

/** Browsers without background sync send with the next event. */
async function syncLater() {
  const { sync } = /** @type {{ sync?: { register(name: string): Promise<void> } }} */ (
    /** @type {unknown} */ (/** @type {any} */ (self).registration)
  );
  await sync?.register(SYNC).catch(() => {});
}

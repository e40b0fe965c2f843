import { listen } from "/fanfare/worker.js";

// The page's server is told where receipts go: see the query of its address.
const receipts = new URL(self.location.href).searchParams.get("receipts");
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

/** The button that has no address: nothing is opened, and the demo's pages are told. */
async function onClick({ action, notification }) {
  if (action !== "later") return false;
  const pages = await self.clients.matchAll({ type: "window" });
  for (const page of pages) page.postMessage({ later: notification.title });
  return true;
}

listen({ title: "Fanfare", onClick, ...(receipts && { receipts }) });

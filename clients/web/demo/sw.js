import { listen } from "/fanfare/worker.js";

// The page's server is told where receipts go: see the query of its address.
const receipts = new URL(self.location.href).searchParams.get("receipts");
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
listen({ title: "Fanfare", ...(receipts && { receipts }) });

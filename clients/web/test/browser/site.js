// A site on loopback: the modules as they are shipped, a page, its worker, a backend, and an endpoint for receipts.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

const SOURCES = new URL("../../src/", import.meta.url);
const PAGE = "<!doctype html><html lang=en><title>Push</title><button>Subscribe</button>";
const WORKER = `
  import { listen } from "/fanfare/worker.js";
  self.addEventListener("install", () => self.skipWaiting());
  self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
  listen({ receipts: "/receipts", title: "Example", onPush: (push) => {
    if (push.content === "break the hook") throw new Error("a bug in the app");
  } });`;

export async function startSite() {
  const site = { receipts: [], receiptStatus: 204, waiting: [] };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const send = (type, body, status = 200) => response.writeHead(status, { "Content-Type": type }).end(body);
    if (pathname === "/receipts") {
      let body = "";
      for await (const piece of request) body += piece;
      site.receipts.push({ ...JSON.parse(body), answered: site.receiptStatus });
      send("text/plain", "", site.receiptStatus);
      for (const look of site.waiting) look();
    } else if (pathname === "/sw.js") send("text/javascript", WORKER);
    else if (pathname.startsWith("/fanfare/")) {
      const source = await readFile(new URL(`.${pathname.slice("/fanfare".length)}`, SOURCES)).catch(() => null);
      source ? send("text/javascript", source) : send("text/plain", "", 404);
    } else send("text/html", PAGE);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  site.origin = `http://localhost:${server.address().port}`;
  /** Waits until so many receipts have come. */
  site.received = (number) =>
    new Promise((resolve) => {
      const look = () => site.receipts.length >= number && resolve(site.receipts);
      site.waiting.push(look);
      look();
    });
  site.stop = () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve)));
  return site;
}

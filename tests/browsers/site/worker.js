import { listen } from '/fanfare/worker.js';

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

const report = (what, bytes) =>
  fetch(`/report?from=worker&what=${what}${bytes ? '' : '&empty'}`, { method: 'POST', body: bytes });

listen({
  receipts: new URL(self.location.href).searchParams.get('receipts'),
  // The library shows it; what exactly came, it does not tell.
  async onPush(push, event) {
    push.options.tag = 'one';
    const bytes = event.data?.arrayBuffer() ?? null;
    await report('push', bytes);
    for (const client of await self.clients.matchAll()) client.postMessage({ bytes });
  },
});

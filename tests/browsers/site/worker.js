'use strict';

addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));

const report = (what, bytes) =>
  fetch(`/report?from=worker&what=${what}${bytes ? '' : '&empty'}`, { method: 'POST', body: bytes });

addEventListener('push', (event) => event.waitUntil(pushed(event.data)));

async function pushed(data) {
  const buffer = data?.arrayBuffer() ?? null;
  let notification = { title: 'A message' };
  try {
    notification = data.json().notification ?? notification;
  } catch {
    // Octets that are no notification.
  }
  const { title, ...options } = notification;
  // A browser takes the subscription from whom it is pushed to without a notification.
  await registration.showNotification(title, { tag: 'one', ...options, data: options });
  await report('push', buffer);
  for (const client of await clients.matchAll()) client.postMessage({ bytes: buffer });
}

addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(
    Promise.all([report('click', new TextEncoder().encode(event.action)), clients.openWindow(event.notification.data.navigate)]),
  );
});

// Shows whatever is pushed: a notification as Fanfare writes it, or text.
'use strict';

addEventListener('push', (event) => event.waitUntil(show(event.data)));

function show(data) {
  let notification;
  try {
    ({ notification } = data.json());
  } catch {
    // It is something else.
  }
  const { title, ...options } = notification ?? { title: 'A push', body: data?.text() ?? '' };
  return registration.showNotification(title, { ...options, data: { navigate: options.navigate } });
}

addEventListener('notificationclick', (event) => {
  event.notification.close();
  const { navigate } = event.notification.data;
  if (navigate) event.waitUntil(clients.openWindow(navigate));
});

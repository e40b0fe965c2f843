// The types of all modules. No module loads this file.

/**
 * Why there is no subscription:
 * - `insecure`: the page is neither https nor localhost.
 * - `home-screen`: on this device only web apps on the home screen have push.
 * - `unsupported`: the browser has no push.
 * - `gesture`: nobody clicked; ask in a click handler.
 * - `denied`, `dismissed`: what the user said.
 * - `key`: that is no VAPID public key.
 * - `service`: the browser's push service does not answer, or there is none.
 * @typedef {"insecure" | "home-screen" | "unsupported" | "gesture" | "denied" | "dismissed" | "key" | "service"} Reason
 */

/**
 * What goes to the backend: JSON.stringify(subscription), and two members of our own. `Subscribe` of Fanfare takes it
 * unchanged as `push_subscription`.
 * @typedef {object} Subscription
 * @property {string} endpoint Whoever has it can send: a secret.
 * @property {number | null} [expirationTime] Milliseconds since 1970.
 * @property {Record<string, string>} [keys] `p256dh` and `auth`, base64url.
 * @property {string[]} supportedContentEncodings
 * @property {string} applicationServerKey The VAPID key that it was made with, base64url.
 */

/**
 * Who keeps subscriptions: the app's own server, or Fanfare.
 * @typedef {object} Backend
 * @property {(subscription: Subscription, replaces?: string) => unknown} save Stores it. `replaces` is the endpoint whose
 * place it takes.
 * @property {(endpoint: string) => unknown} remove Forgets it.
 * @property {string} [url] Where `backend()` sends to; the worker uses it when it has no backend of its own.
 */

/**
 * @typedef {object} SubscribeOptions
 * @property {string | BufferSource} key The VAPID public key (applicationServerKey): base64url, or its 65 octets.
 * @property {Backend} backend Who is told.
 * @property {ServiceWorkerRegistration} [registration] Without it: that of the page.
 */

/**
 * What page and worker remember of the last subscription.
 * @typedef {object} Remembered
 * @property {string} endpoint
 * @property {string} key
 * @property {string} [url]
 * @property {string} [replaces] While the backend has not heard of it.
 */

/**
 * A push as it came.
 * @typedef {object} Push
 * @property {"notification" | "json" | "text" | "empty"} kind
 * @property {string | undefined} title
 * @property {Options} options For showNotification.
 * @property {unknown} content The parsed JSON, or the text.
 * @property {number | undefined} badge The number for the app's icon.
 */

/**
 * The options of the Notifications API, those that TypeScript does not know included.
 * @typedef {NotificationOptions & {
 *   actions?: { action: string, title: string, icon?: string }[],
 *   image?: string, renotify?: boolean, sound?: string, timestamp?: number, vibrate?: number[],
 * }} Options
 */

/**
 * What of a shown notification is ours; kept in `notification.data.fanfare`.
 * @typedef {object} Mark
 * @property {string} [token] What receipts are made out to.
 * @property {string} [navigate] What a click opens.
 * @property {Record<string, string>} [actions] What a click on an action opens.
 */

/**
 * What a browser reports to Fanfare.
 * @typedef {object} Receipt
 * @property {string} token
 * @property {"displayed" | "clicked" | "closed"} kind
 * @property {string} action Of `clicked`: which; empty for the notification itself.
 * @property {number} time Milliseconds since 1970.
 */

export {};

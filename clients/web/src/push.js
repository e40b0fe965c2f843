// What a push says: Fanfare's structured notifications, Declarative Web Push (the same with `web_push`), any other JSON,
// plain text, or nothing.
/** @import { Mark, Options, Push } from "./types.js" */

const COPIED = /** @type {const} */ ([
  "body", "icon", "image", "badge", "sound", "lang", "dir", "tag", "renotify", "silent", "requireInteraction",
  "vibrate", "timestamp",
]);

/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @param {unknown} value */
const text = (value) => (typeof value === "string" && value !== "" ? value : undefined);

/**
 * Reads a push. Never throws: what cannot be read as more is text.
 * @param {{ text(): string } | null} data
 * @returns {Push}
 */
export function parse(data) {
  const received = data?.text() ?? "";
  /** @type {(kind: Push["kind"], content: unknown, body?: string) => Push} */
  const plain = (kind, content, body) => ({
    kind,
    title: undefined,
    options: { ...(body && { body }), data: { fanfare: {} } },
    content,
    badge: undefined,
  });
  if (received === "") return plain("empty", "");
  /** @type {unknown} */
  let content;
  try {
    content = JSON.parse(received);
  } catch {
    return plain("text", received, received);
  }
  if (!isObject(content)) {
    return plain("json", content, received);
  }
  const structured = isObject(content.notification) && text(content.notification.title) !== undefined;
  const given = structured ? /** @type {Record<string, unknown>} */ (content.notification) : content;
  return {
    kind: structured ? "notification" : "json",
    title: text(given.title),
    options: optionsOf(given, text(content.fanfare)),
    content,
    badge: badgeOf(content.app_badge) ?? badgeOf(given.app_badge),
  };
}

/** @param {unknown} value */
function badgeOf(value) {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/**
 * @param {Record<string, unknown>} given
 * @param {string | undefined} token
 * @returns {Options}
 */
function optionsOf(given, token) {
  /** @type {Record<string, unknown>} */
  const options = {};
  for (const name of COPIED) {
    if (given[name] !== undefined && given[name] !== null) options[name] = given[name];
  }
  /** @type {Record<string, string>} */
  const opened = {};
  if (Array.isArray(given.actions)) {
    const actions = given.actions.filter((action) => isObject(action) && text(action.action) && text(action.title));
    options.actions = actions.map(({ action, title, icon }) => (icon ? { action, title, icon } : { action, title }));
    for (const { action, navigate } of actions) {
      if (text(navigate)) opened[action] = navigate;
    }
  }
  const navigate = text(given.navigate);
  /** @type {Mark} */
  const mark = {
    ...(token && { token }),
    ...(navigate && { navigate }),
    ...(Object.keys(opened).length > 0 && { actions: opened }),
  };
  // The app's own stays where it was; data that is no object moves to `value`.
  const { data } = given;
  const own = isObject(data) ? data : data === undefined || data === null ? {} : { value: data };
  options.data = { ...own, fanfare: mark };
  return options;
}

/**
 * What of a notification's data is ours; nothing where the app showed it by itself.
 * @param {unknown} data
 * @returns {Mark | undefined}
 */
export function markOf(data) {
  return isObject(data) && isObject(data.fanfare) ? /** @type {Mark} */ (data.fanfare) : undefined;
}

/**
 * The options that no browser refuses.
 * @param {Options} options
 * @returns {Options}
 */
export function fallback({ body, data }) {
  return { ...(body !== undefined && { body: String(body) }), data: { fanfare: markOf(data) } };
}

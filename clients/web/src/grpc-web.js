// Hands subscriptions straight to Fanfare, by gRPC-Web: a backend for `subscribe` and for the worker's `listen`. Fanfare
// must name the page's origin in `server.http.cors_origins`. The three messages are small enough to be written by hand;
// their field numbers are those of proto/fanfare/v1/push.proto.
/** @import { Backend, Subscription } from "./types.js" */

/**
 * @typedef {object} FanfareOptions
 * @property {string} url Fanfare's address, for example "https://push.example.com".
 * @property {string | (() => string | Promise<string>)} [token] What CreateSubscriberToken gave the app's server for this
 * user; a function is asked before each call. On loopback none is needed.
 * @property {string} [application]
 * @property {string} [userId]
 * @property {string[]} [topics]
 * @property {Record<string, string>} [labels]
 * @property {string} [locale] BCP 47. Without it: the browser's.
 * @property {string} [timeZone] IANA name. Without it: the browser's.
 */

/** What Fanfare answered instead of OK. */
export class FanfareError extends Error {
  /** @param {number} code A gRPC status code. @param {string} message */
  constructor(code, message) {
    super(message || `Fanfare answered with code ${code}`);
    this.name = "FanfareError";
    this.code = code;
  }
}

/**
 * @param {FanfareOptions} options
 * @returns {Backend & { key(): Promise<string> }} `key()` asks for the VAPID public key.
 */
export function fanfare(options) {
  const application = text(1, options.application ?? "");
  return {
    async save(subscription, replaces) {
      const intl = Intl.DateTimeFormat().resolvedOptions();
      await call(options, "Subscribe", [
        ...application,
        ...message(2, pushSubscription(subscription)),
        ...text(3, options.userId ?? ""),
        ...(options.topics ?? []).flatMap((topic) => message(4, utf8(topic))),
        ...Object.entries(options.labels ?? {}).flatMap(([k, v]) => message(5, [...text(1, k), ...text(2, v)])),
        ...text(6, options.locale ?? intl.locale),
        ...text(7, options.timeZone ?? intl.timeZone),
        ...text(8, replaces ?? ""),
      ]);
    },
    async remove(endpoint) {
      // allow_missing: it may have been removed already.
      await call(options, "Unsubscribe", [...application, ...message(3, utf8(endpoint)), ...varint(5 << 3), 1]);
    },
    async key() {
      const answer = await call(options, "GetVapidPublicKey", application);
      return firstText(answer);
    },
  };
}

/** @param {Subscription} subscription */
function pushSubscription({ endpoint, keys, expirationTime, supportedContentEncodings, applicationServerKey }) {
  const expires = typeof expirationTime === "number" ? message(3, double(1, expirationTime)) : [];
  return [
    ...text(1, endpoint),
    ...message(2, [...text(1, keys?.p256dh ?? ""), ...text(2, keys?.auth ?? "")]),
    ...expires,
    ...supportedContentEncodings.flatMap((name) => message(4, utf8(name))),
    ...text(5, applicationServerKey),
  ];
}

// ---------------------------------------------------------------- protobuf

/** @param {string} value */
const utf8 = (value) => [...new TextEncoder().encode(value)];

/** @param {number} value @returns {number[]} */
const varint = (value) => (value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))]);

/** A field with octets. @param {number} field @param {number[]} octets */
const message = (field, octets) => [...varint((field << 3) | 2), ...varint(octets.length), ...octets];

/** A text; empty ones are left out. @param {number} field @param {string} value */
const text = (field, value) => (value === "" ? [] : message(field, utf8(value)));

/** @param {number} field @param {number} value */
function double(field, value) {
  const octets = new Uint8Array(8);
  new DataView(octets.buffer).setFloat64(0, value, true);
  return [...varint((field << 3) | 1), ...octets];
}

/** Field 1 of an answer, which is a short text. @param {Uint8Array} answer */
function firstText(answer) {
  const length = answer[1] ?? 0;
  if (answer[0] !== 0x0a || length >= 0x80) throw new FanfareError(13, "the answer has no key");
  return new TextDecoder().decode(answer.subarray(2, 2 + length));
}

// ---------------------------------------------------------------- gRPC-Web

/**
 * @param {FanfareOptions} options
 * @param {string} method
 * @param {number[]} request
 * @returns {Promise<Uint8Array>}
 */
async function call({ url, token }, method, request) {
  const body = new Uint8Array(5 + request.length);
  new DataView(body.buffer).setUint32(1, request.length);
  body.set(request, 5);
  const headers = new Headers({ "Content-Type": "application/grpc-web+proto", "X-Grpc-Web": "1" });
  const bearer = typeof token === "function" ? await token() : token;
  if (bearer) headers.set("Authorization", `Bearer ${bearer}`);
  const address = `${url.replace(/\/+$/, "")}/fanfare.v1.PushService/${method}`;
  const answer = await fetch(address, { method: "POST", headers, body, credentials: "omit" });
  const { content, trailers } = read(new Uint8Array(await answer.arrayBuffer()));
  const header = (/** @type {string} */ name) => trailers.get(name) ?? answer.headers.get(name);
  const status = header("grpc-status");
  if (status === null) throw new FanfareError(14, `no gRPC answer: HTTP status ${answer.status}`);
  if (status !== "0") throw new FanfareError(Number(status), decoded(header("grpc-message") ?? ""));
  return content;
}

/** Divides an answer into its frames. @param {Uint8Array} octets */
function read(octets) {
  let content = new Uint8Array();
  /** @type {Map<string, string>} */
  const trailers = new Map();
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  for (let at = 0; at + 5 <= octets.length; ) {
    const end = at + 5 + view.getUint32(at + 1);
    const frame = octets.slice(at + 5, end);
    if ((octets[at] ?? 0) < 0x80) content = frame;
    else {
      for (const line of new TextDecoder().decode(frame).split("\r\n")) {
        const colon = line.indexOf(":");
        if (colon > 0) trailers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
      }
    }
    at = end;
  }
  return { content, trailers };
}

/** @param {string} value */
function decoded(value) {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

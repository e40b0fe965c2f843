import assert from "node:assert/strict";
import { test } from "node:test";

import { FanfareError, fanfare } from "../src/grpc-web.js";
import { put } from "./fakes.js";

const subscription = {
  endpoint: "https://push.example/1",
  expirationTime: null,
  keys: { p256dh: "BPub", auth: "Secret" },
  supportedContentEncodings: ["aes128gcm"],
  applicationServerKey: "BKey",
};

/** Answers with these octets, and notes the call. */
function server(octets, headers = {}, status = 200) {
  const got = {};
  put("fetch", async (url, init) => {
    Object.assign(got, { url, ...init, sent: Buffer.from(init.body) });
    return new Response(new Uint8Array(octets), { status, headers });
  });
  return got;
}

const frame = (kind, octets) => [kind, 0, 0, 0, octets.length, ...octets];
const trailers = (text) => frame(0x80, [...Buffer.from(text)]);
const OK = [...frame(0, []), ...trailers("grpc-status: 0\r\n")];

/** The fields of a protobuf message: numbers and octets, in order. */
function fields(octets) {
  const found = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const octet = octets[at++];
      value += (octet & 127) * shift;
      if (octet < 128) return value;
    }
  };
  while (at < octets.length) {
    const tag = varint();
    const length = { 0: () => null, 1: () => 8, 2: varint }[tag & 7]();
    found.push([tag >> 3, length === null ? varint() : octets.subarray(at, (at += length))]);
  }
  return found;
}
const texts = (octets) => fields(octets).map(([field, value]) => [field, String(value)]);

test("Subscribe has every field", async () => {
  const got = server(OK);
  const backend = fanfare({
    url: "https://push.example.com/",
    token: async () => "secret",
    application: "shop",
    userId: "änna",
    topics: ["news", "sport"],
    labels: { plan: "pro" },
    locale: "de",
    timeZone: "Europe/Berlin",
  });
  await backend.save({ ...subscription, expirationTime: 1_800_000_000_123 }, "https://push.example/0");
  assert.equal(got.url, "https://push.example.com/fanfare.v1.PushService/Subscribe");
  assert.equal(got.headers.get("content-type"), "application/grpc-web+proto");
  assert.equal(got.headers.get("authorization"), "Bearer secret");
  assert.equal(got.credentials, "omit");
  assert.equal(got.sent.readUInt32BE(1), got.sent.length - 5);
  const request = fields(got.sent.subarray(5));
  const nested = Object.fromEntries(request)[2];
  assert.deepEqual(
    request.filter(([field]) => field !== 2 && field !== 5).map(([field, value]) => [field, String(value)]),
    [
      [1, "shop"], [3, "änna"], [4, "news"], [4, "sport"], [6, "de"], [7, "Europe/Berlin"],
      [8, "https://push.example/0"],
    ],
  );
  assert.deepEqual(texts(Object.fromEntries(request)[5]), [[1, "plan"], [2, "pro"]]);
  const [endpoint, keys, expires, encoding, key] = fields(nested);
  assert.deepEqual([String(endpoint[1]), String(encoding[1]), String(key[1])], [subscription.endpoint, "aes128gcm", "BKey"]);
  assert.deepEqual(texts(keys[1]), [[1, "BPub"], [2, "Secret"]]);
  assert.equal(fields(expires[1])[0][1].readDoubleLE(), 1_800_000_000_123);
});

test("what is not given is left out, but for the browser's locale and time zone", async () => {
  const got = server(OK);
  await fanfare({ url: "http://localhost:8030" }).save(subscription);
  assert.deepEqual(fields(got.sent.subarray(5)).map(([field]) => field), [2, 6, 7]);
  assert.equal(got.headers.get("authorization"), null);
});

test("long texts have long lengths", async () => {
  const got = server(OK);
  const endpoint = `https://push.example/${"x".repeat(2_000)}`;
  await fanfare({ url: "http://localhost:8030" }).remove(endpoint);
  assert.equal(got.url, "http://localhost:8030/fanfare.v1.PushService/Unsubscribe");
  const request = fields(got.sent.subarray(5));
  assert.deepEqual(request.map(([field, value]) => [field, field === 3 ? String(value) : value]), [[3, endpoint], [5, 1]]);
});

test("asks for the key", async () => {
  server([...frame(0, [0x0a, 3, 0x42, 0x4b, 0x31]), ...trailers("grpc-status:0\r\n")]);
  assert.equal(await fanfare({ url: "http://localhost:8030" }).key(), "BK1");
});

test("errors come from trailers, headers, or no gRPC at all", async () => {
  const backend = fanfare({ url: "http://localhost:8030" });
  const fails = (code, message) => (error) =>
    error instanceof FanfareError && error.code === code && error.message === message;
  server(trailers("grpc-status: 3\r\ngrpc-message: keys%3A bad\r\n"));
  await assert.rejects(backend.save(subscription), fails(3, "keys: bad"));
  server([], { "grpc-status": "7", "grpc-message": "100%" });
  await assert.rejects(backend.save(subscription), fails(7, "100%"));
  server([], {}, 502);
  await assert.rejects(backend.save(subscription), fails(14, "no gRPC answer: HTTP status 502"));
});

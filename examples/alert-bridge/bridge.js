#!/usr/bin/env node
// Alertmanager's webhooks in, one Broadcast for each alert out. Answers 200 once Fanfare has stored all of them, so that
// what fails comes again: Alertmanager repeats, and request_ids keep what was stored from being sent twice.
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

import { broadcastOf } from "./message.js";

/** A webhook, in octets. */
const BODY_OCTETS_MAX = 2 * 1024 * 1024;
/** Broadcasts under way for one webhook. */
const AT_ONCE = 8;
/** How long Fanfare may take to store one. */
const DEADLINE_MS = 10_000;

/** A client of Fanfare. `protos` are the folders of its contract and of googleapis. */
export function connect(address, protos) {
  const definition = loader.loadSync("fanfare/v1/push.proto", { includeDirs: protos, enums: String, longs: String });
  const { PushService } = grpc.loadPackageDefinition(definition).fanfare.v1;
  return new PushService(address, grpc.credentials.createInsecure());
}

/** Sends a Broadcast; answers the message's name once it is stored. */
function broadcast(client, request) {
  return new Promise((resolve, reject) => {
    const call = client.broadcast(request, { deadline: Date.now() + DEADLINE_MS });
    let name;
    call.on("data", ({ frame }) => (name ??= frame.accepted?.message.name));
    call.on("error", reject);
    call.on("end", () => (name ? resolve(name) : reject(new Error("Fanfare did not accept it"))));
  });
}

async function read(request) {
  const pieces = [];
  let octets = 0;
  for await (const piece of request) {
    octets += piece.length;
    if (octets > BODY_OCTETS_MAX) throw Object.assign(new Error("the webhook is too long"), { status: 413 });
    pieces.push(piece);
  }
  try {
    const webhook = JSON.parse(Buffer.concat(pieces).toString());
    if (Array.isArray(webhook?.alerts)) return webhook;
  } catch {
    // Told below.
  }
  throw Object.assign(new Error("that is no webhook of Alertmanager"), { status: 400 });
}

/** Sends all alerts of a webhook; answers the names of the messages. */
async function forward(client, webhook, options) {
  const alerts = [...webhook.alerts];
  const names = [];
  const work = async () => {
    for (let alert = alerts.shift(); alert; alert = alerts.shift()) {
      names.push(await broadcast(client, broadcastOf(alert, webhook, { now: Date.now(), ...options })));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return names;
}

/** The bridge: `POST /alerts`, and `GET /healthz`. Its clock stands still where `options` have the time, `now`. */
export function bridge(client, options) {
  return createServer(async (request, response) => {
    const answer = (status, content) =>
      response.writeHead(status, { "Content-Type": "application/json" }).end(`${JSON.stringify(content)}\n`);
    if (request.method === "GET" && request.url === "/healthz") return answer(200, { ok: true });
    if (request.method !== "POST" || request.url !== "/alerts") return answer(404, { error: "POST /alerts" });
    try {
      answer(200, { messages: await forward(client, await read(request), options) });
    } catch (error) {
      // INVALID_ARGUMENT would fail for ever: Alertmanager repeats only what is answered 5xx.
      const status = error.status ?? (error.code === grpc.status.INVALID_ARGUMENT ? 400 : 503);
      console.error(`${status}: ${error.message}`);
      answer(status, { error: error.message });
    }
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const {
    FANFARE_ADDRESS = "127.0.0.1:8030",
    FANFARE_APPLICATION = "",
    FANFARE_PROTOS = ["../../proto", "../../third_party/googleapis"]
      .map((path) => fileURLToPath(new URL(path, import.meta.url)))
      .join(":"),
    LISTEN_HOST = "127.0.0.1",
    LISTEN_PORT = "9095",
    TOPIC = "alerts",
  } = process.env;
  const client = connect(FANFARE_ADDRESS, FANFARE_PROTOS.split(":"));
  const server = bridge(client, { application: FANFARE_APPLICATION, topic: TOPIC });
  server.listen(Number(LISTEN_PORT), LISTEN_HOST, () => {
    const { address, port } = server.address();
    console.log(`webhooks on http://${address}:${port}/alerts, to Fanfare at ${FANFARE_ADDRESS}`);
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => server.close(() => client.close()));
}

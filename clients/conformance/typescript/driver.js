// The TypeScript client's driver of the conformance suite: see ../README.md.

import { createInterface } from "node:readline";
import { fromJson, toJson } from "@bufbuild/protobuf";
import { Code, connect, FanfareError } from "@fanfare-push/client";
import * as v1 from "@fanfare-push/client/v1";

const SERVICES = { PushService: ["push", v1.PushService], AdminService: ["admin", v1.AdminService] };

let client;
const streams = new Map();

const snake = (name) => name.replace(/(?<!^)[A-Z]/g, "_$&").toUpperCase();
const codeName = (code) => (code === Code.Canceled ? "CANCELLED" : snake(Code[code]));
const deadline = ({ deadline }) => deadline && AbortSignal.timeout(deadline * 1000);
const read = (name, json = {}) => fromJson(v1[`${name}Schema`], json);

/** Of the requests, not of a call. */
class Own extends Error {}

function described(error) {
  if (error instanceof Own) return { error: { code: "OWN" } };
  if (!(error instanceof FanfareError)) return { error: { code: "UNTYPED", message: String(error?.stack ?? error) } };
  const { code, reason, metadata, violations, resource, retryAfterMs } = error;
  const told = { code: codeName(code), reason, metadata, violations: violations.map(({ field }) => field), retryAfterMs };
  return { error: resource ? { ...told, resource: [resource.type, resource.name] } : told };
}

function position({ of }) {
  if (!("resumeToken" in of)) return {};
  const told = { replayed: of.replayed, resume_token: of.resumeToken };
  return of.message ? { ...told, message: toJson(v1.MessageStatusSchema, of.message) } : told;
}

function note(stream, frame) {
  stream.total.frames += 1;
  if (frame.kind.case !== "events") return;
  for (const { message, eventId, state } of frame.kind.value.events) {
    const key = `${message} ${eventId}`;
    stream.total.events += 1;
    if (stream.seen.has(key)) stream.total.duplicates += 1;
    stream.seen.add(key);
    const name = `DELIVERY_STATE_${v1.DeliveryState[state]}`;
    stream.states[name] = (stream.states[name] ?? 0) + 1;
  }
}

async function* repeated({ request, count, fails }) {
  for (let sent = 0; sent < count; sent++) yield read("SendRequest", request);
  if (fails) throw new Own();
}

const steps = {
  async connect({ target, token, certificate, accept_for, reconnect_for }) {
    client?.close();
    const limits = { acceptForMs: accept_for && accept_for * 1000, reconnectForMs: reconnect_for && reconnect_for * 1000 };
    const options = { token, tls: certificate && { rootCertificates: certificate }, ...limits };
    client = connect(target, options);
    return {};
  },

  async call({ rpc, request, deadline: seconds }) {
    const [service, method] = rpc.split(".");
    const [stub, descriptor] = SERVICES[service];
    const { localName, input, output } = descriptor.methods.find(({ name }) => name === method);
    const options = seconds ? { timeoutMs: seconds * 1000 } : {};
    return { response: toJson(output, await client[stub][localName](fromJson(input, request), options)) };
  },

  async subscribe({ subscription, request = {} }) {
    // As text, as a route gets it.
    const response = await client.subscribe(JSON.stringify(subscription), request);
    return { response: toJson(v1.SubscribeResponseSchema, response) };
  },

  async open(step) {
    const { stream, rpc, request } = step;
    let of;
    if (rpc === "Send") of = await client.send(read("SendRequest", request), deadline(step));
    if (rpc === "Broadcast") of = await client.broadcast(read("BroadcastRequest", request), deadline(step));
    if (rpc === "WatchDeliveries") of = await client.watch(read("WatchDeliveriesRequest", request), deadline(step));
    if (rpc === "SendStream") of = client.sendStream(repeated(step));
    const total = { frames: 0, events: 0, duplicates: 0, answers: 0, rejected: 0 };
    streams.set(stream, { of, seen: new Set(), states: {}, total });
    return position({ of });
  },

  async read({ stream: name, events = Infinity }) {
    const stream = streams.get(name);
    const until = stream.total.events + events;
    let ended = false;
    let failed = {};
    try {
      while (!ended && stream.total.events < until) {
        const { done, value } = await stream.of.next();
        ended = done;
        if (done) break;
        if ("kind" in value) note(stream, value);
        else if (value.content.case === "frame") note(stream, value.content.value);
        else {
          const { answers } = value.content.value;
          stream.total.answers += answers.length;
          stream.total.rejected += answers.filter(({ answer }) => answer.case === "rejected").length;
        }
      }
    } catch (error) {
      failed = described(error);
    }
    return { ...stream.total, states: stream.states, ended, ...position(stream), ...failed };
  },

  async close({ stream }) {
    streams.get(stream).of.close();
    return {};
  },

  async many({ request, count }) {
    const one = async () => {
      const deliveries = await client.send(read("SendRequest", request));
      let events = 0;
      for await (const _ of deliveries.events()) events += 1;
      return { name: deliveries.message.name, events };
    };
    const sent = await Promise.all(Array.from({ length: count }, one));
    return { messages: new Set(sent.map(({ name }) => name)).size, events: sent.reduce((sum, { events }) => sum + events, 0) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const step = JSON.parse(line);
  let told;
  try {
    told = await steps[step.do](step);
  } catch (error) {
    told = described(error);
  }
  console.log(JSON.stringify(told));
}
process.exit(0);

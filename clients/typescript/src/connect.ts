import { fromJson, type DescService, type JsonValue, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Client as Stub, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { setTimeout as sleep } from "node:timers/promises";
import { Deliveries, type Follow } from "./deliveries.js";
import { FanfareError } from "./errors.js";
import { AdminService } from "./gen/fanfare/v1/admin_pb.js";
import {
  BroadcastRequestSchema,
  PushService,
  SendRequestSchema,
  SubscribeRequestSchema,
  WatchDeliveriesRequestSchema,
  type SubscribeResponse,
} from "./gen/fanfare/v1/push_pb.js";
import { PushSubscriptionSchema } from "./gen/fanfare/v1/subscription_pb.js";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { Results } from "./results.js";

/** Milliseconds that a connection with calls may be quiet before it is asked for a sign of life, and that this may take. */
const KEEPALIVE_TIME_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
/** Largest answer taken, in octets: a full page of subscriptions with all their topics and labels. */
const ANSWER_OCTETS_MAX = 64 * 1024 * 1024;
/** As service-config.json of the other languages has them: milliseconds of a unary call, and its retries. */
const UNARY_TIMEOUT_MS = 10_000;
const ATTEMPTS_MAX = 5;
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 2_000;

/** What an `https` target needs beyond the system's root certificates, each as PEM. */
export interface TLS {
  rootCertificates?: string | Buffer;
  /** The client's own, for a server that asks for it. */
  certificate?: string | Buffer;
  privateKey?: string | Buffer;
}

/** Options of a connection. */
export interface Options {
  /** Of the application, sent with each call; over http only to a loopback address. */
  token?: string;
  tls?: TLS;
  /** Milliseconds that a call which opens a stream is repeated until its first frame comes. Unset: 30 seconds. */
  acceptForMs?: number;
  /** Milliseconds that a stream which was lost is taken up again, without a frame, before it fails. Unset: 5 minutes. */
  reconnectForMs?: number;
}

/**
 * Makes a client of the server at `target`, for example `http://127.0.0.1:8030` or `https://push.example.com`. Does not
 * wait for the connection, which is opened by the first call, and again whenever it was lost.
 */
export function connect(target: string, options: Options = {}): Client {
  return new Client(target, options);
}

/** Client of one server. */
export class Client {
  /** The generated clients of the services. Their unary calls throw {@link FanfareError} too. */
  readonly push: Stub<typeof PushService>;
  readonly admin: Stub<typeof AdminService>;
  readonly #closed = new AbortController();
  readonly #acceptForMs: number;
  readonly #reconnectForMs: number;

  /** Use {@link connect}. */
  constructor(target: string, { token, tls, acceptForMs = 30_000, reconnectForMs = 300_000 }: Options) {
    const transport = makeTransport(target, token, tls);
    this.push = typed(PushService, createClient(PushService, transport));
    this.admin = typed(AdminService, createClient(AdminService, transport));
    this.#acceptForMs = acceptForMs;
    this.#reconnectForMs = reconnectForMs;
  }

  /**
   * Stores a browser's subscription: what `PushSubscription.toJSON()` gave in the page, parsed or as text. `fields` are
   * the rest of the request: `userId`, `topics`, …
   */
  async subscribe(
    subscription: string | object,
    fields: Omit<MessageInitShape<typeof SubscribeRequestSchema>, "pushSubscription"> = {},
  ): Promise<SubscribeResponse> {
    let browser;
    try {
      const json = (typeof subscription === "string" ? JSON.parse(subscription) : structuredJson(subscription)) as JsonValue;
      // Members that browsers will add are none of ours.
      browser = fromJson(PushSubscriptionSchema, json, { ignoreUnknownFields: true });
    } catch {
      throw FanfareError.notASubscription();
    }
    return this.push.subscribe({ ...fields, pushSubscription: browser } as MessageInitShape<typeof SubscribeRequestSchema>);
  }

  /**
   * Sends a message to one recipient and resolves once it is accepted: from then on it is durable, whatever becomes of
   * the caller. The stream tells what happens to it. A request without a `requestId` gets one, so that a call whose
   * connection was lost is repeated without sending twice. `signal` ends the stream, for example
   * `AbortSignal.timeout(60_000)`.
   */
  send(request: MessageInitShape<typeof SendRequestSchema>, signal?: AbortSignal): Promise<Deliveries> {
    const begin = { ...request, requestId: request.requestId || crypto.randomUUID() };
    return Deliveries.open(this.#follow(signal), follower(request), (signal) => this.push.send(begin as typeof request, { signal }));
  }

  /** Sends a message to an audience. All else is as for {@link send}. */
  broadcast(request: MessageInitShape<typeof BroadcastRequestSchema>, signal?: AbortSignal): Promise<Deliveries> {
    const begin = { ...request, requestId: request.requestId || crypto.randomUUID() };
    return Deliveries.open(this.#follow(signal), follower(request), (signal) => this.push.broadcast(begin as typeof request, { signal }));
  }

  /**
   * Follows one message (`messages/{id}`) or all of the application (`messages/-`), from a resume token on if the request
   * has one.
   */
  watch(request: MessageInitShape<typeof WatchDeliveriesRequestSchema>, signal?: AbortSignal): Promise<Deliveries> {
    return Deliveries.open(this.#follow(signal), request);
  }

  /**
   * Sends many messages over one call, flow-controlled both ways, and tells what becomes of them: requests are taken as
   * the server takes them. One that is refused is an answer with `rejected`, and the stream goes on. A lost call is taken
   * up again: what had not ended is sent once more, with its `requestId`, and what had been told is not told again. If
   * receipts were asked for, a lost call ends with an error instead: watch `messages/-` from the last token.
   */
  sendStream(
    requests: AsyncIterable<MessageInitShape<typeof SendRequestSchema>> | Iterable<MessageInitShape<typeof SendRequestSchema>>,
    signal?: AbortSignal,
  ): Results {
    return new Results(this.#follow(signal), requests);
  }

  /** Ends all streams. Messages that were accepted go on without their caller. */
  close(): void {
    this.#closed.abort(new ConnectError("the client was closed", Code.Canceled));
  }

  #follow(signal?: AbortSignal): Follow {
    const signals = [this.#closed.signal, ...(signal ? [signal] : [])];
    return { push: this.push, signals, acceptForMs: this.#acceptForMs, reconnectForMs: this.#reconnectForMs };
  }
}

type Opening = MessageInitShape<typeof SendRequestSchema> | MessageInitShape<typeof BroadcastRequestSchema>;

/** How the stream of a message goes on. */
function follower({ application, reportLevel, includeReceipts }: Opening) {
  return {
    ...(application !== undefined && { application }),
    ...(reportLevel !== undefined && { reportLevel }),
    ...(includeReceipts !== undefined && { includeReceipts }),
  };
}

/** Makes the unary calls of a generated client throw a {@link FanfareError}. */
function typed<S extends DescService>(service: S, stub: Stub<S>): Stub<S> {
  const calls: Record<string, unknown> = { ...stub };
  for (const { localName, methodKind } of service.methods) {
    const call = calls[localName] as (...given: unknown[]) => Promise<unknown>;
    if (methodKind !== "unary") continue;
    calls[localName] = (...given: unknown[]) =>
      call(...given).catch((error: unknown) => {
        throw FanfareError.from(error);
      });
  }
  return calls as Stub<S>;
}

/** What `JSON.stringify` makes of it: `PushSubscription` itself has a `toJSON`. */
function structuredJson(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}

function makeTransport(target: string, token?: string, tls: TLS = {}): Transport {
  const url = URL.canParse(target) ? new URL(target) : undefined;
  if (!url || !["http:", "https:"].includes(url.protocol) || url.pathname !== "/") {
    throw new TypeError(`${target} must be http://host:port or https://host:port`);
  }
  const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (token && url.protocol === "http:" && !loopback) {
    throw new TypeError("a token must not travel over http: use an https target");
  }
  const authorize: Interceptor = (next) => (request) => {
    if (token) request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  return createGrpcTransport({
    baseUrl: url.origin,
    interceptors: [authorize, retry],
    pingIntervalMs: KEEPALIVE_TIME_MS,
    pingTimeoutMs: KEEPALIVE_TIMEOUT_MS,
    readMaxBytes: ANSWER_OCTETS_MAX,
    nodeOptions: {
      ...(tls.rootCertificates && { ca: tls.rootCertificates }),
      ...(tls.certificate && { cert: tls.certificate }),
      ...(tls.privateKey && { key: tls.privateKey }),
    },
  });
}

/** What a service config does for others: deadlines of unary calls, and retries of those that may be repeated. */
const retry: Interceptor = (next) => async (request) => {
  if (request.stream) return next(request);
  const late = AbortSignal.any([request.signal, AbortSignal.timeout(UNARY_TIMEOUT_MS)]);
  const idempotent = request.method.idempotency !== Idempotency.IDEMPOTENCY_UNKNOWN;
  for (let attempt = 1; ; attempt++) {
    try {
      return await next({ ...request, signal: late });
    } catch (thrown) {
      const expired = late.aborted && !request.signal.aborted;
      const error = ConnectError.from(expired ? new ConnectError("the call took too long", Code.DeadlineExceeded) : thrown);
      if (!idempotent || attempt === ATTEMPTS_MAX || late.aborted || error.code !== Code.Unavailable) throw error;
      const delayMs = Math.random() * Math.min(FIRST_BACKOFF_MS * 2 ** (attempt - 1), LONGEST_BACKOFF_MS);
      await sleep(delayMs, undefined, { signal: late }).catch(() => {});
    }
  }
};

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type Client as Stub } from "@connectrpc/connect";
import { FanfareError } from "./errors.js";
import { ReportLevel, type DeliveryEvent } from "./gen/fanfare/v1/delivery_pb.js";
import type { MessageStatus } from "./gen/fanfare/v1/message_pb.js";
import {
  WatchDeliveriesRequestSchema,
  type DeliveryFrame,
  type PushService,
  type WatchDeliveriesRequest,
} from "./gen/fanfare/v1/push_pb.js";
import { Pause } from "./pause.js";

/** What a stream needs of its client. */
export interface Follow {
  push: Stub<typeof PushService>;
  signals: AbortSignal[];
  acceptForMs: number;
  reconnectForMs: number;
}

type Call = AsyncIterable<{ frame?: DeliveryFrame | undefined }>;

/**
 * A status stream: a position in the server's durable log. When the connection is lost or the server stops, it goes on
 * from its last token by itself. Iterating gives frames; store the resume token of a frame together with what you did for
 * it, and each event has its effect exactly once. Leaving a `for await` loop leaves the stream.
 */
export class Deliveries implements AsyncIterableIterator<DeliveryFrame> {
  /**
   * How the message stood in the newest frame that told of it: at first as it was accepted, at last its summary.
   */
  message: MessageStatus | undefined;
  /** Whether the `requestId` had been seen before: the call joined an earlier message. */
  replayed = false;
  readonly #follow: Follow;
  readonly #watch: WatchDeliveriesRequest;
  readonly #closed = new AbortController();
  readonly #signal: AbortSignal;
  // The call that the stream begins with; undefined once its message is known, and for watch.
  #begin: ((signal: AbortSignal) => Call) | undefined;
  #call: AsyncIterator<{ frame?: DeliveryFrame | undefined }> | undefined;
  #pause: Pause;
  #first: DeliveryFrame | undefined;
  #ended = false;
  /** Everything that was asked for has come, although the call has not ended. */
  #told = false;

  private constructor(follow: Follow, watch: WatchDeliveriesRequest, begin?: (signal: AbortSignal) => Call) {
    this.#follow = follow;
    this.#watch = watch;
    this.#begin = begin;
    this.#signal = AbortSignal.any([this.#closed.signal, ...follow.signals]);
    this.#pause = new Pause(follow.acceptForMs);
  }

  /** Resolves with the first frame. */
  static async open(
    follow: Follow,
    watch: MessageInitShape<typeof WatchDeliveriesRequestSchema>,
    begin?: (signal: AbortSignal) => Call,
  ): Promise<Deliveries> {
    // A copy: it moves on with the stream.
    const opened = new Deliveries(follow, create(WatchDeliveriesRequestSchema, { ...watch } as typeof watch), begin);
    const first = await opened.next();
    opened.#first = first.done ? undefined : first.value;
    return opened;
  }

  /** The position after the newest frame that was received. */
  get resumeToken(): string {
    return this.#watch.resumeToken;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<DeliveryFrame, undefined>> {
    if (this.#first) {
      const value = this.#first;
      this.#first = undefined;
      return { done: false, value };
    }
    while (!this.#ended) {
      try {
        const frame = await this.#receive();
        if (!frame) break;
        this.#advance(frame);
        return { done: false, value: frame };
      } catch (error) {
        this.#call = undefined;
        if (this.#ended || this.#told) break;
        try {
          await this.#pause.wait(this.#isLate() ? late() : error, this.#signal);
        } catch (reason) {
          this.close();
          throw this.#isLate() ? FanfareError.from(late()) : reason;
        }
      }
    }
    this.close();
    return { done: true, value: undefined };
  }

  /** What happened to each endpoint, one event after the other; leaves out all else. */
  async *events(): AsyncGenerator<DeliveryEvent, void, undefined> {
    for await (const { kind } of this) {
      if (kind.case === "events") yield* kind.value.events;
    }
  }

  /** Leaves the stream. Delivery goes on, unless the request said `cancelOnDisconnect`. */
  close(): void {
    this.#ended = true;
    this.#closed.abort(new ConnectError("the stream was closed", Code.Canceled));
  }

  async return(): Promise<IteratorResult<DeliveryFrame, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  async #receive(): Promise<DeliveryFrame | undefined> {
    if (!this.#call) {
      const signal = this.#signal;
      const call = this.#begin?.(signal) ?? this.#follow.push.watchDeliveries(this.#watch, { signal });
      this.#call = call[Symbol.asyncIterator]();
    }
    const { done, value } = await this.#call.next();
    return done ? undefined : value.frame;
  }

  /** Notes that a frame came: what is opened next goes on behind it. */
  #advance({ kind, resumeToken }: DeliveryFrame): void {
    this.#pause = new Pause(this.#follow.reconnectForMs);
    this.#watch.resumeToken = resumeToken;
    if (kind.case === "accepted") {
      this.message = kind.value.message;
      this.replayed = kind.value.replayed;
      if (this.#begin) {
        this.#watch.parent = this.message?.name ?? "";
        const dryRun = this.#watch.parent === "";
        this.#told = dryRun || this.#watch.reportLevel === ReportLevel.ACCEPTED;
      }
      this.#begin = undefined;
    } else if (kind.case === "progress" && kind.value.name) {
      this.message = kind.value;
    } else if (kind.case === "summary") {
      this.message = kind.value;
      // The server ends the call now; if the connection is lost instead, nothing is missing.
      this.#ended = this.#watch.parent === kind.value.name;
    }
  }

  /** Whether a signal of AbortSignal.timeout() has ended it. */
  #isLate(): boolean {
    const { aborted, reason } = this.#signal;
    return aborted && reason instanceof Error && reason.name === "TimeoutError";
  }
}

const late = () => new ConnectError("the deadline passed", Code.DeadlineExceeded);

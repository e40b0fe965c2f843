import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Follow } from "./deliveries.js";
import { FanfareError } from "./errors.js";
import { DeliveryState, ReportLevel, type DeliveryEvent } from "./gen/fanfare/v1/delivery_pb.js";
import {
  SendRequestSchema,
  type SendRequest,
  type SendStreamAnswer,
  type SendStreamResponse,
} from "./gen/fanfare/v1/push_pb.js";
import { Pause } from "./pause.js";

type Given = MessageInitShape<typeof SendRequestSchema>;

/** A request whose message has not ended. */
interface Sending {
  request: SendRequest;
  level: ReportLevel;
  /** Whether it was answered at all, and whether the present call has done so. */
  answered: boolean;
  answeredHere: boolean;
  remaining: number;
  /** The events that were handed out. */
  seen: Set<string>;
}

/**
 * Results of `sendStream`: answers, events and progress. Progress counts the messages of the present call, which after a
 * reconnection are fewer. Leaving a `for await` loop leaves the stream.
 */
export class Results implements AsyncIterableIterator<SendStreamResponse> {
  readonly #follow: Follow;
  readonly #input: AsyncIterator<Given> | Iterator<Given>;
  readonly #closed = new AbortController();
  readonly #signal: AbortSignal;
  #coming: Promise<IteratorResult<Given>> | undefined;
  #exhausted = false;
  /** What the caller's requests ended with, if that was an error: thrown once all that was sent has ended. */
  #failed: { error: unknown } | undefined;
  // Whether receipts were asked for: they come after a message has ended, of which nothing is kept here.
  #receipts = false;
  #call: AsyncIterator<SendStreamResponse> | undefined;
  #present = 0;
  #pause: Pause;
  // In the order of the requests.
  readonly #byId = new Map<string, Sending>();
  readonly #byMessage = new Map<string, Sending>();
  // The newest token that was handed out, and those who must end before a newer one may be: they were under way when a
  // call was lost, so the server tells of them again, after its newest position.
  #token = "";
  #carried = new Set<Sending>();

  constructor(follow: Follow, requests: AsyncIterable<Given> | Iterable<Given>) {
    this.#follow = follow;
    this.#input = Symbol.asyncIterator in requests ? requests[Symbol.asyncIterator]() : requests[Symbol.iterator]();
    this.#signal = AbortSignal.any([this.#closed.signal, ...follow.signals]);
    this.#pause = new Pause(follow.acceptForMs);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<SendStreamResponse, undefined>> {
    while (!this.#closed.signal.aborted) {
      let response;
      try {
        this.#call ??= this.#begin();
        const result = await this.#call.next();
        if (result.done) break;
        response = result.value;
      } catch (error) {
        this.#call = undefined;
        if (this.#receipts) {
          this.close();
          throw FanfareError.from(error);
        }
        if (this.#exhausted && this.#byId.size === 0) break;
        try {
          await this.#pause.wait(error, this.#signal);
        } catch (reason) {
          this.close();
          throw reason;
        }
        continue;
      }
      this.#pause = new Pause(this.#follow.reconnectForMs);
      try {
        if (this.#isNews(response)) return { done: false, value: response };
      } catch (error) {
        this.close();
        throw error;
      }
    }
    this.close();
    const failed = this.#failed;
    this.#failed = undefined;
    if (failed) throw failed.error;
    return { done: true, value: undefined };
  }

  /** Leaves the stream. Messages that were accepted go on. */
  close(): void {
    if (this.#closed.signal.aborted) return;
    this.#present++;
    this.#closed.abort(new ConnectError("the stream was closed", Code.Canceled));
    // As `for await` does: a generator runs its `finally`. What it throws then concerns nobody any more.
    if (!this.#exhausted) new Promise((resolve) => resolve(this.#input.return?.())).catch(() => {});
  }

  async return(): Promise<IteratorResult<SendStreamResponse, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  #begin(): AsyncIterator<SendStreamResponse> {
    const repeated = [...this.#byId.values()];
    this.#carried = new Set(repeated);
    for (const sending of repeated) sending.answeredHere = false;
    const requests = this.#requests(++this.#present, repeated);
    return this.#follow.push.sendStream(requests, { signal: this.#signal })[Symbol.asyncIterator]();
  }

  /** What had not ended, then what comes; only the present call takes it. */
  async *#requests(present: number, repeated: Sending[]) {
    for (const { request } of repeated) yield { send: request };
    while (!this.#exhausted) {
      let request: SendRequest | undefined;
      try {
        this.#coming ??= Promise.resolve(this.#input.next());
        const { done, value } = await this.#coming;
        if (present !== this.#present) return;
        if (!done) request = this.#add(value);
      } catch (error) {
        // The caller's own, not the connection's: nothing is repeated for it.
        if (present !== this.#present) return;
        this.#failed = { error };
      }
      this.#coming = undefined;
      this.#exhausted = request === undefined;
      if (request) yield { send: request };
      if (present !== this.#present) return;
    }
  }

  #add(given: Given): SendRequest {
    const request = create(SendRequestSchema, { ...given, requestId: given.requestId || crypto.randomUUID() } as Given);
    const level = request.reportLevel;
    this.#receipts ||= request.includeReceipts;
    // Only at these levels can the end of a message be seen.
    if (level === ReportLevel.PROGRESS || level === ReportLevel.FAILURES) request.reportLevel = ReportLevel.TERMINAL;
    // A request_id that is under way already is refused by the server: the answer is all there is of it.
    if (!this.#byId.has(request.requestId)) {
      const fresh = { answered: false, answeredHere: false, remaining: 0, seen: new Set<string>() };
      this.#byId.set(request.requestId, { request, level, ...fresh });
    }
    return request;
  }

  /** Leaves out what was told before the call was lost; false: nothing is left. */
  #isNews({ content }: SendStreamResponse): boolean {
    if (content.case === "answers") {
      content.value.answers = content.value.answers.filter((answer) => this.#takeAnswer(answer));
      return content.value.answers.length > 0;
    }
    if (content.case !== "frame") return true;
    const frame = content.value;
    if (frame.kind.case === "events") {
      frame.kind.value.events = frame.kind.value.events.filter((event) => this.#takeEvent(event));
    }
    if (this.#carried.size > 0) frame.resumeToken = this.#token;
    this.#token = frame.resumeToken;
    return frame.kind.case !== "events" || frame.kind.value.events.length > 0;
  }

  #takeAnswer({ requestId, answer }: SendStreamAnswer): boolean {
    const sending = this.#byId.get(requestId);
    if (!sending || sending.answeredHere) return true;
    const again = sending.answered;
    sending.answered = sending.answeredHere = true;
    if (answer.case === "rejected") {
      if (again) throw FanfareError.fromStatus(answer.value);
      this.#end(sending);
    } else if (answer.case === "accepted" && !again) {
      const message = answer.value.message;
      sending.remaining = message?.counts?.targets ?? 0;
      this.#byMessage.set(message?.name ?? "", sending);
      if (sending.remaining === 0 || sending.level === ReportLevel.ACCEPTED) this.#end(sending);
    }
    return !again;
  }

  #takeEvent({ message, eventId, state }: DeliveryEvent): boolean {
    const sending = this.#byMessage.get(message);
    if (!sending) return true;
    if (sending.seen.has(eventId)) return false;
    sending.seen.add(eventId);
    if (state >= DeliveryState.ACCEPTED && --sending.remaining === 0) {
      this.#byMessage.delete(message);
      this.#end(sending);
    }
    if (sending.level === ReportLevel.PROGRESS) return false;
    return sending.level !== ReportLevel.FAILURES || state !== DeliveryState.ACCEPTED;
  }

  #end(sending: Sending): void {
    this.#byId.delete(sending.request.requestId);
    this.#carried.delete(sending);
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import { FanfareError } from "./errors.js";

const FIRST_MS = 100;
const LONGEST_MS = 5_000;

/** Between attempts to take up a stream again: grows while no frame comes. */
export class Pause {
  readonly #until: number;
  #nextMs = FIRST_MS;

  constructor(limitMs: number) {
    this.#until = performance.now() + limitMs;
  }

  /**
   * Waits before a lost call is made again, as long as the server asked for if it did. Throws the reason if that would
   * not help, or has gone on for too long.
   */
  async wait(reason: unknown, signal: AbortSignal): Promise<void> {
    const lost = FanfareError.from(signal.aborted ? signal.reason : reason);
    if (signal.aborted || !lost.isLost || performance.now() > this.#until) throw lost;
    // Callers that lost the same server do not all come back at the same instant.
    let delayMs = this.#nextMs * (0.5 + Math.random() / 2);
    if (lost.retryAfterMs !== undefined) delayMs = Math.max(delayMs, Math.min(lost.retryAfterMs, LONGEST_MS));
    this.#nextMs = Math.min(2 * this.#nextMs, LONGEST_MS);
    try {
      await sleep(delayMs, undefined, { signal });
    } catch {
      throw FanfareError.from(signal.reason);
    }
  }
}

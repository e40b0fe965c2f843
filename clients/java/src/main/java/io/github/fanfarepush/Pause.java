package io.github.fanfarepush;

import io.grpc.Status;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** Between attempts to take up a stream again: grows while no frame comes. */
final class Pause {
  private static final long FIRST_MILLIS = 100;
  private static final long LONGEST_MILLIS = 5_000;

  private final long untilNanos;
  private long nextMillis = FIRST_MILLIS;

  Pause(Duration limit) {
    this.untilNanos = System.nanoTime() + limit.toNanos();
  }

  /**
   * Waits before a lost call is made again, as long as the server asked for if it did. Throws the reason if that would
   * not help, or has gone on for too long.
   *
   * @param deadlineNanos of the stream, by {@link System#nanoTime()}; null: none
   */
  void await(FanfareException lost, Long deadlineNanos) {
    long now = System.nanoTime();
    if (!lost.isLost() || now - untilNanos > 0) {
      throw lost;
    }
    // Callers that lost the same server do not all come back at the same instant.
    long millis = ThreadLocalRandom.current().nextLong(nextMillis / 2, nextMillis + 1);
    if (lost.retryAfter() != null) {
      millis = Math.max(millis, Math.min(lost.retryAfter().toMillis(), LONGEST_MILLIS));
    }
    nextMillis = Math.min(2 * nextMillis, LONGEST_MILLIS);
    if (deadlineNanos != null && now + millis * 1_000_000 - deadlineNanos > 0) {
      throw FanfareException.of(
          Status.DEADLINE_EXCEEDED.withDescription("the deadline passed; before: " + lost.getMessage()).asException());
    }
    try {
      Thread.sleep(millis);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw FanfareException.of(Status.CANCELLED.withDescription("interrupted").withCause(interrupted).asException());
    }
  }
}

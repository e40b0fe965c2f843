package io.github.fanfarepush;

import io.github.fanfarepush.v1.DeliveryEvent;
import io.github.fanfarepush.v1.DeliveryFrame;
import io.github.fanfarepush.v1.MessageStatus;
import io.github.fanfarepush.v1.PushServiceGrpc.PushServiceBlockingStub;
import io.github.fanfarepush.v1.ReportLevel;
import io.github.fanfarepush.v1.WatchDeliveriesRequest;
import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Collections;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;

/**
 * A status stream: a position in the server's durable log. When the connection is lost or the server stops, it goes on
 * from its last token by itself. For one thread, but for {@link #close()}.
 *
 * <p>Iterating gives frames. Store the resume token of a frame together with what you did for it, and each event has its
 * effect exactly once.
 */
public final class Deliveries implements Iterator<DeliveryFrame>, AutoCloseable {
  private final Fanfare client;
  private final Long deadlineNanos;
  private final Context.CancellableContext context = Context.current().withCancellation();
  private final AtomicBoolean ended = new AtomicBoolean();
  // The call that the stream begins with; null once its message is known, and for watch.
  private Function<PushServiceBlockingStub, Iterator<DeliveryFrame>> begin;
  private WatchDeliveriesRequest watch;
  private Iterator<DeliveryFrame> call;
  private Pause pause;
  private DeliveryFrame next;
  private MessageStatus message;
  private boolean replayed;
  // Everything that was asked for has come, although the call has not ended.
  private boolean told;

  Deliveries(
      Fanfare client,
      Duration deadline,
      WatchDeliveriesRequest watch,
      Function<PushServiceBlockingStub, Iterator<DeliveryFrame>> begin) {
    this.client = client;
    this.deadlineNanos = deadline == null ? null : System.nanoTime() + deadline.toNanos();
    this.watch = watch;
    this.begin = begin;
    this.pause = new Pause(client.options.acceptFor());
    hasNext();
  }

  static <R> Iterator<DeliveryFrame> frames(Iterator<R> responses, Function<R, DeliveryFrame> frame) {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return responses.hasNext();
      }

      @Override
      public DeliveryFrame next() {
        return frame.apply(responses.next());
      }
    };
  }

  /**
   * Waits for the next frame, or the end of the stream.
   *
   * @throws FanfareException if the stream cannot go on
   */
  @Override
  public boolean hasNext() {
    while (next == null && !ended.get()) {
      try {
        if (!receive()) {
          close();
        }
      } catch (StatusRuntimeException error) {
        call = null;
        if (told) {
          close();
          break;
        }
        try {
          pause.await(FanfareException.of(error), deadlineNanos);
        } catch (FanfareException reason) {
          close();
          throw reason;
        }
        client.channel.resetConnectBackoff();
      }
    }
    return next != null;
  }

  @Override
  public DeliveryFrame next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    DeliveryFrame frame = next;
    next = null;
    return frame;
  }

  /** What happened to each endpoint, one event after the other; leaves out all else. */
  public Iterable<DeliveryEvent> events() {
    return () ->
        new Iterator<>() {
          private Iterator<DeliveryEvent> batch = Collections.emptyIterator();

          @Override
          public boolean hasNext() {
            while (!batch.hasNext() && Deliveries.this.hasNext()) {
              batch = Deliveries.this.next().getEvents().getEventsList().iterator();
            }
            return batch.hasNext();
          }

          @Override
          public DeliveryEvent next() {
            if (!hasNext()) {
              throw new NoSuchElementException();
            }
            return batch.next();
          }
        };
  }

  /**
   * How the message stood in the newest frame that told of it: at first as it was accepted, at last its summary. Null for
   * "messages/-" until a frame tells of one.
   */
  public MessageStatus message() {
    return message;
  }

  /** Whether the request_id had been seen before: the call joined an earlier message. */
  public boolean replayed() {
    return replayed;
  }

  /** The position after the newest frame that was received. */
  public String resumeToken() {
    return watch.getResumeToken();
  }

  /** Leaves the stream. Delivery goes on, unless the request said cancel_on_disconnect. */
  @Override
  public void close() {
    ended.set(true);
    context.cancel(null);
  }

  private boolean receive() {
    if (call == null) {
      PushServiceBlockingStub stub = client.push();
      if (deadlineNanos != null) {
        stub = stub.withDeadlineAfter(deadlineNanos - System.nanoTime(), TimeUnit.NANOSECONDS);
      }
      PushServiceBlockingStub timed = stub;
      Context previous = context.attach();
      try {
        call = begin == null ? frames(timed.watchDeliveries(watch), response -> response.getFrame()) : begin.apply(timed);
      } finally {
        context.detach(previous);
      }
    }
    if (!call.hasNext()) {
      return false;
    }
    next = call.next();
    advance(next);
    return true;
  }

  /** Notes that a frame came: what is opened next goes on behind it. */
  private void advance(DeliveryFrame frame) {
    pause = new Pause(client.options.reconnectFor());
    var goesOn = watch.toBuilder().setResumeToken(frame.getResumeToken());
    switch (frame.getKindCase()) {
      case ACCEPTED -> {
        message = frame.getAccepted().getMessage();
        replayed = frame.getAccepted().getReplayed();
        if (begin != null) {
          goesOn.setParent(message.getName());
          begin = null;
          boolean dryRun = message.getName().isEmpty();
          told = dryRun || watch.getReportLevel() == ReportLevel.REPORT_LEVEL_ACCEPTED;
        }
      }
      case PROGRESS -> {
        if (!frame.getProgress().getName().isEmpty()) {
          message = frame.getProgress();
        }
      }
      case SUMMARY -> {
        message = frame.getSummary();
        // The server ends the call now; if the connection is lost instead, nothing is missing.
        if (watch.getParent().equals(message.getName())) {
          ended.set(true);
        }
      }
      default -> {}
    }
    watch = goesOn.build();
  }
}

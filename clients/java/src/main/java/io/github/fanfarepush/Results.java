package io.github.fanfarepush;

import io.github.fanfarepush.v1.SendRequest;
import io.github.fanfarepush.v1.SendStreamRequest;
import io.github.fanfarepush.v1.SendStreamResponse;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Results of {@link Fanfare#sendStream}: answers, events and progress. Progress counts the messages of the present call,
 * which after a reconnection are fewer. For one thread, but for {@link #close()}.
 */
public final class Results implements Iterator<SendStreamResponse>, AutoCloseable {
  /** Responses that are asked for ahead of the reader. */
  private static final int AHEAD = 16;

  private final Fanfare client;
  private final Iterator<SendRequest> requests;
  private final Ledger ledger = new Ledger();
  // Guards who is the present call, the input, and its end.
  private final ReentrantLock turn = new ReentrantLock();
  private final Condition ready = turn.newCondition();
  private Call present;
  // Taken from the caller's iterator, which may block, and not yet sent.
  private SendRequest waiting;
  private boolean exhausted;
  private RuntimeException failed;
  private volatile boolean closed;
  private Pause pause;
  private SendStreamResponse next;

  Results(Fanfare client, Iterator<SendRequest> requests) {
    this.client = client;
    this.requests = requests;
    this.pause = new Pause(client.options.acceptFor());
    start("fanfare-send-stream-input", this::take);
  }

  /**
   * Waits for the next response, or the end of the stream.
   *
   * @throws FanfareException if the stream cannot go on
   */
  @Override
  public boolean hasNext() {
    while (next == null && !closed) {
      if (present == null) {
        begin();
      }
      Call.Happening happened = present.take();
      if (happened.response != null) {
        pause = new Pause(client.options.reconnectFor());
        try {
          Optional<SendStreamResponse> news = ledger.news(happened.response);
          next = news.orElse(null);
        } catch (FanfareException rejected) {
          close();
          throw rejected;
        }
      } else if (happened.error == null) {
        close();
        if (failed != null) {
          throw failed;
        }
      } else {
        leave();
        if (ledger.asksForReceipts()) {
          close();
          throw FanfareException.of(happened.error);
        }
        if (exhausted && ledger.isEmpty()) {
          close();
          break;
        }
        try {
          pause.await(FanfareException.of(happened.error), null);
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
  public SendStreamResponse next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    SendStreamResponse response = next;
    next = null;
    return response;
  }

  /** Leaves the stream. Messages that were accepted go on. */
  @Override
  public void close() {
    closed = true;
    turn.lock();
    try {
      if (present != null) {
        present.requests.cancel("the stream was closed", null);
        present = null;
      }
      ready.signalAll();
    } finally {
      turn.unlock();
    }
  }

  private void begin() {
    turn.lock();
    try {
      Call call = new Call();
      present = call;
      var repeated = ledger.repeated().iterator();
      client.asyncPush().sendStream(call);
      start("fanfare-send-stream", () -> send(call, repeated));
    } finally {
      turn.unlock();
    }
  }

  private void leave() {
    turn.lock();
    try {
      present = null;
      ready.signalAll();
    } finally {
      turn.unlock();
    }
  }

  /** Sends what had not ended, then what comes; only the present call takes it. */
  private void send(Call call, Iterator<SendRequest> repeated) {
    turn.lock();
    try {
      while (true) {
        boolean something = repeated.hasNext() || waiting != null || exhausted;
        if (call != present) {
          return;
        }
        if (!something || !call.requests.isReady()) {
          ready.awaitUninterruptibly();
        } else if (repeated.hasNext()) {
          call.send(repeated.next());
        } else if (waiting != null) {
          SendRequest request = ledger.add(waiting);
          waiting = null;
          ready.signalAll();
          call.send(request);
        } else {
          call.requests.onCompleted();
          return;
        }
      }
    } catch (IllegalStateException over) {
      // The call has ended: it shows where answers are received.
    } finally {
      turn.unlock();
    }
  }

  /** Takes one request after the other from the caller. */
  private void take() {
    try {
      while (!closed && requests.hasNext()) {
        SendRequest request = requests.next();
        turn.lock();
        try {
          while (waiting != null && !closed) {
            ready.awaitUninterruptibly();
          }
          waiting = request;
          ready.signalAll();
        } finally {
          turn.unlock();
        }
      }
    } catch (RuntimeException error) {
      failed = error; // The caller's own, which it gets where it reads.
    }
    turn.lock();
    try {
      while (waiting != null && !closed) {
        ready.awaitUninterruptibly();
      }
      exhausted = true;
      ready.signalAll();
    } finally {
      turn.unlock();
    }
  }

  private static void start(String name, Runnable work) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    thread.start();
  }

  /** One call, and what it brought. */
  private final class Call implements ClientResponseObserver<SendStreamRequest, SendStreamResponse> {
    record Happening(SendStreamResponse response, Throwable error) {}

    private final BlockingQueue<Happening> happenings = new LinkedBlockingQueue<>();
    private ClientCallStreamObserver<SendStreamRequest> requests;

    void send(SendRequest request) {
      requests.onNext(SendStreamRequest.newBuilder().setSend(request).build());
    }

    Happening take() {
      try {
        Happening happened = happenings.take();
        if (happened.response != null) {
          requests.request(1);
        }
        return happened;
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        return new Happening(null, io.grpc.Status.CANCELLED.withDescription("interrupted").asException());
      }
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<SendStreamRequest> requests) {
      this.requests = requests;
      requests.disableAutoRequestWithInitial(AHEAD);
      requests.setOnReadyHandler(this::signal);
    }

    @Override
    public void onNext(SendStreamResponse response) {
      happenings.add(new Happening(response, null));
    }

    @Override
    public void onError(Throwable error) {
      happenings.add(new Happening(null, error));
    }

    @Override
    public void onCompleted() {
      happenings.add(new Happening(null, null));
    }

    private void signal() {
      turn.lock();
      try {
        ready.signalAll();
      } finally {
        turn.unlock();
      }
    }
  }
}

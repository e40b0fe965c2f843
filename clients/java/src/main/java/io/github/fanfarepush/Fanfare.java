package io.github.fanfarepush;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import io.github.fanfarepush.v1.AdminServiceGrpc;
import io.github.fanfarepush.v1.BroadcastRequest;
import io.github.fanfarepush.v1.PushServiceGrpc;
import io.github.fanfarepush.v1.PushSubscription;
import io.github.fanfarepush.v1.SendRequest;
import io.github.fanfarepush.v1.SubscribeRequest;
import io.github.fanfarepush.v1.SubscribeResponse;
import io.github.fanfarepush.v1.WatchDeliveriesRequest;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Iterator;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Client of one Fanfare server, for any number of threads: https://github.com/fanfare-push/fanfare.
 *
 * <p>A thin layer over the generated stubs of {@code io.github.fanfarepush.v1}. It adds what every caller needs: a
 * connection with sensible keepalive, deadlines and retries; status streams that go on by themselves after a lost
 * connection, without a gap or a duplicate; and errors whose details can be read.
 */
public final class Fanfare implements AutoCloseable {
  /** How long a connection with calls may be quiet before it is asked for a sign of life, and how long that may take. */
  private static final Duration KEEPALIVE_TIME = Duration.ofSeconds(30);

  private static final Duration KEEPALIVE_TIMEOUT = Duration.ofSeconds(10);

  /** Largest answer taken, in octets: a full page of subscriptions with all their topics and labels. */
  private static final int ANSWER_OCTETS_MAX = 64 * 1024 * 1024;

  private static final Set<String> LOOPBACK = Set.of("localhost", "[::1]");

  final ManagedChannel channel;
  final Options options;
  private final PushServiceGrpc.PushServiceBlockingStub push;
  private final AdminServiceGrpc.AdminServiceBlockingStub admin;
  private final PushServiceGrpc.PushServiceStub asyncPush;

  /**
   * Options of a connection.
   *
   * @param token of the application, sent with each call; over http only to a loopback address; null: none
   * @param tls for https targets; null: the system's root certificates
   * @param acceptFor how long a call that opens a stream is repeated until its first frame comes
   * @param reconnectFor how long a stream that was lost is taken up again, without a frame, before it fails
   */
  public record Options(String token, TlsChannelCredentials.Builder tls, Duration acceptFor, Duration reconnectFor) {
    /** No token, the system's root certificates, 30 seconds, 5 minutes. */
    public static Options defaults() {
      return new Options(null, null, Duration.ofSeconds(30), Duration.ofMinutes(5));
    }

    /** With a token. */
    public Options withToken(String token) {
      return new Options(token, tls, acceptFor, reconnectFor);
    }

    /** With certificates and keys of one's own. */
    public Options withTls(TlsChannelCredentials.Builder tls) {
      return new Options(token, tls, acceptFor, reconnectFor);
    }

    /** With other limits. */
    public Options withLimits(Duration acceptFor, Duration reconnectFor) {
      return new Options(token, tls, acceptFor, reconnectFor);
    }

    @Override
    public String toString() {
      return "Options[acceptFor=" + acceptFor + ", reconnectFor=" + reconnectFor + "]";
    }
  }

  /** As {@link #connect(String, Options)} with the defaults. */
  public static Fanfare connect(String target) {
    return connect(target, Options.defaults());
  }

  /**
   * Makes a client of the server at {@code target}, for example {@code http://127.0.0.1:8030} or
   * {@code https://push.example.com}. Does not wait for the connection, which is opened by the first call, and again
   * whenever it was lost.
   *
   * @throws IllegalArgumentException if the target is no such URL, or a token would travel in clear
   */
  public static Fanfare connect(String target, Options options) {
    return new Fanfare(URI.create(target), options);
  }

  private Fanfare(URI target, Options options) {
    String scheme = String.valueOf(target.getScheme());
    boolean secure = scheme.equals("https");
    if (!(secure || scheme.equals("http")) || target.getHost() == null || !Set.of("", "/").contains(target.getPath())) {
      throw new IllegalArgumentException(target + " must be http://host:port or https://host:port");
    }
    boolean loopback = LOOPBACK.contains(target.getHost()) || target.getHost().startsWith("127.");
    if (options.token() != null && !secure && !loopback) {
      throw new IllegalArgumentException("a token must not travel over http: use an https target");
    }
    int port = target.getPort() >= 0 ? target.getPort() : secure ? 443 : 80;
    ChannelCredentials credentials = InsecureChannelCredentials.create();
    if (secure) {
      credentials = options.tls() == null ? TlsChannelCredentials.create() : options.tls().build();
    }
    this.options = options;
    this.channel =
        Grpc.newChannelBuilder("dns:///" + target.getHost() + ":" + port, credentials)
            .keepAliveTime(KEEPALIVE_TIME.toSeconds(), TimeUnit.SECONDS)
            .keepAliveTimeout(KEEPALIVE_TIMEOUT.toSeconds(), TimeUnit.SECONDS)
            .maxInboundMessageSize(ANSWER_OCTETS_MAX)
            .defaultServiceConfig(serviceConfig())
            .enableRetry()
            .build();
    Metadata metadata = new Metadata();
    if (options.token() != null) {
      metadata.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + options.token());
    }
    var token = MetadataUtils.newAttachHeadersInterceptor(metadata);
    this.push = PushServiceGrpc.newBlockingStub(channel).withInterceptors(token);
    this.admin = AdminServiceGrpc.newBlockingStub(channel).withInterceptors(token);
    this.asyncPush = PushServiceGrpc.newStub(channel).withInterceptors(token);
  }

  /** The generated stub. {@link FanfareException#of} reads what its calls throw. */
  public PushServiceGrpc.PushServiceBlockingStub push() {
    return push;
  }

  /** The generated stub. {@link FanfareException#of} reads what its calls throw. */
  public AdminServiceGrpc.AdminServiceBlockingStub admin() {
    return admin;
  }

  PushServiceGrpc.PushServiceStub asyncPush() {
    return asyncPush;
  }

  /** As {@link #subscribe(String, SubscribeRequest)} without a user, topics and so on. */
  public SubscribeResponse subscribe(String browserJson) {
    return subscribe(browserJson, SubscribeRequest.getDefaultInstance());
  }

  /**
   * Stores a browser's subscription: {@code browserJson} is what {@code JSON.stringify(subscription)} gave in the page.
   *
   * @param with the rest of the request: user, topics, …
   * @throws FanfareException INVALID_ARGUMENT also for JSON that is none of a subscription
   */
  public SubscribeResponse subscribe(String browserJson, SubscribeRequest with) {
    PushSubscription.Builder browser = PushSubscription.newBuilder();
    try {
      // Members that browsers will add are none of ours.
      JsonFormat.parser().ignoringUnknownFields().merge(browserJson, browser);
    } catch (InvalidProtocolBufferException | RuntimeException error) {
      throw FanfareException.notASubscription();
    }
    try {
      return push.subscribe(with.toBuilder().setPushSubscription(browser).build());
    } catch (StatusRuntimeException error) {
      throw FanfareException.of(error);
    }
  }

  /**
   * Sends a message to one recipient and returns once it is accepted: from then on it is durable, whatever becomes of the
   * caller. The stream tells what happens to it. A request without a request_id gets one, so that a call whose connection
   * was lost is repeated without sending twice.
   */
  public Deliveries send(SendRequest request) {
    return send(request, null);
  }

  /** As {@link #send(SendRequest)}, with a deadline of the whole stream. */
  public Deliveries send(SendRequest request, Duration deadline) {
    SendRequest named = request.toBuilder().setRequestId(requestId(request.getRequestId())).build();
    WatchDeliveriesRequest watch =
        WatchDeliveriesRequest.newBuilder()
            .setApplication(request.getApplication())
            .setReportLevelValue(request.getReportLevelValue())
            .setIncludeReceipts(request.getIncludeReceipts())
            .build();
    return new Deliveries(this, deadline, watch, stub -> Deliveries.frames(stub.send(named), r -> r.getFrame()));
  }

  /** Sends a message to an audience. All else is as for {@link #send(SendRequest)}. */
  public Deliveries broadcast(BroadcastRequest request) {
    return broadcast(request, null);
  }

  /** As {@link #broadcast(BroadcastRequest)}, with a deadline of the whole stream. */
  public Deliveries broadcast(BroadcastRequest request, Duration deadline) {
    BroadcastRequest named = request.toBuilder().setRequestId(requestId(request.getRequestId())).build();
    WatchDeliveriesRequest watch =
        WatchDeliveriesRequest.newBuilder()
            .setApplication(request.getApplication())
            .setReportLevelValue(request.getReportLevelValue())
            .setIncludeReceipts(request.getIncludeReceipts())
            .build();
    return new Deliveries(this, deadline, watch, stub -> Deliveries.frames(stub.broadcast(named), r -> r.getFrame()));
  }

  /**
   * Follows one message ("messages/{id}") or all of the application ("messages/-"), from a resume token on if the request
   * has one.
   */
  public Deliveries watch(WatchDeliveriesRequest request) {
    return watch(request, null);
  }

  /** As {@link #watch(WatchDeliveriesRequest)}, with a deadline of the whole stream. */
  public Deliveries watch(WatchDeliveriesRequest request, Duration deadline) {
    return new Deliveries(this, deadline, request, null);
  }

  /**
   * Sends many messages over one call, flow-controlled both ways, and tells what becomes of them: requests are taken as
   * the server takes them. One that is refused is an answer with {@code rejected}, and the stream goes on. A lost call is
   * taken up again: what had not ended is sent once more, with its request_id, and what had been told is not told again.
   * If receipts were asked for, a lost call ends with an error instead: watch "messages/-" from the last token.
   */
  public Results sendStream(Iterator<SendRequest> requests) {
    return new Results(this, requests);
  }

  /** Ends all calls. Messages that were accepted go on without their caller. */
  @Override
  public void close() {
    channel.shutdownNow();
  }

  private static String requestId(String given) {
    return given.isEmpty() ? java.util.UUID.randomUUID().toString() : given;
  }

  /** Which calls are retried, and how long they may take. */
  @SuppressWarnings("unchecked")
  private static Map<String, ?> serviceConfig() {
    try (InputStream file = Fanfare.class.getResourceAsStream("service-config.json")) {
      // gRPC wants plain maps, lists and doubles, which is what Gson makes of an Object.
      var reader = new InputStreamReader(Objects.requireNonNull(file), StandardCharsets.UTF_8);
      return (Map<String, ?>) new com.google.gson.Gson().fromJson(reader, Map.class);
    } catch (IOException error) {
      throw new java.io.UncheckedIOException(error);
    }
  }
}

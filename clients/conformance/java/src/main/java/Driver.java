import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import io.github.fanfarepush.Deliveries;
import io.github.fanfarepush.Fanfare;
import io.github.fanfarepush.FanfareException;
import io.github.fanfarepush.Results;
import io.github.fanfarepush.v1.BroadcastRequest;
import io.github.fanfarepush.v1.DeliveryEvent;
import io.github.fanfarepush.v1.DeliveryFrame;
import io.github.fanfarepush.v1.SendRequest;
import io.github.fanfarepush.v1.SendStreamResponse;
import io.github.fanfarepush.v1.SubscribeRequest;
import io.github.fanfarepush.v1.WatchDeliveriesRequest;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.AbstractStub;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** The Java client's driver of the conformance suite: see ../README.md. */
public final class Driver {
  /** A stream that was opened, and what has come of it. */
  private static final class Stream {
    Deliveries deliveries;
    Results results;
    final Set<String> seen = new HashSet<>();
    final Map<String, Integer> states = new TreeMap<>();
    final Map<String, Integer> total = new TreeMap<>();

    int count(String name, int by) {
      return total.merge(name, by, Integer::sum);
    }

    void note(DeliveryFrame frame) {
      count("frames", 1);
      for (DeliveryEvent event : frame.getEvents().getEventsList()) {
        count("events", 1);
        if (!seen.add(event.getMessage() + " " + event.getEventId())) {
          count("duplicates", 1);
        }
        states.merge(event.getState().name(), 1, Integer::sum);
      }
    }
  }

  private final Gson gson = new Gson();
  private final Map<String, Stream> streams = new HashMap<>();
  private Fanfare client;

  public static void main(String[] arguments) throws Exception {
    Driver driver = new Driver();
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      JsonObject told;
      try {
        told = driver.run(JsonParser.parseString(line).getAsJsonObject());
      } catch (Exception error) {
        told = new JsonObject();
        told.add("error", driver.described(error));
      }
      System.out.println(told);
      System.out.flush();
    }
    System.exit(0);
  }

  private JsonObject run(JsonObject step) throws Exception {
    return switch (step.get("do").getAsString()) {
      case "connect" -> connect(step);
      case "call" -> call(step);
      case "subscribe" -> subscribe(step);
      case "open" -> open(step);
      case "read" -> read(step);
      case "close" -> close(step);
      case "many" -> many(step);
      default -> throw new IllegalArgumentException(step.toString());
    };
  }

  private JsonObject connect(JsonObject step) throws IOException {
    if (client != null) {
      client.close();
    }
    Fanfare.Options options = Fanfare.Options.defaults();
    Duration acceptFor = step.has("accept_for") ? seconds(step, "accept_for") : options.acceptFor();
    if (step.has("certificate")) {
      var trusted = new ByteArrayInputStream(step.get("certificate").getAsString().getBytes(StandardCharsets.UTF_8));
      options = options.withTls(TlsChannelCredentials.newBuilder().trustManager(trusted));
    }
    if (step.has("token")) {
      options = options.withToken(step.get("token").getAsString());
    }
    client = Fanfare.connect(step.get("target").getAsString(), options.withLimits(acceptFor, options.reconnectFor()));
    return new JsonObject();
  }

  /** Any unary call, by its name. */
  private JsonObject call(JsonObject step) throws Exception {
    String[] rpc = step.get("rpc").getAsString().split("\\.");
    AbstractStub<?> stub = rpc[0].equals("AdminService") ? client.admin() : client.push();
    if (step.has("deadline")) {
      stub = stub.withDeadlineAfter(seconds(step, "deadline").toMillis(), TimeUnit.MILLISECONDS);
    }
    Class<?> type = Class.forName("io.github.fanfarepush.v1." + rpc[1] + "Request");
    Message.Builder request = (Message.Builder) type.getMethod("newBuilder").invoke(null);
    JsonFormat.parser().merge(step.get("request").toString(), request);
    Method method = stub.getClass().getMethod(Character.toLowerCase(rpc[1].charAt(0)) + rpc[1].substring(1), type);
    try {
      return response((Message) method.invoke(stub, request.build()));
    } catch (InvocationTargetException error) {
      throw FanfareException.of(error.getCause());
    }
  }

  private JsonObject subscribe(JsonObject step) throws InvalidProtocolBufferException {
    SubscribeRequest.Builder with = SubscribeRequest.newBuilder();
    if (step.has("request")) {
      JsonFormat.parser().merge(step.get("request").toString(), with);
    }
    return response(client.subscribe(step.get("subscription").toString(), with.build()));
  }

  private JsonObject open(JsonObject step) throws InvalidProtocolBufferException {
    Duration deadline = step.has("deadline") ? seconds(step, "deadline") : null;
    String request = step.get("request").toString();
    Stream opened = new Stream();
    List.of("frames", "events", "duplicates", "answers", "rejected").forEach(name -> opened.count(name, 0));
    switch (step.get("rpc").getAsString()) {
      case "Send" -> opened.deliveries = client.send(sendRequest(request), deadline);
      case "Broadcast" -> {
        BroadcastRequest.Builder builder = BroadcastRequest.newBuilder();
        JsonFormat.parser().merge(request, builder);
        opened.deliveries = client.broadcast(builder.build(), deadline);
      }
      case "WatchDeliveries" -> {
        WatchDeliveriesRequest.Builder builder = WatchDeliveriesRequest.newBuilder();
        JsonFormat.parser().merge(request, builder);
        opened.deliveries = client.watch(builder.build(), deadline);
      }
      default ->
          opened.results =
              client.sendStream(Collections.nCopies(step.get("count").getAsInt(), sendRequest(request)).iterator());
    }
    streams.put(step.get("stream").getAsString(), opened);
    return position(opened);
  }

  private JsonObject read(JsonObject step) throws InvalidProtocolBufferException {
    Stream stream = streams.get(step.get("stream").getAsString());
    long until = step.has("events") ? stream.count("events", 0) + step.get("events").getAsLong() : Long.MAX_VALUE;
    boolean ended = false;
    JsonElement error = null;
    try {
      while (!ended && stream.count("events", 0) < until) {
        ended = stream.deliveries == null ? !stream.results.hasNext() : !stream.deliveries.hasNext();
        if (ended) {
          break;
        }
        if (stream.deliveries != null) {
          stream.note(stream.deliveries.next());
          continue;
        }
        SendStreamResponse response = stream.results.next();
        if (response.hasFrame()) {
          stream.note(response.getFrame());
        }
        response.getAnswers().getAnswersList().forEach(
            answer -> {
              stream.count("answers", 1);
              stream.count("rejected", answer.hasRejected() ? 1 : 0);
            });
      }
    } catch (FanfareException failed) {
      error = described(failed);
    }
    JsonObject told = position(stream);
    stream.total.forEach(told::addProperty);
    told.add("states", gson.toJsonTree(stream.states));
    told.addProperty("ended", ended);
    if (error != null) {
      told.add("error", error);
    }
    return told;
  }

  private JsonObject close(JsonObject step) {
    Stream stream = streams.remove(step.get("stream").getAsString());
    if (stream.deliveries != null) {
      stream.deliveries.close();
    } else {
      stream.results.close();
    }
    return new JsonObject();
  }

  private JsonObject many(JsonObject step) throws Exception {
    SendRequest request = sendRequest(step.get("request").toString());
    int count = step.get("count").getAsInt();
    ExecutorService threads = Executors.newFixedThreadPool(count);
    Callable<Map.Entry<String, Integer>> one =
        () -> {
          Deliveries deliveries = client.send(request);
          int events = 0;
          for (DeliveryEvent event : deliveries.events()) {
            events++;
          }
          return Map.entry(deliveries.message().getName(), events);
        };
    Set<String> names = new HashSet<>();
    int events = 0;
    try {
      for (Future<Map.Entry<String, Integer>> sent : threads.invokeAll(Collections.nCopies(count, one))) {
        names.add(sent.get().getKey());
        events += sent.get().getValue();
      }
    } catch (ExecutionException error) {
      throw (Exception) error.getCause();
    } finally {
      threads.shutdown();
    }
    JsonObject told = new JsonObject();
    told.addProperty("messages", names.size());
    told.addProperty("events", events);
    return told;
  }

  private JsonObject position(Stream stream) throws InvalidProtocolBufferException {
    JsonObject told = new JsonObject();
    if (stream.deliveries != null) {
      told.addProperty("replayed", stream.deliveries.replayed());
      told.addProperty("resume_token", stream.deliveries.resumeToken());
      if (stream.deliveries.message() != null) {
        told.add("message", written(stream.deliveries.message()));
      }
    }
    return told;
  }

  private JsonElement described(Exception error) {
    JsonObject told = new JsonObject();
    if (!(error instanceof FanfareException typed)) {
      told.addProperty("code", "LOCAL");
      told.addProperty("message", String.valueOf(error));
      return told;
    }
    told.addProperty("code", typed.code().name());
    told.addProperty("reason", typed.reason());
    told.add("metadata", gson.toJsonTree(typed.metadata()));
    List<String> fields = new ArrayList<>();
    typed.violations().forEach(violation -> fields.add(violation.field()));
    told.add("violations", gson.toJsonTree(fields));
    if (typed.resource() != null) {
      told.add("resource", gson.toJsonTree(List.of(typed.resource().type(), typed.resource().name())));
    }
    return told;
  }

  private static SendRequest sendRequest(String json) throws InvalidProtocolBufferException {
    SendRequest.Builder builder = SendRequest.newBuilder();
    JsonFormat.parser().merge(json, builder);
    return builder.build();
  }

  private static JsonObject response(Message message) throws InvalidProtocolBufferException {
    JsonObject told = new JsonObject();
    told.add("response", written(message));
    return told;
  }

  private static JsonElement written(Message message) throws InvalidProtocolBufferException {
    return JsonParser.parseString(JsonFormat.printer().print(message));
  }

  private static Duration seconds(JsonObject step, String name) {
    return Duration.ofMillis((long) (1000 * step.get(name).getAsDouble()));
  }
}

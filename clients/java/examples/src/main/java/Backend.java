import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.github.fanfarepush.Fanfare;
import io.github.fanfarepush.FanfareException;
import io.github.fanfarepush.v1.SubscribeRequest;
import io.grpc.Status;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;

/** A web backend that stores the subscriptions of its users' browsers. */
public final class Backend {
  public static void main(String[] arguments) throws IOException {
    Fanfare client = Fanfare.connect(System.getenv("FANFARE_SERVER"));
    int port = Integer.parseInt(System.getenv("PORT"));
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
    server.setExecutor(Executors.newFixedThreadPool(8));
    server.createContext("/subscriptions", exchange -> store(client, exchange));
    server.start();
    System.out.println("listening on http://127.0.0.1:" + server.getAddress().getPort());
  }

  /** What the page posts: {"subscription": …, "replaces": "old endpoint"}. */
  private static void store(Fanfare client, HttpExchange exchange) throws IOException {
    int status = 201;
    String text;
    try {
      byte[] octets = exchange.getRequestBody().readNBytes(16 * 1024);
      JsonObject body = JsonParser.parseString(new String(octets, StandardCharsets.UTF_8)).getAsJsonObject();
      var with = SubscribeRequest.newBuilder().setUserId("alice" /* Who is logged in. */).addTopics("news");
      if (body.has("replaces")) {
        with.setReplaces(body.get("replaces").getAsString());
      }
      text = client.subscribe(String.valueOf(body.get("subscription")), with.build()).getSubscription().getName();
    } catch (JsonParseException | IllegalStateException error) {
      status = 400;
      text = "not JSON";
    } catch (FanfareException error) {
      boolean theirs = error.code() == Status.Code.INVALID_ARGUMENT;
      status = theirs ? 400 : 503;
      var violations = error.violations().stream().map(one -> one.field() + ": " + one.description());
      text = theirs ? violations.collect(Collectors.joining("\n")) : "try again later";
    }
    byte[] answer = (text + "\n").getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, answer.length);
    exchange.getResponseBody().write(answer);
    exchange.close();
  }
}

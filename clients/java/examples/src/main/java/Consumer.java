import com.google.gson.Gson;
import io.github.fanfarepush.Fanfare;
import io.github.fanfarepush.v1.DeliveryEvent;
import io.github.fanfarepush.v1.DeliveryFrame;
import io.github.fanfarepush.v1.WatchDeliveriesRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.TreeMap;

/**
 * Counts what becomes of all messages. It may be killed at any instant: the token is stored together with the effect, so
 * each event counts exactly once.
 */
public final class Consumer {
  private static final class State {
    String token = "";
    Map<String, Integer> counts = new TreeMap<>();
  }

  public static void main(String[] arguments) throws IOException {
    Gson gson = new Gson();
    Path file = Path.of(arguments[0]);
    State known = Files.exists(file) ? gson.fromJson(Files.readString(file), State.class) : new State();
    var request = WatchDeliveriesRequest.newBuilder().setParent("messages/-").setResumeToken(known.token).build();
    try (var client = Fanfare.connect(System.getenv("FANFARE_SERVER"));
        var stream = client.watch(request)) {
      while (stream.hasNext()) {
        DeliveryFrame frame = stream.next();
        for (DeliveryEvent event : frame.getEvents().getEventsList()) {
          known.counts.merge(event.getOutcome().name(), 1, Integer::sum);
        }
        known.token = frame.getResumeToken();
        // Replaces the file at once. A database would do both in one transaction.
        Path fresh = Files.writeString(Path.of(file + ".new"), gson.toJson(known));
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        System.out.println(gson.toJson(known.counts));
      }
    }
  }
}

import io.github.fanfarepush.Fanfare;
import io.github.fanfarepush.v1.Audience;
import io.github.fanfarepush.v1.BroadcastRequest;
import io.github.fanfarepush.v1.Message;
import io.github.fanfarepush.v1.Notification;
import io.github.fanfarepush.v1.ReportLevel;
import io.github.fanfarepush.v1.TopicList;

/** Sends to everybody who wants to hear of a topic, and shows the progress. */
public final class Broadcast {
  public static void main(String[] arguments) {
    var notification = Notification.newBuilder().setTitle(arguments[1]).setNavigate("https://app.example.com/");
    var request =
        BroadcastRequest.newBuilder()
            .setAudience(Audience.newBuilder().setTopics(TopicList.newBuilder().addTopics(arguments[0])))
            .setMessage(Message.newBuilder().setNotification(notification))
            // No event for each endpoint: only the counts.
            .setReportLevel(ReportLevel.REPORT_LEVEL_PROGRESS)
            .build();
    try (var client = Fanfare.connect(System.getenv("FANFARE_SERVER"));
        var stream = client.broadcast(request)) {
      while (stream.hasNext()) {
        stream.next();
        var counts = stream.message().getCounts();
        System.out.printf(
            "\r%d of %d accepted, %d failed", counts.getAccepted(), counts.getTargets(), counts.getFailed());
      }
    }
    System.out.println();
  }
}

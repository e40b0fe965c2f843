package io.github.fanfarepush;

import io.github.fanfarepush.v1.DeliveryEvent;
import io.github.fanfarepush.v1.DeliveryEvents;
import io.github.fanfarepush.v1.DeliveryFrame;
import io.github.fanfarepush.v1.DeliveryState;
import io.github.fanfarepush.v1.ReportLevel;
import io.github.fanfarepush.v1.SendRequest;
import io.github.fanfarepush.v1.SendStreamAnswer;
import io.github.fanfarepush.v1.SendStreamAnswers;
import io.github.fanfarepush.v1.SendStreamResponse;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/** What of a SendStream has not ended, and what of it was told. For one thread that sends and one that reads. */
final class Ledger {
  /** A request whose message has not ended. */
  private static final class Sending {
    final SendRequest request;
    final ReportLevel level;
    // Whether it was answered at all, and whether the present call has done so.
    boolean answered;
    boolean answeredHere;
    int remaining;
    // The events that were handed out.
    final Set<String> seen = new HashSet<>();

    Sending(SendRequest request, ReportLevel level) {
      this.request = request;
      this.level = level;
    }
  }

  // In the order of the requests.
  private final Map<String, Sending> byId = new LinkedHashMap<>();
  private final Map<String, Sending> byMessage = new HashMap<>();
  // The newest token that was handed out, and those who must end before a newer one may be: they were under way when a
  // call was lost, so the server tells of them again, after its newest position.
  private String token = "";
  private final Set<Sending> carried = new HashSet<>();
  // Whether receipts were asked for: they come after a message has ended, of which nothing is kept here.
  private boolean receipts;

  /** Notes a request; gives what is to be sent. */
  synchronized SendRequest add(SendRequest given) {
    SendRequest.Builder request = given.toBuilder();
    if (given.getRequestId().isEmpty()) {
      request.setRequestId(UUID.randomUUID().toString());
    }
    ReportLevel level = given.getReportLevel();
    // Only at these levels can the end of a message be seen.
    if (level == ReportLevel.REPORT_LEVEL_PROGRESS || level == ReportLevel.REPORT_LEVEL_FAILURES) {
      request.setReportLevel(ReportLevel.REPORT_LEVEL_TERMINAL);
    }
    SendRequest made = request.build();
    receipts |= made.getIncludeReceipts();
    // A request_id that is under way already is refused by the server: the answer is all there is of it.
    byId.putIfAbsent(made.getRequestId(), new Sending(made, level));
    return made;
  }

  /** What a new call begins with: all that has not ended. */
  synchronized List<SendRequest> repeated() {
    carried.clear();
    carried.addAll(byId.values());
    carried.forEach(sending -> sending.answeredHere = false);
    return byId.values().stream().map(sending -> sending.request).toList();
  }

  synchronized boolean asksForReceipts() {
    return receipts;
  }

  synchronized boolean isEmpty() {
    return byId.isEmpty();
  }

  /** Leaves out what was told before the call was lost; empty: nothing is left. */
  synchronized Optional<SendStreamResponse> news(SendStreamResponse response) {
    if (response.hasAnswers()) {
      List<SendStreamAnswer> answers = new ArrayList<>(response.getAnswers().getAnswersList());
      answers.removeIf(answer -> !answer(answer));
      var kept = SendStreamAnswers.newBuilder().addAllAnswers(answers);
      return answers.isEmpty() ? Optional.empty() : Optional.of(response.toBuilder().setAnswers(kept).build());
    }
    DeliveryFrame.Builder frame = response.getFrame().toBuilder();
    if (frame.hasEvents()) {
      List<DeliveryEvent> events = new ArrayList<>(frame.getEvents().getEventsList());
      events.removeIf(event -> !event(event));
      frame.setEvents(DeliveryEvents.newBuilder().addAllEvents(events));
    }
    if (!carried.isEmpty()) {
      frame.setResumeToken(token);
    }
    token = frame.getResumeToken();
    boolean nothing = frame.hasEvents() && frame.getEvents().getEventsCount() == 0;
    return nothing ? Optional.empty() : Optional.of(response.toBuilder().setFrame(frame).build());
  }

  private boolean answer(SendStreamAnswer answer) {
    Sending sending = byId.get(answer.getRequestId());
    if (sending == null || sending.answeredHere) {
      return true;
    }
    boolean again = sending.answered;
    sending.answered = true;
    sending.answeredHere = true;
    if (answer.hasRejected()) {
      if (again) {
        throw FanfareException.of(answer.getRejected());
      }
      end(sending);
    } else if (!again) {
      var message = answer.getAccepted().getMessage();
      sending.remaining = message.getCounts().getTargets();
      byMessage.put(message.getName(), sending);
      if (sending.remaining == 0 || sending.level == ReportLevel.REPORT_LEVEL_ACCEPTED) {
        end(sending);
      }
    }
    return !again;
  }

  private boolean event(DeliveryEvent event) {
    Sending sending = byMessage.get(event.getMessage());
    if (sending == null) {
      return true;
    }
    if (!sending.seen.add(event.getEventId())) {
      return false;
    }
    boolean terminal = event.getStateValue() >= DeliveryState.DELIVERY_STATE_ACCEPTED_VALUE;
    if (terminal && --sending.remaining == 0) {
      byMessage.remove(event.getMessage());
      end(sending);
    }
    return switch (sending.level) {
      case REPORT_LEVEL_PROGRESS -> false;
      case REPORT_LEVEL_FAILURES -> event.getState() != DeliveryState.DELIVERY_STATE_ACCEPTED;
      default -> true;
    };
  }

  private void end(Sending sending) {
    byId.remove(sending.request.getRequestId());
    carried.remove(sending);
  }
}

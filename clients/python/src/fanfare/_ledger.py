"""What of a SendStream has not ended, and what of it was told. Without input or output: for both kinds of clients."""

import dataclasses
import threading
import uuid

from ._errors import Error
from .v1 import delivery_pb2, push_pb2


@dataclasses.dataclass(eq=False)
class Sending:
    """A request whose message has not ended."""

    request: push_pb2.SendRequest
    level: int
    #: Whether it was answered at all, and whether the present call has done so.
    answered: bool = False
    answered_here: bool = False
    remaining: int = 0
    #: The events that were handed out.
    seen: set[str] = dataclasses.field(default_factory=set)


class Ledger:
    """For one thread that sends and one that reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # In the order of the requests.
        self._by_id: dict[str, Sending] = {}
        self._by_message: dict[str, Sending] = {}
        # The newest token that was handed out, and those who must end before a newer one may be: they were under way
        # when a call was lost, so the server tells of them again, after its newest position.
        self._token = ""
        self._carried: set[Sending] = set()
        self.exhausted = False
        #: Whether receipts were asked for: they come after a message has ended, of which nothing is kept here.
        self.receipts = False

    def add(self, request: push_pb2.SendRequest) -> push_pb2.SendRequest:
        """Notes a request; gives what is to be sent."""
        request = push_pb2.SendRequest.FromString(request.SerializeToString())
        request.request_id = request.request_id or str(uuid.uuid4())
        sending = Sending(request, request.report_level)
        # Only at these levels can the end of a message be seen.
        if sending.level in (delivery_pb2.REPORT_LEVEL_PROGRESS, delivery_pb2.REPORT_LEVEL_FAILURES):
            request.report_level = delivery_pb2.REPORT_LEVEL_TERMINAL
        with self._lock:
            self.receipts = self.receipts or request.include_receipts
            # A request_id that is under way already is refused by the server: the answer is all there is of it.
            self._by_id.setdefault(request.request_id, sending)
        return request

    def repeated(self) -> list[push_pb2.SendRequest]:
        """What a new call begins with: all that has not ended."""
        with self._lock:
            for sending in self._by_id.values():
                sending.answered_here = False
            self._carried = {sending for sending in self._by_id.values()}
            return [sending.request for sending in self._by_id.values()]

    def complete(self) -> bool:
        """Whether all has been told."""
        with self._lock:
            return self.exhausted and not self._by_id

    def news(self, response: push_pb2.SendStreamResponse) -> bool:
        """Leaves out what was told before the call was lost; false: nothing is left."""
        with self._lock:
            if response.WhichOneof("content") == "answers":
                answers = [answer for answer in response.answers.answers if self._answer(answer)]
                del response.answers.answers[:]
                response.answers.answers.extend(answers)
                return bool(answers)
            frame = response.frame
            is_events = frame.WhichOneof("kind") == "events"
            events = [event for event in frame.events.events if self._event(event)] if is_events else []
            if self._carried:
                frame.resume_token = self._token
            self._token = frame.resume_token
            if is_events and len(events) != len(frame.events.events):
                del frame.events.events[:]
                frame.events.events.extend(events)
            return bool(events) or not is_events

    def _answer(self, answer: push_pb2.SendStreamAnswer) -> bool:
        sending = self._by_id.get(answer.request_id)
        if sending is None or sending.answered_here:
            return True
        again = sending.answered
        sending.answered = sending.answered_here = True
        if answer.HasField("rejected"):
            if again:
                raise Error.from_status(answer.rejected)
            self._end(sending)
            return True
        if not again:
            message = answer.accepted.message
            sending.remaining = message.counts.targets
            self._by_message[message.name] = sending
            if not sending.remaining or sending.level == delivery_pb2.REPORT_LEVEL_ACCEPTED:
                self._end(sending)
        return not again

    def _event(self, event: delivery_pb2.DeliveryEvent) -> bool:
        sending = self._by_message.get(event.message)
        if sending is None:
            return True
        if event.event_id in sending.seen:
            return False
        sending.seen.add(event.event_id)
        if event.state >= delivery_pb2.DELIVERY_STATE_ACCEPTED:
            sending.remaining -= 1
            if not sending.remaining:
                del self._by_message[event.message]
                self._end(sending)
        if sending.level == delivery_pb2.REPORT_LEVEL_PROGRESS:
            return False
        failures = sending.level == delivery_pb2.REPORT_LEVEL_FAILURES
        return not failures or event.state != delivery_pb2.DELIVERY_STATE_ACCEPTED

    def _end(self, sending: Sending) -> None:
        del self._by_id[sending.request.request_id]
        self._carried.discard(sending)

"""Where a status stream stands, and by which call it goes on. Without input or output: for both kinds of clients."""

import json
import time
import uuid
from typing import Any

import grpc
from google.protobuf import any_pb2, json_format
from google.rpc import error_details_pb2  # type: ignore[import-untyped]

from ._errors import Error, Pause
from .v1 import delivery_pb2, message_pb2, push_pb2, subscription_pb2


class Position:
    """Of Send, Broadcast or WatchDeliveries."""

    def __init__(self, request: Any, timeout: float | None, accept_for: float, reconnect_for: float) -> None:
        request = type(request).FromString(request.SerializeToString())
        #: The call that the stream begins with; None once its message is known, and for WatchDeliveries.
        self.begin: Any = None
        if isinstance(request, push_pb2.WatchDeliveriesRequest):
            self.watch = request
        else:
            request.request_id = request.request_id or str(uuid.uuid4())
            self.begin = request
            self.watch = push_pb2.WatchDeliveriesRequest(
                application=request.application,
                report_level=request.report_level,
                include_receipts=request.include_receipts,
            )
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self._reconnect_for = reconnect_for
        self.pause = Pause(accept_for, self.deadline)
        self.message: message_pb2.MessageStatus | None = None
        self.replayed = False
        #: Whether everything that was asked for has come, although the call has not ended.
        self.told = False
        self.ended = False

    def timeout(self) -> float | None:
        """Seconds that are left."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def advance(self, frame: push_pb2.DeliveryFrame) -> None:
        """Notes that a frame came: what is opened next goes on behind it."""
        self.pause = Pause(self._reconnect_for, self.deadline)
        self.watch.resume_token = frame.resume_token
        kind = frame.WhichOneof("kind")
        if kind == "accepted":
            self.message, self.replayed = frame.accepted.message, frame.accepted.replayed
            if self.begin is not None:
                self.watch.parent, self.begin = self.message.name, None
                dry_run = not self.watch.parent
                self.told = dry_run or self.watch.report_level == delivery_pb2.REPORT_LEVEL_ACCEPTED
        elif kind == "progress" and frame.progress.name:
            self.message = frame.progress
        elif kind == "summary":
            self.message = frame.summary
            # The server ends the call now; if the connection is lost instead, nothing is missing.
            self.ended = self.watch.parent == frame.summary.name


def subscribe_request(subscription: Any, fields: dict[str, Any]) -> push_pb2.SubscribeRequest:
    """A request from what ``PushSubscription.toJSON()`` gave, as text or as it was parsed."""
    browser = subscription_pb2.PushSubscription()
    try:
        given = json.loads(subscription) if isinstance(subscription, (str, bytes)) else subscription
        if not isinstance(given, dict):
            raise TypeError
        # Members that browsers will add are none of ours.
        json_format.ParseDict(given, browser, ignore_unknown_fields=True)
    except (json_format.ParseError, TypeError, ValueError, AttributeError):
        # Their own words would repeat the endpoint, which is a secret.
        raise _not_a_subscription() from None
    return push_pb2.SubscribeRequest(push_subscription=browser, **fields)


def _not_a_subscription() -> Error:
    words = "must be the JSON of a browser's PushSubscription"
    error = Error(grpc.StatusCode.INVALID_ARGUMENT, f"push_subscription {words}")
    for detail in (
        error_details_pb2.ErrorInfo(reason="INVALID_FIELDS", domain="fanfare.v1"),
        error_details_pb2.BadRequest(
            field_violations=[error_details_pb2.BadRequest.FieldViolation(field="push_subscription", description=words)]
        ),
    ):
        packed = any_pb2.Any()
        packed.Pack(detail)
        error._take(packed)
    return error

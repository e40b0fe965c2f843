from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReportLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPORT_LEVEL_UNSPECIFIED: _ClassVar[ReportLevel]
    REPORT_LEVEL_ACCEPTED: _ClassVar[ReportLevel]
    REPORT_LEVEL_PROGRESS: _ClassVar[ReportLevel]
    REPORT_LEVEL_FAILURES: _ClassVar[ReportLevel]
    REPORT_LEVEL_TERMINAL: _ClassVar[ReportLevel]
    REPORT_LEVEL_ATTEMPTS: _ClassVar[ReportLevel]

class DeliveryState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_STATE_UNSPECIFIED: _ClassVar[DeliveryState]
    DELIVERY_STATE_PENDING: _ClassVar[DeliveryState]
    DELIVERY_STATE_RETRYING: _ClassVar[DeliveryState]
    DELIVERY_STATE_ACCEPTED: _ClassVar[DeliveryState]
    DELIVERY_STATE_FAILED: _ClassVar[DeliveryState]
    DELIVERY_STATE_EXPIRED: _ClassVar[DeliveryState]
    DELIVERY_STATE_CANCELLED: _ClassVar[DeliveryState]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_ACCEPTED: _ClassVar[Outcome]
    OUTCOME_DROPPED: _ClassVar[Outcome]
    OUTCOME_GONE: _ClassVar[Outcome]
    OUTCOME_THROTTLED: _ClassVar[Outcome]
    OUTCOME_UNAVAILABLE: _ClassVar[Outcome]
    OUTCOME_UNREACHABLE: _ClassVar[Outcome]
    OUTCOME_TIMED_OUT: _ClassVar[Outcome]
    OUTCOME_KEY_MISMATCH: _ClassVar[Outcome]
    OUTCOME_CREDENTIALS_REFUSED: _ClassVar[Outcome]
    OUTCOME_TOO_LARGE: _ClassVar[Outcome]
    OUTCOME_REJECTED: _ClassVar[Outcome]
    OUTCOME_BLOCKED: _ClassVar[Outcome]
    OUTCOME_NOT_FOUND: _ClassVar[Outcome]
    OUTCOME_DISABLED: _ClassVar[Outcome]
    OUTCOME_INTERNAL: _ClassVar[Outcome]
    OUTCOME_SUPERSEDED: _ClassVar[Outcome]

class ReceiptKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECEIPT_KIND_UNSPECIFIED: _ClassVar[ReceiptKind]
    RECEIPT_KIND_DISPLAYED: _ClassVar[ReceiptKind]
    RECEIPT_KIND_CLICKED: _ClassVar[ReceiptKind]
    RECEIPT_KIND_CLOSED: _ClassVar[ReceiptKind]
REPORT_LEVEL_UNSPECIFIED: ReportLevel
REPORT_LEVEL_ACCEPTED: ReportLevel
REPORT_LEVEL_PROGRESS: ReportLevel
REPORT_LEVEL_FAILURES: ReportLevel
REPORT_LEVEL_TERMINAL: ReportLevel
REPORT_LEVEL_ATTEMPTS: ReportLevel
DELIVERY_STATE_UNSPECIFIED: DeliveryState
DELIVERY_STATE_PENDING: DeliveryState
DELIVERY_STATE_RETRYING: DeliveryState
DELIVERY_STATE_ACCEPTED: DeliveryState
DELIVERY_STATE_FAILED: DeliveryState
DELIVERY_STATE_EXPIRED: DeliveryState
DELIVERY_STATE_CANCELLED: DeliveryState
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_ACCEPTED: Outcome
OUTCOME_DROPPED: Outcome
OUTCOME_GONE: Outcome
OUTCOME_THROTTLED: Outcome
OUTCOME_UNAVAILABLE: Outcome
OUTCOME_UNREACHABLE: Outcome
OUTCOME_TIMED_OUT: Outcome
OUTCOME_KEY_MISMATCH: Outcome
OUTCOME_CREDENTIALS_REFUSED: Outcome
OUTCOME_TOO_LARGE: Outcome
OUTCOME_REJECTED: Outcome
OUTCOME_BLOCKED: Outcome
OUTCOME_NOT_FOUND: Outcome
OUTCOME_DISABLED: Outcome
OUTCOME_INTERNAL: Outcome
OUTCOME_SUPERSEDED: Outcome
RECEIPT_KIND_UNSPECIFIED: ReceiptKind
RECEIPT_KIND_DISPLAYED: ReceiptKind
RECEIPT_KIND_CLICKED: ReceiptKind
RECEIPT_KIND_CLOSED: ReceiptKind

class DeliveryEvents(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[DeliveryEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[DeliveryEvent, _Mapping]]] = ...) -> None: ...

class DeliveryEvent(_message.Message):
    __slots__ = ("message", "event_id", "subscription", "user_id", "endpoint_origin", "state", "outcome", "attempt", "http_status", "event_time", "next_attempt_time", "latency", "granted_ttl", "detail", "request_id")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    GRANTED_TTL_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    message: str
    event_id: str
    subscription: str
    user_id: str
    endpoint_origin: str
    state: DeliveryState
    outcome: Outcome
    attempt: int
    http_status: int
    event_time: _timestamp_pb2.Timestamp
    next_attempt_time: _timestamp_pb2.Timestamp
    latency: _duration_pb2.Duration
    granted_ttl: _duration_pb2.Duration
    detail: str
    request_id: str
    def __init__(self, message: _Optional[str] = ..., event_id: _Optional[str] = ..., subscription: _Optional[str] = ..., user_id: _Optional[str] = ..., endpoint_origin: _Optional[str] = ..., state: _Optional[_Union[DeliveryState, str]] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., attempt: _Optional[int] = ..., http_status: _Optional[int] = ..., event_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., next_attempt_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., latency: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., granted_ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., detail: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ReceiptEvents(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[ReceiptEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[ReceiptEvent, _Mapping]]] = ...) -> None: ...

class ReceiptEvent(_message.Message):
    __slots__ = ("message", "event_id", "subscription", "user_id", "kind", "action", "event_time", "occur_time", "request_id")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    OCCUR_TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    message: str
    event_id: str
    subscription: str
    user_id: str
    kind: ReceiptKind
    action: str
    event_time: _timestamp_pb2.Timestamp
    occur_time: _timestamp_pb2.Timestamp
    request_id: str
    def __init__(self, message: _Optional[str] = ..., event_id: _Optional[str] = ..., subscription: _Optional[str] = ..., user_id: _Optional[str] = ..., kind: _Optional[_Union[ReceiptKind, str]] = ..., action: _Optional[str] = ..., event_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., occur_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeliveryCounts(_message.Message):
    __slots__ = ("targets", "targets_estimated", "pending", "retrying", "accepted", "failed", "expired", "cancelled")
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    TARGETS_ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    RETRYING_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    targets: int
    targets_estimated: bool
    pending: int
    retrying: int
    accepted: int
    failed: int
    expired: int
    cancelled: int
    def __init__(self, targets: _Optional[int] = ..., targets_estimated: bool = ..., pending: _Optional[int] = ..., retrying: _Optional[int] = ..., accepted: _Optional[int] = ..., failed: _Optional[int] = ..., expired: _Optional[int] = ..., cancelled: _Optional[int] = ...) -> None: ...

class OutcomeCount(_message.Message):
    __slots__ = ("outcome", "count")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    outcome: Outcome
    count: int
    def __init__(self, outcome: _Optional[_Union[Outcome, str]] = ..., count: _Optional[int] = ...) -> None: ...

class ReceiptCounts(_message.Message):
    __slots__ = ("displayed", "clicked", "closed")
    DISPLAYED_FIELD_NUMBER: _ClassVar[int]
    CLICKED_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    displayed: int
    clicked: int
    closed: int
    def __init__(self, displayed: _Optional[int] = ..., clicked: _Optional[int] = ..., closed: _Optional[int] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ("latest", "attempts", "receipts")
    LATEST_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    latest: DeliveryEvent
    attempts: _containers.RepeatedCompositeFieldContainer[DeliveryEvent]
    receipts: _containers.RepeatedCompositeFieldContainer[ReceiptEvent]
    def __init__(self, latest: _Optional[_Union[DeliveryEvent, _Mapping]] = ..., attempts: _Optional[_Iterable[_Union[DeliveryEvent, _Mapping]]] = ..., receipts: _Optional[_Iterable[_Union[ReceiptEvent, _Mapping]]] = ...) -> None: ...

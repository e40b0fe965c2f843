from fanfare.v1 import delivery_pb2 as _delivery_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import wrappers_pb2 as _wrappers_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SubscriptionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUBSCRIPTION_STATE_UNSPECIFIED: _ClassVar[SubscriptionState]
    SUBSCRIPTION_STATE_ACTIVE: _ClassVar[SubscriptionState]
    SUBSCRIPTION_STATE_DISABLED: _ClassVar[SubscriptionState]
    SUBSCRIPTION_STATE_HELD: _ClassVar[SubscriptionState]

class ChangeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANGE_KIND_UNSPECIFIED: _ClassVar[ChangeKind]
    CHANGE_KIND_ADDED: _ClassVar[ChangeKind]
    CHANGE_KIND_UPDATED: _ClassVar[ChangeKind]
    CHANGE_KIND_REPLACED: _ClassVar[ChangeKind]
    CHANGE_KIND_DISABLED: _ClassVar[ChangeKind]
    CHANGE_KIND_REMOVED_BY_CALLER: _ClassVar[ChangeKind]
    CHANGE_KIND_REMOVED_GONE: _ClassVar[ChangeKind]
    CHANGE_KIND_REMOVED_EXPIRED: _ClassVar[ChangeKind]
    CHANGE_KIND_HELD: _ClassVar[ChangeKind]
SUBSCRIPTION_STATE_UNSPECIFIED: SubscriptionState
SUBSCRIPTION_STATE_ACTIVE: SubscriptionState
SUBSCRIPTION_STATE_DISABLED: SubscriptionState
SUBSCRIPTION_STATE_HELD: SubscriptionState
CHANGE_KIND_UNSPECIFIED: ChangeKind
CHANGE_KIND_ADDED: ChangeKind
CHANGE_KIND_UPDATED: ChangeKind
CHANGE_KIND_REPLACED: ChangeKind
CHANGE_KIND_DISABLED: ChangeKind
CHANGE_KIND_REMOVED_BY_CALLER: ChangeKind
CHANGE_KIND_REMOVED_GONE: ChangeKind
CHANGE_KIND_REMOVED_EXPIRED: ChangeKind
CHANGE_KIND_HELD: ChangeKind

class PushSubscription(_message.Message):
    __slots__ = ("endpoint", "keys", "expiration_time_ms", "supported_content_encodings", "application_server_key")
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    EXPIRATION_TIME_MS_FIELD_NUMBER: _ClassVar[int]
    SUPPORTED_CONTENT_ENCODINGS_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_SERVER_KEY_FIELD_NUMBER: _ClassVar[int]
    endpoint: str
    keys: PushSubscriptionKeys
    expiration_time_ms: _wrappers_pb2.DoubleValue
    supported_content_encodings: _containers.RepeatedScalarFieldContainer[str]
    application_server_key: str
    def __init__(self, endpoint: _Optional[str] = ..., keys: _Optional[_Union[PushSubscriptionKeys, _Mapping]] = ..., expiration_time_ms: _Optional[_Union[_wrappers_pb2.DoubleValue, _Mapping]] = ..., supported_content_encodings: _Optional[_Iterable[str]] = ..., application_server_key: _Optional[str] = ...) -> None: ...

class PushSubscriptionKeys(_message.Message):
    __slots__ = ("p256dh", "auth")
    P256DH_FIELD_NUMBER: _ClassVar[int]
    AUTH_FIELD_NUMBER: _ClassVar[int]
    p256dh: str
    auth: str
    def __init__(self, p256dh: _Optional[str] = ..., auth: _Optional[str] = ...) -> None: ...

class Subscription(_message.Message):
    __slots__ = ("name", "application", "endpoint_origin", "user_id", "topics", "labels", "locale", "time_zone", "state", "disabled_outcome", "application_server_key", "expire_time", "create_time", "update_time", "etag")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DISABLED_OUTCOME_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_SERVER_KEY_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    application: str
    endpoint_origin: str
    user_id: str
    topics: _containers.RepeatedScalarFieldContainer[str]
    labels: _containers.ScalarMap[str, str]
    locale: str
    time_zone: str
    state: SubscriptionState
    disabled_outcome: _delivery_pb2.Outcome
    application_server_key: str
    expire_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    def __init__(self, name: _Optional[str] = ..., application: _Optional[str] = ..., endpoint_origin: _Optional[str] = ..., user_id: _Optional[str] = ..., topics: _Optional[_Iterable[str]] = ..., labels: _Optional[_Mapping[str, str]] = ..., locale: _Optional[str] = ..., time_zone: _Optional[str] = ..., state: _Optional[_Union[SubscriptionState, str]] = ..., disabled_outcome: _Optional[_Union[_delivery_pb2.Outcome, str]] = ..., application_server_key: _Optional[str] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class SubscriptionChange(_message.Message):
    __slots__ = ("subscription", "kind", "change_time", "evidence", "replacement")
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CHANGE_TIME_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    REPLACEMENT_FIELD_NUMBER: _ClassVar[int]
    subscription: Subscription
    kind: ChangeKind
    change_time: _timestamp_pb2.Timestamp
    evidence: ChangeEvidence
    replacement: str
    def __init__(self, subscription: _Optional[_Union[Subscription, _Mapping]] = ..., kind: _Optional[_Union[ChangeKind, str]] = ..., change_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., evidence: _Optional[_Union[ChangeEvidence, _Mapping]] = ..., replacement: _Optional[str] = ...) -> None: ...

class ChangeEvidence(_message.Message):
    __slots__ = ("outcome", "http_status", "message")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    outcome: _delivery_pb2.Outcome
    http_status: int
    message: str
    def __init__(self, outcome: _Optional[_Union[_delivery_pb2.Outcome, str]] = ..., http_status: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

from fanfare.v1 import delivery_pb2 as _delivery_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Urgency(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    URGENCY_UNSPECIFIED: _ClassVar[Urgency]
    URGENCY_VERY_LOW: _ClassVar[Urgency]
    URGENCY_LOW: _ClassVar[Urgency]
    URGENCY_NORMAL: _ClassVar[Urgency]
    URGENCY_HIGH: _ClassVar[Urgency]

class Padding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PADDING_UNSPECIFIED: _ClassVar[Padding]
    PADDING_NONE: _ClassVar[Padding]
    PADDING_POWER_OF_TWO: _ClassVar[Padding]
    PADDING_MAXIMUM: _ClassVar[Padding]

class TextDirection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TEXT_DIRECTION_UNSPECIFIED: _ClassVar[TextDirection]
    TEXT_DIRECTION_AUTO: _ClassVar[TextDirection]
    TEXT_DIRECTION_LTR: _ClassVar[TextDirection]
    TEXT_DIRECTION_RTL: _ClassVar[TextDirection]

class MessageState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MESSAGE_STATE_UNSPECIFIED: _ClassVar[MessageState]
    MESSAGE_STATE_SCHEDULED: _ClassVar[MessageState]
    MESSAGE_STATE_SENDING: _ClassVar[MessageState]
    MESSAGE_STATE_CANCELLING: _ClassVar[MessageState]
    MESSAGE_STATE_DONE: _ClassVar[MessageState]
    MESSAGE_STATE_CANCELLED: _ClassVar[MessageState]

class MessageKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MESSAGE_KIND_UNSPECIFIED: _ClassVar[MessageKind]
    MESSAGE_KIND_SEND: _ClassVar[MessageKind]
    MESSAGE_KIND_BROADCAST: _ClassVar[MessageKind]
URGENCY_UNSPECIFIED: Urgency
URGENCY_VERY_LOW: Urgency
URGENCY_LOW: Urgency
URGENCY_NORMAL: Urgency
URGENCY_HIGH: Urgency
PADDING_UNSPECIFIED: Padding
PADDING_NONE: Padding
PADDING_POWER_OF_TWO: Padding
PADDING_MAXIMUM: Padding
TEXT_DIRECTION_UNSPECIFIED: TextDirection
TEXT_DIRECTION_AUTO: TextDirection
TEXT_DIRECTION_LTR: TextDirection
TEXT_DIRECTION_RTL: TextDirection
MESSAGE_STATE_UNSPECIFIED: MessageState
MESSAGE_STATE_SCHEDULED: MessageState
MESSAGE_STATE_SENDING: MessageState
MESSAGE_STATE_CANCELLING: MessageState
MESSAGE_STATE_DONE: MessageState
MESSAGE_STATE_CANCELLED: MessageState
MESSAGE_KIND_UNSPECIFIED: MessageKind
MESSAGE_KIND_SEND: MessageKind
MESSAGE_KIND_BROADCAST: MessageKind

class Message(_message.Message):
    __slots__ = ("data", "json", "notification", "empty", "ttl", "urgency", "collapse_key", "padding", "send_time", "request_receipts", "labels", "note")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DATA_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    NOTIFICATION_FIELD_NUMBER: _ClassVar[int]
    EMPTY_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    COLLAPSE_KEY_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    json: _struct_pb2.Struct
    notification: Notification
    empty: EmptyPayload
    ttl: _duration_pb2.Duration
    urgency: Urgency
    collapse_key: str
    padding: Padding
    send_time: _timestamp_pb2.Timestamp
    request_receipts: bool
    labels: _containers.ScalarMap[str, str]
    note: str
    def __init__(self, data: _Optional[bytes] = ..., json: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., notification: _Optional[_Union[Notification, _Mapping]] = ..., empty: _Optional[_Union[EmptyPayload, _Mapping]] = ..., ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., urgency: _Optional[_Union[Urgency, str]] = ..., collapse_key: _Optional[str] = ..., padding: _Optional[_Union[Padding, str]] = ..., send_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., request_receipts: bool = ..., labels: _Optional[_Mapping[str, str]] = ..., note: _Optional[str] = ...) -> None: ...

class EmptyPayload(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Notification(_message.Message):
    __slots__ = ("title", "body", "icon", "image", "badge", "sound", "lang", "dir", "tag", "renotify", "silent", "require_interaction", "vibrate", "timestamp", "data", "actions", "navigate", "app_badge", "mutable")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    ICON_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    BADGE_FIELD_NUMBER: _ClassVar[int]
    SOUND_FIELD_NUMBER: _ClassVar[int]
    LANG_FIELD_NUMBER: _ClassVar[int]
    DIR_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    RENOTIFY_FIELD_NUMBER: _ClassVar[int]
    SILENT_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_INTERACTION_FIELD_NUMBER: _ClassVar[int]
    VIBRATE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    NAVIGATE_FIELD_NUMBER: _ClassVar[int]
    APP_BADGE_FIELD_NUMBER: _ClassVar[int]
    MUTABLE_FIELD_NUMBER: _ClassVar[int]
    title: str
    body: str
    icon: str
    image: str
    badge: str
    sound: str
    lang: str
    dir: TextDirection
    tag: str
    renotify: bool
    silent: bool
    require_interaction: bool
    vibrate: _containers.RepeatedScalarFieldContainer[int]
    timestamp: _timestamp_pb2.Timestamp
    data: _struct_pb2.Struct
    actions: _containers.RepeatedCompositeFieldContainer[NotificationAction]
    navigate: str
    app_badge: int
    mutable: bool
    def __init__(self, title: _Optional[str] = ..., body: _Optional[str] = ..., icon: _Optional[str] = ..., image: _Optional[str] = ..., badge: _Optional[str] = ..., sound: _Optional[str] = ..., lang: _Optional[str] = ..., dir: _Optional[_Union[TextDirection, str]] = ..., tag: _Optional[str] = ..., renotify: bool = ..., silent: bool = ..., require_interaction: bool = ..., vibrate: _Optional[_Iterable[int]] = ..., timestamp: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., actions: _Optional[_Iterable[_Union[NotificationAction, _Mapping]]] = ..., navigate: _Optional[str] = ..., app_badge: _Optional[int] = ..., mutable: bool = ...) -> None: ...

class NotificationAction(_message.Message):
    __slots__ = ("action", "title", "icon", "navigate")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    ICON_FIELD_NUMBER: _ClassVar[int]
    NAVIGATE_FIELD_NUMBER: _ClassVar[int]
    action: str
    title: str
    icon: str
    navigate: str
    def __init__(self, action: _Optional[str] = ..., title: _Optional[str] = ..., icon: _Optional[str] = ..., navigate: _Optional[str] = ...) -> None: ...

class MessageStatus(_message.Message):
    __slots__ = ("name", "application", "state", "counts", "outcomes", "receipts", "labels", "note", "request_id", "create_time", "send_time", "expire_time", "end_time", "kind", "recipients", "caller")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    name: str
    application: str
    state: MessageState
    counts: _delivery_pb2.DeliveryCounts
    outcomes: _containers.RepeatedCompositeFieldContainer[_delivery_pb2.OutcomeCount]
    receipts: _delivery_pb2.ReceiptCounts
    labels: _containers.ScalarMap[str, str]
    note: str
    request_id: str
    create_time: _timestamp_pb2.Timestamp
    send_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    kind: MessageKind
    recipients: MessageRecipients
    caller: Caller
    def __init__(self, name: _Optional[str] = ..., application: _Optional[str] = ..., state: _Optional[_Union[MessageState, str]] = ..., counts: _Optional[_Union[_delivery_pb2.DeliveryCounts, _Mapping]] = ..., outcomes: _Optional[_Iterable[_Union[_delivery_pb2.OutcomeCount, _Mapping]]] = ..., receipts: _Optional[_Union[_delivery_pb2.ReceiptCounts, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., note: _Optional[str] = ..., request_id: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., send_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[MessageKind, str]] = ..., recipients: _Optional[_Union[MessageRecipients, _Mapping]] = ..., caller: _Optional[_Union[Caller, _Mapping]] = ...) -> None: ...

class MessageRecipients(_message.Message):
    __slots__ = ("description", "subscription", "user_ids", "topics", "listed_count")
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    USER_IDS_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    LISTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    description: str
    subscription: str
    user_ids: _containers.RepeatedScalarFieldContainer[str]
    topics: _containers.RepeatedScalarFieldContainer[str]
    listed_count: int
    def __init__(self, description: _Optional[str] = ..., subscription: _Optional[str] = ..., user_ids: _Optional[_Iterable[str]] = ..., topics: _Optional[_Iterable[str]] = ..., listed_count: _Optional[int] = ...) -> None: ...

class Caller(_message.Message):
    __slots__ = ("name", "display_name", "address")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    address: str
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class MessageAccepted(_message.Message):
    __slots__ = ("message", "replayed")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    message: MessageStatus
    replayed: bool
    def __init__(self, message: _Optional[_Union[MessageStatus, _Mapping]] = ..., replayed: bool = ...) -> None: ...

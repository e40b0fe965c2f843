from fanfare.v1 import delivery_pb2 as _delivery_pb2
from fanfare.v1 import message_pb2 as _message_pb2
from fanfare.v1 import subscription_pb2 as _subscription_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SubscribeRequest(_message.Message):
    __slots__ = ("application", "push_subscription", "user_id", "topics", "labels", "locale", "time_zone", "replaces", "validate_only")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    PUSH_SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    REPLACES_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    application: str
    push_subscription: _subscription_pb2.PushSubscription
    user_id: str
    topics: _containers.RepeatedScalarFieldContainer[str]
    labels: _containers.ScalarMap[str, str]
    locale: str
    time_zone: str
    replaces: str
    validate_only: bool
    def __init__(self, application: _Optional[str] = ..., push_subscription: _Optional[_Union[_subscription_pb2.PushSubscription, _Mapping]] = ..., user_id: _Optional[str] = ..., topics: _Optional[_Iterable[str]] = ..., labels: _Optional[_Mapping[str, str]] = ..., locale: _Optional[str] = ..., time_zone: _Optional[str] = ..., replaces: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class SubscribeResponse(_message.Message):
    __slots__ = ("subscription", "created")
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    subscription: _subscription_pb2.Subscription
    created: bool
    def __init__(self, subscription: _Optional[_Union[_subscription_pb2.Subscription, _Mapping]] = ..., created: bool = ...) -> None: ...

class UnsubscribeRequest(_message.Message):
    __slots__ = ("application", "name", "endpoint", "user_id", "allow_missing")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ALLOW_MISSING_FIELD_NUMBER: _ClassVar[int]
    application: str
    name: str
    endpoint: str
    user_id: str
    allow_missing: bool
    def __init__(self, application: _Optional[str] = ..., name: _Optional[str] = ..., endpoint: _Optional[str] = ..., user_id: _Optional[str] = ..., allow_missing: bool = ...) -> None: ...

class UnsubscribeResponse(_message.Message):
    __slots__ = ("removed_count",)
    REMOVED_COUNT_FIELD_NUMBER: _ClassVar[int]
    removed_count: int
    def __init__(self, removed_count: _Optional[int] = ...) -> None: ...

class GetSubscriptionRequest(_message.Message):
    __slots__ = ("application", "name", "endpoint")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    application: str
    name: str
    endpoint: str
    def __init__(self, application: _Optional[str] = ..., name: _Optional[str] = ..., endpoint: _Optional[str] = ...) -> None: ...

class GetSubscriptionResponse(_message.Message):
    __slots__ = ("subscription",)
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    subscription: _subscription_pb2.Subscription
    def __init__(self, subscription: _Optional[_Union[_subscription_pb2.Subscription, _Mapping]] = ...) -> None: ...

class UpdateSubscriptionRequest(_message.Message):
    __slots__ = ("application", "name", "endpoint", "subscription", "update_mask", "add_topics", "remove_topics")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    ADD_TOPICS_FIELD_NUMBER: _ClassVar[int]
    REMOVE_TOPICS_FIELD_NUMBER: _ClassVar[int]
    application: str
    name: str
    endpoint: str
    subscription: _subscription_pb2.Subscription
    update_mask: _field_mask_pb2.FieldMask
    add_topics: _containers.RepeatedScalarFieldContainer[str]
    remove_topics: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, application: _Optional[str] = ..., name: _Optional[str] = ..., endpoint: _Optional[str] = ..., subscription: _Optional[_Union[_subscription_pb2.Subscription, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., add_topics: _Optional[_Iterable[str]] = ..., remove_topics: _Optional[_Iterable[str]] = ...) -> None: ...

class UpdateSubscriptionResponse(_message.Message):
    __slots__ = ("subscription",)
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    subscription: _subscription_pb2.Subscription
    def __init__(self, subscription: _Optional[_Union[_subscription_pb2.Subscription, _Mapping]] = ...) -> None: ...

class ListSubscriptionsRequest(_message.Message):
    __slots__ = ("application", "page_size", "page_token", "user_id", "topic")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    application: str
    page_size: int
    page_token: str
    user_id: str
    topic: str
    def __init__(self, application: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., user_id: _Optional[str] = ..., topic: _Optional[str] = ...) -> None: ...

class ListSubscriptionsResponse(_message.Message):
    __slots__ = ("subscriptions", "next_page_token")
    SUBSCRIPTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    subscriptions: _containers.RepeatedCompositeFieldContainer[_subscription_pb2.Subscription]
    next_page_token: str
    def __init__(self, subscriptions: _Optional[_Iterable[_Union[_subscription_pb2.Subscription, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchSubscriptionsRequest(_message.Message):
    __slots__ = ("application", "resume_token", "start_time")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    application: str
    resume_token: str
    start_time: _timestamp_pb2.Timestamp
    def __init__(self, application: _Optional[str] = ..., resume_token: _Optional[str] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class WatchSubscriptionsResponse(_message.Message):
    __slots__ = ("changes", "resume_token")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[_subscription_pb2.SubscriptionChange]
    resume_token: str
    def __init__(self, changes: _Optional[_Iterable[_Union[_subscription_pb2.SubscriptionChange, _Mapping]]] = ..., resume_token: _Optional[str] = ...) -> None: ...

class ImportSubscriptionsRequest(_message.Message):
    __slots__ = ("subscriptions",)
    SUBSCRIPTIONS_FIELD_NUMBER: _ClassVar[int]
    subscriptions: _containers.RepeatedCompositeFieldContainer[SubscribeRequest]
    def __init__(self, subscriptions: _Optional[_Iterable[_Union[SubscribeRequest, _Mapping]]] = ...) -> None: ...

class ImportSubscriptionsResponse(_message.Message):
    __slots__ = ("answers",)
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[ImportAnswer]
    def __init__(self, answers: _Optional[_Iterable[_Union[ImportAnswer, _Mapping]]] = ...) -> None: ...

class ImportAnswer(_message.Message):
    __slots__ = ("name", "rejected", "created")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    name: str
    rejected: _status_pb2.Status
    created: bool
    def __init__(self, name: _Optional[str] = ..., rejected: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., created: bool = ...) -> None: ...

class SendRequest(_message.Message):
    __slots__ = ("application", "subscription", "user_id", "push_subscription", "message", "request_id", "validate_only", "report_level", "include_receipts", "cancel_on_disconnect")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    PUSH_SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REPORT_LEVEL_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    CANCEL_ON_DISCONNECT_FIELD_NUMBER: _ClassVar[int]
    application: str
    subscription: str
    user_id: str
    push_subscription: _subscription_pb2.PushSubscription
    message: _message_pb2.Message
    request_id: str
    validate_only: bool
    report_level: _delivery_pb2.ReportLevel
    include_receipts: bool
    cancel_on_disconnect: bool
    def __init__(self, application: _Optional[str] = ..., subscription: _Optional[str] = ..., user_id: _Optional[str] = ..., push_subscription: _Optional[_Union[_subscription_pb2.PushSubscription, _Mapping]] = ..., message: _Optional[_Union[_message_pb2.Message, _Mapping]] = ..., request_id: _Optional[str] = ..., validate_only: bool = ..., report_level: _Optional[_Union[_delivery_pb2.ReportLevel, str]] = ..., include_receipts: bool = ..., cancel_on_disconnect: bool = ...) -> None: ...

class SendResponse(_message.Message):
    __slots__ = ("frame",)
    FRAME_FIELD_NUMBER: _ClassVar[int]
    frame: DeliveryFrame
    def __init__(self, frame: _Optional[_Union[DeliveryFrame, _Mapping]] = ...) -> None: ...

class DeliveryFrame(_message.Message):
    __slots__ = ("accepted", "events", "receipts", "progress", "summary", "resume_token")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    accepted: _message_pb2.MessageAccepted
    events: _delivery_pb2.DeliveryEvents
    receipts: _delivery_pb2.ReceiptEvents
    progress: _message_pb2.MessageStatus
    summary: _message_pb2.MessageStatus
    resume_token: str
    def __init__(self, accepted: _Optional[_Union[_message_pb2.MessageAccepted, _Mapping]] = ..., events: _Optional[_Union[_delivery_pb2.DeliveryEvents, _Mapping]] = ..., receipts: _Optional[_Union[_delivery_pb2.ReceiptEvents, _Mapping]] = ..., progress: _Optional[_Union[_message_pb2.MessageStatus, _Mapping]] = ..., summary: _Optional[_Union[_message_pb2.MessageStatus, _Mapping]] = ..., resume_token: _Optional[str] = ...) -> None: ...

class BroadcastRequest(_message.Message):
    __slots__ = ("application", "audience", "message", "request_id", "validate_only", "report_level", "include_receipts", "cancel_on_disconnect", "max_per_second")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REPORT_LEVEL_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    CANCEL_ON_DISCONNECT_FIELD_NUMBER: _ClassVar[int]
    MAX_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    application: str
    audience: Audience
    message: _message_pb2.Message
    request_id: str
    validate_only: bool
    report_level: _delivery_pb2.ReportLevel
    include_receipts: bool
    cancel_on_disconnect: bool
    max_per_second: float
    def __init__(self, application: _Optional[str] = ..., audience: _Optional[_Union[Audience, _Mapping]] = ..., message: _Optional[_Union[_message_pb2.Message, _Mapping]] = ..., request_id: _Optional[str] = ..., validate_only: bool = ..., report_level: _Optional[_Union[_delivery_pb2.ReportLevel, str]] = ..., include_receipts: bool = ..., cancel_on_disconnect: bool = ..., max_per_second: _Optional[float] = ...) -> None: ...

class BroadcastResponse(_message.Message):
    __slots__ = ("frame",)
    FRAME_FIELD_NUMBER: _ClassVar[int]
    frame: DeliveryFrame
    def __init__(self, frame: _Optional[_Union[DeliveryFrame, _Mapping]] = ...) -> None: ...

class Audience(_message.Message):
    __slots__ = ("subscriptions", "topics", "users", "all", "filter")
    SUBSCRIPTIONS_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    subscriptions: SubscriptionList
    topics: TopicList
    users: UserList
    all: AllSubscriptions
    filter: str
    def __init__(self, subscriptions: _Optional[_Union[SubscriptionList, _Mapping]] = ..., topics: _Optional[_Union[TopicList, _Mapping]] = ..., users: _Optional[_Union[UserList, _Mapping]] = ..., all: _Optional[_Union[AllSubscriptions, _Mapping]] = ..., filter: _Optional[str] = ...) -> None: ...

class SubscriptionList(_message.Message):
    __slots__ = ("names",)
    NAMES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, names: _Optional[_Iterable[str]] = ...) -> None: ...

class TopicList(_message.Message):
    __slots__ = ("topics",)
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    topics: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, topics: _Optional[_Iterable[str]] = ...) -> None: ...

class UserList(_message.Message):
    __slots__ = ("user_ids",)
    USER_IDS_FIELD_NUMBER: _ClassVar[int]
    user_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, user_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class AllSubscriptions(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SendStreamRequest(_message.Message):
    __slots__ = ("send",)
    SEND_FIELD_NUMBER: _ClassVar[int]
    send: SendRequest
    def __init__(self, send: _Optional[_Union[SendRequest, _Mapping]] = ...) -> None: ...

class SendStreamResponse(_message.Message):
    __slots__ = ("answers", "frame")
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    answers: SendStreamAnswers
    frame: DeliveryFrame
    def __init__(self, answers: _Optional[_Union[SendStreamAnswers, _Mapping]] = ..., frame: _Optional[_Union[DeliveryFrame, _Mapping]] = ...) -> None: ...

class SendStreamAnswers(_message.Message):
    __slots__ = ("answers",)
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[SendStreamAnswer]
    def __init__(self, answers: _Optional[_Iterable[_Union[SendStreamAnswer, _Mapping]]] = ...) -> None: ...

class SendStreamAnswer(_message.Message):
    __slots__ = ("request_id", "accepted", "rejected")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    accepted: _message_pb2.MessageAccepted
    rejected: _status_pb2.Status
    def __init__(self, request_id: _Optional[str] = ..., accepted: _Optional[_Union[_message_pb2.MessageAccepted, _Mapping]] = ..., rejected: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class WatchDeliveriesRequest(_message.Message):
    __slots__ = ("application", "parent", "resume_token", "start_time", "report_level", "include_receipts")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    REPORT_LEVEL_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    application: str
    parent: str
    resume_token: str
    start_time: _timestamp_pb2.Timestamp
    report_level: _delivery_pb2.ReportLevel
    include_receipts: bool
    def __init__(self, application: _Optional[str] = ..., parent: _Optional[str] = ..., resume_token: _Optional[str] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., report_level: _Optional[_Union[_delivery_pb2.ReportLevel, str]] = ..., include_receipts: bool = ...) -> None: ...

class WatchDeliveriesResponse(_message.Message):
    __slots__ = ("frame",)
    FRAME_FIELD_NUMBER: _ClassVar[int]
    frame: DeliveryFrame
    def __init__(self, frame: _Optional[_Union[DeliveryFrame, _Mapping]] = ...) -> None: ...

class GetMessageRequest(_message.Message):
    __slots__ = ("application", "name")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    application: str
    name: str
    def __init__(self, application: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class GetMessageResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: _message_pb2.MessageStatus
    def __init__(self, message: _Optional[_Union[_message_pb2.MessageStatus, _Mapping]] = ...) -> None: ...

class ListMessagesRequest(_message.Message):
    __slots__ = ("application", "page_size", "page_token", "states", "kind", "caller", "note", "user_id", "start_time", "end_time")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    application: str
    page_size: int
    page_token: str
    states: _containers.RepeatedScalarFieldContainer[_message_pb2.MessageState]
    kind: _message_pb2.MessageKind
    caller: str
    note: str
    user_id: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, application: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_message_pb2.MessageState, str]]] = ..., kind: _Optional[_Union[_message_pb2.MessageKind, str]] = ..., caller: _Optional[str] = ..., note: _Optional[str] = ..., user_id: _Optional[str] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListMessagesResponse(_message.Message):
    __slots__ = ("messages", "next_page_token")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_message_pb2.MessageStatus]
    next_page_token: str
    def __init__(self, messages: _Optional[_Iterable[_Union[_message_pb2.MessageStatus, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListDeliveriesRequest(_message.Message):
    __slots__ = ("application", "parent", "page_size", "page_token", "states", "outcomes", "subscription")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    application: str
    parent: str
    page_size: int
    page_token: str
    states: _containers.RepeatedScalarFieldContainer[_delivery_pb2.DeliveryState]
    outcomes: _containers.RepeatedScalarFieldContainer[_delivery_pb2.Outcome]
    subscription: str
    def __init__(self, application: _Optional[str] = ..., parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_delivery_pb2.DeliveryState, str]]] = ..., outcomes: _Optional[_Iterable[_Union[_delivery_pb2.Outcome, str]]] = ..., subscription: _Optional[str] = ...) -> None: ...

class ListDeliveriesResponse(_message.Message):
    __slots__ = ("deliveries", "next_page_token")
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    deliveries: _containers.RepeatedCompositeFieldContainer[_delivery_pb2.Delivery]
    next_page_token: str
    def __init__(self, deliveries: _Optional[_Iterable[_Union[_delivery_pb2.Delivery, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelMessageRequest(_message.Message):
    __slots__ = ("application", "name")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    application: str
    name: str
    def __init__(self, application: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class CancelMessageResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: _message_pb2.MessageStatus
    def __init__(self, message: _Optional[_Union[_message_pb2.MessageStatus, _Mapping]] = ...) -> None: ...

class GetVapidPublicKeyRequest(_message.Message):
    __slots__ = ("application",)
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    application: str
    def __init__(self, application: _Optional[str] = ...) -> None: ...

class GetVapidPublicKeyResponse(_message.Message):
    __slots__ = ("application_server_key", "create_time")
    APPLICATION_SERVER_KEY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    application_server_key: str
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, application_server_key: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateSubscriberTokenRequest(_message.Message):
    __slots__ = ("application", "user_id", "topics", "ttl")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    application: str
    user_id: str
    topics: _containers.RepeatedScalarFieldContainer[str]
    ttl: _duration_pb2.Duration
    def __init__(self, application: _Optional[str] = ..., user_id: _Optional[str] = ..., topics: _Optional[_Iterable[str]] = ..., ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CreateSubscriberTokenResponse(_message.Message):
    __slots__ = ("token", "expire_time")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    token: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, token: _Optional[str] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

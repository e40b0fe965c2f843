from fanfare.v1 import delivery_pb2 as _delivery_pb2
from fanfare.v1 import message_pb2 as _message_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HostProfile(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOST_PROFILE_UNSPECIFIED: _ClassVar[HostProfile]
    HOST_PROFILE_KNOWN_PUSH_SERVICES: _ClassVar[HostProfile]
    HOST_PROFILE_ANY_PUBLIC_HOST: _ClassVar[HostProfile]
    HOST_PROFILE_LISTED_ONLY: _ClassVar[HostProfile]

class VapidKeyState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VAPID_KEY_STATE_UNSPECIFIED: _ClassVar[VapidKeyState]
    VAPID_KEY_STATE_STANDBY: _ClassVar[VapidKeyState]
    VAPID_KEY_STATE_CURRENT: _ClassVar[VapidKeyState]
    VAPID_KEY_STATE_RETIRED: _ClassVar[VapidKeyState]

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_ADMIN: _ClassVar[Role]
    ROLE_PUBLISHER: _ClassVar[Role]
    ROLE_SUBSCRIBER: _ClassVar[Role]
    ROLE_READER: _ClassVar[Role]

class OriginState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORIGIN_STATE_UNSPECIFIED: _ClassVar[OriginState]
    ORIGIN_STATE_OPEN: _ClassVar[OriginState]
    ORIGIN_STATE_PAUSED: _ClassVar[OriginState]
    ORIGIN_STATE_BROKEN: _ClassVar[OriginState]
    ORIGIN_STATE_PROBING: _ClassVar[OriginState]
    ORIGIN_STATE_STOPPED: _ClassVar[OriginState]
HOST_PROFILE_UNSPECIFIED: HostProfile
HOST_PROFILE_KNOWN_PUSH_SERVICES: HostProfile
HOST_PROFILE_ANY_PUBLIC_HOST: HostProfile
HOST_PROFILE_LISTED_ONLY: HostProfile
VAPID_KEY_STATE_UNSPECIFIED: VapidKeyState
VAPID_KEY_STATE_STANDBY: VapidKeyState
VAPID_KEY_STATE_CURRENT: VapidKeyState
VAPID_KEY_STATE_RETIRED: VapidKeyState
ROLE_UNSPECIFIED: Role
ROLE_ADMIN: Role
ROLE_PUBLISHER: Role
ROLE_SUBSCRIBER: Role
ROLE_READER: Role
ORIGIN_STATE_UNSPECIFIED: OriginState
ORIGIN_STATE_OPEN: OriginState
ORIGIN_STATE_PAUSED: OriginState
ORIGIN_STATE_BROKEN: OriginState
ORIGIN_STATE_PROBING: OriginState
ORIGIN_STATE_STOPPED: OriginState

class Application(_message.Message):
    __slots__ = ("id", "display_name", "contact", "defaults", "quotas", "host_policy", "suspended", "stopped_origins", "subscription_count", "create_time", "update_time", "etag", "held")
    ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    DEFAULTS_FIELD_NUMBER: _ClassVar[int]
    QUOTAS_FIELD_NUMBER: _ClassVar[int]
    HOST_POLICY_FIELD_NUMBER: _ClassVar[int]
    SUSPENDED_FIELD_NUMBER: _ClassVar[int]
    STOPPED_ORIGINS_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    id: str
    display_name: str
    contact: str
    defaults: MessageDefaults
    quotas: Quotas
    host_policy: HostPolicy
    suspended: bool
    stopped_origins: _containers.RepeatedCompositeFieldContainer[StoppedOrigin]
    subscription_count: int
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    held: _containers.RepeatedCompositeFieldContainer[HeldSubscriptions]
    def __init__(self, id: _Optional[str] = ..., display_name: _Optional[str] = ..., contact: _Optional[str] = ..., defaults: _Optional[_Union[MessageDefaults, _Mapping]] = ..., quotas: _Optional[_Union[Quotas, _Mapping]] = ..., host_policy: _Optional[_Union[HostPolicy, _Mapping]] = ..., suspended: bool = ..., stopped_origins: _Optional[_Iterable[_Union[StoppedOrigin, _Mapping]]] = ..., subscription_count: _Optional[int] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., held: _Optional[_Iterable[_Union[HeldSubscriptions, _Mapping]]] = ...) -> None: ...

class MessageDefaults(_message.Message):
    __slots__ = ("ttl", "urgency", "padding")
    TTL_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    ttl: _duration_pb2.Duration
    urgency: _message_pb2.Urgency
    padding: _message_pb2.Padding
    def __init__(self, ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., urgency: _Optional[_Union[_message_pb2.Urgency, str]] = ..., padding: _Optional[_Union[_message_pb2.Padding, str]] = ...) -> None: ...

class Quotas(_message.Message):
    __slots__ = ("max_subscriptions", "max_messages_per_second", "max_broadcast_targets", "max_pending_deliveries", "max_streams", "weight")
    MAX_SUBSCRIPTIONS_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    MAX_BROADCAST_TARGETS_FIELD_NUMBER: _ClassVar[int]
    MAX_PENDING_DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    MAX_STREAMS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    max_subscriptions: int
    max_messages_per_second: float
    max_broadcast_targets: int
    max_pending_deliveries: int
    max_streams: int
    weight: int
    def __init__(self, max_subscriptions: _Optional[int] = ..., max_messages_per_second: _Optional[float] = ..., max_broadcast_targets: _Optional[int] = ..., max_pending_deliveries: _Optional[int] = ..., max_streams: _Optional[int] = ..., weight: _Optional[int] = ...) -> None: ...

class HostPolicy(_message.Message):
    __slots__ = ("profile", "extra_hosts", "exceptions")
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    EXTRA_HOSTS_FIELD_NUMBER: _ClassVar[int]
    EXCEPTIONS_FIELD_NUMBER: _ClassVar[int]
    profile: HostProfile
    extra_hosts: _containers.RepeatedScalarFieldContainer[str]
    exceptions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, profile: _Optional[_Union[HostProfile, str]] = ..., extra_hosts: _Optional[_Iterable[str]] = ..., exceptions: _Optional[_Iterable[str]] = ...) -> None: ...

class StoppedOrigin(_message.Message):
    __slots__ = ("origin", "outcome", "stop_time", "detail", "next_attempt_time", "vapid_key", "refused_count", "slowed", "remedy")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    STOP_TIME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    VAPID_KEY_FIELD_NUMBER: _ClassVar[int]
    REFUSED_COUNT_FIELD_NUMBER: _ClassVar[int]
    SLOWED_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    origin: str
    outcome: _delivery_pb2.Outcome
    stop_time: _timestamp_pb2.Timestamp
    detail: str
    next_attempt_time: _timestamp_pb2.Timestamp
    vapid_key: str
    refused_count: int
    slowed: bool
    remedy: str
    def __init__(self, origin: _Optional[str] = ..., outcome: _Optional[_Union[_delivery_pb2.Outcome, str]] = ..., stop_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., detail: _Optional[str] = ..., next_attempt_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., vapid_key: _Optional[str] = ..., refused_count: _Optional[int] = ..., slowed: bool = ..., remedy: _Optional[str] = ...) -> None: ...

class CreateApplicationRequest(_message.Message):
    __slots__ = ("application", "validate_only")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    application: Application
    validate_only: bool
    def __init__(self, application: _Optional[_Union[Application, _Mapping]] = ..., validate_only: bool = ...) -> None: ...

class CreateApplicationResponse(_message.Message):
    __slots__ = ("application", "vapid_key")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    VAPID_KEY_FIELD_NUMBER: _ClassVar[int]
    application: Application
    vapid_key: VapidKey
    def __init__(self, application: _Optional[_Union[Application, _Mapping]] = ..., vapid_key: _Optional[_Union[VapidKey, _Mapping]] = ...) -> None: ...

class GetApplicationRequest(_message.Message):
    __slots__ = ("application",)
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    application: str
    def __init__(self, application: _Optional[str] = ...) -> None: ...

class GetApplicationResponse(_message.Message):
    __slots__ = ("application",)
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    application: Application
    def __init__(self, application: _Optional[_Union[Application, _Mapping]] = ...) -> None: ...

class ListApplicationsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListApplicationsResponse(_message.Message):
    __slots__ = ("applications", "next_page_token")
    APPLICATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    applications: _containers.RepeatedCompositeFieldContainer[Application]
    next_page_token: str
    def __init__(self, applications: _Optional[_Iterable[_Union[Application, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateApplicationRequest(_message.Message):
    __slots__ = ("application", "update_mask")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    application: Application
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, application: _Optional[_Union[Application, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateApplicationResponse(_message.Message):
    __slots__ = ("application",)
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    application: Application
    def __init__(self, application: _Optional[_Union[Application, _Mapping]] = ...) -> None: ...

class DeleteApplicationRequest(_message.Message):
    __slots__ = ("application", "force", "allow_missing")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    ALLOW_MISSING_FIELD_NUMBER: _ClassVar[int]
    application: str
    force: bool
    allow_missing: bool
    def __init__(self, application: _Optional[str] = ..., force: bool = ..., allow_missing: bool = ...) -> None: ...

class DeleteApplicationResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class VapidKey(_message.Message):
    __slots__ = ("name", "application", "application_server_key", "state", "subscription_count", "create_time", "activate_time", "retire_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_SERVER_KEY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ACTIVATE_TIME_FIELD_NUMBER: _ClassVar[int]
    RETIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    application: str
    application_server_key: str
    state: VapidKeyState
    subscription_count: int
    create_time: _timestamp_pb2.Timestamp
    activate_time: _timestamp_pb2.Timestamp
    retire_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., application: _Optional[str] = ..., application_server_key: _Optional[str] = ..., state: _Optional[_Union[VapidKeyState, str]] = ..., subscription_count: _Optional[int] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., activate_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., retire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateVapidKeyRequest(_message.Message):
    __slots__ = ("application", "private_key", "make_current")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_KEY_FIELD_NUMBER: _ClassVar[int]
    MAKE_CURRENT_FIELD_NUMBER: _ClassVar[int]
    application: str
    private_key: str
    make_current: bool
    def __init__(self, application: _Optional[str] = ..., private_key: _Optional[str] = ..., make_current: bool = ...) -> None: ...

class CreateVapidKeyResponse(_message.Message):
    __slots__ = ("vapid_key",)
    VAPID_KEY_FIELD_NUMBER: _ClassVar[int]
    vapid_key: VapidKey
    def __init__(self, vapid_key: _Optional[_Union[VapidKey, _Mapping]] = ...) -> None: ...

class ListVapidKeysRequest(_message.Message):
    __slots__ = ("application", "page_size", "page_token")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    application: str
    page_size: int
    page_token: str
    def __init__(self, application: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListVapidKeysResponse(_message.Message):
    __slots__ = ("vapid_keys", "next_page_token")
    VAPID_KEYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    vapid_keys: _containers.RepeatedCompositeFieldContainer[VapidKey]
    next_page_token: str
    def __init__(self, vapid_keys: _Optional[_Iterable[_Union[VapidKey, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SetCurrentVapidKeyRequest(_message.Message):
    __slots__ = ("application", "name")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    application: str
    name: str
    def __init__(self, application: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class SetCurrentVapidKeyResponse(_message.Message):
    __slots__ = ("vapid_key",)
    VAPID_KEY_FIELD_NUMBER: _ClassVar[int]
    vapid_key: VapidKey
    def __init__(self, vapid_key: _Optional[_Union[VapidKey, _Mapping]] = ...) -> None: ...

class RetireVapidKeyRequest(_message.Message):
    __slots__ = ("application", "name", "force", "remove")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    application: str
    name: str
    force: bool
    remove: bool
    def __init__(self, application: _Optional[str] = ..., name: _Optional[str] = ..., force: bool = ..., remove: bool = ...) -> None: ...

class RetireVapidKeyResponse(_message.Message):
    __slots__ = ("vapid_key",)
    VAPID_KEY_FIELD_NUMBER: _ClassVar[int]
    vapid_key: VapidKey
    def __init__(self, vapid_key: _Optional[_Union[VapidKey, _Mapping]] = ...) -> None: ...

class ApiToken(_message.Message):
    __slots__ = ("name", "application", "all_applications", "roles", "display_name", "hint", "expire_time", "create_time", "last_used_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    ALL_APPLICATIONS_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    application: str
    all_applications: bool
    roles: _containers.RepeatedScalarFieldContainer[Role]
    display_name: str
    hint: str
    expire_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    last_used_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., application: _Optional[str] = ..., all_applications: bool = ..., roles: _Optional[_Iterable[_Union[Role, str]]] = ..., display_name: _Optional[str] = ..., hint: _Optional[str] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_used_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateApiTokenRequest(_message.Message):
    __slots__ = ("application", "api_token")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    API_TOKEN_FIELD_NUMBER: _ClassVar[int]
    application: str
    api_token: ApiToken
    def __init__(self, application: _Optional[str] = ..., api_token: _Optional[_Union[ApiToken, _Mapping]] = ...) -> None: ...

class CreateApiTokenResponse(_message.Message):
    __slots__ = ("api_token", "token")
    API_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    api_token: ApiToken
    token: str
    def __init__(self, api_token: _Optional[_Union[ApiToken, _Mapping]] = ..., token: _Optional[str] = ...) -> None: ...

class ListApiTokensRequest(_message.Message):
    __slots__ = ("application", "all_applications", "page_size", "page_token")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    ALL_APPLICATIONS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    application: str
    all_applications: bool
    page_size: int
    page_token: str
    def __init__(self, application: _Optional[str] = ..., all_applications: bool = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListApiTokensResponse(_message.Message):
    __slots__ = ("api_tokens", "next_page_token")
    API_TOKENS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    api_tokens: _containers.RepeatedCompositeFieldContainer[ApiToken]
    next_page_token: str
    def __init__(self, api_tokens: _Optional[_Iterable[_Union[ApiToken, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RevokeApiTokenRequest(_message.Message):
    __slots__ = ("name", "allow_missing")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALLOW_MISSING_FIELD_NUMBER: _ClassVar[int]
    name: str
    allow_missing: bool
    def __init__(self, name: _Optional[str] = ..., allow_missing: bool = ...) -> None: ...

class RevokeApiTokenResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Origin(_message.Message):
    __slots__ = ("origin", "state", "queued", "in_flight", "concurrency_limit", "connections", "accepted_per_second", "throttled_share", "error_share", "latency_p50", "latency_p99", "paused_until", "last_problem", "held", "refused_share", "stopped_applications")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    CONCURRENCY_LIMIT_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    THROTTLED_SHARE_FIELD_NUMBER: _ClassVar[int]
    ERROR_SHARE_FIELD_NUMBER: _ClassVar[int]
    LATENCY_P50_FIELD_NUMBER: _ClassVar[int]
    LATENCY_P99_FIELD_NUMBER: _ClassVar[int]
    PAUSED_UNTIL_FIELD_NUMBER: _ClassVar[int]
    LAST_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    REFUSED_SHARE_FIELD_NUMBER: _ClassVar[int]
    STOPPED_APPLICATIONS_FIELD_NUMBER: _ClassVar[int]
    origin: str
    state: OriginState
    queued: int
    in_flight: int
    concurrency_limit: int
    connections: int
    accepted_per_second: float
    throttled_share: float
    error_share: float
    latency_p50: _duration_pb2.Duration
    latency_p99: _duration_pb2.Duration
    paused_until: _timestamp_pb2.Timestamp
    last_problem: _delivery_pb2.Outcome
    held: _containers.RepeatedCompositeFieldContainer[HeldSubscriptions]
    refused_share: float
    stopped_applications: _containers.RepeatedCompositeFieldContainer[StoppedApplication]
    def __init__(self, origin: _Optional[str] = ..., state: _Optional[_Union[OriginState, str]] = ..., queued: _Optional[int] = ..., in_flight: _Optional[int] = ..., concurrency_limit: _Optional[int] = ..., connections: _Optional[int] = ..., accepted_per_second: _Optional[float] = ..., throttled_share: _Optional[float] = ..., error_share: _Optional[float] = ..., latency_p50: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., latency_p99: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., paused_until: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_problem: _Optional[_Union[_delivery_pb2.Outcome, str]] = ..., held: _Optional[_Iterable[_Union[HeldSubscriptions, _Mapping]]] = ..., refused_share: _Optional[float] = ..., stopped_applications: _Optional[_Iterable[_Union[StoppedApplication, _Mapping]]] = ...) -> None: ...

class HeldSubscriptions(_message.Message):
    __slots__ = ("application", "outcome", "subscription_count", "hold_time", "refused_count", "answered_count", "reason", "remedy", "origin")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    HOLD_TIME_FIELD_NUMBER: _ClassVar[int]
    REFUSED_COUNT_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    application: str
    outcome: _delivery_pb2.Outcome
    subscription_count: int
    hold_time: _timestamp_pb2.Timestamp
    refused_count: int
    answered_count: int
    reason: str
    remedy: str
    origin: str
    def __init__(self, application: _Optional[str] = ..., outcome: _Optional[_Union[_delivery_pb2.Outcome, str]] = ..., subscription_count: _Optional[int] = ..., hold_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., refused_count: _Optional[int] = ..., answered_count: _Optional[int] = ..., reason: _Optional[str] = ..., remedy: _Optional[str] = ..., origin: _Optional[str] = ...) -> None: ...

class StoppedApplication(_message.Message):
    __slots__ = ("application", "stop")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    application: str
    stop: StoppedOrigin
    def __init__(self, application: _Optional[str] = ..., stop: _Optional[_Union[StoppedOrigin, _Mapping]] = ...) -> None: ...

class ListOriginsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListOriginsResponse(_message.Message):
    __slots__ = ("origins", "next_page_token")
    ORIGINS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    origins: _containers.RepeatedCompositeFieldContainer[Origin]
    next_page_token: str
    def __init__(self, origins: _Optional[_Iterable[_Union[Origin, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchOriginsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchOriginsResponse(_message.Message):
    __slots__ = ("origins",)
    ORIGINS_FIELD_NUMBER: _ClassVar[int]
    origins: _containers.RepeatedCompositeFieldContainer[Origin]
    def __init__(self, origins: _Optional[_Iterable[_Union[Origin, _Mapping]]] = ...) -> None: ...

class ResumeOriginRequest(_message.Message):
    __slots__ = ("application", "origin")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    application: str
    origin: str
    def __init__(self, application: _Optional[str] = ..., origin: _Optional[str] = ...) -> None: ...

class ResumeOriginResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReleaseHeldSubscriptionsRequest(_message.Message):
    __slots__ = ("application", "origin", "outcome", "validate_only", "page_token")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    application: str
    origin: str
    outcome: _delivery_pb2.Outcome
    validate_only: bool
    page_token: str
    def __init__(self, application: _Optional[str] = ..., origin: _Optional[str] = ..., outcome: _Optional[_Union[_delivery_pb2.Outcome, str]] = ..., validate_only: bool = ..., page_token: _Optional[str] = ...) -> None: ...

class ReleaseHeldSubscriptionsResponse(_message.Message):
    __slots__ = ("released_count", "next_page_token")
    RELEASED_COUNT_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    released_count: int
    next_page_token: str
    def __init__(self, released_count: _Optional[int] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DiscardHeldSubscriptionsRequest(_message.Message):
    __slots__ = ("application", "origin", "outcome", "validate_only", "page_token")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    application: str
    origin: str
    outcome: _delivery_pb2.Outcome
    validate_only: bool
    page_token: str
    def __init__(self, application: _Optional[str] = ..., origin: _Optional[str] = ..., outcome: _Optional[_Union[_delivery_pb2.Outcome, str]] = ..., validate_only: bool = ..., page_token: _Optional[str] = ...) -> None: ...

class DiscardHeldSubscriptionsResponse(_message.Message):
    __slots__ = ("discarded_count", "next_page_token")
    DISCARDED_COUNT_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    discarded_count: int
    next_page_token: str
    def __init__(self, discarded_count: _Optional[int] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RestoreSubscriptionsRequest(_message.Message):
    __slots__ = ("application", "origin", "start_time", "end_time", "validate_only", "page_token")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    application: str
    origin: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    validate_only: bool
    page_token: str
    def __init__(self, application: _Optional[str] = ..., origin: _Optional[str] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., validate_only: bool = ..., page_token: _Optional[str] = ...) -> None: ...

class RestoreSubscriptionsResponse(_message.Message):
    __slots__ = ("restored_count", "passed_over_count", "next_page_token")
    RESTORED_COUNT_FIELD_NUMBER: _ClassVar[int]
    PASSED_OVER_COUNT_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    restored_count: int
    passed_over_count: int
    next_page_token: str
    def __init__(self, restored_count: _Optional[int] = ..., passed_over_count: _Optional[int] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class EnableSubscriptionsRequest(_message.Message):
    __slots__ = ("application", "name", "outcome", "origin", "start_time", "end_time", "validate_only", "page_token")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    application: str
    name: str
    outcome: _delivery_pb2.Outcome
    origin: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    validate_only: bool
    page_token: str
    def __init__(self, application: _Optional[str] = ..., name: _Optional[str] = ..., outcome: _Optional[_Union[_delivery_pb2.Outcome, str]] = ..., origin: _Optional[str] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., validate_only: bool = ..., page_token: _Optional[str] = ...) -> None: ...

class EnableSubscriptionsResponse(_message.Message):
    __slots__ = ("enabled_count", "next_page_token")
    ENABLED_COUNT_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    enabled_count: int
    next_page_token: str
    def __init__(self, enabled_count: _Optional[int] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class AuditEntry(_message.Message):
    __slots__ = ("create_time", "caller", "action", "application", "object", "subscription_count", "changes")
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    create_time: _timestamp_pb2.Timestamp
    caller: _message_pb2.Caller
    action: str
    application: str
    object: str
    subscription_count: int
    changes: _containers.RepeatedCompositeFieldContainer[AuditChange]
    def __init__(self, create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., caller: _Optional[_Union[_message_pb2.Caller, _Mapping]] = ..., action: _Optional[str] = ..., application: _Optional[str] = ..., object: _Optional[str] = ..., subscription_count: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[AuditChange, _Mapping]]] = ...) -> None: ...

class AuditChange(_message.Message):
    __slots__ = ("field", "before", "after")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    field: str
    before: str
    after: str
    def __init__(self, field: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class ListAuditEntriesRequest(_message.Message):
    __slots__ = ("application", "all_applications", "page_size", "page_token", "caller", "action", "start_time", "end_time")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    ALL_APPLICATIONS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    application: str
    all_applications: bool
    page_size: int
    page_token: str
    caller: str
    action: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, application: _Optional[str] = ..., all_applications: bool = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., caller: _Optional[str] = ..., action: _Optional[str] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListAuditEntriesResponse(_message.Message):
    __slots__ = ("audit_entries", "next_page_token")
    AUDIT_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    audit_entries: _containers.RepeatedCompositeFieldContainer[AuditEntry]
    next_page_token: str
    def __init__(self, audit_entries: _Optional[_Iterable[_Union[AuditEntry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class BackupRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class BackupResponse(_message.Message):
    __slots__ = ("data", "done_octets", "store_octets", "summary")
    DATA_FIELD_NUMBER: _ClassVar[int]
    DONE_OCTETS_FIELD_NUMBER: _ClassVar[int]
    STORE_OCTETS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    done_octets: int
    store_octets: int
    summary: BackupSummary
    def __init__(self, data: _Optional[bytes] = ..., done_octets: _Optional[int] = ..., store_octets: _Optional[int] = ..., summary: _Optional[_Union[BackupSummary, _Mapping]] = ...) -> None: ...

class BackupSummary(_message.Message):
    __slots__ = ("snapshot_time", "octets", "sha256", "record_count", "write_count", "master_keys")
    SNAPSHOT_TIME_FIELD_NUMBER: _ClassVar[int]
    OCTETS_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    RECORD_COUNT_FIELD_NUMBER: _ClassVar[int]
    WRITE_COUNT_FIELD_NUMBER: _ClassVar[int]
    MASTER_KEYS_FIELD_NUMBER: _ClassVar[int]
    snapshot_time: _timestamp_pb2.Timestamp
    octets: int
    sha256: bytes
    record_count: int
    write_count: int
    master_keys: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, snapshot_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., octets: _Optional[int] = ..., sha256: _Optional[bytes] = ..., record_count: _Optional[int] = ..., write_count: _Optional[int] = ..., master_keys: _Optional[_Iterable[str]] = ...) -> None: ...

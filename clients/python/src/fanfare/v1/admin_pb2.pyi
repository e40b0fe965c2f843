from fanfare.v1 import delivery_pb2 as _delivery_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

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
    __slots__ = ("origin", "state", "queued", "in_flight", "concurrency_limit", "connections", "accepted_per_second", "throttled_share", "error_share", "latency_p50", "latency_p99", "paused_until", "last_problem")
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
    def __init__(self, origin: _Optional[str] = ..., state: _Optional[_Union[OriginState, str]] = ..., queued: _Optional[int] = ..., in_flight: _Optional[int] = ..., concurrency_limit: _Optional[int] = ..., connections: _Optional[int] = ..., accepted_per_second: _Optional[float] = ..., throttled_share: _Optional[float] = ..., error_share: _Optional[float] = ..., latency_p50: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., latency_p99: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., paused_until: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_problem: _Optional[_Union[_delivery_pb2.Outcome, str]] = ...) -> None: ...

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

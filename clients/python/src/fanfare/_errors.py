"""Errors of calls, with their details."""

import dataclasses
import random
import time
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


@dataclasses.dataclass(frozen=True)
class Violation:
    """What is wrong with one field of a request."""

    #: Its path, for example ``message.ttl`` or ``topics[1]``.
    field: str
    description: str


@dataclasses.dataclass(frozen=True)
class Resource:
    """What a call named, and was not found."""

    #: For example ``subscription``.
    type: str
    name: str


class Error(grpc.RpcError):
    """Error of a call. All calls of this package, and unary ones of its stubs, end with one."""

    #: For people.
    message: str
    #: Stable: a value of ``ErrorReason`` without its prefix, for example ``INVALID_FIELDS``. Empty: the error is gRPC's
    #: own, such as an expired deadline.
    reason: str
    #: Of the reason, for example the ``oldest_time`` of ``RESUME_TOKEN_EXPIRED``.
    metadata: dict[str, str]
    #: All fields that are wrong, with the path of each.
    violations: list[Violation]
    #: What was not found.
    resource: Resource | None
    #: Seconds that the server advises to wait before the call is repeated.
    retry_after: float | None

    def __init__(self, code: grpc.StatusCode, message: str, details: Any = ()) -> None:
        self._code, self.message = code, message
        self.reason, self.metadata, self.violations = "", {}, []
        self.resource, self.retry_after = None, None
        for detail in details:
            self._take(detail)
        lines = [f"{code.name} {self.reason}".strip() + f": {message}"]
        lines += [f"  {violation.field}: {violation.description}" for violation in self.violations]
        super().__init__("\n".join(lines))

    def code(self) -> grpc.StatusCode:
        """gRPC's."""
        return self._code

    def details(self) -> str:
        """The message, as other errors of gRPC have it."""
        return self.message

    def _take(self, detail: Any) -> None:
        info = error_details_pb2.ErrorInfo()
        bad = error_details_pb2.BadRequest()
        resource = error_details_pb2.ResourceInfo()
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            self.reason, self.metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            self.violations = [Violation(one.field, one.description) for one in bad.field_violations]
        elif detail.Unpack(resource):
            self.resource = Resource(resource.resource_type, resource.resource_name)
        elif detail.Unpack(retry):
            self.retry_after = retry.retry_delay.ToTimedelta().total_seconds()

    @classmethod
    def of(cls, error: grpc.RpcError) -> "Error":
        """Reads the error of a call."""
        if isinstance(error, Error):
            return error
        call: Any = error
        code, message = call.code(), call.details() or ""
        try:
            metadata = call.trailing_metadata() or ()
            binary = next((value for key, value in metadata if key == "grpc-status-details-bin"), None)
            details = status_pb2.Status.FromString(binary).details if binary else ()
        except Exception:  # Whatever is wrong with the details, the error is there.
            details = ()
        return cls(code, message, details)

    @classmethod
    def from_status(cls, status: status_pb2.Status) -> "Error":
        """Reads a status that came inside an answer, such as ``SendStreamAnswer.rejected``."""
        made = rpc_status.to_status(status)
        return cls(made.code, status.message, status.details)

    def is_lost(self) -> bool:
        """Whether the same call may go on if it is made again: the server said so, or the connection broke. A stream
        that was reset has no reason of ours."""
        broken = (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL)
        return (
            self.code() is grpc.StatusCode.UNAVAILABLE
            or self.retry_after is not None
            or (not self.reason and self.code() in broken)
        )


class Pause:
    """Between attempts to take up a stream again: grows while no frame comes."""

    def __init__(self, limit: float, deadline: float | None) -> None:
        self._until = time.monotonic() + limit
        self._deadline = deadline
        self._next = FIRST_PAUSE

    def before_again(self, lost: Error) -> float:
        """Seconds to wait before a lost call is made again, as the server asked for if it did. Raises what was lost if
        that would not help, or has gone on for too long."""
        now = time.monotonic()
        if not lost.is_lost() or now > self._until:
            raise lost
        # Callers that lost the same server do not all come back at the same instant.
        delay = self._next * random.uniform(0.5, 1)
        if lost.retry_after is not None:
            delay = max(delay, min(lost.retry_after, LONGEST_PAUSE))
        self._next = min(2 * self._next, LONGEST_PAUSE)
        if self._deadline is not None and now + delay > self._deadline:
            raise Error(grpc.StatusCode.DEADLINE_EXCEEDED, f"the deadline passed; before: {lost.message}")
        return delay

"""What connections of both kinds have in common."""

import dataclasses
import ipaddress
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import grpc

# Milliseconds that a connection with calls may be quiet before it is asked for a sign of life, and that this may take.
KEEPALIVE_TIME = 30_000
KEEPALIVE_TIMEOUT = 10_000
# Milliseconds between attempts to connect: the first, and the longest.
FIRST_BACKOFF = 100
LONGEST_BACKOFF = 5_000
# Largest answer taken, in octets: a full page of subscriptions with all their topics and labels.
ANSWER_OCTETS_MAX = 64 * 1024 * 1024
# Seconds that a call which opens a stream is repeated until its first frame comes, and that a stream which was lost is
# taken up again, without a frame.
ACCEPT_FOR = 30.0
RECONNECT_FOR = 300.0


@dataclasses.dataclass(frozen=True)
class TLS:
    """What an ``https`` target needs beyond the system's root certificates, each as PEM."""

    root_certificates: bytes | None = None
    #: The client's own, for a server that asks for it.
    certificate: bytes | None = None
    private_key: bytes | None = dataclasses.field(default=None, repr=False)


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a connection is made."""

    address: str
    secure: bool
    credentials: grpc.ChannelCredentials | None
    metadata: tuple[tuple[str, str], ...] = dataclasses.field(repr=False)
    options: list[tuple[str, Any]]


def settings(target: str, token: str | None, tls: TLS | None) -> Settings:
    parts = urlsplit(target)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError(f"{target!r} must be http://host:port or https://host:port")
    secure = parts.scheme == "https"
    if token and not secure and not _is_loopback(parts.hostname):
        raise ValueError("a token must not travel over http: use an https target")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    tls = tls or TLS()
    credentials = (
        grpc.ssl_channel_credentials(tls.root_certificates, tls.private_key, tls.certificate) if secure else None
    )
    return Settings(
        address=f"{host}:{parts.port or (443 if secure else 80)}",
        secure=secure,
        credentials=credentials,
        metadata=(("authorization", f"Bearer {token}"),) if token else (),
        options=[
            ("grpc.keepalive_time_ms", KEEPALIVE_TIME),
            ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT),
            ("grpc.initial_reconnect_backoff_ms", FIRST_BACKOFF),
            ("grpc.min_reconnect_backoff_ms", FIRST_BACKOFF),
            ("grpc.max_reconnect_backoff_ms", LONGEST_BACKOFF),
            ("grpc.max_receive_message_length", ANSWER_OCTETS_MAX),
            ("grpc.service_config", resources.files(__package__).joinpath("service-config.json").read_text()),
            # A client that was made anew after a fault must not wait for the backoff of the former.
            ("grpc.use_local_subchannel_pool", 1),
        ],
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""The client for threads."""

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import grpc

from ._connect import ACCEPT_FOR, RECONNECT_FOR, TLS, settings
from ._errors import Error, Pause
from ._ledger import Ledger
from ._position import Position, subscribe_request
from .v1 import admin_pb2_grpc, delivery_pb2, message_pb2, push_pb2, push_pb2_grpc


def connect(
    target: str,
    token: str | None = None,
    tls: TLS | None = None,
    *,
    accept_for: float = ACCEPT_FOR,
    reconnect_for: float = RECONNECT_FOR,
) -> "Client":
    """Makes a client of the server at ``target``, for example ``http://127.0.0.1:8030`` or ``https://push.example.com``.

    Does not wait for the connection, which is opened by the first call, and again whenever it was lost.

    :param token: of the application, sent with each call; over http only to a loopback address.
    :param accept_for: seconds that a call which opens a stream is repeated until its first frame comes.
    :param reconnect_for: seconds that a stream which was lost is taken up again, without a frame, before it ends with an
        error.
    """
    made = settings(target, token, tls)
    channel = (
        grpc.secure_channel(made.address, made.credentials, made.options)
        if made.credentials
        else grpc.insecure_channel(made.address, made.options)
    )
    return Client(channel, made.metadata, accept_for, reconnect_for)


class Client:
    """Client of one server, for any number of threads."""

    def __init__(self, channel: grpc.Channel, metadata: Any, accept_for: float, reconnect_for: float) -> None:
        self._channel = channel
        self._accept_for, self._reconnect_for = accept_for, reconnect_for
        channel = grpc.intercept_channel(channel, _Typed(), _Token(metadata))
        #: The generated stubs.
        self.push = push_pb2_grpc.PushServiceStub(channel)
        self.admin = admin_pb2_grpc.AdminServiceStub(channel)

    def subscribe(self, subscription: str | bytes | dict[str, Any], **fields: Any) -> push_pb2.SubscribeResponse:
        """Stores a browser's subscription: what ``JSON.stringify(subscription)`` gave in the page, as text or parsed.
        ``fields`` are the rest of ``SubscribeRequest``: ``user_id``, ``topics``, …"""
        response: push_pb2.SubscribeResponse = self.push.Subscribe(subscribe_request(subscription, fields))
        return response

    def send(self, request: push_pb2.SendRequest, timeout: float | None = None) -> "Deliveries":
        """Sends a message to one recipient and returns once it is accepted: from then on it is durable, whatever
        becomes of the caller. The stream tells what happens to it.

        A request without a ``request_id`` gets one, so that a call whose connection was lost is repeated without
        sending twice. ``timeout``: seconds for the whole stream."""
        return Deliveries(self, request, timeout)

    def broadcast(self, request: push_pb2.BroadcastRequest, timeout: float | None = None) -> "Deliveries":
        """Sends a message to an audience. All else is as for :meth:`send`."""
        return Deliveries(self, request, timeout)

    def watch(self, request: push_pb2.WatchDeliveriesRequest, timeout: float | None = None) -> "Deliveries":
        """Follows one message (``messages/{id}``) or all of the application (``messages/-``), from a resume token on if
        the request has one."""
        return Deliveries(self, request, timeout)

    def send_stream(self, requests: Iterable[push_pb2.SendRequest]) -> "Results":
        """Sends many messages over one call, flow-controlled both ways, and tells what becomes of them: requests are
        taken as the server takes them. One that is refused is an answer with ``rejected``, and the stream goes on. A
        lost call is taken up again: what had not ended is sent once more, with its ``request_id``, and what had been
        told is not told again. If receipts were asked for, a lost call ends with an error instead: watch ``messages/-``
        from the last token."""
        return Results(self, requests)

    def close(self) -> None:
        """Ends all calls. Messages that were accepted go on without their caller."""
        self._channel.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Deliveries(Iterator[push_pb2.DeliveryFrame]):
    """A status stream: a position in the server's durable log. When the connection is lost or the server stops, it goes
    on from its last token by itself. For one thread.

    Iterating gives frames. Store the resume token of a frame together with what you did for it, and each event has its
    effect exactly once."""

    def __init__(self, client: Client, request: Any, timeout: float | None) -> None:
        self._client = client
        self._at = Position(request, timeout, client._accept_for, client._reconnect_for)
        self._call: Any = None
        self._first: push_pb2.DeliveryFrame | None = None
        self._first = next(self, None)

    def __next__(self) -> push_pb2.DeliveryFrame:
        if (first := self._first) is not None:
            self._first = None
            return first
        while not self._at.ended:
            try:
                frame: push_pb2.DeliveryFrame = self._receive()
            except StopIteration:
                break
            except grpc.RpcError as error:
                self._call = None
                if self._at.told:
                    break
                try:
                    time.sleep(self._at.pause.before_again(Error.of(error)))
                except Error:
                    self.close()
                    raise
                continue
            self._at.advance(frame)
            return frame
        self.close()
        raise StopIteration

    def _receive(self) -> push_pb2.DeliveryFrame:
        if self._call is None:
            push, begin = self._client.push, self._at.begin
            if begin is None:
                self._call = push.WatchDeliveries(self._at.watch, timeout=self._at.timeout())
            elif isinstance(begin, push_pb2.SendRequest):
                self._call = push.Send(begin, timeout=self._at.timeout())
            else:
                self._call = push.Broadcast(begin, timeout=self._at.timeout())
        frame: push_pb2.DeliveryFrame = next(self._call).frame
        return frame

    def events(self) -> Iterator[delivery_pb2.DeliveryEvent]:
        """What happened to each endpoint, one event after the other; leaves out all else."""
        for frame in self:
            yield from frame.events.events

    @property
    def message(self) -> message_pb2.MessageStatus | None:
        """How the message stood in the newest frame that told of it: at first as it was accepted, at last its summary."""
        return self._at.message

    @property
    def replayed(self) -> bool:
        """Whether the ``request_id`` had been seen before: the call joined an earlier message."""
        return self._at.replayed

    @property
    def resume_token(self) -> str:
        """The position after the newest frame that was received."""
        return self._at.watch.resume_token

    def close(self) -> None:
        """Leaves the stream. Delivery goes on, unless the request said ``cancel_on_disconnect``."""
        self._at.ended = True
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def __enter__(self) -> "Deliveries":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Results(Iterator[push_pb2.SendStreamResponse]):
    """Results of :meth:`Client.send_stream`: answers, events and progress. For one thread. Progress counts the messages
    of the present call, which after a reconnection are fewer."""

    def __init__(self, client: Client, requests: Iterable[push_pb2.SendRequest]) -> None:
        self._client = client
        self._ledger = Ledger()
        self._pause = Pause(client._accept_for, None)
        self._call: Any = None
        # Which call it is; only the present one takes requests, and it takes turns with the one who begins the next.
        self._present = 0
        self._turn = threading.Lock()
        self._closed = threading.Event()
        # One at a time, between the thread that takes requests from the caller and that of the present call.
        self._input: queue.Queue[push_pb2.SendRequest | None] = queue.Queue(1)
        self._failed: BaseException | None = None
        threading.Thread(target=self._take, args=(requests,), daemon=True).start()

    def _take(self, requests: Iterable[push_pb2.SendRequest]) -> None:
        try:
            for request in requests:
                self._put(request)
                if self._closed.is_set():
                    return
        except BaseException as error:  # The caller's own, which it gets where it reads.
            self._failed = error
        self._put(None)

    def _put(self, request: push_pb2.SendRequest | None) -> None:
        while not self._closed.is_set():
            try:
                return self._input.put(request, timeout=1)
            except queue.Full:
                continue

    def _requests(self, present: int, repeated: list[push_pb2.SendRequest]) -> Iterator[push_pb2.SendStreamRequest]:
        for request in repeated:
            yield push_pb2.SendStreamRequest(send=request)
        while not self._ledger.exhausted and not self._closed.is_set():
            with self._turn:
                if present != self._present:
                    return
                try:
                    taken = self._input.get(timeout=0.1)
                except queue.Empty:
                    continue
                if taken is None:
                    self._ledger.exhausted = True
                    return
                try:
                    noted = self._ledger.add(taken)
                except Exception as error:  # It is no request: the caller's own fault, which it gets where it reads.
                    self._failed, self._ledger.exhausted = error, True
                    return
            # If this call is over by now, the next one repeats it.
            yield push_pb2.SendStreamRequest(send=noted)

    def __next__(self) -> push_pb2.SendStreamResponse:
        while not self._closed.is_set():
            try:
                if self._call is None:
                    with self._turn:
                        self._present += 1
                        requests = self._requests(self._present, self._ledger.repeated())
                    self._call = self._client.push.SendStream(requests)
                response: push_pb2.SendStreamResponse = next(self._call)
                self._pause = Pause(self._client._reconnect_for, None)
                if self._ledger.news(response):
                    return response
            except StopIteration:
                break
            except Error:
                self.close()
                raise
            except grpc.RpcError as error:
                self._call = None
                if self._ledger.receipts:
                    self.close()
                    raise Error.of(error) from error
                if self._ledger.complete():
                    break
                try:
                    time.sleep(self._pause.before_again(Error.of(error)))
                except Error:
                    self.close()
                    raise
        self.close()
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed
        raise StopIteration

    def close(self) -> None:
        """Leaves the stream. Messages that were accepted go on."""
        self._closed.set()
        self._present += 1
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def __enter__(self) -> "Results":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Details(grpc.ClientCallDetails):
    """Those of a call, with other metadata."""

    def __init__(self, of: grpc.ClientCallDetails, metadata: Any) -> None:
        self.method, self.timeout, self.metadata = of.method, of.timeout, metadata
        self.credentials, self.wait_for_ready = of.credentials, of.wait_for_ready
        self.compression = getattr(of, "compression", None)


class _Token(
    grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamStreamClientInterceptor
):
    """Sends the token with each call."""

    def __init__(self, metadata: Any) -> None:
        self._metadata = metadata

    def _with(self, continuation: Any, details: grpc.ClientCallDetails, request: Any) -> Any:
        return continuation(_Details(details, [*(details.metadata or ()), *self._metadata]), request)

    intercept_unary_unary: Any = _with
    intercept_unary_stream: Any = _with
    intercept_stream_stream: Any = _with


class _Typed(grpc.UnaryUnaryClientInterceptor):
    """Makes unary calls of the stubs end with an :class:`Error`."""

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return _TypedCall(continuation(details, request))


class _TypedCall:
    def __init__(self, call: Any) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def result(self, timeout: float | None = None) -> Any:
        try:
            return self._call.result(timeout)
        except grpc.RpcError as error:
            raise Error.of(error) from error

    def exception(self, timeout: float | None = None) -> Any:
        error = self._call.exception(timeout)
        return Error.of(error) if isinstance(error, grpc.RpcError) else error

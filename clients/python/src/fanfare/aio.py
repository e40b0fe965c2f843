"""The client for asyncio: as :mod:`fanfare`, with ``await`` and ``async for``."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any

import grpc
import grpc.aio

from ._connect import ACCEPT_FOR, RECONNECT_FOR, TLS, settings
from ._errors import Error, Pause
from ._ledger import Ledger
from ._position import Position, subscribe_request
from .v1 import admin_pb2_grpc, delivery_pb2, message_pb2, push_pb2, push_pb2_grpc

__all__ = ["TLS", "Client", "Deliveries", "Error", "Results", "connect"]


def connect(
    target: str,
    token: str | None = None,
    tls: TLS | None = None,
    *,
    accept_for: float = ACCEPT_FOR,
    reconnect_for: float = RECONNECT_FOR,
) -> "Client":
    """As :func:`fanfare.connect`. Needs a running event loop."""
    made = settings(target, token, tls)
    interceptors: list[Any] = [_Unary(made.metadata), _UnaryStream(made.metadata), _StreamStream(made.metadata)]
    channel = (
        grpc.aio.secure_channel(made.address, made.credentials, made.options, interceptors=interceptors)
        if made.credentials
        else grpc.aio.insecure_channel(made.address, made.options, interceptors=interceptors)
    )
    return Client(channel, accept_for, reconnect_for)


class Client:
    """Client of one server, for any number of tasks of one event loop."""

    def __init__(self, channel: grpc.aio.Channel, accept_for: float, reconnect_for: float) -> None:
        self._channel = channel
        self._accept_for, self._reconnect_for = accept_for, reconnect_for
        #: The generated stubs, whose calls are awaited.
        self.push: Any = push_pb2_grpc.PushServiceStub(channel)
        self.admin: Any = admin_pb2_grpc.AdminServiceStub(channel)

    async def subscribe(self, subscription: str | bytes | dict[str, Any], **fields: Any) -> push_pb2.SubscribeResponse:
        """As :meth:`fanfare.Client.subscribe`."""
        response: push_pb2.SubscribeResponse = await self.push.Subscribe(subscribe_request(subscription, fields))
        return response

    async def send(self, request: push_pb2.SendRequest, timeout: float | None = None) -> "Deliveries":
        """As :meth:`fanfare.Client.send`."""
        return await Deliveries._open(self, request, timeout)

    async def broadcast(self, request: push_pb2.BroadcastRequest, timeout: float | None = None) -> "Deliveries":
        """As :meth:`fanfare.Client.broadcast`."""
        return await Deliveries._open(self, request, timeout)

    async def watch(self, request: push_pb2.WatchDeliveriesRequest, timeout: float | None = None) -> "Deliveries":
        """As :meth:`fanfare.Client.watch`."""
        return await Deliveries._open(self, request, timeout)

    def send_stream(
        self, requests: AsyncIterable[push_pb2.SendRequest] | Iterable[push_pb2.SendRequest]
    ) -> "Results":
        """As :meth:`fanfare.Client.send_stream`."""
        return Results(self, requests)

    async def close(self) -> None:
        """Ends all calls. Messages that were accepted go on without their caller."""
        await self._channel.close()

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Deliveries(AsyncIterator[push_pb2.DeliveryFrame]):
    """As :class:`fanfare.Deliveries`. For one task."""

    def __init__(self, client: Client, request: Any, timeout: float | None) -> None:
        self._client = client
        self._at = Position(request, timeout, client._accept_for, client._reconnect_for)
        self._call: Any = None
        self._first: push_pb2.DeliveryFrame | None = None

    @classmethod
    async def _open(cls, client: Client, request: Any, timeout: float | None) -> "Deliveries":
        opened = cls(client, request, timeout)
        opened._first = await anext(opened, None)
        return opened

    async def __anext__(self) -> push_pb2.DeliveryFrame:
        if (first := self._first) is not None:
            self._first = None
            return first
        while not self._at.ended:
            try:
                frame = await self._receive()
            except grpc.RpcError as error:
                self._call = None
                if self._at.told:
                    break
                try:
                    await asyncio.sleep(self._at.pause.before_again(Error.of(error)))
                except Error:
                    self.close()
                    raise
                continue
            if frame is None:
                break
            self._at.advance(frame)
            return frame
        self.close()
        raise StopAsyncIteration

    async def _receive(self) -> push_pb2.DeliveryFrame | None:
        if self._call is None:
            push, begin = self._client.push, self._at.begin
            if begin is None:
                self._call = push.WatchDeliveries(self._at.watch, timeout=self._at.timeout())
            elif isinstance(begin, push_pb2.SendRequest):
                self._call = push.Send(begin, timeout=self._at.timeout())
            else:
                self._call = push.Broadcast(begin, timeout=self._at.timeout())
        response = await self._call.read()
        return None if response is grpc.aio.EOF else response.frame

    async def events(self) -> AsyncIterator[delivery_pb2.DeliveryEvent]:
        """As :meth:`fanfare.Deliveries.events`."""
        async for frame in self:
            for event in frame.events.events:
                yield event

    @property
    def message(self) -> message_pb2.MessageStatus | None:
        """As :attr:`fanfare.Deliveries.message`."""
        return self._at.message

    @property
    def replayed(self) -> bool:
        """As :attr:`fanfare.Deliveries.replayed`."""
        return self._at.replayed

    @property
    def resume_token(self) -> str:
        """As :attr:`fanfare.Deliveries.resume_token`."""
        return self._at.watch.resume_token

    def close(self) -> None:
        """As :meth:`fanfare.Deliveries.close`."""
        self._at.ended = True
        if self._call is not None:
            self._call.cancel()
            self._call = None

    async def __aenter__(self) -> "Deliveries":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class Results(AsyncIterator[push_pb2.SendStreamResponse]):
    """As :class:`fanfare.Results`. For one task."""

    def __init__(
        self, client: Client, requests: AsyncIterable[push_pb2.SendRequest] | Iterable[push_pb2.SendRequest]
    ) -> None:
        self._client = client
        self._ledger = Ledger()
        self._pause = Pause(client._accept_for, None)
        self._call: Any = None
        self._sender: asyncio.Task[None] | None = None
        self._input = _each(requests)
        self._closed = False
        self._failed: Exception | None = None

    async def _send(self, call: Any, repeated: list[push_pb2.SendRequest]) -> None:
        try:
            for request in repeated:
                await call.write(push_pb2.SendStreamRequest(send=request))
            while not self._ledger.exhausted:
                # Not cut off by the end of the call, or what it was about to give would be lost.
                self._coming = self._coming or asyncio.ensure_future(anext(self._input, None))
                coming: Any = self._coming
                noted: push_pb2.SendRequest | None = None
                try:
                    request = await asyncio.shield(coming)
                    noted = None if request is None else self._ledger.add(request)
                except Exception as error:  # The caller's own, which it gets where it reads, after what it had sent.
                    self._failed = error
                self._coming = None
                if noted is None:
                    self._ledger.exhausted = True
                else:
                    await call.write(push_pb2.SendStreamRequest(send=noted))
            await call.done_writing()
        except (grpc.RpcError, asyncio.InvalidStateError):
            pass  # It shows where answers are received.

    _coming: "asyncio.Future[push_pb2.SendRequest | None] | None" = None

    async def __anext__(self) -> push_pb2.SendStreamResponse:
        while not self._closed:
            try:
                if self._call is None:
                    self._call = self._client.push.SendStream()
                    self._sender = asyncio.ensure_future(self._send(self._call, self._ledger.repeated()))
                response = await self._call.read()
                if response is grpc.aio.EOF:
                    break
                self._pause = Pause(self._client._reconnect_for, None)
                if self._ledger.news(response):
                    return response  # type: ignore[no-any-return]
            except Error:
                self.close()
                raise
            except grpc.RpcError as error:
                await self._leave()
                if self._ledger.receipts:
                    self.close()
                    raise Error.of(error) from error
                if self._ledger.complete():
                    break
                try:
                    await asyncio.sleep(self._pause.before_again(Error.of(error)))
                except Error:
                    self.close()
                    raise
        self.close()
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed
        raise StopAsyncIteration

    async def _leave(self) -> None:
        sender, self._call, self._sender = self._sender, None, None
        if sender is not None:
            sender.cancel()
            await asyncio.wait([sender])

    def close(self) -> None:
        """Leaves the stream. Messages that were accepted go on."""
        self._closed = True
        for task in (self._sender, self._coming):
            if task is not None:
                task.cancel()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    async def __aenter__(self) -> "Results":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


async def _each(
    requests: AsyncIterable[push_pb2.SendRequest] | Iterable[push_pb2.SendRequest],
) -> AsyncIterator[push_pb2.SendRequest]:
    if isinstance(requests, AsyncIterable):
        async for request in requests:
            yield request
    else:
        for request in requests:
            yield request


class _WithToken:
    def __init__(self, metadata: Any) -> None:
        self._metadata = metadata

    def _details(self, of: Any) -> Any:
        metadata = grpc.aio.Metadata(*(of.metadata or ()), *self._metadata)
        return of._replace(metadata=metadata)


class _Unary(_WithToken, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        call = await continuation(self._details(client_call_details), request)
        try:
            return await call
        except grpc.RpcError as error:
            raise Error.of(error) from error


class _UnaryStream(_WithToken, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._details(client_call_details), request)


class _StreamStream(_WithToken, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._details(client_call_details), request)

"""The Python client's driver of the conformance suite: see ../README.md. With --aio: of the asyncio client."""

import asyncio
import inspect
import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict

import fanfare
import fanfare.aio
from fanfare.v1 import admin_pb2, delivery_pb2, push_pb2

AIO = "--aio" in sys.argv


async def result(value):
    """What a call of either client gives."""
    return await value if inspect.isawaitable(value) else value


async def following(stream):
    """The next of a stream; None at its end."""
    return await anext(stream, None) if AIO else next(stream, None)


class Own(Exception):
    """Of the requests, not of a call."""


def repeated(request, step):
    for _ in range(step["count"]):
        yield request
    if step.get("fails"):
        raise Own


class Stream:
    def __init__(self, of):
        self.of = of
        self.seen, self.states = set(), Counter()
        self.total = dict.fromkeys(("frames", "events", "duplicates", "answers", "rejected"), 0)

    def note(self, frame):
        self.total["frames"] += 1
        for event in frame.events.events:
            key = (event.message, event.event_id)
            self.total["events"] += 1
            self.total["duplicates"] += key in self.seen
            self.seen.add(key)
            self.states[delivery_pb2.DeliveryState.Name(event.state)] += 1

    def position(self):
        if not hasattr(self.of, "message"):
            return {}
        told = {"resume_token": self.of.resume_token, "replayed": self.of.replayed}
        return {**told, "message": MessageToDict(self.of.message)} if self.of.message else told


class Driver:
    def __init__(self):
        self.client, self.streams = None, {}

    async def connect(self, step):
        limits = {name: step[name] for name in ("accept_for", "reconnect_for") if name in step}
        if self.client:
            await result(self.client.close())
        tls = fanfare.TLS(root_certificates=step["certificate"].encode()) if "certificate" in step else None
        self.client = (fanfare.aio if AIO else fanfare).connect(step["target"], step.get("token"), tls, **limits)
        return {}

    async def call(self, step):
        service, method = step["rpc"].split(".")
        module = admin_pb2 if service == "AdminService" else push_pb2
        request = ParseDict(step["request"], getattr(module, f"{method}Request")())
        stub = self.client.admin if service == "AdminService" else self.client.push
        return {"response": MessageToDict(await result(getattr(stub, method)(request, timeout=step.get("deadline"))))}

    async def subscribe(self, step):
        fields = ParseDict(step.get("request", {}), push_pb2.SubscribeRequest())
        given = {"user_id": fields.user_id, "topics": list(fields.topics)}
        # As text, as a route gets it.
        return {"response": MessageToDict(await result(self.client.subscribe(json.dumps(step["subscription"]), **given)))}

    async def open(self, step):
        if step["rpc"] == "SendStream":
            request = ParseDict(step["request"], push_pb2.SendRequest())
            opened = self.client.send_stream(repeated(request, step))
        else:
            request = ParseDict(step["request"], getattr(push_pb2, f"{step['rpc']}Request")())
            call = {"Send": "send", "Broadcast": "broadcast", "WatchDeliveries": "watch"}[step["rpc"]]
            opened = await result(getattr(self.client, call)(request, timeout=step.get("deadline")))
        self.streams[step["stream"]] = Stream(opened)
        return self.streams[step["stream"]].position()

    async def read(self, step):
        stream = self.streams[step["stream"]]
        until = stream.total["events"] + step["events"] if "events" in step else None
        ended, failed = False, {}
        try:
            while not ended and (until is None or stream.total["events"] < until):
                one = await following(stream.of)
                ended = one is None
                if isinstance(one, push_pb2.DeliveryFrame):
                    stream.note(one)
                elif one is not None and one.WhichOneof("content") == "frame":
                    stream.note(one.frame)
                elif one is not None:
                    stream.total["answers"] += len(one.answers.answers)
                    stream.total["rejected"] += sum(answer.HasField("rejected") for answer in one.answers.answers)
        except fanfare.Error as error:
            failed = described(error)
        except Own:
            failed = {"error": {"code": "OWN"}}
        return {**stream.total, "states": stream.states, "ended": ended, **stream.position(), **failed}

    async def close(self, step):
        self.streams.pop(step["stream"]).of.close()
        return {}

    async def many(self, step):
        request = ParseDict(step["request"], push_pb2.SendRequest())

        async def one():
            deliveries = await self.client.send(request)
            events = [event async for event in deliveries.events()]
            return deliveries.message.name, len(events)

        def one_of_threads(_):
            deliveries = self.client.send(request)
            events = list(deliveries.events())
            return deliveries.message.name, len(events)

        if AIO:
            sent = await asyncio.gather(*(one() for _ in range(step["count"])))
        else:
            with ThreadPoolExecutor(step["count"]) as threads:
                sent = list(threads.map(one_of_threads, range(step["count"])))
        return {"messages": len({name for name, _ in sent}), "events": sum(events for _, events in sent)}


def described(error):
    told = {
        "code": error.code().name,
        "reason": error.reason,
        "violations": [violation.field for violation in error.violations],
        "metadata": error.metadata,
        "retry_after": error.retry_after,
    }
    if error.resource:
        told["resource"] = [error.resource.type, error.resource.name]
    return {"error": told}


async def main():
    driver, loop = Driver(), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        step = json.loads(line)
        try:
            told = await getattr(driver, step["do"])(step)
        except fanfare.Error as error:
            told = described(error)
        except grpc.RpcError as error:
            told = {"error": {"code": "UNTYPED", "message": str(error)}}
        print(json.dumps(told), flush=True)


asyncio.run(main())

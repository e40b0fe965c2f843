"""pywebpush as a sender: its async function, one session that keeps its connections, and a key that is read once."""

import asyncio
import json
import resource
import ssl
import sys
import time

import aiohttp
from py_vapid import Vapid
from pywebpush import webpush_async

# Pushes before the figures count.
WARM_UP = 200


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def main(work_file, count, in_flight, certificate):
    with open(work_file) as file:
        work = json.load(file)
    payload = "x" * work["payload_octets"]
    subscriptions = [
        {"endpoint": of["endpoint"], "keys": {"p256dh": of["p256dh"], "auth": of["auth"]}} for of in work["subscriptions"]
    ]
    key = Vapid.from_string(work["vapid_private"])
    connector = aiohttp.TCPConnector(limit=in_flight, ssl=ssl.create_default_context(cafile=certificate))
    async with aiohttp.ClientSession(connector=connector) as session:

        async def push(count):
            numbers = iter(range(count))

            async def sender():
                for number in numbers:
                    response = await webpush_async(
                        subscriptions[number % len(subscriptions)],
                        payload,
                        vapid_private_key=key,
                        # It writes `aud` and `exp` into what it is given.
                        vapid_claims={"sub": "mailto:ops@example.com"},
                        ttl=work["ttl"],
                        aiohttp_session=session,
                    )
                    await response.read()
                    if response.status != 201:
                        raise RuntimeError(f"the sink answers {response.status}")

            await asyncio.gather(*(sender() for _ in range(in_flight)))

        await push(WARM_UP)
        cpu, start = cpu_seconds(), time.monotonic()
        await push(count)
        figures = {"accepted": count, "cpu_seconds": cpu_seconds() - cpu, "seconds": time.monotonic() - start}
        print(json.dumps(figures))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))

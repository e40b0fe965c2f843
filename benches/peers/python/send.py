"""Sends with PyPI's pywebpush: `send.py JOB COUNT IN_FLIGHT WAY`, where WAY is `webpush_async`, its one call for
everything, or `send_async`, with a VAPID token that is signed once."""

import asyncio
import json
import ssl
import sys
import time

import aiohttp
from py_vapid import Vapid02
from pywebpush import WebPusher, webpush_async


async def main(path: str, count: int, in_flight: int, way: str) -> None:
    with open(path) as file:
        job = json.load(file)
    key = Vapid02.from_string(job["vapid"]["private"])
    claims = {"sub": f"mailto:{job['vapid']['subject']}", "aud": job["origin"], "exp": int(time.time()) + 12 * 3_600}
    headers = key.sign(dict(claims))
    connector = aiohttp.TCPConnector(
        limit=in_flight, limit_per_host=in_flight, ssl=ssl.create_default_context(cafile=job["certificate"])
    )
    subscriptions, payload, ttl = job["subscriptions"], job["payload"], job["ttl"]
    numbers = iter(range(count))
    accepted = 0

    async with aiohttp.ClientSession(connector=connector) as session:

        async def work() -> None:
            nonlocal accepted
            for number in numbers:
                subscription = subscriptions[number % len(subscriptions)]
                if way == "webpush_async":
                    response = await webpush_async(
                        subscription, payload, vapid_private_key=key, vapid_claims=claims, ttl=ttl, aiohttp_session=session
                    )
                else:
                    pusher = WebPusher(subscription, aiohttp_session=session)
                    response = await pusher.send_async(payload, headers, ttl=ttl)
                if response.status != 201:
                    raise RuntimeError(f"the sink answers {response.status}")
                accepted += 1

        start = time.monotonic()
        await asyncio.gather(*(work() for _ in range(in_flight)))
        seconds = time.monotonic() - start
    print(json.dumps({"accepted": accepted, "seconds": seconds}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))

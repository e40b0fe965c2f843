"""Counts what becomes of all messages. It may be killed at any instant: the token is stored in the same transaction as
the effect, so each event counts exactly once."""

import asyncio
import json
import os
import sqlite3
import sys

import fanfare.aio
from fanfare.v1.delivery_pb2 import Outcome
from fanfare.v1.push_pb2 import WatchDeliveriesRequest


async def main(file):
    database = sqlite3.connect(file)
    database.execute("CREATE TABLE IF NOT EXISTS counts (outcome TEXT PRIMARY KEY, count INTEGER)")
    database.execute("CREATE TABLE IF NOT EXISTS position (only INTEGER PRIMARY KEY CHECK (only = 1), token TEXT)")
    row = database.execute("SELECT token FROM position").fetchone()
    async with fanfare.aio.connect(os.environ["FANFARE_SERVER"]) as client:
        request = WatchDeliveriesRequest(parent="messages/-", resume_token=row[0] if row else "")
        async for frame in await client.watch(request):
            with database:
                for event in frame.events.events:
                    counted = "INSERT INTO counts VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1"
                    database.execute(counted, (Outcome.Name(event.outcome),))
                database.execute("INSERT OR REPLACE INTO position VALUES (1, ?)", (frame.resume_token,))
            print(json.dumps(dict(database.execute("SELECT * FROM counts"))), flush=True)


asyncio.run(main(sys.argv[1]))

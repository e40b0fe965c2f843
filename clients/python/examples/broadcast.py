"""Sends to everybody who wants to hear of a topic, and shows the progress."""

import os
import sys

import fanfare
from fanfare.v1.delivery_pb2 import REPORT_LEVEL_PROGRESS
from fanfare.v1.message_pb2 import Message, Notification
from fanfare.v1.push_pb2 import Audience, BroadcastRequest, TopicList

topic, title = sys.argv[1:]
request = BroadcastRequest(
    audience=Audience(topics=TopicList(topics=[topic])),
    message=Message(notification=Notification(title=title, navigate="https://app.example.com/")),
    report_level=REPORT_LEVEL_PROGRESS,  # No event for each endpoint: only the counts.
)
with fanfare.connect(os.environ["FANFARE_SERVER"]) as client, client.broadcast(request) as stream:
    for _ in stream:
        counts = stream.message.counts
        print(f"\r{counts.accepted} of {counts.targets} accepted, {counts.failed} failed", end="", flush=True)
print()

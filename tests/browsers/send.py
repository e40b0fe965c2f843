"""Sends the message on standard input with PyPI's pywebpush; writes the status of the answer."""

import base64
import json
import sys

from pywebpush import WebPushException, webpush

message = json.load(sys.stdin)
try:
    response = webpush(
        subscription_info=message["subscription"],
        data=base64.b64decode(message["payload"]).decode(),
        vapid_private_key=message["key"],
        vapid_claims={"sub": message["subject"]},
        content_encoding=message["encoding"],
        ttl=message["ttl"],
        timeout=20,
    )
except WebPushException as error:
    if error.response is None:
        raise
    response = error.response
print(response.status_code)

"""Verifies the VAPID headers on standard input with py-vapid; writes how many."""

import base64
import json
import sys
import time

import py_vapid


def tampered(token):
    """The token with another signature."""
    signed, signature = token.rsplit(".", 1)
    return f"{signed}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


count = 0
for line in sys.stdin:
    headers = json.loads(line)
    # py-vapid takes no space after the comma, which RFC 8292 writes and HTTP allows.
    authorization = headers["authorization"].replace(", ", ",")
    assert py_vapid.Vapid02.verify(authorization), "vapid"
    token = authorization.removeprefix("vapid t=").split(",")[0]
    assert not py_vapid.Vapid02.verify(authorization.replace(token, tampered(token))), "vapid, tampered"

    older = headers["authorization_webpush"]
    key = headers["crypto_key"].removeprefix("p256ecdsa=")
    assert older == f"WebPush {token}", older
    assert key == headers["public"], key
    assert py_vapid.Vapid01.verify(key, older), "webpush"

    part = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert claims == {name: headers[name] for name in ("aud", "sub", "exp")}, claims
    assert 11 * 3600 < claims["exp"] - time.time() <= 12 * 3600, claims
    assert py_vapid._check_sub(claims["sub"]), claims
    count += 1
print(count)

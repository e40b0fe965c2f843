"""Decrypts the messages on standard input with PyPI's http-ece; writes how many."""

import base64
import hashlib
import json
import sys

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parameter(header, name):
    (value,) = [pair.split("=", 1)[1] for pair in header.split(";") if pair.startswith(name + "=")]
    return decode(value)


count = 0
for line in sys.stdin:
    message = json.loads(line)
    scalar = int.from_bytes(decode(message["private"]), "big")
    parameters = {
        "version": message["encoding"],
        "private_key": ec.derive_private_key(scalar, ec.SECP256R1()),
        "auth_secret": decode(message["auth"]),
    }
    if message["encoding"] == "aesgcm":
        parameters["dh"] = parameter(message["crypto_key"], "dh")
        parameters["salt"] = parameter(message["encryption"], "salt")
    plaintext = http_ece.decrypt(decode(message["body"]), **parameters)
    if hashlib.sha256(plaintext).digest() != decode(message["sha256"]):
        sys.exit(f"message {count} decrypts to something else")
    count += 1
print(count)

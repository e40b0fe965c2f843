"""A web backend that stores the subscriptions of its users' browsers."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc

import fanfare

client = fanfare.connect(os.environ["FANFARE_SERVER"])


class Handler(BaseHTTPRequestHandler):
    # What the page posts: {"subscription": …, "replaces": "old endpoint"}.
    def do_POST(self):
        try:
            octets = min(int(self.headers["content-length"]), 16 * 1024)
            body = json.loads(self.rfile.read(octets))
            stored = client.subscribe(
                body.get("subscription"),
                user_id="alice",  # Who is logged in.
                topics=["news"],
                replaces=body.get("replaces", ""),
            )
            self.answer(201, stored.subscription.name)
        except (TypeError, ValueError, AttributeError):
            self.answer(400, "not JSON")
        except fanfare.Error as error:
            if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                self.log_error("%s", error)
                self.answer(503, "try again later")
            else:
                self.answer(400, "\n".join(f"{one.field}: {one.description}" for one in error.violations))

    def answer(self, status, text):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(f"{text}\n".encode())


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()

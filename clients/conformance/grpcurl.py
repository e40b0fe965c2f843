"""The conformance suite's driver for grpcurl: unary and server-streaming calls, as anybody types them."""

import json
import subprocess


class Stream:
    """A call that goes on, and what has come of it."""

    def __init__(self, process):
        self.process = process
        self.text = ""
        self.seen, self.states = set(), {}
        self.total = {"frames": 0, "events": 0, "duplicates": 0}
        self.last = {}
        self.first = None

    def next(self):
        """The next object that is printed; None at the end."""
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line in ("}\n", "{}\n"):
                return json.loads("".join(lines))
        return None

    def frame(self):
        if self.first is not None:
            frame, self.first = self.first, None
            return frame
        printed = self.next()
        return printed and printed["frame"]


class Driver:
    def __init__(self):
        self.target, self.token, self.streams, self.step = None, None, {}, None

    # A step is done where its answer is wanted: what is read meanwhile waits in the pipe.
    def begin(self, step):
        self.step = step

    def end(self):
        name = "close_stream" if self.step["do"] == "close" else self.step["do"]
        return getattr(self, name)(self.step)

    def close(self):
        for stream in self.streams.values():
            stream.process.kill()

    def connect(self, step):
        self.target, self.token = step["target"].removeprefix("http://"), step.get("token")
        return {}

    def start(self, method, step):
        arguments = ["grpcurl", "-plaintext", "-format-error", "-allow-unknown-fields", "-d", "@"]
        if self.token:
            arguments += ["-H", f"authorization: Bearer {self.token}"]
        if "deadline" in step:
            arguments += ["-max-time", str(step["deadline"])]
        # Known to it, so that a call to a server that does not answer is what is measured.
        arguments += ["-import-path", "proto", "-import-path", "third_party/googleapis"]
        arguments += ["-proto", "fanfare/v1/push.proto", "-proto", "fanfare/v1/admin.proto"]
        arguments += ["-proto", "google/rpc/error_details.proto"]
        process = subprocess.Popen(
            [*arguments, self.target, f"fanfare.v1.{method}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        request = dict(step.get("request", {}))
        if "updateMask" in request:
            # It does not know the short form of a FieldMask.
            request["updateMask"] = {"paths": request["updateMask"].split(",")}
        process.stdin.write(json.dumps(request))
        process.stdin.close()
        return process

    def call(self, step):
        process = self.start(step["rpc"], step)
        stream = Stream(process)
        response = stream.next()
        return ended(process) or {"response": response}

    def subscribe(self, step):
        request = {**step.get("request", {}), "pushSubscription": step["subscription"]}
        return self.call({**step, "rpc": "PushService.Subscribe", "request": request})

    def open(self, step):
        stream = Stream(self.start(f"PushService.{step['rpc']}", step))
        stream.first = stream.frame()
        if stream.first is None:
            return ended(stream.process)
        self.streams[step["stream"]] = stream
        accepted = stream.first.get("accepted", {})
        answer = {"replayed": accepted.get("replayed", False), "resume_token": stream.first.get("resumeToken", "")}
        return {**answer, "message": accepted["message"]} if accepted else answer

    def read(self, step):
        stream = self.streams[step["stream"]]
        until = stream.total["events"] + step["events"] if "events" in step else None
        over = False
        while not over and (until is None or stream.total["events"] < until):
            frame = stream.frame()
            over = frame is None
            if not over:
                note(stream, frame)
        failed = ended(stream.process) if over else {}
        return {**stream.total, "states": stream.states, "ended": over and not failed, **stream.last, **failed}

    def close_stream(self, step):
        self.streams.pop(step["stream"]).process.kill()
        return {}


def note(stream, frame):
    stream.total["frames"] += 1
    stream.last["resume_token"] = frame.get("resumeToken", "")
    message = frame.get("accepted", {}).get("message") or frame.get("progress") or frame.get("summary")
    if message:
        stream.last["message"] = message
    for event in frame.get("events", {}).get("events", []):
        key = (event["message"], event["eventId"])
        stream.total["events"] += 1
        stream.total["duplicates"] += key in stream.seen
        stream.seen.add(key)
        stream.states[event["state"]] = stream.states.get(event["state"], 0) + 1


CODES = ["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
         "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
         "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"]  # fmt: skip


def ended(process):
    """Nothing, or the error that it ended with."""
    text = process.stderr.read()
    if process.wait() == 0:
        return {}
    try:
        status = json.loads(text)
    except ValueError:
        # What it says of a deadline that passed before there was a connection.
        code = "DEADLINE_EXCEEDED" if "deadline exceeded" in text else "LOCAL"
        return {"error": {"code": code, "reason": "", "message": text}}
    error = {"code": CODES[status["code"]], "reason": "", "violations": [], "metadata": {}}
    for detail in status.get("details", []):
        kind = detail["@type"].rsplit(".", 1)[1]
        if kind == "ErrorInfo":
            error["reason"], error["metadata"] = detail["reason"], detail.get("metadata", {})
        elif kind == "BadRequest":
            error["violations"] = [violation["field"] for violation in detail["fieldViolations"]]
        elif kind == "ResourceInfo":
            error["resource"] = [detail["resourceType"], detail["resourceName"]]
    return {"error": error}

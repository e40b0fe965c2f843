"""Measures what a push costs each sender; started by `run`, which has installed them. Only Python's own library, and
`cryptography` for the keys.

In each round every sender has its turn at the same sink with the same subscriptions, so that whatever else the machine does
meanwhile is in all of them. What counts is the CPU time, user and system, of the whole process for each push that was
answered 201, without its start: a run that sends nothing is subtracted. Fanfare is a server that runs all the time: what
its process used during the broadcasts is all that it did for them, from gRPC to the streaming of each status.
"""

import argparse
import base64
import json
import os
import secrets
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PAYLOAD_OCTETS = 1_000
TTL_SECONDS = 3_600
SUBSCRIPTIONS = 2_000
# An endpoint's path is as long as FCM's.
PATH_OCTETS = 142
# Callers of Subscribe at once.
SUBSCRIBERS = 32
# Broadcasts of Fanfare in one round, each to all subscriptions.
BROADCASTS = 5
FLOOR_COUNT = 20_000
FLOOR_RUNTIMES = ("one", "each-core", "shared")
# What must hold: at most this share of the peer's CPU time.
SHARE_MAX = {"webpush-go": 0.5, "npm web-push": 0.25, "pywebpush": 0.25}
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def key_pair() -> tuple[str, str]:
    """Public and private half, as browsers and libraries write them."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64url(public), base64url(key.private_numbers().private_value.to_bytes(32, "big"))


def make_job(origin: str, certificate: str) -> dict:
    def subscription() -> dict:
        keys = {"p256dh": key_pair()[0], "auth": base64url(secrets.token_bytes(16))}
        return {"endpoint": f"{origin}/push/{base64url(secrets.token_bytes(PATH_OCTETS))}", "keys": keys}

    public, private = key_pair()
    return {
        "origin": origin,
        "certificate": certificate,
        "payload": "x" * PAYLOAD_OCTETS,
        "ttl": TTL_SECONDS,
        "vapid": {"subject": "bench@example.com", "public": public, "private": private},
        "subscriptions": [subscription() for _ in range(SUBSCRIPTIONS)],
    }


@dataclass
class Figures:
    """Of one sender, one value for each round."""

    cpu_us: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)

    def add(self, cpu_us: float, per_second: float) -> None:
        self.cpu_us.append(cpu_us)
        self.per_second.append(per_second)

    def medians(self) -> dict:
        return {
            "cpu_us_per_push": round(statistics.median(self.cpu_us), 1),
            "cpu_us_each": [round(value, 1) for value in self.cpu_us],
            "pushes_per_second": round(statistics.median(self.per_second)),
        }


@dataclass
class Peer:
    """One way of one library."""

    library: str
    way: str
    command: list[str]
    count: int
    in_flight: int
    arguments: list[str]
    # Whether the library's documentation tells of it.
    documented: bool = True

    @property
    def name(self) -> str:
        return f"{self.library}, {self.way}" + ("" if self.documented else " (undocumented)")

    def run(self, job: Path, environment: dict, count: int) -> tuple[float, float]:
        """CPU seconds of the whole process, and its own seconds of sending."""
        command = [*self.command, str(job), str(count), str(self.in_flight), *self.arguments]
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(command, stdout=output, env=environment)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            said = output.read()
        if process.returncode != 0:
            raise RuntimeError(f"{self.name} ended with {process.returncode}")
        told = json.loads(said)
        if told["accepted"] != count:
            raise RuntimeError(f"{self.name}: {told['accepted']} of {count} were accepted")
        return used.ru_utime + used.ru_stime, told["seconds"]

    def measure(self, job: Path, environment: dict, figures: Figures) -> None:
        start, _ = self.run(job, environment, 0)
        cpu, seconds = self.run(job, environment, self.count)
        figures.add((cpu - start) / self.count * 1e6, self.count / seconds)


def peers(target: Path, here: Path) -> list[Peer]:
    go = [str(target / "go/peer")]
    node = [str(target / "node/node_modules/.bin/node"), str(target / "node/send.js")]
    python = [str(target / "python/bin/python"), str(here / "python/send.py")]
    rust = [str(target / "rust/release/peer")]
    return [
        Peer("webpush-go", "HTTP/1.1", go, 8_000, 64, ["http1"]),
        Peer("webpush-go", "HTTP/2", go, 8_000, 128, ["http2"]),
        Peer("npm web-push", "sendNotification, HTTP/1.1", node, 5_000, 128, ["agent"]),
        Peer("npm web-push", "node:http2, signed once", node, 5_000, 128, ["http2"]),
        Peer("pywebpush", "webpush_async, HTTP/1.1", python, 4_000, 64, ["webpush_async"]),
        # Its README, which is all the documentation that it has, tells of `send` and of `webpush_async`, not of this.
        Peer("pywebpush", "send_async, signed once, HTTP/1.1", python, 4_000, 64, ["send_async"], documented=False),
        Peer("Rust web-push", "hyper, signed once, HTTP/1.1", rust, 5_000, 64, []),
    ]


def measure_floor(program: Path, job: dict) -> dict:
    """Encryption alone and POSTs alone, the latter on each runtime."""

    def run(*arguments: str) -> dict:
        said = subprocess.run(
            [program, "bench", "floor", "--count", str(FLOOR_COUNT), *arguments], check=True, stdout=subprocess.PIPE
        )
        return json.loads(said.stdout)

    post = ["post", "--sink", job["origin"], "--ca", job["certificate"], "--in-flight", "128", "--runtime"]
    return {"encrypt": run("encrypt"), "post": {runtime: run(*post, runtime) for runtime in FLOOR_RUNTIMES}}


class Fanfare:
    """The server, with all subscriptions stored."""

    def __init__(self, program: Path, directory: Path, job: dict):
        self.program, self.directory = program, directory
        (directory / "payload").write_text(job["payload"])
        port = job["origin"].rsplit(":", 1)[1]
        config = directory / "fanfare.toml"
        config.write_text(
            '[server]\nlisten = "127.0.0.1:0"\n[admin]\nlisten = "127.0.0.1:0"\n'
            f'[[push_services.exceptions]]\nname = "sink"\nhost = "localhost"\nport = {port}\n'
            f'cidrs = ["127.0.0.0/8", "::1/128"]\nroot_certificate = {json.dumps(job["certificate"])}\n'
        )
        self.server = subprocess.Popen(
            [program, "serve", "--json", "--exit-with-stdin", "--log", "error"]
            + ["--config", config, "--data-dir", directory / "data"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        address = json.loads(self.server.stdout.readline())["server"]
        self.url = f"http://{address}"
        self.subscribe(job["subscriptions"])
        self.broadcast()

    def subscribe(self, subscriptions: list[dict]) -> None:
        """By several at once, since each waits for the disk."""
        callers = []
        for number in range(SUBSCRIBERS):
            path = self.directory / f"subscriptions-{number}"
            path.write_text("\n".join(map(json.dumps, subscriptions[number::SUBSCRIBERS])))
            command = [self.program, "subscribe", "--server", self.url, path]
            callers.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        if any([caller.wait() for caller in callers]):
            raise RuntimeError("not all could be subscribed")

    def broadcast(self) -> None:
        """One to all, with each status streamed to a caller, which is a process of its own."""
        with tempfile.TemporaryFile() as output:
            subprocess.run(
                [self.program, "broadcast", "--server", self.url, "--all", "--report-level", "attempts", "--json"]
                + ["--ttl", f"{TTL_SECONDS}s", "--data-file", self.directory / "payload"],
                check=True,
                stdout=output,
            )
            output.seek(0)
            last = json.loads(output.read().splitlines()[-1])
        counts = last["summary"]["counts"]
        if int(counts["accepted"]) != SUBSCRIPTIONS:
            raise RuntimeError(f"not all were accepted: {counts}")

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.server.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def measure(self, figures: Figures) -> None:
        before, start = self.cpu_seconds(), time.monotonic()
        for _ in range(BROADCASTS):
            self.broadcast()
        pushes, seconds = BROADCASTS * SUBSCRIPTIONS, time.monotonic() - start
        figures.add((self.cpu_seconds() - before) / pushes * 1e6, pushes / seconds)

    def stop(self) -> None:
        stop(self.server)


def stop(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def start_sink(here: Path, environment: dict) -> tuple[subprocess.Popen, dict]:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    sink = subprocess.Popen([here.parent / "sink/run", str(port)], stdout=subprocess.PIPE, env=environment)
    ready = json.loads(sink.stdout.readline())
    deadline = time.monotonic() + 10
    while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
        if sink.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the sink does not listen")
        select.select([], [], [], 0.02)
    return sink, ready


def table(rows: list[tuple[str, dict]], floor: float) -> str:
    fanfare = rows[0][1]["cpu_us_per_push"]
    lines = [
        "| sender | CPU for each push, µs (rounds) | in terms of Fanfare's | in floors | pushes a second |",
        "|---|---|---|---|---|",
    ]
    for name, of in rows:
        each = " / ".join(f"{value:.0f}" for value in of["cpu_us_each"])
        cpu, rate = of["cpu_us_per_push"], of.get("pushes_per_second", "")
        lines.append(f"| {name} | {cpu:.0f} ({each}) | {cpu / fanfare:.2f} | {cpu / floor:.2f} | {rate} |")
    return "\n".join(lines)


def best_floor(floors: list[dict]) -> dict:
    """On the runtime that costs least over all rounds."""

    def each(runtime: str) -> list[float]:
        return [floor["encrypt"]["cpu_us"] + floor["post"][runtime]["cpu_us"] for floor in floors]

    runtime = min(FLOOR_RUNTIMES, key=lambda runtime: statistics.median(each(runtime)))
    return {
        "cpu_us_per_push": round(statistics.median(each(runtime)), 1),
        "cpu_us_each": [round(value, 1) for value in each(runtime)],
        "runtime": runtime,
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--program", type=Path, required=True)
    arguments = parser.parse_args()
    here = Path(__file__).resolve().parent

    # These are meant for servers of the caller's.
    for variable in [variable for variable in os.environ if variable.startswith("FANFARE_")]:
        del os.environ[variable]
    environment = dict(os.environ)
    sink, ready = start_sink(here, environment)
    fanfare = None
    try:
        environment |= {"NODE_EXTRA_CA_CERTS": ready["certificate"], "SSL_CERT_FILE": ready["certificate"]}
        senders = peers(arguments.target, here)
        figures = {peer.name: Figures() for peer in senders}
        own, floors = Figures(), []
        with tempfile.TemporaryDirectory(prefix="fanfare-peers-") as directory:
            job = make_job(ready["origin"], ready["certificate"])
            path = Path(directory) / "job.json"
            path.write_text(json.dumps(job))
            fanfare = Fanfare(arguments.program, Path(directory), job)
            for number in range(1, arguments.rounds + 1):
                print(f"round {number} of {arguments.rounds}", file=sys.stderr)
                floors.append(measure_floor(arguments.program, job))
                fanfare.measure(own)
                for peer in senders:
                    peer.measure(path, environment, figures[peer.name])
            fanfare.stop()
    finally:
        if fanfare and fanfare.server.poll() is None:
            fanfare.server.kill()
        stop(sink)

    ours, floor = own.medians(), best_floor(floors)
    theirs = {name: of.medians() for name, of in figures.items()}
    by_cost = sorted(theirs.items(), key=lambda row: row[1]["cpu_us_per_push"])
    print(table([("**Fanfare, everything**", ours), ("floor: encryption and POST alone", floor), *by_cost], floor["cpu_us_per_push"]))

    def share(ways: list[Peer]) -> float:
        """Of Fanfare in the CPU time of the cheapest of these ways."""
        return round(ours["cpu_us_per_push"] / min(theirs[way.name]["cpu_us_per_push"] for way in ways), 3)

    problems, shares, undocumented = [], {}, {way.name: share([way]) for way in senders if not way.documented}
    for library in dict.fromkeys(peer.library for peer in senders):
        shares[library] = share([peer for peer in senders if peer.library == library and peer.documented])
        if shares[library] > SHARE_MAX.get(library, 1.0):
            problems.append(f"Fanfare takes {shares[library]} of {library}'s CPU time, not {SHARE_MAX[library]}")
    for problem in problems:
        print(f"benches/peers: {problem}", file=sys.stderr)
    last = {
        "payload_octets": PAYLOAD_OCTETS,
        "subscriptions": SUBSCRIPTIONS,
        "rounds": arguments.rounds,
        "fanfare": ours,
        "floor": floor,
        "ratio_to_floor": round(ours["cpu_us_per_push"] / floor["cpu_us_per_push"], 3),
        "peers": theirs,
        "shares_of_best": shares,
        "shares_of_undocumented": undocumented,
        "problems": problems,
    }
    print(json.dumps(last))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

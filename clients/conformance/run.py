"""Runs the conformance suite: see README.md. Only the standard library is needed."""

import json
import os
import queue
import random
import re
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from pathlib import Path

import grpcurl

HERE = Path(__file__).parent
STEP_SECONDS = 120
HISTORY = {"subscribers": 10_000, "broadcasts": 10}


class Failure(Exception):
    """What was seen is not what was expected."""


def free_port():
    """A port that nobody is given by chance while the server is away: below those that the system hands out."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.sample(range(10_240, max(first, 20_480)), 100):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise Failure("there is no free port")


class Program:
    """A program of Fanfare that says in one line of JSON where it listens, and ends with its standard input."""

    def __init__(self, arguments, log):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FANFARE_")}
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(log, "ab"), env=environment, text=True
        )
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"{arguments[1]} did not start: {Path(log).read_text()[-2000:]}")
        self.ready = json.loads(line)

    def stop(self, kill=False):
        if kill:
            self.process.kill()
        else:
            self.process.stdin.close()
        self.process.wait(60)


class Proxy:
    """Between client and server, on loopback: lets through, keeps answers back, or holds everything."""

    def __init__(self, port):
        self.to, self.mode, self.open = port, "pass", []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            if self.mode == "hold":
                self.open.append(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                client.close()
                continue
            self.open += [client, server]
            for source, sink, answers in ((client, server, False), (server, client, True)):
                threading.Thread(target=self.pump, args=(source, sink, answers), daemon=True).start()

    def pump(self, source, sink, answers):
        try:
            while octets := source.recv(65536):
                # The handshake passes (SETTINGS and its acknowledgement), and answers do not.
                if not (self.mode == "swallow" and answers and any(kind in (0, 1) for kind in frame_types(octets))):
                    sink.sendall(octets)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def set_mode(self, mode):
        """From now on; connections that are open are cut."""
        self.mode = mode
        for end in self.open:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open = []


class TLSProxy:
    """Ends TLS before the server, which has none yet, and remembers what clients said."""

    def __init__(self, port, directory):
        self.to, self.heard = port, bytearray()
        self.certificate = f"{directory}/tls.pem"
        key = f"{directory}/tls-key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             # rustls takes no certificate of an authority for one of a server.
             "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", self.certificate],
            check=True, capture_output=True)  # fmt: skip
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, key)
        self.context.set_alpn_protocols(["h2"])
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, plain):
        try:
            with self.context.wrap_socket(plain, server_side=True) as client:
                with socket.create_connection(("127.0.0.1", self.to)) as server:
                    while True:
                        ready = [client] if client.pending() else select.select([client, server], [], [])[0]
                        for source in ready:
                            octets = source.recv(65536)
                            if not octets:
                                return
                            if source is client:
                                self.heard += octets
                            (server if source is client else client).sendall(octets)
        except OSError:
            pass

    def heard_token(self, token):
        """Whether the header was there: as it is, or in HPACK's Huffman code (RFC 7541, appendix B)."""
        text = f"Bearer {token}"
        codes = {"B": "1011101", "e": "00101", "a": "00011", "r": "101100", "b": "100011", " ": "010100"}
        bits = "".join(codes[letter] for letter in text)
        bits += "1" * (-len(bits) % 8)
        return text.encode() in self.heard or int(bits, 2).to_bytes(len(bits) // 8) in self.heard


def frame_types(octets):
    """The types of the HTTP/2 frames that begin in these octets."""
    at = 0
    while at + 9 <= len(octets):
        yield octets[at + 3]
        at += 9 + int.from_bytes(octets[at : at + 3])


class World:
    """A live server and sandbox, and what they are told to do."""

    def __init__(self, fanfare, directory):
        self.fanfare, self.directory = fanfare, directory
        self.port = free_port()
        self.sandbox = Program(
            [fanfare, "sandbox", "--json", "--exit-with-stdin", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0",
             "--ca-out", f"{directory}/ca.pem"], f"{directory}/sandbox.log")  # fmt: skip
        port = self.sandbox.ready["push_origin"].rsplit(":", 1)[1]
        Path(directory, "fanfare.toml").write_text(
            '[[push_services.exceptions]]\nname = "sandbox"\nhost = "localhost"\n'
            f'port = {port}\ncidrs = ["127.0.0.0/8", "::1/128"]\nroot_certificate = "{directory}/ca.pem"\n'
        )
        self.server = None
        self.start()
        self.proxy = Proxy(self.port)
        self.tls = TLSProxy(self.port, directory)
        self.guarded, self.admin_token = None, ""

    @property
    def target(self):
        return f"http://127.0.0.1:{self.port}"

    def serve(self, port, data):
        return Program(
            [self.fanfare, "serve", "--json", "--exit-with-stdin", "--config", f"{self.directory}/fanfare.toml", "--listen",
             f"127.0.0.1:{port}", "--admin-listen", "127.0.0.1:0", "--data-dir", f"{self.directory}/{data}"],
            f"{self.directory}/serve-{data}.log")  # fmt: skip

    def start(self):
        self.server = self.serve(self.port, "data")

    def start_guarded(self):
        """A second server, which asks who calls."""
        data = f"{self.directory}/guarded"
        os.mkdir(data)
        create = ["tokens", "create", "--data-dir", data, "--role", "admin", "--all-applications"]
        self.admin_token = subprocess.run(
            [self.fanfare, *create], check=True, capture_output=True, text=True, timeout=60
        ).stdout.strip()
        self.guarded = self.serve(0, "guarded")

    def close(self):
        if self.guarded:
            self.guarded.stop()
        self.server.stop()
        self.sandbox.stop()

    def control(self, path, body=None, method=None):
        request = urllib.request.Request(
            f"http://{self.sandbox.ready['control']}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return [json.loads(line) for line in answer.read().splitlines()]

    def command(self, arguments, text="", guarded=False):
        """What a command of the program prints, called with the token of an admin where one is asked for."""
        server = f"http://{self.guarded.ready['server']}" if guarded else self.target
        environment = {**os.environ, "FANFARE_TOKEN": self.admin_token if guarded else ""}
        done = subprocess.run([self.fanfare, *arguments, "--server", server], input=text, env=environment,
                              capture_output=True, text=True, timeout=600)  # fmt: skip
        if done.returncode != 0:
            raise Failure(f"fanfare {arguments[0]}: {done.stderr[-2000:]}")
        return done.stdout

    def browsers(self, count, faults=None, log=True):
        """A group of synthetic subscribers: its number, and what each gives."""
        group = self.control("/groups", {"count": count, "faults": faults or {}, "log": log})[0]["group"]
        return group, self.control(f"/groups/{group}/subscriptions")

    def make_history(self):
        """So many events in the log, for streams that read them all."""
        _, browsers = self.browsers(HISTORY["subscribers"], log=False)
        self.command(["subscribe", "--topic", "history"], "\n".join(map(json.dumps, browsers)))
        for _ in range(HISTORY["broadcasts"]):
            self.command(["broadcast", "--topic", "history", "--empty", "--report-level", "progress", "--json"])


class Driver:
    """A program that does the steps it is given, a line of JSON each, and says what it saw."""

    def __init__(self, command, log):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(log, "ab"), text=True
        )
        self.log = log
        self.lines = queue.Queue()
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def begin(self, step):
        self.process.stdin.write(json.dumps(step) + "\n")
        self.process.stdin.flush()

    def end(self):
        try:
            line = self.lines.get(timeout=STEP_SECONDS)
        except queue.Empty:
            raise Failure(f"the driver gave no answer in {STEP_SECONDS} s") from None
        if line is None:
            raise Failure(f"the driver ended: {Path(self.log).read_text()[-2000:]}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


ABSENT = object()


class Scenario:
    """One scenario, with what its steps have saved for later ones."""

    def __init__(self, world, driver, scenario):
        self.world, self.driver, self.steps = world, driver, scenario["steps"]
        unique = uuid.uuid4().hex[:12]
        self.group = None
        self.known = {
            "unique": unique,
            "user": f"user-{unique}",
            "topic": f"topic-{unique}",
            "long": "x" * 257,
            "server": world.target,
            "proxy": f"http://127.0.0.1:{world.proxy.port}",
            "tls": f"https://localhost:{world.tls.port}",
            "guarded": world.guarded and f"http://{world.guarded.ready['server']}",
            "certificate": Path(world.tls.certificate).read_text(),
            "absent": ABSENT,
        }

    def run(self):
        self.driver.begin({"do": "connect", "target": self.world.target})
        self.check({"do": "connect"}, self.driver.end())
        for number, step in enumerate(self.steps, 1):
            try:
                self.take(step)
            except Failure as failure:
                raise Failure(f"step {number} ({step.get('do') or step['runner']}): {failure}") from None

    def take(self, step):
        if "do" in step:
            meant = {key: self.filled(value) for key, value in step.items() if key not in ("expect", "save", "async")}
            self.driver.begin(meant)
            if not step.get("async"):
                self.check(step, self.driver.end())
            return
        match step["runner"]:
            case "browsers":
                self.group, browsers = self.world.browsers(step["count"])
                for number, browser in enumerate(browsers, 1):
                    self.known["browser" if number == 1 else f"browser{number}"] = browser
                self.known["keys"], self.known["endpoint"] = browsers[0]["keys"], browsers[0]["endpoint"]
            case "group":
                self.group, browsers = self.world.browsers(step["count"], step.get("faults"))
                arguments = ["subscribe", "--topic", self.known["topic"]]
                if step["count"] == 1 or step.get("one_user"):
                    arguments += ["--user", self.known["user"]]
                self.world.command(arguments, "\n".join(map(json.dumps, browsers)), step.get("guarded", False))
            case "token":
                arguments = ["tokens", "create", "--json", "--role", step["role"], "--application", "default"]
                if "expires" in step:
                    arguments += ["--expires", step["expires"]]
                made = json.loads(self.world.command(arguments, guarded=True))
                self.known["token"], self.known["token_name"] = made["token"], made["apiToken"]["name"]
            case "revoke":
                self.world.command(["tokens", "revoke", self.known["token_name"]], guarded=True)
            case "kill" | "stop" as how:
                self.world.server.stop(kill=how == "kill")
            case "start":
                self.world.start()
            case "proxy":
                self.world.proxy.set_mode(step["mode"])
            case "await":
                self.check(step, self.driver.end())
            case "posts":
                self.check(step, self.world.control(f"/groups/{self.group}")[0])
            case "heard":
                if not self.world.tls.heard_token(step["token"]):
                    raise Failure("the token did not come")
                self.world.tls.heard.clear()
            case "await_posts":
                until = time.monotonic() + 60
                while self.world.control(f"/groups/{self.group}")[0]["posts"] < step["count"]:
                    if time.monotonic() > until:
                        raise Failure("no POST came in 60 s")
                    time.sleep(0.02)
            case other:
                raise Failure(f"no step is called {other}")

    def check(self, step, seen):
        expected = self.filled(step.get("expect", {}))
        if "error" not in expected and "error" in seen:
            raise Failure(f"error {json.dumps(seen['error'])}")
        differs(expected, seen, "")
        for name, path in step.get("save", {}).items():
            value = seen
            for part in path.split("."):
                value = value[part]
            self.known[name] = value

    def filled(self, value):
        """With what is known in place of $names."""
        if isinstance(value, dict):
            return {key: self.filled(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.filled(inner) for inner in value]
        if isinstance(value, str) and re.fullmatch(r"\$\w+", value):
            return self.known[value[1:]]
        return value


def differs(expected, seen, path):
    """Complains unless everything expected was seen; there may be more in objects."""

    def complain(what):
        raise Failure(f"{path or 'answer'}: {what}, not {'nothing' if seen is ABSENT else json.dumps(seen)}")

    if expected is ABSENT:
        if seen is not ABSENT and seen not in (None, "", False, 0):
            complain("nothing expected")
    elif isinstance(expected, dict) and "$set" in expected:
        if not isinstance(seen, list) or sorted(seen) != sorted(expected["$set"]):
            complain(f"in any order {expected['$set']} expected")
    elif isinstance(expected, dict) and "$at_least" in expected:
        if not isinstance(seen, int) or seen < expected["$at_least"]:
            complain(f"at least {expected['$at_least']} expected")
    elif isinstance(expected, dict) and "$rest_of" in expected:
        total, had = expected["$rest_of"]
        if seen != total - had:
            complain(f"{total - had} expected")
    elif isinstance(expected, dict):
        if not isinstance(seen, dict):
            complain(f"{expected} expected")
        for key, inner in expected.items():
            differs(inner, seen.get(key, ABSENT), f"{path}.{key}".lstrip("."))
    elif isinstance(expected, list):
        if not isinstance(seen, list) or len(seen) != len(expected):
            complain(f"{expected} expected")
        for index, inner in enumerate(expected):
            differs(inner, seen[index], f"{path}[{index}]")
    elif seen != expected:
        complain(f"{json.dumps(expected)} expected")


def main():
    """run.py FANFARE [--only TEXT] [--short] NAME=COMMAND…: a command line for each driver; "grpcurl" needs none.

    --only: scenarios that have TEXT in their names. --short: those that need no history."""
    arguments = sys.argv[1:]
    fanfare = arguments.pop(0)
    scenarios = json.loads((HERE / "scenarios.json").read_text())
    if arguments[0] == "--only":
        scenarios = [one for one in scenarios if arguments[1] in one["name"]]
        arguments = arguments[2:]
    if arguments[0] == "--short":
        scenarios = [one for one in scenarios if "history" not in one.get("needs", [])]
        arguments = arguments[1:]
    results = {}
    with tempfile.TemporaryDirectory(prefix="fanfare-clients-") as directory:
        world = World(fanfare, directory)
        try:
            if any("tokens" in one.get("needs", []) for one in scenarios):
                world.start_guarded()
            if any("history" in one.get("needs", []) for one in scenarios):
                started = time.monotonic()
                world.make_history()
                print(f"the log has its history ({time.monotonic() - started:.0f} s)", flush=True)
            for argument in arguments:
                name, _, command = argument.partition("=")
                results[name] = run_driver(world, directory, name, command, scenarios)
        finally:
            world.close()
    failed = sum(result["failed"] for result in results.values())
    print(json.dumps({"passed": failed == 0, "clients": results}))
    sys.exit(1 if failed or not results else 0)


def run_driver(world, directory, name, command, scenarios):
    log = f"{directory}/{name}.log"
    result = {"scenarios": 0, "failed": 0, "left_out": 0, "seconds": 0}
    begun = time.monotonic()
    start = (lambda: grpcurl.Driver()) if name == "grpcurl" else (lambda: Driver(command.split(), log))
    able = {"history", "tokens"} if name == "grpcurl" else {"history", "tokens", "resume", "library"}
    if name in ("python", "python-aio", "typescript"):
        able.add("throwing")
    driver = start()
    for scenario in scenarios:
        if not able.issuperset(scenario.get("needs", [])):
            result["left_out"] += 1
            continue
        result["scenarios"] += 1
        started, verdict = time.monotonic(), "ok"
        try:
            Scenario(world, driver, scenario).run()
        except Failure as failure:
            verdict = f"FAILED: {failure}"
            result["failed"] += 1
            driver.close()
            driver = start()
            if world.server.process.poll() is not None:
                world.start()
        world.proxy.set_mode("pass")
        print(f"{name:10} {time.monotonic() - started:6.1f} s  {scenario['name']}: {verdict}", flush=True)
    driver.close()
    result["seconds"] = round(time.monotonic() - begun)
    return result


if __name__ == "__main__":
    main()

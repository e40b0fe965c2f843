"""Runs the examples of each client as its README says, against a live server and sandbox."""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

from run import STEP_SECONDS, Failure, World

COMMANDS = {
    "go": lambda example: [f"bin/{example}"],
    "python": lambda example: ["venv/bin/python", f"examples/{example}.py"],
    "typescript": lambda example: ["node", f"examples/{example}.js"],
    "rust": lambda example: [f"bin/{example}"],
    "java": lambda example: ["java", "-cp", "examples/target/classes:examples/target/lib/*", example.capitalize()],
}


class Example:
    """A program that goes on, and the lines that it prints."""

    def __init__(self, command, directory, environment):
        self.process = subprocess.Popen(command, cwd=directory, env=environment, stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def line(self, wanted=lambda line: True):
        """The next line that is wanted."""
        while True:
            try:
                line = self.lines.get(timeout=STEP_SECONDS)
            except queue.Empty:
                raise Failure(f"{self.process.args} printed nothing more") from None
            if wanted(line):
                return line

    def kill(self):
        self.process.kill()
        self.process.wait()


def expect(what, seen, wanted):
    if seen != wanted:
        raise Failure(f"{what}: {seen!r} instead of {wanted!r}")


def post(url, body):
    request = urllib.request.Request(f"{url}/subscriptions", json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def run(world, language, directory, state):
    """Stores subscriptions, sends to them, and counts what became of it, through a kill of the consumer."""
    environment = {**os.environ, "FANFARE_SERVER": world.target, "PORT": "0"}
    command = COMMANDS[language]
    _, browsers = world.browsers(3)

    backend = Example(command("backend"), directory, environment)
    try:
        url = backend.line().strip().removeprefix("listening on ")
        for browser in browsers:
            expect("status of a good subscription", post(url, {"subscription": browser})[0], 201)
        status, text = post(url, {"subscription": {**browsers[0], "keys": {"p256dh": "AA", "auth": "AA"}}})
        expect("status of a bad one", status, 400)
        expect("what is wrong with it", sorted(line.split(":")[0] for line in text.splitlines()),
               ["push_subscription.keys.auth", "push_subscription.keys.p256dh"])  # fmt: skip
        expect("status of no subscription", post(url, {"subscription": None})[0], 400)
    finally:
        backend.kill()

    def broadcast():
        done = subprocess.run([*command("broadcast"), "news", "Fresh today"], cwd=directory, env=environment,
                              capture_output=True, text=True, timeout=STEP_SECONDS)  # fmt: skip
        expect("last words of the broadcast", done.stdout.replace("\n", "\r").split("\r")[-2], "3 of 3 accepted, 0 failed")

    consumer = Example([*command("consumer"), state], directory, environment)
    try:
        consumer.line()
        broadcast()
        consumer.line(lambda line: json.loads(line).get("OUTCOME_ACCEPTED") == 3)
        consumer.kill()
        broadcast()
        consumer = Example([*command("consumer"), state], directory, environment)
        consumer.line(lambda line: json.loads(line).get("OUTCOME_ACCEPTED") == 6)
    finally:
        consumer.kill()
    world.command(["subscriptions", "remove", "--user", "alice"])


def main():
    fanfare, work, *languages = sys.argv[1:]
    passed = []
    with tempfile.TemporaryDirectory(prefix="fanfare-examples-") as directory:
        world = World(fanfare, directory)
        try:
            for language in filter(COMMANDS.get, languages):
                run(world, language, f"{work}/{language}", f"{directory}/{language}.state")
                print(f"{language:10} backend, broadcast and consumer: ok", flush=True)
                passed.append(language)
        finally:
            world.close()
    print(json.dumps({"passed": True, "examples": 3 * len(passed)}))


if __name__ == "__main__":
    main()

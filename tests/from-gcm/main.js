// See run. Plays somebody who comes with a key pair and subscriptions of another library.
"use strict";
const assert = require("node:assert/strict");
const { execFileSync, spawn, spawnSync } = require("node:child_process");
const { mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { createInterface } = require("node:readline");

const fanfare = process.argv[2];
const directory = mkdtempSync(join(tmpdir(), "from-gcm-"));
const file = (name, content) => {
  const path = join(directory, name);
  if (content !== undefined) writeFileSync(path, content);
  return path;
};

/** Starts the program, and answers what it says once it is ready, with a way to stop it. */
async function start(...args) {
  const child = spawn(fanfare, [...args, "--json", "--exit-with-stdin"], { stdio: ["pipe", "pipe", "ignore"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const stop = () => (child.stdin.end(), ended);
  for await (const line of createInterface(child.stdout)) return { ...JSON.parse(line), stop };
  throw new Error(`fanfare ${args[0]} ended`);
}

const config = (sandbox) => {
  const { hostname, port } = new URL(sandbox.push_origin);
  return file(
    "fanfare.toml",
    `[server]\nlisten = "127.0.0.1:0"\n[admin]\nlisten = "127.0.0.1:0"\n[[push_services.exceptions]]\nname = "sandbox"\n` +
      `host = "${hostname}"\nport = ${port}\ncidrs = ["127.0.0.0/8", "::1/128"]\nroot_certificate = "${file("ca.pem")}"\n`,
  );
};

/** Runs a server over a data directory, subscribes what the old library had, sends to all: the outcomes. */
async function outcomes(sandbox, data, subscriptions) {
  const server = await start("serve", "--config", config(sandbox), "--data-dir", data);
  try {
    const call = (...args) => execFileSync(fanfare, [...args, "--server", `http://${server.server}`, "--json"], { encoding: "utf8" });
    const named = call("subscribe", "--user", "anna", file("subscriptions.jsonl", subscriptions)).trim().split("\n");
    assert.equal(named.length, 3);
    const sent = spawnSync(fanfare, ["send", "--user", "anna", "--server", `http://${server.server}`, "--json", "--title", "hello"], {
      encoding: "utf8",
    });
    const frames = sent.stdout.trim().split("\n").map((line) => JSON.parse(line)).map((line) => line.frame ?? line);
    const gcm = JSON.stringify({ ...JSON.parse(subscriptions.split("\n")[0]), endpoint: "https://android.googleapis.com/gcm/send/x" });
    const refused = spawnSync(fanfare, ["subscribe", "--server", `http://${server.server}`, file("gcm.json", gcm)], { encoding: "utf8" });
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr, /Google Cloud Messaging/);
    return frames.flatMap((frame) => frame.events?.events ?? []).map((event) => event.outcome);
  } finally {
    await server.stop();
  }
}

async function main() {
  const keys = execFileSync(fanfare, ["vapid", "generate", "--json"], { encoding: "utf8" });
  const sandbox = await start("sandbox", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--ca-out", file("ca.pem"));
  try {
    const call = async (path, body) => {
      const init = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
      return (await (await fetch(`http://${sandbox.control}${path}`, init)).text()).trim();
    };
    await call("/groups", { count: 3, application_server_key: JSON.parse(keys).publicKey });
    const subscriptions = await call("/groups/1/subscriptions?from=0&count=3");

    const imported = file("imported");
    execFileSync(fanfare, ["vapid", "import", "--data-dir", imported, "--make-current", file("old-keys.json", keys)]);
    const accepted = await outcomes(sandbox, imported, subscriptions);
    assert.deepEqual(accepted, Array(3).fill("OUTCOME_ACCEPTED"));
    const received = (await call("/groups/1/received")).split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(received.map(({ error }) => error), [null, null, null]);

    const mismatched = await outcomes(sandbox, file("another"), subscriptions);
    assert.deepEqual(mismatched, Array(3).fill("OUTCOME_KEY_MISMATCH"));
    return { accepted: accepted.length, without_the_key: mismatched.length, gcm_refused: 2 };
  } finally {
    await sandbox.stop();
  }
}

main()
  .then((figures) => console.log(JSON.stringify(figures)))
  .finally(() => rmSync(directory, { recursive: true, force: true }))
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });

// The whole way: a real webhook in, real Broadcasts of a real server, and what the sandbox's subscribers decrypt.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { bridge, connect } from "../bridge.js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const FANFARE = process.env.FANFARE ?? here("../../../target/debug/fanfare");
if (!existsSync(FANFARE)) {
  console.error(`There is no ${FANFARE}: cargo build, or set FANFARE.`);
  process.exit(1);
}
const webhook = JSON.parse(readFileSync(here("firing.json")));
const directory = mkdtempSync(join(tmpdir(), "alert-bridge-"));
const processes = [];
let client, server, sandbox, site;

/** Starts the program and reads the line that says where it listens; it ends when its input is closed. */
async function start(...args) {
  const child = spawn(FANFARE, [...args, "--json", "--exit-with-stdin"], { stdio: ["pipe", "pipe", "inherit"] });
  processes.push(child);
  for await (const line of createInterface(child.stdout)) return JSON.parse(line);
  throw new Error(`fanfare ${args[0]} ended`);
}

const control = async (path, body) => {
  const init = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(`http://${sandbox.control}${path}`, init);
  assert.ok(answer.ok, await answer.clone().text());
  return (await answer.text()).trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
};

before(async () => {
  const certificate = join(directory, "ca.pem");
  sandbox = await start("sandbox", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--ca-out", certificate);
  const { hostname, port } = new URL(sandbox.push_origin);
  const config = join(directory, "fanfare.toml");
  writeFileSync(
    config,
    `[server]\nlisten = "127.0.0.1:0"\n[admin]\nlisten = "127.0.0.1:0"\n[[push_services.exceptions]]\nname = "sandbox"\n` +
      `host = "${hostname}"\nport = ${port}\ncidrs = ["127.0.0.0/8", "::1/128"]\nroot_certificate = "${certificate}"\n`,
  );
  server = await start("serve", "--config", config, "--data-dir", join(directory, "data"));
  client = connect(server.server, [here("../../../proto"), here("../../../third_party/googleapis")]);
  const [group] = await control("/groups", {
    count: 2,
    application_server_key: server.applications[0].application_server_key,
  });
  assert.equal(group.group, 1);
  const subscriptions = await control("/groups/1/subscriptions?from=0&count=2");
  const subscribe = promisify(client.subscribe).bind(client);
  for (const [index, topic] of ["team-check-out", "alerts"].entries()) {
    const { endpoint, keys } = subscriptions[index];
    await subscribe({ pushSubscription: { endpoint, keys }, topics: [topic] });
  }
  // A repetition in the next quarter of an hour would be another message.
  site = bridge(client, { application: "", topic: "alerts", now: Date.now() });
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
});

after(async () => {
  await new Promise((resolve) => site?.close(resolve));
  client?.close();
  for (const child of processes.reverse()) {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.stdin.end();
    await ended;
  }
  rmSync(directory, { recursive: true, force: true });
});

const post = (content) =>
  fetch(`http://127.0.0.1:${site.address().port}/alerts`, { method: "POST", body: JSON.stringify(content) });

/** Follows a message to its end: its status. */
const ended = (parent) =>
  new Promise((resolve, reject) => {
    const call = client.watchDeliveries({ parent });
    call.on("error", reject);
    call.on("data", ({ frame }) => frame.summary && resolve(frame.summary));
  });

test("a webhook of Alertmanager reaches the teams, and its repetition nobody", async () => {
  const answer = await post(webhook);
  assert.equal(answer.status, 200);
  const { messages } = await answer.json();
  assert.equal(messages.length, 2);
  const statuses = await Promise.all(messages.map(ended));
  assert.deepEqual(statuses.map(({ counts }) => counts.accepted), [1, 1]);
  assert.deepEqual(statuses.map(({ note }) => note).sort(), ["DiskAlmostFull", "HighErrorRate"]);
  const again = await (await post(webhook)).json();
  assert.deepEqual(again.messages.sort(), messages.sort());

  const end = { ...webhook.alerts[0], status: "resolved", endsAt: "2026-11-22T20:40:00Z" };
  const { messages: [resolved] } = await (await post({ ...webhook, status: "resolved", alerts: [end] })).json();
  await ended(resolved);
  const received = await control("/groups/1/received");
  const told = received.map(({ index, urgency, topic, error, ttl }) => ({ index, urgency, topic, error, long: ttl > 14_000 }));
  const team = told.filter(({ index }) => index === 0);
  assert.deepEqual(team.map(({ urgency }) => urgency), ["high", "low"]);
  assert.ok(team[0].topic && team[0].topic === team[1].topic, "the end replaces the beginning");
  const others = told.filter(({ index }) => index === 1);
  assert.deepEqual(others.map(({ urgency, error, long }) => [urgency, error, long]), [["normal", null, true]]);
  assert.notEqual(others[0].topic, team[0].topic);
});

test("what is no webhook is refused, and Alertmanager does not repeat it", async () => {
  for (const bad of [{}, [], { alerts: 1 }]) assert.equal((await post(bad)).status, 400);
  const { status } = await fetch(`http://127.0.0.1:${site.address().port}/healthz`);
  assert.equal(status, 200);
});

test("while Fanfare is away, Alertmanager is asked to repeat", async () => {
  const nowhere = bridge(connect("127.0.0.1:1", [here("../../../proto"), here("../../../third_party/googleapis")]), {
    application: "",
    topic: "alerts",
  });
  await new Promise((resolve) => nowhere.listen(0, "127.0.0.1", resolve));
  const answer = await fetch(`http://127.0.0.1:${nowhere.address().port}/alerts`, {
    method: "POST",
    body: JSON.stringify(webhook),
  });
  assert.equal(answer.status, 503);
  await new Promise((resolve) => nowhere.close(resolve));
});

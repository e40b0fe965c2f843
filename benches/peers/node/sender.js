// npm web-push as a sender: an agent that keeps its connections, as its documentation advises. It knows HTTP/1.1 only.
"use strict";

const fs = require("node:fs");
const https = require("node:https");
const { createRequire } = require("node:module");

const [modules, workFile, count, inFlight, certificate] = process.argv.slice(2);
const webpush = createRequire(`${modules}/`)("web-push");

// Pushes before the figures count.
const WARM_UP = 500;

const work = JSON.parse(fs.readFileSync(workFile, "utf8"));
const payload = "x".repeat(work.payload_octets);
const agent = new https.Agent({ keepAlive: true, maxSockets: Number(inFlight), ca: fs.readFileSync(certificate) });
const options = {
  agent,
  TTL: work.ttl,
  contentEncoding: "aes128gcm",
  vapidDetails: {
    subject: "mailto:ops@example.com",
    publicKey: work.vapid_public,
    privateKey: work.vapid_private,
  },
};
const subscriptions = work.subscriptions.map(({ endpoint, p256dh, auth }) => ({ endpoint, keys: { p256dh, auth } }));

async function push(count) {
  let next = 0;
  const sender = async () => {
    while (next < count) {
      const subscription = subscriptions[next++ % subscriptions.length];
      const { statusCode } = await webpush.sendNotification(subscription, payload, options);
      if (statusCode !== 201) throw new Error(`the sink answers ${statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: Number(inFlight) }, sender));
}

async function main() {
  await push(WARM_UP);
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  await push(Number(count));
  const used = process.cpuUsage(cpu);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  console.log(JSON.stringify({ accepted: Number(count), cpu_seconds: (used.user + used.system) / 1e6, seconds }));
  agent.destroy();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});

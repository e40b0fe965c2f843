// Sends with npm's web-push: `send.js JOB COUNT IN_FLIGHT WAY`, where WAY is `agent` (sendNotification with an agent that
// keeps connections) or `http2` (the requests of generateRequestDetails by node's own HTTP/2, with a VAPID token that is
// signed once).
'use strict';
const fs = require('node:fs');
const http2 = require('node:http2');
const https = require('node:https');
const webPush = require('web-push');

const [job, count, inFlight, way] = [
  JSON.parse(fs.readFileSync(process.argv[2])), Number(process.argv[3]), Number(process.argv[4]), process.argv[5],
];
const ca = fs.readFileSync(job.certificate);
const { subject, public: publicKey, private: privateKey } = job.vapid;
const contact = `mailto:${subject}`;

function byAgent() {
  const agent = new https.Agent({ keepAlive: true, maxSockets: inFlight, ca });
  const options = { TTL: job.ttl, vapidDetails: { subject: contact, publicKey, privateKey }, agent };
  const send = async (subscription) => {
    const { statusCode } = await webPush.sendNotification(subscription, job.payload, options);
    return statusCode;
  };
  return { send, close: () => agent.destroy() };
}

function byHttp2() {
  const session = http2.connect(job.origin, { ca });
  const token = webPush.getVapidHeaders(job.origin, contact, publicKey, privateKey, 'aes128gcm');
  const options = { TTL: job.ttl, headers: { Authorization: token.Authorization } };
  const send = (subscription) => {
    const { headers, body, endpoint } = webPush.generateRequestDetails(subscription, job.payload, options);
    return new Promise((resolve, reject) => {
      const stream = session.request({ ':method': 'POST', ':path': new URL(endpoint).pathname, ...headers });
      let status;
      stream.on('response', (answer) => { status = answer[':status']; });
      stream.on('error', reject);
      stream.on('close', () => resolve(status));
      stream.resume();
      stream.end(body);
    });
  };
  return { send, close: () => session.close() };
}

async function main() {
  const { send, close } = { agent: byAgent, http2: byHttp2 }[way]();
  let next = 0;
  let accepted = 0;
  async function work() {
    while (next < count) {
      const status = await send(job.subscriptions[next++ % job.subscriptions.length]);
      if (status !== 201) throw new Error(`the sink answers ${status}`);
      accepted += 1;
    }
  }
  const start = performance.now();
  await Promise.all(Array.from({ length: inFlight }, work));
  const seconds = (performance.now() - start) / 1000;
  close();
  console.log(JSON.stringify({ accepted, seconds }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});

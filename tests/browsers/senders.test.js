// Software that nobody here wrote: npm's web-push and PyPI's pywebpush send to the sandbox, which checks them as strictly as
// Fanfare; npm's web-push-testing, a push service for tests, takes what Fanfare sends.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Agent } from 'node:https';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import webPush from 'web-push';

import { Fanfare, Sandbox } from './lib/fanfare.js';
import { output } from './lib/process.js';

const require = createRequire(import.meta.url);
const directory = process.env.FANFARE_WORK;
const subject = 'mailto:push@example.com';
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
let sandbox;

before(async () => {
  sandbox = await Sandbox.start(directory);
});

after(() => sandbox?.stop());

// A synthetic subscriber, which decrypts what it gets.
async function subscriber(keys, encoding) {
  const [{ group }] = await sandbox.call('POST', '/groups', {
    count: 1, application_server_key: keys.publicKey, content_encoding: encoding,
  });
  const [subscription] = await sandbox.call('GET', `/groups/${group}/subscriptions`);
  return {
    subscription,
    received: () => sandbox.call('GET', `/groups/${group}/received`),
    unsubscribe: () => sandbox.call('POST', `/groups/${group}/subscribers/0/faults`, { gone: {} }),
  };
}

const senders = {
  'npm web-push': async ({ subscription, keys, payload, ttl, encoding }) => {
    const agent = new Agent({ ca: readFileSync(sandbox.authority) });
    const options = { vapidDetails: { subject, ...keys }, TTL: ttl, contentEncoding: encoding, agent };
    const answer = await webPush.sendNotification(subscription, payload, options).catch((error) => error);
    if (answer.statusCode === undefined) throw answer;
    return answer.statusCode;
  },
  'PyPI pywebpush': async ({ subscription, keys, payload, ttl, encoding }) => {
    const message = { subscription, key: keys.privateKey, payload: payload.toString('base64'), ttl, encoding, subject };
    return Number(
      await output(process.env.FANFARE_PYTHON, [join(import.meta.dirname, 'send.py')], {
        input: JSON.stringify(message), env: { REQUESTS_CA_BUNDLE: sandbox.authority },
      }),
    );
  },
};

for (const [name, send] of Object.entries(senders)) {
  for (const encoding of ['aes128gcm', 'aesgcm']) {
    test(`what ${name} sends in ${encoding} is taken and decrypted`, async () => {
      const keys = webPush.generateVAPIDKeys();
      const { subscription, received } = await subscriber(keys, encoding);
      // pywebpush sends text.
      const payload = Buffer.from(randomBytes(300).toString('hex'));
      assert.equal(await send({ subscription, keys, payload, ttl: 60, encoding }), 201);
      const [message] = await received();
      assert.deepEqual(
        [message.sha256, message.octets, message.ttl, message.encoding], [sha256(payload), payload.length, 60, encoding]);
    });
  }

  test(`${name} is checked as strictly as anybody`, async () => {
    const keys = webPush.generateVAPIDKeys();
    const { subscription, received, unsubscribe } = await subscriber(keys, 'aes128gcm');
    const good = { subscription, keys, payload: Buffer.from('x'), ttl: 60, encoding: 'aes128gcm' };
    const endpoint = `${subscription.endpoint.slice(0, -4)}AAAA`;
    assert.equal(await send({ ...good, keys: webPush.generateVAPIDKeys() }), 401, 'another key');
    assert.equal(await send({ ...good, payload: Buffer.alloc(3994, 'x') }), 413, 'too large');
    assert.equal(await send({ ...good, subscription: { ...subscription, endpoint } }), 404, 'an unknown endpoint');
    assert.equal(await send({ ...good, payload: Buffer.alloc(3993, 'x') }), 201, 'the largest');
    assert.equal((await received()).length, 1);
    await unsubscribe();
    assert.equal(await send(good), 410, 'a subscription that has ended');
  });
}

test('npm web-push-testing takes what Fanfare sends', async () => {
  const WebPushTestingServer = require('web-push-testing/src/server.js');
  const { PushApiModel } = require('web-push-testing/src/PushApiModel.js');
  const model = new PushApiModel();
  const service = new WebPushTestingServer(model, 0);
  service.setRequestHandlers();
  // Its own way to listen takes all addresses.
  const server = createServer(service._app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  model.notifyUrl = `http://localhost:${port}/notify/`;
  const fanfare = await Fanfare.start(join(directory, 'senders-fanfare'), [
    { name: 'web-push-testing', host: 'localhost', port, cidrs: ['127.0.0.0/8', '::1/128'], allow_http: true },
  ]);
  try {
    for (const encoding of ['aes128gcm', 'aesgcm']) {
      const { endpoint, keys, clientHash } = await model.subscribe({ userVisibleOnly: 'true', applicationServerKey: fanfare.key });
      const name = await fanfare.subscribe({ endpoint, keys, supportedContentEncodings: [encoding] });
      const text = randomBytes(300).toString('hex');
      const sent = await fanfare.send(name, Buffer.from(text));
      assert.deepEqual([sent.state, sent.httpStatus], ['DELIVERY_STATE_ACCEPTED', 201], JSON.stringify(sent));
      assert.deepEqual(model.getNotifications({ clientHash }).messages, [text]);

      model.expireSubscription(clientHash);
      const gone = await fanfare.send(name, Buffer.from(text));
      assert.deepEqual([gone.outcome, gone.httpStatus], ['OUTCOME_GONE', 410], JSON.stringify(gone));
    }
  } finally {
    await fanfare.stop();
    server.closeAllConnections();
    server.close();
  }
});

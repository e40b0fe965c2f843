// A real Chromium subscribes to the sandbox's stand-in for its push back end, through the browser library of clients/web.
// Its endpoints have the host that is compiled into it; Fanfare is told where that host is, and posts to them as they are.

import assert from 'node:assert/strict';
import { createECDH, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Chromium } from './lib/chromium.js';
import { Stage, assertAccepted, assertFailed } from './lib/stage.js';

const directory = process.env.FANFARE_WORK;
const profile = join(directory, 'chromium-profile');
let stage, sandbox, fanfare, site, chromium;

before(async () => {
  stage = await Stage.start(directory, 'Chromium', ['--fcm']);
  ({ sandbox, fanfare, site } = stage);
  await start();
});

after(async () => {
  await chromium?.stop();
  await stage?.stop();
});

async function start() {
  chromium = await Chromium.start({ directory, profile, push: sandbox.chromium.arguments });
  await chromium.grant(site.origin);
}

async function subscribe(options) {
  const channel = await stage.subscribe(chromium, options);
  // It is connected only while there is a subscription, and to subscribe anew ends the last one.
  await stage.connected(channel, true);
  return channel;
}

// Octets that nobody else sends. Chromium loses a payload that is not UTF-8: the event's data is null.
const text = (octets) => Buffer.from(`«é» ${randomBytes(octets).toString('hex')}`).subarray(0, octets);

// Waits until worker and Chromium say that a message has arrived, with exactly these octets.
async function arrived(channel, bytes, options) {
  await site.pushed('worker', bytes, options);
  await stage.event('acknowledged', channel);
}

// How often the worker was told of a message. The sandbox may have sent it more often: Chromium gives connections up.
const times = (bytes) =>
  site.events.all(({ from, data }) => from === 'worker' && data === bytes.toString('base64')).length;

for (const encoding of ['aes128gcm', 'aesgcm']) {
  test(`page and worker get exactly the octets that were sent, in ${encoding}`, async () => {
    const told = (subscription) => ({ ...subscription, supportedContentEncodings: [encoding] });
    const channel = await subscribe({ told });
    const host = new URL(channel.subscription.endpoint).hostname;
    assert.ok(host in sandbox.chromium.hosts, host);
    const bytes = text(1000);
    const sent = await fanfare.send(channel.name, bytes);
    assertAccepted(sent);
    assert.equal(sent.endpointOrigin, `https://${host}`);
    await arrived(channel, bytes);
    await site.pushed('page', bytes);
  });
}

test('the largest payload arrives: 3,993 octets', async () => {
  const channel = await subscribe();
  const bytes = text(3993);
  assertAccepted(await fanfare.send(channel.name, bytes));
  await arrived(channel, bytes);
});

test('an empty push arrives', async () => {
  const channel = await subscribe();
  const after = site.events.now;
  assertAccepted(await fanfare.send(channel.name, null));
  await arrived(channel, null, { after });
});

test('a push arrives with no page open', async () => {
  const channel = await subscribe();
  await chromium.open('about:blank');
  const bytes = text(100);
  assertAccepted(await fanfare.send(channel.name, bytes));
  await arrived(channel, bytes);
});

test('what was sent while the connection was lost is delivered by the next one, once', async () => {
  const channel = await subscribe();
  const bytes = text(100);
  await stage.whileAway(channel, async () => assertAccepted(await fanfare.send(channel.name, bytes)));
  await arrived(channel, bytes);
  const [{ waiting }] = await sandbox.call('GET', `/user-agents/${channel.userAgent}`);
  assert.deepEqual([waiting, times(bytes)], [0, 1]);
});

test('what was sent while the browser was closed arrives after its restart, of a collapse key the newest, of what ran out nothing', async () => {
  const channel = await subscribe();
  await chromium.stop();
  await stage.connected(channel, false);
  const [older, newer, brief, lasting] = [text(100), text(100), text(100), text(100)];
  assertAccepted(await fanfare.send(channel.name, older, ['--collapse-key', 'score']));
  assertAccepted(await fanfare.send(channel.name, newer, ['--collapse-key', 'score']));
  await stage.event('replaced', channel);
  await stage.sendUntilOver(channel, brief, 2);
  assertAccepted(await fanfare.send(channel.name, lasting));
  await start();
  await arrived(channel, newer);
  await stage.event('expired', channel);
  await arrived(channel, lasting);
  assert.deepEqual([older, newer, brief, lasting].map(times), [0, 1, 0, 1]);
});

test('a message for other keys fires no event', async () => {
  const auth = randomBytes(16).toString('base64url');
  const told = (subscription) => ({ ...subscription, keys: { ...subscription.keys, auth } });
  const channel = await subscribe({ told });
  const [wrong, right] = [text(100), text(100)];
  assertAccepted(await fanfare.send(channel.name, wrong));
  await stage.event('acknowledged', channel);
  // The next one comes after it.
  assertAccepted(await fanfare.send(await fanfare.subscribe(channel.subscription), right));
  await site.pushed('worker', right);
  assert.equal(site.events.all((event) => event.data === wrong.toString('base64')).length, 0);
});

test('who unsubscribes is gone (410), and Fanfare removes the subscription and says so', async () => {
  const channel = await subscribe();
  assert.equal(await chromium.evaluate('unsubscribe()'), true);
  await stage.event('unregistered', channel);
  assertFailed(await fanfare.send(channel.name, text(10)), 'OUTCOME_GONE', 410);
  const { evidence } = await stage.changed(channel, 'CHANGE_KIND_REMOVED_GONE');
  assert.deepEqual([evidence.outcome, evidence.httpStatus], ['OUTCOME_GONE', 410]);
  await assert.rejects(fanfare.call(['subscriptions', 'get'], [channel.name]), /not.found/i);
});

test('a subscription that was made with another key is told as that, and the library replaces it', async () => {
  const key = createECDH('prime256v1').generateKeys('base64url');
  // A site whose backend does not pass on which key it was, as before a rotation.
  const told = ({ applicationServerKey, ...subscription }) => subscription;
  const channel = await subscribe({ key, told });
  // FCM's own answer, as the stand-in gives it.
  assertFailed(await fanfare.send(channel.name, text(10)), 'OUTCOME_KEY_MISMATCH', 403);
  const { evidence } = await stage.changed(channel, 'CHANGE_KIND_DISABLED');
  assert.deepEqual([evidence.outcome, evidence.httpStatus], ['OUTCOME_KEY_MISMATCH', 403]);

  const renewed = await subscribe({ anew: false });
  assert.deepEqual([renewed.name, renewed.replaces], [channel.name, channel.subscription.endpoint]);
  const bytes = text(100);
  assertAccepted(await fanfare.send(renewed.name, bytes));
  await arrived(renewed, bytes);
});

test('a receipt tells that it was displayed', async () => {
  const channel = await subscribe();
  const stream = fanfare.follow(['send'], ['--subscription', channel.name, '--title', 'Dinner is ready', '--receipts']);
  try {
    const displayed = ({ receipts }) => receipts?.events.some(({ kind }) => kind === 'RECEIPT_KIND_DISPLAYED');
    await stream.events.find('it is displayed', displayed);
  } finally {
    await stream.stop();
  }
});

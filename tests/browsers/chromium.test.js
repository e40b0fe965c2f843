// A real Chromium subscribes to the sandbox's stand-in for its push back end. Its endpoints have the host that is compiled
// into it; Fanfare is told where that host is, and posts to them as they are.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Chromium } from './lib/chromium.js';
import { Fanfare, Sandbox } from './lib/fanfare.js';
import { Site } from './lib/site.js';

const directory = process.env.FANFARE_WORK;
const profile = join(directory, 'chromium-profile');
let sandbox, fanfare, site, chromium;
// Where the events of this start of Chromium begin.
let started;

before(async () => {
  sandbox = await Sandbox.start(directory, ['--fcm']);
  fanfare = await Fanfare.start(join(directory, 'chromium-fanfare'), sandbox.exceptions);
  site = await Site.start();
  await start();
});

after(async () => {
  await chromium?.stop();
  await site?.stop();
  await fanfare?.stop();
  await sandbox?.stop();
});

async function start() {
  started = sandbox.events.now;
  chromium = await Chromium.start({ directory, profile, push: sandbox.chromium.arguments });
  await chromium.grant(site.origin);
}

// Subscribes in the page, anew; gives what the browser's JSON.stringify gives, and the name under which Fanfare has it.
async function subscribe(more = {}) {
  await chromium.open(`${site.origin}/`);
  const after = sandbox.events.now;
  const subscription = await chromium.evaluate(`subscribe(${JSON.stringify(fanfare.key)})`);
  const { channel, user_agent: userAgent } = await sandbox.events.find(
    'Chromium subscribes', (event) => event.event === 'registered', { after });
  // It connects only once somebody has subscribed.
  await sandbox.events.find('Chromium connects', (event) => event.event === 'connected', { after: started });
  return { subscription, channel, userAgent, name: await fanfare.subscribe({ ...subscription, ...more }) };
}

// Octets that nobody else sends. Chromium loses a payload that is not UTF-8: the event's data is null.
const text = (octets) => Buffer.from(`«é» ${randomBytes(octets).toString('hex')}`).subarray(0, octets);

const event = (what, { channel }) =>
  sandbox.events.find(`${what} on ${channel}`, (event) => event.event === what && event.channel === channel);

function assertAccepted(sent) {
  assert.equal(sent.state, 'DELIVERY_STATE_ACCEPTED', JSON.stringify(sent));
  assert.equal(sent.httpStatus, 201);
}

for (const encoding of ['aes128gcm', 'aesgcm']) {
  test(`page and worker get exactly the octets that were sent, in ${encoding}`, async () => {
    const channel = await subscribe({ supportedContentEncodings: [encoding] });
    const host = new URL(channel.subscription.endpoint).hostname;
    assert.ok(host in sandbox.chromium.hosts, host);
    const bytes = text(1000);
    const sent = await fanfare.send(channel.name, bytes);
    assertAccepted(sent);
    assert.equal(sent.endpointOrigin, `https://${host}`);
    await site.pushed('worker', bytes);
    await site.pushed('page', bytes);
    await event('acknowledged', channel);
  });
}

test('the largest payload arrives: 3,993 octets', async () => {
  const channel = await subscribe();
  const bytes = text(3993);
  assertAccepted(await fanfare.send(channel.name, bytes));
  await site.pushed('worker', bytes);
});

test('an empty push arrives', async () => {
  const channel = await subscribe();
  const after = site.events.now;
  assertAccepted(await fanfare.send(channel.name, null));
  await site.pushed('worker', null, { after });
});

test('a push arrives with no page open', async () => {
  const channel = await subscribe();
  await chromium.open('about:blank');
  const bytes = text(100);
  assertAccepted(await fanfare.send(channel.name, bytes));
  await site.pushed('worker', bytes);
});

test('what was sent while the browser was closed arrives after its restart, the newest of a collapse key', async () => {
  const channel = await subscribe();
  const after = sandbox.events.now;
  await chromium.stop();
  await sandbox.events.find('Chromium is gone', (event) => event.event === 'disconnected', { after });
  const [older, newer] = [text(100), text(100)];
  assertAccepted(await fanfare.send(channel.name, older, ['--collapse-key', 'score']));
  assertAccepted(await fanfare.send(channel.name, newer, ['--collapse-key', 'score']));
  await start();
  await site.pushed('worker', newer);
  await event('acknowledged', channel);
  assert.equal(sandbox.events.all((event) => event.event === 'sent' && event.channel === channel.channel).length, 1);
});

test('a message for other keys fires no event', async () => {
  const { subscription, ...channel } = await subscribe();
  const keys = { ...subscription.keys, auth: randomBytes(16).toString('base64url') };
  const [wrong, right] = [text(100), text(100)];
  assertAccepted(await fanfare.send(await fanfare.subscribe({ ...subscription, keys }), wrong));
  await event('acknowledged', channel);
  // The next one comes after it.
  assertAccepted(await fanfare.send(await fanfare.subscribe(subscription), right));
  await site.pushed('worker', right);
  assert.equal(site.events.all((event) => event.data === wrong.toString('base64')).length, 0);
});

test('who unsubscribes is gone (410), and Fanfare removes the subscription', async () => {
  const channel = await subscribe();
  assert.equal(await chromium.evaluate('unsubscribe()'), true);
  await event('unregistered', channel);
  const sent = await fanfare.send(channel.name, text(10));
  assert.deepEqual(
    [sent.state, sent.outcome, sent.httpStatus], ['DELIVERY_STATE_FAILED', 'OUTCOME_GONE', 410], JSON.stringify(sent));
  await assert.rejects(fanfare.call(['subscriptions', 'get'], [channel.name]), /not.found/i);
});

// A real Firefox subscribes to the sandbox; Fanfare sends to it, by gRPC, as to any push service.

import assert from 'node:assert/strict';
import { createECDH, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Display } from './lib/display.js';
import { Fanfare, Sandbox } from './lib/fanfare.js';
import { Firefox } from './lib/firefox.js';
import { Site } from './lib/site.js';

const directory = process.env.FANFARE_WORK;
const profile = join(directory, 'firefox-profile');
let sandbox, fanfare, site, display, firefox;

before(async () => {
  sandbox = await Sandbox.start(directory);
  fanfare = await Fanfare.start(join(directory, 'firefox-fanfare'), sandbox.exceptions);
  site = await Site.start();
  display = await Display.start(directory);
  await start();
});

after(async () => {
  await firefox?.stop();
  await display?.stop();
  await site?.stop();
  await fanfare?.stop();
  await sandbox?.stop();
});

async function start() {
  firefox = await Firefox.start({ directory, profile, push: sandbox.browser, display: display.name });
}

// Subscribes in the page, anew; gives what the browser's JSON.stringify gives, and the name under which Fanfare has it.
async function subscribe({ key = fanfare.key, ...more } = {}) {
  await firefox.open(`${site.origin}/`);
  const after = sandbox.events.now;
  const subscription = await firefox.evaluate(`subscribe(${JSON.stringify(key)})`);
  const { channel, user_agent: userAgent } = await sandbox.events.find(
    'Firefox subscribes', (event) => event.event === 'registered', { after });
  return { subscription, channel, userAgent, name: await fanfare.subscribe({ ...subscription, ...more }) };
}

// An event of the sandbox about a channel.
const event = (what, { channel }, options) =>
  sandbox.events.find(`${what} on ${channel}`, (event) => event.event === what && event.channel === channel, options);

// Waits until Firefox has said that it has a message, and could decrypt it.
async function acknowledged(channel, code = 100) {
  assert.equal((await event('acknowledged', channel)).code, code);
}

function assertAccepted(sent) {
  assert.equal(sent.state, 'DELIVERY_STATE_ACCEPTED', JSON.stringify(sent));
  assert.equal(sent.httpStatus, 201);
}

// Cuts Firefox off while something is done.
async function whileAway({ userAgent }, act) {
  const after = sandbox.events.now;
  await sandbox.setReachable(userAgent, false);
  await sandbox.events.find('Firefox is cut off', (event) => event.event === 'disconnected', { after });
  await act();
  await sandbox.setReachable(userAgent, true);
  await sandbox.events.find('Firefox is back', (event) => event.event === 'connected', { after });
}

for (const encoding of ['aes128gcm', 'aesgcm']) {
  test(`page and worker get exactly the octets that were sent, in ${encoding}`, async () => {
    const channel = await subscribe({ supportedContentEncodings: [encoding] });
    const bytes = randomBytes(1000);
    assertAccepted(await fanfare.send(channel.name, bytes));
    await site.pushed('worker', bytes);
    await site.pushed('page', bytes);
    await acknowledged(channel);
  });
}

test('the largest payload arrives: 3,993 octets', async () => {
  const channel = await subscribe();
  const bytes = randomBytes(3993);
  assertAccepted(await fanfare.send(channel.name, bytes));
  await site.pushed('worker', bytes);
  await acknowledged(channel);
});

test('an empty push arrives', async () => {
  const channel = await subscribe();
  const after = site.events.now;
  assertAccepted(await fanfare.send(channel.name, null));
  await site.pushed('worker', null, { after });
  await acknowledged(channel);
});

test('a push arrives with no page open', async () => {
  const channel = await subscribe();
  await firefox.open('about:blank');
  const bytes = randomBytes(100);
  assertAccepted(await fanfare.send(channel.name, bytes));
  await site.pushed('worker', bytes);
  await acknowledged(channel);
});

test('what was sent while the browser was closed arrives after its restart', async () => {
  const channel = await subscribe();
  const after = sandbox.events.now;
  await firefox.stop();
  await sandbox.events.find('Firefox is gone', (event) => event.event === 'disconnected', { after });
  const bytes = randomBytes(100);
  assertAccepted(await fanfare.send(channel.name, bytes));
  await start();
  await site.pushed('worker', bytes);
  await acknowledged(channel);
});

test('what was sent while the connection was lost is delivered by the next one, once', async () => {
  const channel = await subscribe();
  const bytes = randomBytes(100);
  await whileAway(channel, async () => assertAccepted(await fanfare.send(channel.name, bytes)));
  await site.pushed('worker', bytes);
  await acknowledged(channel);
  const [{ waiting }] = await sandbox.call('GET', `/user-agents/${channel.userAgent}`);
  assert.equal(waiting, 0);
});

test('of one collapse key only the newest message arrives', async () => {
  const channel = await subscribe();
  const [older, newer] = [randomBytes(100), randomBytes(100)];
  await whileAway(channel, async () => {
    assertAccepted(await fanfare.send(channel.name, older, ['--collapse-key', 'score']));
    assertAccepted(await fanfare.send(channel.name, newer, ['--collapse-key', 'score']));
    await event('replaced', channel);
  });
  await site.pushed('worker', newer);
  await acknowledged(channel);
  assert.equal(sandbox.events.all((event) => event.event === 'sent' && event.channel === channel.channel).length, 1);
});

test('a message whose ttl ran out while the browser was away does not arrive', async () => {
  const channel = await subscribe();
  const [brief, lasting] = [randomBytes(100), randomBytes(100)];
  await whileAway(channel, async () => {
    const sent = await fanfare.send(channel.name, brief, ['--ttl', '2s']);
    assertAccepted(sent);
    // The push service granted no more than is left of it: wait until that is over, by its clock.
    const { time_micros: accepted } = await event('accepted', channel);
    const over = accepted / 1000 + 2000 - Date.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, over)));
    assertAccepted(await fanfare.send(channel.name, lasting));
  });
  await event('expired', channel);
  await site.pushed('worker', lasting);
  await acknowledged(channel);
  assert.equal(sandbox.events.all((event) => event.event === 'sent' && event.channel === channel.channel).length, 1);
});

test('who unsubscribes is gone (410), and Fanfare removes the subscription and says so', async () => {
  const channel = await subscribe();
  assert.equal(await firefox.evaluate('unsubscribe()'), true);
  assert.equal((await event('unregistered', channel)).code, 200);
  const sent = await fanfare.send(channel.name, randomBytes(10));
  assert.deepEqual(
    [sent.state, sent.outcome, sent.httpStatus], ['DELIVERY_STATE_FAILED', 'OUTCOME_GONE', 410], JSON.stringify(sent));
  await assert.rejects(fanfare.call(['subscriptions', 'get'], [channel.name]), /not.found/i);
});

test('a subscription that was made with another key is told as that', async () => {
  const stranger = createECDH('prime256v1');
  const channel = await subscribe({ key: stranger.generateKeys('base64url') });
  const sent = await fanfare.send(channel.name, randomBytes(10));
  assert.deepEqual(
    [sent.state, sent.outcome, sent.httpStatus],
    ['DELIVERY_STATE_FAILED', 'OUTCOME_KEY_MISMATCH', 401], JSON.stringify(sent));
});

test('a message for other keys is acknowledged as not decrypted, and no event is fired', async () => {
  const { subscription, ...channel } = await subscribe();
  const keys = { ...subscription.keys, auth: randomBytes(16).toString('base64url') };
  const name = await fanfare.subscribe({ ...subscription, keys });
  const bytes = randomBytes(100);
  assertAccepted(await fanfare.send(name, bytes));
  await acknowledged(channel, 101);
  const pushed = site.events.all((event) => event.data === bytes.toString('base64'));
  assert.equal(pushed.length, 0);
});

test('the notification is shown, and a click on it opens the page that it names', async () => {
  const channel = await subscribe();
  // Those of other tests are taken away first.
  await firefox.evaluate('closeNotifications()');
  await firefox.open('about:blank');
  const empty = await display.look();
  const address = `${site.origin}/opened?by=click`;
  assertAccepted(
    await fanfare.sendMessage(channel.name, [
      '--title', 'Dinner is ready', '--body', 'A click opens the page', '--navigate', address,
    ]),
  );
  await acknowledged(channel);
  const window = await display.newWindow(empty);
  await display.capture('firefox-notification.png', window, empty);
  await display.click(window);
  await site.events.find('the click is told', (event) => event.what === 'click');
  await site.events.find('the page opens', (event) => event.from === 'opened' && event.what === '?by=click');
});

// A real Firefox subscribes to the sandbox through the browser library of clients/web; Fanfare sends to it, by gRPC, as to
// any push service.

import assert from 'node:assert/strict';
import { createECDH, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Display } from './lib/display.js';
import { Firefox } from './lib/firefox.js';
import { Stage, assertAccepted, assertFailed } from './lib/stage.js';

const directory = process.env.FANFARE_WORK;
const profile = join(directory, 'firefox-profile');
let stage, sandbox, fanfare, site, display, firefox;

before(async () => {
  stage = await Stage.start(directory, 'Firefox');
  ({ sandbox, fanfare, site } = stage);
  display = await Display.start(directory);
  await start();
});

after(async () => {
  await firefox?.stop();
  await display?.stop();
  await stage?.stop();
});

async function start() {
  firefox = await Firefox.start({ directory, profile, push: sandbox.browser, display: display.name });
}

const subscribe = (options) => stage.subscribe(firefox, options);

// Waits until worker and Firefox say that a message has arrived, with exactly these octets, and that it was decrypted.
async function arrived(channel, bytes, options) {
  await site.pushed('worker', bytes, options);
  await stage.acknowledged(channel, 100);
}

for (const encoding of ['aes128gcm', 'aesgcm']) {
  test(`page and worker get exactly the octets that were sent, in ${encoding}`, async () => {
    // Firefox names the first one only, and takes both.
    const told = (subscription) => ({ ...subscription, supportedContentEncodings: [encoding] });
    const channel = await subscribe({ told });
    const bytes = randomBytes(1000);
    assertAccepted(await fanfare.send(channel.name, bytes));
    await arrived(channel, bytes);
    await site.pushed('page', bytes);
  });
}

test('the largest payload arrives: 3,993 octets', async () => {
  const channel = await subscribe();
  const bytes = randomBytes(3993);
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
  await firefox.open('about:blank');
  const bytes = randomBytes(100);
  assertAccepted(await fanfare.send(channel.name, bytes));
  await arrived(channel, bytes);
});

test('what was sent while the browser was closed arrives after its restart', async () => {
  const channel = await subscribe();
  await firefox.stop();
  await stage.connected(channel, false);
  const bytes = randomBytes(100);
  assertAccepted(await fanfare.send(channel.name, bytes));
  await start();
  await arrived(channel, bytes);
});

test('what was sent while the connection was lost is delivered by the next one, once', async () => {
  const channel = await subscribe();
  const bytes = randomBytes(100);
  await stage.whileAway(channel, async () => assertAccepted(await fanfare.send(channel.name, bytes)));
  await arrived(channel, bytes);
  const [{ waiting }] = await sandbox.call('GET', `/user-agents/${channel.userAgent}`);
  assert.deepEqual([waiting, stage.sent(channel)], [0, 1]);
});

test('of one collapse key only the newest message arrives', async () => {
  const channel = await subscribe();
  const [older, newer] = [randomBytes(100), randomBytes(100)];
  await stage.whileAway(channel, async () => {
    assertAccepted(await fanfare.send(channel.name, older, ['--collapse-key', 'score']));
    assertAccepted(await fanfare.send(channel.name, newer, ['--collapse-key', 'score']));
    await stage.event('replaced', channel);
  });
  await arrived(channel, newer);
  assert.equal(stage.sent(channel), 1);
});

test('a message whose ttl ran out while the browser was away does not arrive', async () => {
  const channel = await subscribe();
  const [brief, lasting] = [randomBytes(100), randomBytes(100)];
  await stage.whileAway(channel, async () => {
    await stage.sendUntilOver(channel, brief, 2);
    assertAccepted(await fanfare.send(channel.name, lasting));
  });
  await stage.event('expired', channel);
  await arrived(channel, lasting);
  assert.equal(stage.sent(channel), 1);
});

test('who unsubscribes is gone (410), and Fanfare removes the subscription and says so', async () => {
  const channel = await subscribe();
  assert.equal(await firefox.evaluate('unsubscribe()'), true);
  assert.equal((await stage.event('unregistered', channel)).code, 200);
  assertFailed(await fanfare.send(channel.name, randomBytes(10)), 'OUTCOME_GONE', 410);
  const { evidence } = await stage.changed(channel, 'CHANGE_KIND_REMOVED_GONE');
  assert.deepEqual([evidence.outcome, evidence.httpStatus], ['OUTCOME_GONE', 410]);
  await assert.rejects(fanfare.call(['subscriptions', 'get'], [channel.name]), /not.found/i);
});

test('a subscription that was made with another key is told as that, and the library replaces it', async () => {
  const key = createECDH('prime256v1').generateKeys('base64url');
  // A site whose backend does not pass on which key it was, as before a rotation.
  const told = ({ applicationServerKey, ...subscription }) => subscription;
  const channel = await subscribe({ key, told });
  assert.equal(channel.subscription.applicationServerKey, key);
  assertFailed(await fanfare.send(channel.name, randomBytes(10)), 'OUTCOME_KEY_MISMATCH', 401);
  const { evidence } = await stage.changed(channel, 'CHANGE_KIND_DISABLED');
  assert.deepEqual([evidence.outcome, evidence.httpStatus], ['OUTCOME_KEY_MISMATCH', 401]);

  const renewed = await subscribe({ anew: false });
  assert.deepEqual([renewed.name, renewed.replaces], [channel.name, channel.subscription.endpoint]);
  const bytes = randomBytes(100);
  assertAccepted(await fanfare.send(renewed.name, bytes));
  await arrived(renewed, bytes);
});

test('a message for other keys is acknowledged as not decrypted, and no event is fired', async () => {
  const auth = randomBytes(16).toString('base64url');
  const told = (subscription) => ({ ...subscription, keys: { ...subscription.keys, auth } });
  const channel = await subscribe({ told });
  const bytes = randomBytes(100);
  assertAccepted(await fanfare.send(channel.name, bytes));
  await stage.acknowledged(channel, 101);
  assert.equal(site.events.all((event) => event.data === bytes.toString('base64')).length, 0);
});

// Shows a notification to nobody else, does something to its window once it is drawn, and gives what the stream told up to a
// receipt of that kind.
async function told(kind, { args = [], picture, act }) {
  const channel = await subscribe();
  // Those of other tests are taken away first.
  await firefox.evaluate('closeNotifications()');
  await firefox.open('about:blank');
  const empty = await display.look();
  const stream = fanfare.follow(
    ['send'], ['--subscription', channel.name, '--title', 'Dinner is ready', '--receipts', ...args]);
  try {
    const events = ({ events, receipts }) => [...(events?.events ?? []), ...(receipts?.events ?? [])];
    const find = (what) => stream.events.find(
      what, (frame) => events(frame).some(({ state, kind }) => [state, kind].includes(what)));
    await find('DELIVERY_STATE_ACCEPTED');
    await find('RECEIPT_KIND_DISPLAYED');
    const window = await display.newWindow(empty);
    await display.capture(picture, window, empty);
    await act(window);
    await find(kind);
    const all = stream.events.all().flatMap(events);
    assert.ok(all.every(({ subscription }) => subscription === channel.name), JSON.stringify(all));
    // The push service's answer and the browser's receipts come by different ways, in any order.
    return { states: all.flatMap(({ state }) => state ?? []), receipts: all.flatMap(({ kind }) => kind ?? []) };
  } finally {
    await stream.stop();
  }
}

test('a real click: the stream tells ACCEPTED, DISPLAYED, CLICKED, and the page that the notification names opens', async () => {
  const all = await told('RECEIPT_KIND_CLICKED', {
    args: ['--body', 'A click opens the page', '--navigate', `${site.origin}/opened?by=click`],
    picture: 'firefox-notification.png',
    async act(window) {
      await display.click(window);
      await site.events.find('the page opens', (event) => event.from === 'opened' && event.what === '?by=click');
    },
  });
  assert.deepEqual(
    all, { states: ['DELIVERY_STATE_ACCEPTED'], receipts: ['RECEIPT_KIND_DISPLAYED', 'RECEIPT_KIND_CLICKED'] });
});

test('a real click on its cross: the stream tells CLOSED, and nothing opens', async () => {
  const after = site.events.now;
  const all = await told('RECEIPT_KIND_CLOSED', {
    args: ['--navigate', `${site.origin}/opened?by=cross`],
    picture: 'firefox-notification-to-close.png',
    act: (window) => display.close(window),
  });
  assert.deepEqual(
    all, { states: ['DELIVERY_STATE_ACCEPTED'], receipts: ['RECEIPT_KIND_DISPLAYED', 'RECEIPT_KIND_CLOSED'] });
  assert.equal(site.events.all((event) => event.from === 'opened', after).length, 0);
});

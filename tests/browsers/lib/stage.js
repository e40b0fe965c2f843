// A sandbox, a server and a site, and what tests do with them and a browser.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { Fanfare, Sandbox } from './fanfare.js';
import { Site } from './site.js';

export class Stage {
  // `browser` names it in messages.
  static async start(directory, browser, args = []) {
    const stage = new Stage();
    stage.name = browser;
    stage.sandbox = await Sandbox.start(directory, args);
    stage.fanfare = await Fanfare.start(join(directory, `${browser}-fanfare`), stage.sandbox.exceptions);
    stage.site = await Site.start();
    // What becomes of subscriptions, from now on.
    stage.changes = stage.fanfare.follow(['subscriptions', 'watch']);
    await stage.changes.events.find('the change feed is read', () => true);
    return stage;
  }

  async stop() {
    await this.changes?.stop();
    await this.site?.stop();
    await this.fanfare?.stop();
    await this.sandbox?.stop();
  }

  // Subscribes in the page, by the library, anew unless that is said. The site's backend hands it to Fanfare as it comes,
  // but for what `told` changes about it. Gives the name under which Fanfare has it, too.
  async subscribe(browser, { key = this.fanfare.key, anew = true, told = (subscription) => subscription } = {}) {
    const { sandbox, fanfare, site } = this;
    site.save = async (subscription, replaces) => ({ name: await fanfare.subscribe(told(subscription), replaces) });
    const [before, after] = [site.events.now, sandbox.events.now];
    await browser.open(`${site.origin}/`);
    await browser.evaluate(`subscribe(${JSON.stringify({ key, receipts: fanfare.receipts, anew })})`);
    const { name, subscription, replaces } = site.events.all((event) => event.what === 'saved', before).at(-1);
    const { channel, user_agent: userAgent } = await sandbox.events.find(
      `${this.name} subscribes`, (event) => event.event === 'registered', { after });
    return { name, subscription, replaces, channel, userAgent };
  }

  // An event of the sandbox about a channel.
  event(what, { channel }, options) {
    const matches = (event) => event.event === what && event.channel === channel;
    return this.sandbox.events.find(`${what} on ${channel}`, matches, options);
  }

  // How many messages left for the browser on a channel.
  sent({ channel }) {
    return this.sandbox.events.all((event) => event.event === 'sent' && event.channel === channel).length;
  }

  // Waits until the browser has said that it has a message.
  async acknowledged(channel, code) {
    assert.equal((await this.event('acknowledged', channel)).code, code);
  }

  // What Fanfare says that became of a subscription.
  async changed({ name }, kind) {
    const matches = (change) => change.kind === kind && change.subscription.name === name;
    const { changes } = await this.changes.events.find(`${name}: ${kind}`, ({ changes }) => changes?.some(matches));
    return changes.find(matches);
  }

  // Waits until the browser is connected, or is not.
  async connected({ userAgent }, wanted) {
    for (;;) {
      const after = this.sandbox.events.now;
      const [{ connected }] = await this.sandbox.call('GET', `/user-agents/${userAgent}`);
      if (connected === wanted) return;
      const changes = ({ event }) => event === 'connected' || event === 'disconnected';
      await this.sandbox.events.find(`${this.name} is connected: ${wanted}`, changes, { after });
    }
  }

  // Cuts the browser off while something is done: once that is ordered, nothing is sent to it any more.
  async whileAway(channel, act) {
    await this.sandbox.setReachable(channel.userAgent, false);
    await act();
    await this.sandbox.setReachable(channel.userAgent, true);
    await this.connected(channel, true);
  }

  // Sends, and waits until the push service grants no more time to the message, which it has taken before this returns.
  async sendUntilOver(channel, bytes, seconds) {
    assertAccepted(await this.fanfare.send(channel.name, bytes, ['--ttl', `${seconds}s`]));
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  }
}

export function assertAccepted(sent) {
  assert.equal(sent.state, 'DELIVERY_STATE_ACCEPTED', JSON.stringify(sent));
  assert.equal(sent.httpStatus, 201);
}

export function assertFailed(sent, outcome, status) {
  assert.deepEqual(
    [sent.state, sent.outcome, sent.httpStatus], ['DELIVERY_STATE_FAILED', outcome, status], JSON.stringify(sent));
}

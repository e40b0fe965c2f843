// Firefox, driven by WebDriver BiDi, which it speaks itself.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import WebSocket from 'ws';

import { Program } from './process.js';

const CALL_SECONDS = 30;

const preferences = (push) => ({
  'dom.push.serverURL': push,
  // ws: instead of wss:.
  'dom.push.testing.allowInsecureServerURL': true,
  // Remote control switches it off unless it is said here.
  'dom.push.connection.enabled': true,
  // How soon it connects again, in milliseconds; twice as long after each failure.
  'dom.push.retryBaseInterval': 250,
  'permissions.default.desktop-notification': 1,
  // Its own windows instead of the desktop's service, which is not there.
  'alerts.useSystemBackend': false,
  // Nothing else goes out.
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.page': 0,
  'browser.aboutwelcome.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'toolkit.telemetry.enabled': false,
  'app.update.auto': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'services.settings.server': 'data:,none',
});

export class Firefox {
  #calls = new Map();
  #last = 0;

  // With a profile's folder, made if there is none; `push` is the WebSocket's URL.
  static async start({ directory, profile, push, display }) {
    mkdirSync(profile, { recursive: true });
    const lines = Object.entries(preferences(push)).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
    );
    writeFileSync(join(profile, 'user.js'), `${lines.join('\n')}\n`);
    const firefox = new Firefox();
    const headless = display ? [] : ['--headless'];
    firefox.program = new Program(
      'firefox-esr',
      [...headless, '--no-remote', '--profile', profile, '--remote-debugging-port', '0', 'about:blank'],
      { log: join(directory, 'firefox.log'), stdin: 'ignore', env: { HOME: profile, DISPLAY: display, MOZ_CRASHREPORTER_DISABLE: '1' } },
    );
    const url = await firefox.program.line(
      firefox.program.stderr,
      (line) => /WebDriver BiDi listening on (ws:\S+)/.exec(line)?.[1],
    );
    await firefox.#connect(`${url}/session`);
    const { capabilities } = await firefox.call('session.new', { capabilities: {} });
    firefox.version = capabilities.browserVersion;
    const { contexts } = await firefox.call('browsingContext.getTree', {});
    firefox.context = contexts[0].context;
    return firefox;
  }

  #connect(url) {
    this.socket = new WebSocket(url, { perMessageDeflate: false });
    this.socket.on('message', (text) => {
      const answer = JSON.parse(text);
      const call = this.#calls.get(answer.id);
      this.#calls.delete(answer.id);
      if (answer.type === 'success') call?.resolve(answer.result);
      else call?.reject(new Error(`${answer.error}: ${answer.message}`));
    });
    this.socket.on('close', () => {
      for (const call of this.#calls.values()) call.reject(new Error('Firefox is gone'));
    });
    return new Promise((resolve, reject) => {
      this.socket.once('open', resolve);
      this.socket.once('error', reject);
    });
  }

  call(method, params) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: no answer`)), CALL_SECONDS * 1000);
      const done = (settle) => (value) => {
        clearTimeout(timer);
        settle(value);
      };
      this.#calls.set(id, { resolve: done(resolve), reject: done(reject) });
      this.socket.send(JSON.stringify({ id, method, params }), (error) => error && done(reject)(error));
    });
  }

  open(url) {
    return this.call('browsingContext.navigate', { context: this.context, url, wait: 'complete' });
  }

  // What an expression of the page gives, as JSON.
  async evaluate(expression) {
    const answer = await this.call('script.evaluate', {
      expression: `(async () => JSON.stringify(await (${expression})))()`,
      target: { context: this.context },
      awaitPromise: true,
      userActivation: true,
    });
    if (answer.type !== 'success') throw new Error(`${expression}: ${answer.exceptionDetails.text}`);
    return answer.result.value === undefined ? undefined : JSON.parse(answer.result.value);
  }

  async stop() {
    await this.call('browser.close', {}).catch(() => {});
    this.socket.close();
    return this.program.stop({ signal: 'SIGTERM' });
  }
}

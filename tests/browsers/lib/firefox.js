// Firefox, driven by WebDriver BiDi, which it speaks itself.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Connection } from './connection.js';
import { Program } from './process.js';

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

// Where Firefox says that it listens for WebDriver BiDi.
export const whereListening = (line) => /WebDriver BiDi listening on (ws:\S+)/.exec(line)?.[1];

export class Firefox {
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
    return firefox.#attach(await firefox.program.line(firefox.program.stderr, whereListening));
  }

  // One that somebody else has started and ends; `url` is where it listens.
  static attach(url) {
    return new Firefox().#attach(url);
  }

  async #attach(url) {
    this.connection = await Connection.open(`${url}/session`);
    const { capabilities } = await this.call('session.new', { capabilities: {} });
    this.version = capabilities.browserVersion;
    const { contexts } = await this.call('browsingContext.getTree', {});
    this.context = contexts[0].context;
    return this;
  }

  call(method, params) {
    return this.connection.call({ method, params });
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

  // Lets a site show notifications, as a click on "Allow" does.
  grant(origin) {
    const descriptor = { name: 'notifications' };
    return this.call('permissions.setPermission', { descriptor, state: 'granted', origin });
  }

  // A real click into the middle of an element.
  async click(selector) {
    const { nodes } = await this.call('browsingContext.locateNodes', {
      context: this.context, locator: { type: 'css', value: selector },
    });
    const origin = { type: 'element', element: { sharedId: nodes[0].sharedId } };
    await this.call('input.performActions', {
      context: this.context,
      actions: [{
        type: 'pointer', id: 'mouse',
        actions: [{ type: 'pointerMove', x: 0, y: 0, origin }, { type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 }],
      }],
    });
  }

  async stop() {
    await this.call('browser.close', {}).catch(() => {});
    this.connection.close();
    return this.program.stop({ signal: 'SIGTERM' });
  }
}

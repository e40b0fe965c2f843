// Chromium, driven by its DevTools protocol.

import { join } from 'node:path';

import { Connection } from './connection.js';
import { Program } from './process.js';

const READY = /DevTools listening on (ws:\S+)/;

export class Chromium {
  // With a profile's folder; `push` are the arguments by which it finds its push back end.
  static async start({ directory, profile, push }) {
    const chromium = new Chromium();
    chromium.program = new Program(
      'chromium',
      [
        '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
        '--disable-component-update', '--disable-default-apps', `--user-data-dir=${profile}`,
        '--remote-debugging-port=0', ...push, 'about:blank',
      ],
      { log: join(directory, 'chromium.log'), stdin: 'ignore', env: { HOME: profile } },
    );
    const url = await chromium.program.line(chromium.program.stderr, (line) => READY.exec(line)?.[1]);
    chromium.connection = await Connection.open(url);
    chromium.version = (await chromium.call('Browser.getVersion')).product;
    const { targetInfos } = await chromium.call('Target.getTargets');
    const { targetId } = targetInfos.find((target) => target.type === 'page');
    const { sessionId } = await chromium.call('Target.attachToTarget', { targetId, flatten: true });
    chromium.session = sessionId;
    await chromium.page('Page.enable');
    return chromium;
  }

  // A call about the browser as a whole.
  call(method, params = {}) {
    return this.connection.call({ method, params });
  }

  // A call about the page.
  page(method, params = {}) {
    return this.connection.call({ method, params, sessionId: this.session });
  }

  // Lets a site show notifications.
  grant(origin) {
    return this.call('Browser.grantPermissions', { origin, permissions: ['notifications'] });
  }

  async open(url) {
    const loaded = this.connection.event('Page.loadEventFired');
    const { errorText } = await this.page('Page.navigate', { url });
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await loaded;
  }

  // What an expression of the page gives.
  async evaluate(expression) {
    const answer = await this.page('Runtime.evaluate', {
      expression: `(async () => await (${expression}))()`, awaitPromise: true, returnByValue: true, userGesture: true,
    });
    if (answer.exceptionDetails) {
      throw new Error(`${expression}: ${answer.exceptionDetails.exception?.description ?? answer.exceptionDetails.text}`);
    }
    return answer.result.value;
  }

  async stop() {
    await this.call('Browser.close').catch(() => {});
    this.connection.close();
    return this.program.stop({ signal: 'SIGTERM' });
  }
}

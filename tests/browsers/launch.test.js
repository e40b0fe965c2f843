// `fanfare sandbox` and `fanfare demo` start an installed browser by themselves.

import assert from 'node:assert/strict';
import { createReadStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';

import { Desktop, NO_DESKTOP } from './lib/desktop.js';
import { Display } from './lib/display.js';
import { Demo, Fanfare, Sandbox } from './lib/fanfare.js';
import { Firefox, whereListening } from './lib/firefox.js';
import { output } from './lib/process.js';
import { Site } from './lib/site.js';

const directory = process.env.FANFARE_WORK;
let env;
let site;

before(async () => {
  site = await Site.start();
  // Nobody looks at them here. As root the program itself must add what Chromium then needs; others may lack namespaces.
  const folder = join(directory, 'programs');
  const chromium = await output('bash', ['-c', 'command -v chromium']);
  const sandbox = process.getuid() === 0 ? '' : '--no-sandbox ';
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'chromium'),
    `#!/bin/sh\nexec ${chromium.trim()} --headless=new ${sandbox}--disable-gpu --disable-dev-shm-usage "$@"\n`,
    { mode: 0o755 },
  );
  env = { MOZ_HEADLESS: '1', PATH: `${folder}:${process.env.PATH}` };
});

after(() => site?.stop());

for (const browser of ['firefox', 'chromium']) {
  test(`--${browser} opens a page in a browser that lives as long as the sandbox`, async () => {
    const sandbox = await Sandbox.start(directory, [`--${browser}`, `${site.origin}/opened?by=${browser}`], env);
    try {
      const opened = (event) => event.from === 'opened' && event.what === `?by=${browser}`;
      await site.events.find('the page is opened', opened);
    } finally {
      assert.equal(await sandbox.stop(), 0);
    }
  });

  test(`--${browser} says in one line that there is none`, async () => {
    const args = ['sandbox', '--listen', '127.0.0.1:0', '--control', '127.0.0.1:0', `--${browser}`];
    const failed = await output(process.env.FANFARE_PROGRAM, args, { env: { PATH: directory } }).catch((error) => error);
    assert.match(failed.message, /: fanfare: (Firefox|Chromium) is not installed: none of [^\n]*\n$/);
  });
}

test('the page of the sandbox works with the server that is named, once that runs', async () => {
  const server = await Fanfare.start(join(directory, 'launch-fanfare'), []);
  const sandbox = await Sandbox.start(directory, ['--server', server.server]);
  try {
    const origin = new URL(sandbox.browser.replace('ws:', 'http:')).origin;
    const get = async (path, type) => {
      const answer = await fetch(`${origin}${path}`);
      assert.equal(answer.headers.get('content-type'), type, path);
      return { status: answer.status, text: await answer.text() };
    };
    assert.match((await get('/', 'text/html; charset=utf-8')).text, /id="subscribe"/);
    for (const path of ['/sw.js', '/demo.js', '/fanfare/page.js', '/fanfare/worker.js']) {
      assert.equal((await get(path, 'text/javascript; charset=utf-8')).status, 200);
    }
    const { text } = await get('/settings.json', 'application/json');
    assert.deepEqual(JSON.parse(text), { key: server.key, receipts: null });
    assert.equal((await fetch(`${origin}/nothing`)).status, 404);
    await server.stop();
    const { status, text: why } = await get('/settings.json', 'application/json');
    assert.deepEqual([status, JSON.parse(why).error], [502, 'Fanfare does not answer: is `fanfare serve` running?']);
  } finally {
    await sandbox.stop();
  }
});

// The demo in the program's own Firefox, with its own profile, on a screen; all that is added is that it can be driven.
class Shown {
  static async start(name, env) {
    const shown = new Shown();
    const folder = join(directory, name);
    const told = join(folder, 'told');
    const firefox = await output('bash', ['-c', 'command -v firefox-esr']);
    mkdirSync(folder);
    await output('mkfifo', [told]);
    const lines = createInterface({ input: createReadStream(told) });
    const listening = new Promise((resolve) => lines.on('line', (line) => whereListening(line) && resolve(whereListening(line))));
    writeFileSync(
      join(folder, 'firefox'), `#!/bin/sh\nexec ${firefox.trim()} --remote-debugging-port 0 "$@" 2>${told}\n`, { mode: 0o755 });
    shown.display = await Display.start(folder);
    shown.demo = await Demo.start(folder, { ...env, DISPLAY: shown.display.name, PATH: `${folder}:${process.env.PATH}` });
    shown.browser = await Firefox.attach(await listening);
    await shown.browser.grant(new URL(shown.demo.page).origin);
    await shown.shows('document.getElementById("live")?.textContent === "live"');
    await shown.shows('document.getElementById("subscribe").disabled === false');
    await shown.browser.click('#subscribe');
    await shown.shows('document.getElementById("state").classList.contains("good")');
    return shown;
  }

  // Waits until the page shows it.
  shows(expression) {
    return this.browser.evaluate(`new Promise((resolve) => {
      const look = () => (${expression}) && resolve(observer.disconnect());
      const observer = new MutationObserver(look);
      observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
      look();
    })`);
  }

  // Waits until what was sent last has come that far.
  chip(name) {
    const chips = '[...document.querySelectorAll("#messages > li:first-child .chip")]';
    return this.shows(`${chips}.some((chip) => chip.textContent === '${name}')`);
  }

  async stop() {
    const how = await this.demo?.stop();
    await this.display?.stop();
    return how;
  }
}

test('the demo opens its page in a browser, which subscribes, sends to itself and sees what becomes of it', async () => {
  const shown = await Shown.start('driven', NO_DESKTOP);
  const { browser, display } = shown;
  try {
    const empty = await display.look();
    await browser.click('#send');
    await shown.chip('accepted');
    await shown.chip('displayed');
    const window = await display.newWindow(empty);
    await display.capture('demo-firefox.png', window, empty);
    await display.click(window);
    await shown.chip('clicked');
  } finally {
    assert.equal(await shown.stop(), 0);
  }
});

test('where the desktop has a notification service, Firefox hands it the buttons and the icon', async () => {
  const desktop = await Desktop.start(directory);
  const shown = await Shown.start('desktop', desktop.env);
  const { browser } = shown;
  try {
    const next = async () => {
      const after = desktop.shown.now;
      await browser.click('#send');
      const found = await desktop.shown.find('a notification is shown', ({ title }) => title, { after });
      await shown.chip('displayed');
      return found;
    };
    const { id, title, actions, image } = await next();
    assert.equal(title, 'Your order has shipped');
    const buttons = Object.fromEntries(Object.entries(actions).map(([action, label]) => [label, action]));
    assert.deepEqual(Object.keys(buttons).slice(1), ['Track it', 'Later']);
    assert.deepEqual([image?.width, image?.height], [96, 96]);
    desktop.click(id, buttons.Later);
    await shown.shows('document.getElementById("sent").textContent.includes("“Later” was clicked")');
    await shown.chip('clicked');
    const second = await next();
    desktop.click(second.id, buttons['Track it']);
    await shown.chip('clicked');
    // It is opened in a tab of its own; from there back.
    const opened = async () => {
      const { contexts } = await browser.call('browsingContext.getTree', {});
      return contexts.find(({ url }) => url.endsWith('/opened.html?by=track'))?.context;
    };
    browser.context = await opened();
    await browser.click('a');
    await shown.shows('document.querySelectorAll("#messages > li").length === 2');
    await shown.chip('clicked');
  } finally {
    assert.equal(await shown.stop(), 0);
    await desktop.stop();
  }
});

test('a browser that ends is told of, with its own last words', async () => {
  const folder = join(directory, 'failing');
  mkdirSync(folder);
  writeFileSync(join(folder, 'firefox'), '#!/bin/sh\necho "Error: no DISPLAY" >&2\nexit 3\n', { mode: 0o755 });
  const demo = await Demo.start(folder, { ...NO_DESKTOP, PATH: `${folder}:${process.env.PATH}` });
  try {
    await demo.told.find('it says that there are no buttons', (line) => /no notification service: Firefox .* without buttons/.test(line));
    await demo.told.find('it says how it ended', (line) => line.startsWith('fanfare: Firefox ended with exit status: 3; the page is still at http:'));
    await demo.told.find('it says why', (line) => line === '  Error: no DISPLAY');
  } finally {
    assert.equal(await demo.stop(), 0);
  }
});

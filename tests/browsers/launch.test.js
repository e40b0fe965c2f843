// `fanfare sandbox` and `fanfare demo` start an installed browser by themselves.

import assert from 'node:assert/strict';
import { createReadStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';

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
  // Nobody looks at them here; and whoever runs this may be root, whom Chromium's own sandbox does not take.
  const folder = join(directory, 'programs');
  const chromium = await output('bash', ['-c', 'command -v chromium']);
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'chromium'),
    `#!/bin/sh\nexec ${chromium.trim()} --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage "$@"\n`,
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

test('the demo opens its page in a browser, which subscribes, sends to itself and sees what becomes of it', async () => {
  // The program's own Firefox, with its own profile; all that is added is that it can be driven.
  const folder = join(directory, 'driven');
  const told = join(folder, 'told');
  const firefox = await output('bash', ['-c', 'command -v firefox-esr']);
  mkdirSync(folder);
  await output('mkfifo', [told]);
  const lines = createInterface({ input: createReadStream(told) });
  const listening = new Promise((resolve) => lines.on('line', (line) => whereListening(line) && resolve(whereListening(line))));
  writeFileSync(
    join(folder, 'firefox'), `#!/bin/sh\nexec ${firefox.trim()} --remote-debugging-port 0 "$@" 2>${told}\n`, { mode: 0o755 });
  const display = await Display.start(directory);
  const demo = await Demo.start(directory, { DISPLAY: display.name, PATH: `${folder}:${process.env.PATH}` });
  try {
    const browser = await Firefox.attach(await listening);
    const origin = new URL(demo.page).origin;
    await browser.grant(origin);
    const shows = (expression) => browser.evaluate(`new Promise((resolve) => {
      const look = () => (${expression}) && resolve(observer.disconnect());
      const observer = new MutationObserver(look);
      observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
      look();
    })`);
    const chip = (name) => `[...document.querySelectorAll('.chip')].some((chip) => chip.textContent === '${name}')`;
    await shows('document.getElementById("live")?.textContent === "live"');
    await shows('document.getElementById("subscribe").disabled === false');
    await browser.click('#subscribe');
    await shows('document.getElementById("state").className === "good"');
    const empty = await display.look();
    await browser.click('#send');
    await shows(`${chip('accepted')} && ${chip('displayed')}`);
    const window = await display.newWindow(empty);
    await display.capture('demo-firefox.png', window, empty);
    await display.click(window);
    await shows(chip('clicked'));
  } finally {
    assert.equal(await demo.stop(), 0);
    await display.stop();
  }
});

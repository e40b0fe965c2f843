// `fanfare sandbox` starts an installed browser by itself.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Sandbox } from './lib/fanfare.js';
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

test('the page that is shown without another one can subscribe', async () => {
  const sandbox = await Sandbox.start(directory);
  try {
    const origin = new URL(sandbox.browser.replace('ws:', 'http:')).origin;
    const page = await fetch(`${origin}/`);
    assert.deepEqual([page.status, page.headers.get('content-type')], [200, 'text/html; charset=utf-8']);
    assert.match(await page.text(), /pushManager\.subscribe/);
    const worker = await fetch(`${origin}/worker.js`);
    assert.deepEqual([worker.status, worker.headers.get('content-type')], [200, 'text/javascript; charset=utf-8']);
    assert.equal((await fetch(`${origin}/nothing`)).status, 404);
  } finally {
    await sandbox.stop();
  }
});

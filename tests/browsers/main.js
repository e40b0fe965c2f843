// Runs the tests one after the other; ends with one line of JSON.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const here = import.meta.dirname;
const chosen = process.argv.slice(2);
const files = readdirSync(here).filter((name) => name.endsWith('.test.js'))
  .filter((name) => chosen.length === 0 || chosen.some((part) => name.startsWith(part)))
  .map((name) => join(here, name));
if (files.length === 0) throw new Error(`no test is called ${chosen.join(' or ')}`);

const passed = [];
const failed = [];
const tests = run({ files, concurrency: false, timeout: 600_000 });
// Files are tests of their own, around those in them.
const isTest = ({ name, details }) => details.type !== 'suite' && !files.includes(name);
tests.on('test:pass', (test) => isTest(test) && passed.push(test.name));
tests.on('test:fail', (test) => failed.push(test.name));
tests.compose(spec).pipe(process.stdout);
tests.on('end', () => process.stdout.once('drain', finish) && setImmediate(finish));

let finished = false;
function finish() {
  if (finished) return;
  finished = true;
  process.exitCode = failed.length === 0 && passed.length > 0 ? 0 : 1;
  console.log(JSON.stringify({ passed: passed.length, failed: failed.length, artefacts: process.env.FANFARE_ARTEFACTS }));
}

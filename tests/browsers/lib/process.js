// Programs that tests start, and end by their own process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';

const READY_SECONDS = 120;
const END_SECONDS = 40;

// What is undefined is left out.
const environment = (env) =>
  Object.fromEntries(Object.entries({ ...process.env, ...env }).filter(([, value]) => value !== undefined));

export class Program {
  constructor(command, args, { log, env, stdin = 'pipe' } = {}) {
    this.name = command.split('/').pop();
    this.log = log;
    this.child = spawn(command, args, { stdio: [stdin, 'pipe', 'pipe'], env: environment(env) });
    // A program that cannot be started has no output; `exited` tells.
    this.exited = new Promise((resolve) => {
      this.child.once('exit', (code, signal) => resolve(code ?? signal));
      this.child.once('error', (error) => resolve(error.message));
    });
    const file = createWriteStream(log);
    this.child.stderr.pipe(file);
    this.stdout = createInterface({ input: this.child.stdout });
    this.stdout.on('line', (line) => file.write(`${line}\n`));
    this.stderr = createInterface({ input: this.child.stderr });
  }

  // The first line of a stream from which `read` makes something.
  line(stream, read) {
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${this.name} ${why}; see ${this.log}`));
      const timer = setTimeout(() => fail(`was not ready in ${READY_SECONDS} s`), READY_SECONDS * 1000);
      this.exited.then((how) => {
        clearTimeout(timer);
        fail(`ended before it was ready: ${how}`);
      });
      stream.on('line', (line) => {
        const made = read(line);
        if (made === undefined) return;
        clearTimeout(timer);
        resolve(made);
      });
    });
  }

  // Ends it: by closing its standard input where that is enough, by a signal else, at last for good.
  async stop({ signal } = {}) {
    const late = setTimeout(() => this.child.kill('SIGKILL'), END_SECONDS * 1000);
    if (signal) this.child.kill(signal);
    else this.child.stdin?.end();
    const how = await this.exited;
    clearTimeout(late);
    return how;
  }
}

// Runs a program to its end; gives what it printed, or throws what it complained of.
export async function output(command, args, { input = '', env } = {}) {
  const child = spawn(command, args, { stdio: 'pipe', env: environment(env) });
  const collected = { stdout: [], stderr: [] };
  for (const name of Object.keys(collected)) child[name].on('data', (chunk) => collected[name].push(chunk));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  const text = (name) => Buffer.concat(collected[name]).toString();
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with ${code}: ${text('stderr')}`);
  return text('stdout');
}

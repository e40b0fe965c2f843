// A real Fanfare server and a real sandbox, as processes, and the command line between them and the tests.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Events } from './events.js';
import { Program, output } from './process.js';

const program = process.env.FANFARE_PROGRAM;
const ANY = '127.0.0.1:0';

// What the environment of whoever runs this says is not for the programs.
const env = Object.fromEntries(
  Object.keys(process.env).filter((name) => name.startsWith('FANFARE_')).map((name) => [name, undefined]),
);

const firstLine = (line) => JSON.parse(line);

export class Sandbox {
  // What happened to browsers there.
  events = new Events();
  #following = new AbortController();

  static async start(directory, args = [], more = {}) {
    const sandbox = new Sandbox();
    sandbox.authority = join(directory, 'sandbox-ca.pem');
    sandbox.program = new Program(
      program,
      ['sandbox', '--json', '--exit-with-stdin', '--listen', ANY, '--control', ANY, '--ca-out', sandbox.authority, ...args],
      { log: join(directory, 'sandbox.log'), env: { ...env, ...more } },
    );
    Object.assign(sandbox, await sandbox.program.line(sandbox.program.stdout, firstLine));
    sandbox.#follow();
    return sandbox;
  }

  // The tables by which a server may post there.
  get exceptions() {
    const to = { root_certificate: this.authority };
    const push = new URL(this.push_origin);
    const own = { name: 'sandbox', host: push.hostname, port: Number(push.port), cidrs: ['127.0.0.0/8', '::1/128'], ...to };
    const others = Object.entries(this.chromium?.hosts ?? {});
    return [own, ...others.map(([host, address]) => ({ name: host, host, port: 443, connect_to: address, ...to }))];
  }

  async #follow() {
    try {
      const { signal } = this.#following;
      const answer = await fetch(`http://${this.control}/events?follow=true`, { signal });
      let rest = '';
      for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop();
        for (const line of lines) this.events.push(JSON.parse(line));
      }
      this.events.end('the sandbox ended');
    } catch (error) {
      this.events.end(error.message);
    }
  }

  // A call of the control API.
  async call(method, path, body) {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`http://${this.control}${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  // Lets a browser connect, or cuts it off.
  setReachable(userAgent, reachable) {
    return this.call('PUT', `/user-agents/${userAgent}`, { reachable });
  }

  async stop() {
    this.#following.abort();
    return this.program.stop();
  }
}

// `fanfare demo --browser`.
export class Demo {
  // What it says on standard error, a line each.
  told = new Events();

  static async start(directory, more) {
    const demo = new Demo();
    demo.program = new Program(
      program, ['demo', '--browser', '--json', '--exit-with-stdin', '--page', ANY],
      { log: join(directory, 'demo.log'), env: { ...env, ...more } },
    );
    demo.program.stderr.on('line', (line) => demo.told.push(line));
    Object.assign(demo, await demo.program.line(demo.program.stdout, firstLine));
    return demo;
  }

  stop() {
    return this.program.stop();
  }
}

export class Fanfare {
  #files = 0;

  static async start(directory, exceptions) {
    const fanfare = new Fanfare();
    fanfare.directory = directory;
    mkdirSync(directory, { recursive: true });
    const config = join(directory, 'fanfare.toml');
    const tables = exceptions.map((exception) => {
      const lines = Object.entries(exception).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
      return ['[[push_services.exceptions]]', ...lines].join('\n');
    });
    const receipts = `[receipts]\nlisten = ${JSON.stringify(ANY)}`;
    const engine = '[engine]\nremoval_window = "1s"';
    writeFileSync(config, `${[receipts, engine, ...tables].join('\n')}\n`);
    fanfare.program = new Program(
      program,
      [
        'serve', '--json', '--exit-with-stdin', '--config', config, '--listen', ANY, '--admin-listen', ANY,
        '--data-dir', join(directory, 'data'),
      ],
      { log: join(directory, 'serve.log'), env },
    );
    const ready = await fanfare.program.line(fanfare.program.stdout, firstLine);
    fanfare.server = `http://${ready.server}`;
    fanfare.receipts = `http://${ready.receipts}/receipts`;
    fanfare.key = ready.applications[0].application_server_key;
    return fanfare;
  }

  // A command; gives what it answered.
  async call(command, args, input) {
    const text = await output(program, [...command, '--server', this.server, '--json', ...args], { input, env });
    return text.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  // A command that goes on: what it answers, as it comes.
  follow(command, args = []) {
    const events = new Events();
    const log = join(this.directory, `${command.join('-')}-${this.#files++}.log`);
    const following = new Program(program, [...command, '--server', this.server, '--json', ...args], { log, env });
    following.stdout.on('line', (line) => events.push(JSON.parse(line)));
    following.exited.then((how) => events.end(`${command.join(' ')} ended: ${how}`));
    return { events, stop: () => following.stop({ signal: 'SIGTERM' }) };
  }

  // Stores a browser's subscription; gives its name.
  async subscribe(subscription, replaces) {
    const args = replaces ? ['--replaces', replaces] : [];
    const [answer] = await this.call(['subscribe'], args, JSON.stringify(subscription));
    return answer.subscription.name;
  }

  // Sends octets, or nothing at all, and waits until all deliveries have ended; gives the last event of the only one.
  async send(subscription, bytes, args = []) {
    let payload = ['--empty'];
    if (bytes) {
      const file = join(this.directory, `payload-${this.#files++}`);
      writeFileSync(file, bytes);
      payload = ['--data-file', file];
    }
    return this.sendMessage(subscription, [...payload, ...args]);
  }

  async sendMessage(subscription, args) {
    const frames = await this.call(['send'], ['--subscription', subscription, ...args]);
    return frames.flatMap((frame) => frame.events?.events ?? []).at(-1);
  }

  stop() {
    return this.program.stop();
  }
}

// A web site with a page that subscribes and a service worker that tells what it was pushed. Whatever either of them gets is
// reported here, so that a test sees it without a page too.

import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';

import { Events } from './events.js';

const FOLDER = join(import.meta.dirname, '../site');
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8' };
const BODY_OCTETS_MAX = 64 * 1024;

export class Site {
  // `{from, ...}`: reports of `page` and `worker`, and what was `opened`.
  events = new Events();

  static async start() {
    const site = new Site();
    site.server = createServer((request, response) => site.#answer(request, response));
    site.server.listen(0, '127.0.0.1');
    await once(site.server, 'listening');
    // A secure context, though it is plain HTTP.
    site.origin = `http://localhost:${site.server.address().port}`;
    return site;
  }

  async #answer(request, response) {
    const url = new URL(request.url, this.origin);
    if (request.method === 'POST' && url.pathname === '/report') {
      const chunks = [];
      let octets = 0;
      for await (const chunk of request) {
        octets += chunk.length;
        if (octets > BODY_OCTETS_MAX) return response.writeHead(413).end();
        chunks.push(chunk);
      }
      const data = url.searchParams.has('empty') ? null : Buffer.concat(chunks).toString('base64');
      this.events.push({ ...Object.fromEntries(url.searchParams), data });
      return response.writeHead(204).end();
    }
    const name = url.pathname === '/' ? 'index.html' : url.pathname.slice(1);
    if (url.pathname === '/opened') {
      this.events.push({ from: 'opened', what: url.search });
      return response.writeHead(200, { 'content-type': TYPES.html }).end('<!doctype html><title>Opened</title>');
    }
    if (!['index.html', 'worker.js'].includes(name)) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': TYPES[name.split('.').pop()], 'cache-control': 'no-store' });
    response.end(readFileSync(join(FOLDER, name)));
  }

  // Waits until page or worker was pushed exactly these octets (null: nothing at all).
  pushed(from, bytes, options) {
    const data = bytes && Buffer.from(bytes).toString('base64');
    const matches = (event) => event.from === from && event.what === 'push' && event.data === data;
    return this.events.find(`the ${from} gets the message`, matches, options);
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

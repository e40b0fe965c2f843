// A web site that uses the browser library of clients/web as any site does: a page that subscribes, a backend that is told
// of it, and a service worker. What either of them was pushed is reported here, so that a test sees it without a page too.

import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { basename, join } from 'node:path';

import { Events } from './events.js';

const FOLDER = join(import.meta.dirname, '../site');
const LIBRARY = join(import.meta.dirname, '../../../clients/web/src');
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8' };
const BODY_OCTETS_MAX = 64 * 1024;

export class Site {
  // `{from, ...}`: reports of `page` and `worker`, what the `backend` has stored, and what was `opened`.
  events = new Events();
  // Called with what the library tells the backend; gives what is to be noted of it.
  save = async () => ({});

  static async start() {
    const site = new Site();
    site.server = createServer((request, response) => {
      site.#answer(request, response).catch((error) => {
        site.events.push({ from: 'backend', what: 'failed', why: error.message });
        response.writeHead(500).end();
      });
    });
    site.server.listen(0, '127.0.0.1');
    await once(site.server, 'listening');
    // A secure context, though it is plain HTTP.
    site.origin = `http://localhost:${site.server.address().port}`;
    return site;
  }

  async #answer(request, response) {
    const url = new URL(request.url, this.origin);
    if (request.method === 'POST') {
      const chunks = [];
      let octets = 0;
      for await (const chunk of request) {
        octets += chunk.length;
        if (octets > BODY_OCTETS_MAX) return response.writeHead(413).end();
        chunks.push(chunk);
      }
      const body = Buffer.concat(chunks);
      if (url.pathname === '/subscriptions') {
        const { subscription, replaces } = JSON.parse(body);
        const saved = await this.save(subscription, replaces);
        this.events.push({ from: 'backend', what: 'saved', subscription, replaces, ...saved });
      } else {
        const data = url.searchParams.has('empty') ? null : body.toString('base64');
        this.events.push({ ...Object.fromEntries(url.searchParams), data });
      }
      return response.writeHead(204).end();
    }
    if (url.pathname === '/opened') {
      this.events.push({ from: 'opened', what: url.search });
      return response.writeHead(200, { 'content-type': TYPES.html }).end('<!doctype html><title>Opened</title>');
    }
    const file = this.#file(url.pathname);
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': TYPES[file.split('.').pop()], 'cache-control': 'no-store' });
    response.end(readFileSync(file));
  }

  #file(path) {
    if (path === '/') return join(FOLDER, 'index.html');
    if (path === '/worker.js') return join(FOLDER, 'worker.js');
    return path.startsWith('/fanfare/') && path.endsWith('.js') ? join(LIBRARY, basename(path)) : undefined;
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

// A WebSocket on which calls and their answers share a number, and events come in between: WebDriver BiDi and the DevTools
// protocol.

import WebSocket from 'ws';

// Enough for a machine that does much else.
const SECONDS = 120;

export class Connection {
  #calls = new Map();
  #last = 0;
  #listeners = new Set();

  static open(url) {
    const connection = new Connection();
    connection.socket = new WebSocket(url, { perMessageDeflate: false });
    connection.socket.on('message', (text) => connection.#take(JSON.parse(text)));
    connection.socket.on('close', () => {
      for (const call of connection.#calls.values()) call.reject(new Error('the browser is gone'));
    });
    return new Promise((resolve, reject) => {
      connection.socket.once('open', () => resolve(connection));
      connection.socket.once('error', reject);
    });
  }

  #take(answer) {
    if (answer.id === undefined) {
      for (const listener of this.#listeners) listener(answer);
      return;
    }
    const call = this.#calls.get(answer.id);
    this.#calls.delete(answer.id);
    if (answer.error === undefined) call?.resolve(answer.result);
    else call?.reject(new Error(`${answer.error.message ?? answer.error}: ${answer.message ?? ''}`));
  }

  call(call) {
    const id = ++this.#last;
    return this.#settled(call.method, ({ resolve, reject }) => {
      this.#calls.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ id, ...call }), (error) => error && reject(error));
    });
  }

  // The next event of a name.
  event(name) {
    let listener;
    return this.#settled(name, ({ resolve }) => {
      listener = (event) => event.method === name && resolve(event.params);
      this.#listeners.add(listener);
    }).finally(() => this.#listeners.delete(listener));
  }

  #settled(what, begin) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${what}: nothing in ${SECONDS} s`)), SECONDS * 1000);
      const done = (settle) => (value) => {
        clearTimeout(timer);
        settle(value);
      };
      begin({ resolve: done(resolve), reject: done(reject) });
    });
  }

  close() {
    this.socket.close();
  }
}

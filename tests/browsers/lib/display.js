// A screen of its own (Xvfb): what a browser shows on it can be clicked (xdotool) and looked at.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { Picture } from './picture.js';
import { Program, output } from './process.js';

const WIDTH = 1280;
const HEIGHT = 800;
const WINDOW_SECONDS = 60;
// Between two looks at the screen, which tells nobody that it changed.
const PAUSE_MILLIS = 100;
// Of a window's area.
const DRAWN_SHARE = 0.2;
// How far the cross of Firefox's notifications is from the upper and right edges.
const CROSS = 12;

export class Display {
  static async start(directory) {
    const display = new Display();
    display.frames = join(directory, 'screen');
    mkdirSync(display.frames, { recursive: true });
    display.program = new Program(
      'Xvfb',
      ['-displayfd', '1', '-screen', '0', `${WIDTH}x${HEIGHT}x24`, '-nolisten', 'tcp', '-fbdir', display.frames],
      { log: join(directory, 'xvfb.log'), stdin: 'ignore' },
    );
    const number = await display.program.line(display.program.stdout, (line) => line.trim());
    display.name = `:${number}`;
    return display;
  }

  #xdotool(...args) {
    return output('xdotool', args, { env: { DISPLAY: this.name } });
  }

  // The windows that can be seen.
  async windows() {
    const text = await this.#xdotool('search', '--onlyvisible', '--name', '.*').catch(() => '');
    return new Set(text.split('\n').filter(Boolean));
  }

  // What there is, to see what comes.
  async look() {
    return { windows: await this.windows(), picture: this.#picture() };
  }

  #picture() {
    return new Picture(readFileSync(join(this.frames, 'Xvfb_screen0')));
  }

  // A window that was not there before. X has nothing to wait on without a client of its own, so it is looked for.
  async newWindow(before) {
    const end = Date.now() + WINDOW_SECONDS * 1000;
    while (Date.now() < end) {
      for (const window of await this.windows()) {
        if (!before.windows.has(window)) return window;
      }
      await setTimeout(PAUSE_MILLIS);
    }
    throw new Error(`no window appeared in ${WINDOW_SECONDS} s`);
  }

  async #geometry(window) {
    const text = await this.#xdotool('getwindowgeometry', '--shell', window);
    const lines = text.trim().split('\n').map((line) => line.split('='));
    const { X: x, Y: y, WIDTH: width, HEIGHT: height } = Object.fromEntries(
      lines.map(([name, value]) => [name, Number(value)]));
    return { x, y, width, height };
  }

  // Clicks into the middle of a window.
  async click(window) {
    const { x, y, width, height } = await this.#geometry(window);
    await this.#clickAt(x + Math.floor(width / 2), y + Math.floor(height / 2));
  }

  // Clicks on the cross in the corner of a notification.
  async close(window) {
    const { x, y, width } = await this.#geometry(window);
    await this.#clickAt(x + width - CROSS, y + CROSS);
  }

  #clickAt(x, y) {
    return this.#xdotool('mousemove', `${x}`, `${y}`, 'click', '1');
  }

  // Keeps what is on the screen as a picture among the artefacts, once a window that was not there before is drawn: much of
  // its area has changed, and changes no more.
  async capture(name, window, before) {
    const area = await this.#geometry(window);
    const end = Date.now() + WINDOW_SECONDS * 1000;
    let last = before.picture;
    while (Date.now() < end) {
      const picture = this.#picture();
      if (picture.changed(before.picture, area) >= DRAWN_SHARE && picture.changed(last, area) === 0) {
        writeFileSync(join(process.env.FANFARE_ARTEFACTS, name), picture.png());
        return;
      }
      last = picture;
      await setTimeout(PAUSE_MILLIS);
    }
    throw new Error(`window ${window} was not drawn in ${WINDOW_SECONDS} s`);
  }

  stop() {
    return this.program.stop({ signal: 'SIGTERM' });
  }
}

// A screen of its own (Xvfb): what a browser shows on it can be clicked (xdotool) and looked at.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { Picture } from './picture.js';
import { Program, output } from './process.js';

const WIDTH = 1280;
const HEIGHT = 800;
const WINDOW_SECONDS = 20;
// Text has many shades; an empty window has few.
const DRAWN_COLOURS = 40;

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

  // A window that was not there before. X has nothing to wait on without a client of its own, so it is looked for.
  async newWindow(before) {
    const end = Date.now() + WINDOW_SECONDS * 1000;
    while (Date.now() < end) {
      for (const window of await this.windows()) {
        if (!before.has(window)) return window;
      }
      await setTimeout(50);
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
    await this.#xdotool('mousemove', `${x + Math.floor(width / 2)}`, `${y + Math.floor(height / 2)}`, 'click', '1');
  }

  // Keeps what is on the screen as a picture among the artefacts, once a window has been drawn.
  async capture(name, window) {
    const area = await this.#geometry(window);
    const picture = await this.#until(
      `window ${window} is drawn`, (picture) => picture.colours(area) >= DRAWN_COLOURS);
    writeFileSync(join(process.env.FANFARE_ARTEFACTS, name), picture.png());
  }

  async #until(what, holds) {
    const end = Date.now() + WINDOW_SECONDS * 1000;
    while (Date.now() < end) {
      const picture = new Picture(readFileSync(join(this.frames, 'Xvfb_screen0')));
      if (holds(picture)) return picture;
      // The screen tells nobody that it changed.
      await setTimeout(50);
    }
    throw new Error(`${what}: not within ${WINDOW_SECONDS} s`);
  }

  stop() {
    return this.program.stop({ signal: 'SIGTERM' });
  }
}

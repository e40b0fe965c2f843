// A session's bus with a notification service on it: what a browser hands to the desktop is told, and can be clicked.

import { join } from 'node:path';

import { Events } from './events.js';
import { Program } from './process.js';

export class Desktop {
  // What the service was told to show, as tests/browsers/notifications.py says it.
  shown = new Events();

  static async start(directory) {
    const desktop = new Desktop();
    desktop.bus = new Program(
      'dbus-daemon', ['--session', '--nofork', '--print-address', `--address=unix:dir=${directory}`],
      { log: join(directory, 'dbus.log'), stdin: 'ignore' },
    );
    desktop.address = await desktop.bus.line(desktop.bus.stdout, (line) => line);
    desktop.service = new Program(
      process.env.FANFARE_PYTHON, [join(import.meta.dirname, '../notifications.py')],
      { log: join(directory, 'notifications.log'), env: desktop.env },
    );
    desktop.service.stdout.on('line', (line) => desktop.shown.push(JSON.parse(line)));
    desktop.service.exited.then((how) => desktop.shown.end(`the notification service ended: ${how}`));
    await desktop.shown.find('the notification service is ready', ({ ready }) => ready);
    return desktop;
  }

  // What programs are to be told of it.
  get env() {
    return { DBUS_SESSION_BUS_ADDRESS: this.address };
  }

  // Clicks a notification: on the button of that name, or on the whole with `default`.
  click(id, action) {
    this.service.child.stdin.write(`${JSON.stringify({ id, action })}\n`);
  }

  async stop() {
    await this.service?.stop();
    await this.bus?.stop({ signal: 'SIGTERM' });
  }
}

// What programs are told where there is none.
export const NO_DESKTOP = { DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: undefined };

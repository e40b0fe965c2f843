// A list that grows, and can be waited for: what tests use instead of sleeping.

export class Events {
  #all = [];
  #waiting = new Set();
  #ended;

  push(event) {
    this.#all.push(event);
    for (const waiting of this.#waiting) waiting(event);
  }

  // No more will come; whoever waits is told why.
  end(why) {
    this.#ended = why;
    for (const waiting of this.#waiting) waiting(undefined);
  }

  // A place in the list, to look only at what comes after it.
  get now() {
    return this.#all.length;
  }

  all(matches = () => true, after = 0) {
    return this.#all.slice(after).filter(matches);
  }

  // The first that matches, of those after a place, waiting for it.
  find(what, matches, { after = 0, seconds = 60 } = {}) {
    const found = this.#all.slice(after).find(matches);
    if (found) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const fail = (why) => {
        done();
        const seen = this.#all.slice(after).map((event) => JSON.stringify(event).slice(0, 200));
        reject(new Error(`${what}: ${why}; there was:\n  ${seen.join('\n  ')}`));
      };
      const timer = setTimeout(() => fail(`nothing in ${seconds} s`), seconds * 1000);
      const waiting = (event) => {
        if (event === undefined) fail(this.#ended);
        else if (matches(event)) {
          done();
          resolve(event);
        }
      };
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
      };
      this.#waiting.add(waiting);
      if (this.#ended) fail(this.#ended);
    });
  }
}

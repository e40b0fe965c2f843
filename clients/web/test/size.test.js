import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

/** The modules that a module loads, itself among them. */
function loaded(url, seen = new Map()) {
  if (seen.has(url.href)) return seen;
  const source = readFileSync(url, "utf8");
  seen.set(url.href, source);
  for (const [, name] of source.matchAll(/^(?:import|export) .*? from "(\..*?)";$/gm)) loaded(new URL(name, url), seen);
  return seen;
}

const octets = (entry) =>
  [...loaded(new URL(entry, import.meta.url)).values()].reduce((sum, source) => sum + gzipSync(source).length, 0);

test("the page's part has less than 4 kB, comments included, each file compressed by itself", () => {
  const page = octets("../src/page.js");
  console.log(JSON.stringify({ page, worker: octets("../src/worker.js"), grpc_web: octets("../src/grpc-web.js") }));
  assert.ok(page > 1_000 && page < 4_096, `${page} octets`);
});

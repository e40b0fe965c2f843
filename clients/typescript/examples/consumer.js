// Counts what becomes of all messages. It may be killed at any instant: the token is stored together with the effect, so
// each event counts exactly once.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect } from "@fanfare-push/client";
import { Outcome } from "@fanfare-push/client/v1";

const [file] = process.argv.slice(2);
const known = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { token: "", counts: {} };

const client = connect(process.env.FANFARE_SERVER);
for await (const { kind, resumeToken } of await client.watch({ parent: "messages/-", resumeToken: known.token })) {
  for (const { outcome } of kind.case === "events" ? kind.value.events : []) {
    const name = `OUTCOME_${Outcome[outcome]}`;
    known.counts[name] = (known.counts[name] ?? 0) + 1;
  }
  known.token = resumeToken;
  // Replaces the file at once. A database would do both in one transaction.
  writeFileSync(`${file}.new`, JSON.stringify(known), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  console.log(JSON.stringify(known.counts));
}

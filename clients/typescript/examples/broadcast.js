// Sends to everybody who wants to hear of a topic, and shows the progress.

import { connect } from "@fanfare-push/client";
import { ReportLevel } from "@fanfare-push/client/v1";

const [topic, title] = process.argv.slice(2);
const client = connect(process.env.FANFARE_SERVER);
const stream = await client.broadcast({
  audience: { selector: { case: "topics", value: { topics: [topic] } } },
  message: { payload: { case: "notification", value: { title, navigate: "https://app.example.com/" } } },
  reportLevel: ReportLevel.PROGRESS, // No event for each endpoint: only the counts.
});
for await (const _ of stream) {
  const { accepted, targets, failed } = stream.message.counts;
  process.stdout.write(`\r${accepted} of ${targets} accepted, ${failed} failed`);
}
console.log();
client.close();

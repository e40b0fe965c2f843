// A web backend that stores the subscriptions of its users' browsers.

import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { Code, connect, FanfareError } from "@fanfare-push/client";

const client = connect(process.env.FANFARE_SERVER);

// What the page posts: {"subscription": …, "replaces": "old endpoint"}.
async function store(request) {
  if (request.method !== "POST" || request.url !== "/subscriptions") return [404, "there is nothing here"];
  if (Number(request.headers["content-length"] ?? Infinity) > 16 * 1024) return [413, "too large"];
  const { subscription, replaces = "" } = await json(request);
  // Who is logged in.
  const userId = "alice";
  const stored = await client.subscribe(subscription ?? {}, { userId, topics: ["news"], replaces });
  return [201, stored.subscription.name];
}

function failed(error) {
  if (error instanceof SyntaxError || error instanceof TypeError) return [400, "not JSON"];
  if (error instanceof FanfareError && error.code === Code.InvalidArgument) {
    return [400, error.violations.map(({ field, description }) => `${field}: ${description}`).join("\n")];
  }
  console.error(error);
  return [503, "try again later"];
}

const server = createServer(async (request, response) => {
  const [status, text] = await store(request).catch(failed);
  response.writeHead(status).end(`${text}\n`);
});
server.listen(Number(process.env.PORT), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});

// The demo's page: subscribes with the library, sends through the page's own server, and shows what Fanfare streams.
import { PushError, refresh, register, subscribe, support, unsubscribe } from "/fanfare/page.js";

const $ = (id) => document.getElementById(id);
const REASONS = {
  insecure: "Push needs https, or localhost.",
  "home-screen": "On this device push works for web apps on the home screen: add this page to it.",
  unsupported: "This browser has no push.",
  gesture: "Click the button once more.",
  denied: "Notifications are blocked for this page. Allow them in the site's settings and try again.",
  dismissed: "You were asked and gave no answer. Subscribe once more when you like.",
  key: "The server's VAPID key does not read.",
  service: "The browser's push service does not answer. Private windows have none.",
};
/** Messages shown at most; older ones go. */
const SHOWN_MAX = 50;
/** How long it waits after the server could not be reached. */
const RETRY_MILLIS = 3_000;

async function call(path, content, method = "POST") {
  const body = content && JSON.stringify(content);
  const answer = await fetch(path, { method, headers: { "Content-Type": "application/json" }, body });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  return told;
}

// ---------------------------------------------------------------- 1: this browser

const topics = () => [...document.querySelectorAll("[name=topic]:checked")].map((box) => box.value);
let name = null;
let savedTopics = [];
let requestReceipts = false;

const backend = {
  async save(subscription, replaces) {
    const chosen = topics();
    ({ name } = await call("subscriptions", { subscription, replaces, topics: chosen }));
    savedTopics = chosen;
  },
  remove: (endpoint) => call("subscriptions", { endpoint }, "DELETE"),
};

function show(kind, text) {
  $("state").className = kind;
  $("state").textContent = text;
}

function showSubscribed(subscription) {
  $("unsubscribe").hidden = !subscription;
  $("subscribe").textContent = subscription ? "Save topics" : "Subscribe";
  $("send").disabled = !subscription;
  if (!subscription) return show("", "Not subscribed yet.");
  const to = savedTopics.length ? `to ${savedTopics.join(", ")}` : "to no topic";
  show("good", `Subscribed ${to}, through the push service at ${new URL(subscription.endpoint).host}.`);
}

const explain = (error) =>
  show("bad", error instanceof PushError ? REASONS[error.reason] : `That did not work: ${error.message}`);

let changing = false;

/**
 * Runs what changes the subscription, one at a time. Nothing is sent meanwhile: it would go to what was saved before. The
 * buttons that change it stay as they are, since one that is disabled loses the focus.
 */
async function change(work) {
  if (changing) return;
  changing = true;
  show("", "One moment…");
  $("send").disabled = true;
  try {
    showSubscribed(await work());
  } catch (error) {
    explain(error);
    $("send").disabled = $("unsubscribe").hidden;
  } finally {
    changing = false;
  }
}

async function start() {
  const { reason } = support();
  if (reason) return show("bad", REASONS[reason]);
  const { key, receipts } = await call("settings.json", undefined, "GET");
  requestReceipts = Boolean(receipts);
  const registration = await register(`sw.js?receipts=${encodeURIComponent(receipts ?? "")}`);
  const options = { key, backend, registration };
  $("subscribe-form").addEventListener("submit", (event) => {
    event.preventDefault();
    change(() => subscribe(options));
  });
  $("unsubscribe").addEventListener("click", () =>
    change(async () => {
      await unsubscribe({ backend, registration });
      $("subscribe").focus();
      return null;
    }),
  );
  await change(() => refresh(options));
  $("subscribe").disabled = false;
}

// ---------------------------------------------------------------- 2: send

$("send-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const notification = {
    title: form.get("title"),
    body: form.get("body"),
    icon: new URL("icon.svg", location.href).href,
    navigate: new URL(`opened.html?by=notification`, location.href).href,
    requireInteraction: form.has("sticky"),
    timestamp: new Date().toISOString(),
  };
  if (form.has("actions")) {
    notification.actions = [
      { action: "track", title: "Track it", navigate: new URL("opened.html?by=track", location.href).href },
      { action: "later", title: "Later" },
    ];
  }
  const topic = form.get("to");
  try {
    const sent = await call("messages", {
      ...(topic ? { topic } : { subscription: name }),
      message: { notification, urgency: form.get("urgency"), ttl: "3600s", requestReceipts },
    });
    titles.set(sent.name, [notification.title, topic ? `topic ${topic}` : "this browser"]);
    if (messages.has(sent.name)) draw(sent.name);
  } catch (error) {
    explain(error);
  }
});

// ---------------------------------------------------------------- 3: what becomes of it

/** By a message's name: title and to whom. */
const titles = new Map();
/** By a message's name: its element, what happened, how many deliveries there are. */
const messages = new Map();

const element = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
};
const CLOCK = new Intl.DateTimeFormat([], {
  hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23",
});
const word = (value) => value.replace(/^[A-Z_]*?(STATE|OUTCOME|KIND)_/, "").toLowerCase().replaceAll("_", " ");
const many = (count, what) => (count > 1 ? `${count} × ${what}` : what);

function draw(id) {
  const { item, log, counts } = messages.get(id);
  const [title, to] = titles.get(id) ?? ["A message", "somebody"];
  const heading = element("h3", "", title);
  heading.append(element("span", "to", ` to ${to}`));
  const chips = element("ul", "chips", "");
  for (const [what, count] of counts) {
    const kind = { accepted: "good", displayed: "seen", clicked: "seen", closed: "seen", retrying: "wait", failed: "bad", expired: "bad" }[what];
    chips.append(element("li", `chip ${kind ?? ""}`, many(count, what)));
  }
  const lines = element("ol", "log", "");
  for (const [time, text] of log) {
    const line = element("li", "", "");
    const clock = element("time", "", CLOCK.format(new Date(time)));
    clock.dateTime = time;
    line.append(clock, element("span", "", text));
    lines.append(line);
  }
  item.replaceChildren(heading, chips, lines);
}

function happened(id, what, time, text) {
  if (!messages.has(id)) {
    const item = document.createElement("li");
    $("messages").prepend(item);
    messages.set(id, { item, log: [], counts: new Map() });
    $("nothing").hidden = true;
    if (messages.size > SHOWN_MAX) {
      const [oldest, { item: last }] = messages.entries().next().value;
      messages.delete(oldest);
      last.remove();
    }
  }
  const message = messages.get(id);
  message.counts.set(what, (message.counts.get(what) ?? 0) + 1);
  message.log.push([time, text]);
  draw(id);
  $("told").textContent = text;
}

function take(frame) {
  if (frame.accepted) {
    const { name, createTime } = frame.accepted.message;
    happened(name, "stored", createTime, "stored by Fanfare, and on its way");
  }
  for (const event of frame.events?.events ?? []) {
    const state = word(event.state);
    const status = event.httpStatus ? ` (HTTP ${event.httpStatus})` : "";
    const took = event.latency ? `, ${Math.round(parseFloat(event.latency) * 1_000)} ms` : "";
    const how = { accepted: "accepted by", retrying: `${word(event.outcome ?? "")}: tried again later at` };
    const where = event.endpointOrigin ? new URL(event.endpointOrigin).host : "no push service";
    happened(event.message, state, event.eventTime, `${how[state] ?? `${state}, ${word(event.outcome ?? "")}:`} ${where}${status}${took}`);
  }
  if (frame.summary && !frame.summary.counts?.targets) {
    happened(frame.summary.name, "nobody", frame.summary.endTime, "nobody has subscribed to it");
  }
  for (const receipt of frame.receipts?.events ?? []) {
    const kind = word(receipt.kind);
    const what = { displayed: "displayed by the browser", clicked: `clicked${receipt.action ? `: ${receipt.action}` : ""}`, closed: "closed by the user" };
    happened(receipt.message, kind, receipt.occurTime ?? receipt.eventTime, what[kind]);
  }
}

function watch() {
  const stream = new EventSource("events");
  const live = (on) => {
    $("live").classList.toggle("on", on);
    $("live").textContent = on ? "live" : "connecting…";
  };
  stream.onopen = () => live(true);
  stream.onerror = () => {
    live(false);
    // The browser itself tries again only what was open before.
    if (stream.readyState === EventSource.CLOSED) setTimeout(watch, RETRY_MILLIS);
  };
  stream.onmessage = ({ data }) => take(JSON.parse(data).frame);
}

watch();
start().catch((error) => {
  explain(error);
  $("state").append(" Reload this page to try again.");
});

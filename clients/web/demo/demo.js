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
/** Lines shown of a message at most; older ones go. */
const LINES_MAX = 200;
/** How long it waits after the server could not be reached. */
const RETRY_MILLIS = 3_000;
/** Characters of a title that the server keeps for us: at most 240 octets of the 256 of a label. */
const TITLE_KEPT = 60;
/** Where the topics are kept, so that whoever comes back finds them. */
const TOPICS = "topics";

async function call(path, content, method = "POST") {
  const body = content && JSON.stringify(content);
  const answer = await fetch(path, { method, headers: { "Content-Type": "application/json" }, body }).catch((error) => {
    throw new Error("the server of this page does not answer. Has the demo ended?", { cause: error });
  });
  // What is refused before anybody looks at it is told as text.
  const told = await answer.json().catch(() => ({ error: `the server of this page answered ${answer.status}.` }));
  if (!answer.ok) throw new Error(told.error);
  return told;
}

// ---------------------------------------------------------------- the push service

/** Where the sandbox is, and for which hosts it stands in; null before it is known. */
let sandbox = null;

/** Who takes what goes to an endpoint's origin. */
function taker(origin) {
  const { host } = new URL(origin);
  if (sandbox?.origin === origin) return `the sandbox at ${host}`;
  return sandbox?.hosts.includes(host) ? `the sandbox, which stands in for ${host}` : `the push service at ${host}`;
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
    localStorage.setItem(TOPICS, JSON.stringify(chosen));
  },
  remove: (endpoint) => call("subscriptions", { endpoint }, "DELETE"),
};

/** Says something below the buttons that it is about. */
function say(id, kind, text) {
  $(id).className = `state ${kind}`;
  $(id).textContent = text;
}

const show = (kind, text) => say("state", kind, text);

function showSubscribed(subscription) {
  $("unsubscribe").hidden = !subscription;
  $("subscribe").textContent = subscription ? "Save topics" : "Subscribe";
  $("send").disabled = !subscription;
  if (!subscription) return show("", "Not subscribed yet.");
  const to = savedTopics.length ? `to ${savedTopics.join(", ")}` : "to no topic";
  show("good", `Subscribed ${to}, through ${taker(new URL(subscription.endpoint).origin)}.`);
}

const why = (error) => (error instanceof PushError ? REASONS[error.reason] : `That did not work: ${error.message}`);

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
    show("bad", why(error));
    $("send").disabled = $("unsubscribe").hidden;
  } finally {
    changing = false;
  }
}

function recallTopics() {
  const kept = localStorage.getItem(TOPICS);
  if (kept === null) return;
  const chosen = JSON.parse(kept);
  for (const box of document.querySelectorAll("[name=topic]")) box.checked = chosen.includes(box.value);
}

async function start() {
  recallTopics();
  const { reason } = support();
  if (reason) return show("bad", REASONS[reason]);
  const { key, receipts } = await call("settings.json", undefined, "GET");
  await located;
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
    // Neither Firefox nor Chromium shows an SVG there.
    icon: new URL("icon.png", location.href).href,
    navigate: new URL(`opened.html?by=notification`, location.href).href,
    requireInteraction: form.has("sticky"),
    timestamp: new Date().toISOString(),
  };
  if (form.has("actions")) {
    notification.actions = [
      { action: "track", title: "Track it", navigate: new URL("opened.html?by=track", location.href).href },
      // Without an address: the worker does something by itself, see sw.js.
      { action: "later", title: "Later" },
    ];
  }
  const topic = form.get("to");
  // What the story needs of it stays with the message, so that every page can tell it.
  const labels = { title: [...notification.title].slice(0, TITLE_KEPT).join(""), to: topic ? `topic ${topic}` : "this browser" };
  say("sent", "", "One moment…");
  try {
    await call("messages", {
      ...(topic ? { topic } : { subscription: name }),
      message: { notification, labels, urgency: form.get("urgency"), ttl: "3600s", requestReceipts },
    });
    say("sent", "good", "Fanfare has it. What becomes of it is told below, under 3.");
  } catch (error) {
    say("sent", "bad", why(error));
  }
});

navigator.serviceWorker?.addEventListener("message", ({ data }) => {
  if (data?.later === undefined) return;
  say("sent", "good", `“Later” was clicked on “${data.later}”. It has no address, so nothing was opened; the worker told this page.`);
});

// ---------------------------------------------------------------- 3: what becomes of it

/** By a message's name: its element, title and to whom, what happened, how many deliveries there are. */
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
  const { item, title, to, log, counts } = messages.get(id);
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
    messages.set(id, { item, title: "A message", to: "somebody", log: [], counts: new Map() });
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
  if (message.log.length > LINES_MAX) message.log.shift();
  changed.add(id);
  $("told").textContent = text;
  return message;
}

/** What is to be drawn anew: once for each frame, however much is in it. */
const changed = new Set();

function take(frame) {
  if (frame.accepted) {
    const { name, createTime, labels } = frame.accepted.message;
    const message = happened(name, "stored", createTime, "stored by Fanfare, and on its way");
    Object.assign(message, labels?.title && { title: labels.title }, labels?.to && { to: labels.to });
  }
  for (const event of frame.events?.events ?? []) {
    const state = word(event.state);
    const status = event.httpStatus ? ` (HTTP ${event.httpStatus})` : "";
    const took = event.latency ? `, ${Math.round(parseFloat(event.latency) * 1_000)} ms` : "";
    const how = { accepted: "accepted by", retrying: `${word(event.outcome ?? "")}: tried again later at` };
    const where = event.endpointOrigin ? taker(event.endpointOrigin) : "no push service";
    happened(event.message, state, event.eventTime, `${how[state] ?? `${state}, ${word(event.outcome ?? "")}:`} ${where}${status}${took}`);
  }
  if (frame.summary && !frame.summary.counts?.targets) {
    happened(frame.summary.name, "nobody", frame.summary.endTime, "nobody has subscribed to it");
  }
  for (const receipt of frame.receipts?.events ?? []) {
    const kind = word(receipt.kind);
    const action = { "": "", later: ": later, which opens nothing" }[receipt.action ?? ""] ?? `: ${receipt.action}`;
    const what = { displayed: "displayed by the browser", clicked: `clicked${action}`, closed: "closed by the user" };
    happened(receipt.message, kind, receipt.occurTime ?? receipt.eventTime, what[kind]);
  }
  for (const id of changed) if (messages.has(id)) draw(id);
  changed.clear();
}

/** Follows what happens, from the start of the demo on: a page that is opened anew shows the same story. */
function watch() {
  const stream = new EventSource("events");
  const live = (on, text) => {
    $("live").className = `live ${on ? "on" : "off"}`;
    $("live").textContent = text;
  };
  stream.onopen = () => live(true, "live");
  stream.onerror = () => {
    live(false, "no connection");
    // The browser itself tries again only what was open before, and goes on where it was.
    if (stream.readyState !== EventSource.CLOSED) return;
    setTimeout(() => {
      messages.clear();
      $("messages").replaceChildren();
      watch();
    }, RETRY_MILLIS);
  };
  stream.onmessage = ({ data }) => take(JSON.parse(data).frame);
}

// First of all: what happens is told in its words.
const located = call("sandbox.json", undefined, "GET").then((told) => (sandbox = told), () => {});
located.then(watch);
start().catch((error) => show("bad", `${why(error)} Reload this page to try again.`));

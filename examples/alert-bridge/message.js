// From an alert to the Broadcast that tells the team of it. Nothing here knows of HTTP or gRPC.
import { createHash } from "node:crypto";

/** Severity to urgency (RFC 8030 section 5.3). Low-battery phones get critical alerts at once, and others later. */
const URGENCY = { critical: "URGENCY_HIGH", page: "URGENCY_HIGH", warning: "URGENCY_NORMAL", info: "URGENCY_LOW" };
/** How long an alert is worth delivering: by then Alertmanager has repeated it. */
const TTL_SECONDS = 4 * 3_600;
/** Within so many milliseconds the same state of an alert is sent once: Alertmanager tries again when it gets no answer. */
const SAME_WITHIN = 15 * 60_000;
/** Fanfare's limits of a topic, and what of a payload texts may take. */
const TOPIC_CHARS_MAX = 64;
const TITLE_CHARS_MAX = 120;
const BODY_CHARS_MAX = 600;

const hash = (...parts) => createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
const cut = (text, max) => ([...text].length > max ? `${[...text].slice(0, max - 1).join("")}…` : text);

/** A topic takes no white space and no control characters. */
const toTopic = (text) => cut(text.replace(/[\s\p{Cc}]+/gu, "-"), TOPIC_CHARS_MAX);

/** The first address that a browser may open: absolute and https, or http on this machine. */
export function linkOf(...candidates) {
  for (const candidate of candidates) {
    if (!candidate || !URL.canParse(candidate)) continue;
    const { protocol, hostname } = new URL(candidate);
    const local = hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "127.0.0.1";
    if (protocol === "https:" || (protocol === "http:" && local)) return candidate;
  }
  return "";
}

/**
 * The Broadcast for one alert of a webhook.
 * @param {object} alert An element of the webhook's `alerts`.
 * @param {object} webhook The webhook, version 4.
 * @param {{ application: string, topic: string, now: number }} options `topic` is of alerts without a `team`.
 */
export function broadcastOf(alert, webhook, { application, topic, now }) {
  const { labels = {}, annotations = {}, fingerprint, status, startsAt, endsAt, generatorURL } = alert;
  const firing = status === "firing";
  const severity = labels.severity ?? "";
  const identity = fingerprint || hash(labels);
  const name = labels.alertname ?? "Alert";
  const where = labels.instance ?? labels.service ?? labels.job ?? "";
  const text = annotations.summary ?? annotations.description ?? annotations.message ?? "";
  const link = linkOf(annotations.issue_url, annotations.runbook_url, annotations.dashboard_url, generatorURL, webhook.externalURL);
  const silence = linkOf(webhook.externalURL);
  return {
    application,
    audience: { topics: { topics: [labels.team ? toTopic(`team-${labels.team}`) : topic] } },
    // Tells one state of an alert from the next, also when Alertmanager repeats the webhook.
    requestId: `alert-${hash(identity, status, startsAt, firing ? "" : endsAt, Math.floor(now / SAME_WITHIN))}`,
    reportLevel: "REPORT_LEVEL_ACCEPTED",
    message: {
      notification: {
        title: cut(`${firing ? "🔥" : "✅"} ${name}${where && ` on ${where}`}`, TITLE_CHARS_MAX),
        body: cut(firing ? text : `Resolved. ${text}`.trim(), BODY_CHARS_MAX),
        // A newer state takes the place of what the screen shows …
        tag: `alert-${identity}`,
        renotify: firing,
        requireInteraction: firing && URGENCY[severity] === "URGENCY_HIGH",
        timestamp: { seconds: Math.floor(Date.parse(firing ? startsAt : endsAt) / 1_000) || Math.floor(now / 1_000) },
        navigate: link,
        actions: silence ? [{ action: "alertmanager", title: "Alertmanager", navigate: silence }] : [],
        data: { fields: { severity: { stringValue: severity }, status: { stringValue: status ?? "" } } },
      },
      // … and of what the push service has not delivered yet.
      collapseKey: `alert-${identity}`,
      urgency: firing ? (URGENCY[severity] ?? "URGENCY_NORMAL") : "URGENCY_LOW",
      ttl: { seconds: TTL_SECONDS },
      labels: { source: "alertmanager", severity: severity || "none", status: status ?? "" },
      note: cut(name, TITLE_CHARS_MAX),
    },
  };
}

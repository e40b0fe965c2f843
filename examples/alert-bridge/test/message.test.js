import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { broadcastOf, linkOf } from "../message.js";

const webhook = JSON.parse(readFileSync(new URL("firing.json", import.meta.url)));
const now = Date.parse("2026-11-22T20:15:00Z");
const options = { application: "", topic: "alerts", now };
const of = (index, change = {}) => broadcastOf({ ...webhook.alerts[index], ...change }, webhook, options);
const resolved = { status: "resolved", endsAt: "2026-11-22T20:40:00Z" };

test("a critical alert wakes the team", () => {
  const { audience, message } = of(0);
  assert.deepEqual(audience, { topics: { topics: ["team-check-out"] } });
  assert.equal(message.urgency, "URGENCY_HIGH");
  const { title, body, navigate, requireInteraction, renotify, actions, timestamp } = message.notification;
  assert.equal(title, "🔥 HighErrorRate on shop-3:8080");
  assert.equal(body, "7.2 % of the requests to shop-3 fail");
  assert.equal(navigate, "https://issues.example.com/shop/4711");
  assert.deepEqual([requireInteraction, renotify], [true, true]);
  assert.equal(actions[0].navigate, "https://alertmanager.example.com");
  assert.equal(timestamp.seconds, Date.parse("2026-11-22T20:10:30Z") / 1_000);
});

test("a warning goes to those who hear of all, and to no address that a phone cannot open", () => {
  const { audience, message } = of(1);
  assert.deepEqual(audience, { topics: { topics: ["alerts"] } });
  assert.equal(message.urgency, "URGENCY_NORMAL");
  assert.equal(message.notification.navigate, "https://alertmanager.example.com");
  assert.equal(message.notification.requireInteraction, false);
});

test("the end of an alert replaces its beginning, quietly", () => {
  const [begin, end] = [of(0), of(0, resolved)];
  assert.equal(end.message.collapseKey, begin.message.collapseKey);
  assert.equal(end.message.notification.tag, begin.message.notification.tag);
  assert.notEqual(end.requestId, begin.requestId);
  assert.equal(end.message.urgency, "URGENCY_LOW");
  assert.match(end.message.notification.title, /^✅/);
  assert.match(end.message.notification.body, /^Resolved\. 7\.2 %/);
  assert.deepEqual([end.message.notification.renotify, end.message.notification.requireInteraction], [false, false]);
  assert.notEqual(of(1).message.collapseKey, begin.message.collapseKey);
});

test("what Alertmanager repeats at once is sent once, what it repeats later again", () => {
  const at = (later) => broadcastOf(webhook.alerts[0], webhook, { ...options, now: now + later }).requestId;
  assert.equal(at(60_000), at(0));
  assert.notEqual(at(4 * 3_600_000), at(0));
});

test("an alert with next to nothing is told all the same", () => {
  const { message } = broadcastOf({ status: "firing" }, {}, options);
  assert.deepEqual([message.notification.title, message.notification.navigate], ["🔥 Alert", ""]);
  assert.ok(message.collapseKey.length > 10);
});

test("links are those that browsers open", () => {
  assert.equal(linkOf("nonsense", undefined, "javascript:alert(1)", "http://intranet/", "https://a.example/"), "https://a.example/");
  assert.equal(linkOf("http://localhost:3000/x"), "http://localhost:3000/x");
  assert.equal(linkOf(), "");
});

//! The JSON of the control API, for whoever serves it and whoever calls it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Fault, FaultShares, OriginSettings};

/// `GET /`: what the sandbox is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// `scheme://host:port` of origin 0.
    pub push_origin: String,
    /// `strict` or `mozilla`.
    pub profile: String,
    /// Largest body it takes, in octets.
    pub body_octets_max: usize,
}

/// `POST /groups`: a group of synthetic subscribers to make.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// How many, at least one.
    pub count: u32,
    /// The VAPID public key that they subscribe with, as `pushManager.subscribe` takes it: an uncompressed point in
    /// base64url. Without one, anybody who has an endpoint may send to it.
    #[serde(default)]
    pub application_server_key: Option<String>,
    /// The one content encoding that they understand, `aes128gcm` (the default) or `aesgcm`.
    #[serde(default)]
    pub content_encoding: Option<String>,
    /// Who of them has which fault.
    #[serde(default)]
    pub faults: FaultShares,
    /// The origins that they are spread over: subscriber i is at the one of number `from + i % count`. Default: the first.
    #[serde(default)]
    pub origins: OriginRange,
    /// Messages of each among which a duplicate is looked for, four octets each, at most 64. Default 5.
    #[serde(default)]
    pub remembered: Option<u8>,
    /// Whether each message answered 2xx gets a line in `GET /groups/{group}/received`. Default true.
    #[serde(default)]
    pub log: Option<bool>,
    /// Makes keys, endpoints' tokens and the choice of faults repeatable; random without. Whoever knows it knows the
    /// private keys.
    #[serde(default)]
    pub seed: Option<String>,
}

impl fmt::Debug for NewGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewGroup")
            .field("count", &self.count)
            .field("content_encoding", &self.content_encoding)
            .field("faults", &self.faults)
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}

/// A group as it stands: the answer to `POST /groups` and `GET /groups/{group}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Its number, from 1 on.
    pub group: u32,
    /// How many subscribers it has; they are numbered from 0 on.
    pub count: u32,
    /// What they understand.
    pub content_encoding: String,
    /// Where they are.
    pub origins: OriginRange,
    /// Who has which fault.
    pub faults: FaultShares,
    /// POSTs to endpoints of the group that came to its checks, whatever was answered.
    pub posts: u64,
    /// Messages answered 2xx, or taken and not answered.
    pub accepted: u64,
    /// How many of them were one of the last that the same subscriber had received: the same plaintext.
    pub duplicates: u64,
    /// How many of them were not.
    pub distinct: u64,
    /// How many of them the log left out because the sandbox remembers no more.
    pub received_left_out: u64,
}

/// A line of `GET /groups/{group}/received`: one message that was answered 2xx.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedLine {
    /// Rises with every 2xx of the sandbox.
    pub sequence: u64,
    /// The subscriber's number within the group: its line in `GET /groups/{group}/subscriptions`, from 0 on.
    pub index: u32,
    /// Of the decrypted plaintext, in lower-case hex; null when it could not be decrypted.
    pub sha256: Option<String>,
    /// Length of the plaintext; null when it could not be decrypted.
    pub octets: Option<u32>,
    /// Why it could not be decrypted.
    pub error: Option<String>,
    /// What was granted, in seconds.
    pub ttl: u32,
    /// null where the profile does not read it.
    pub urgency: Option<String>,
    /// The `Topic` header.
    pub topic: Option<String>,
    /// The content encoding; null for a message without a body.
    pub encoding: Option<String>,
    /// 201, whatever a fault made of it.
    pub status: u16,
    /// Microseconds since 1970.
    pub time_micros: u64,
}

/// The last line of `GET /groups/{group}/received`, if lines are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedLeftOut {
    /// How many.
    pub left_out: u64,
}

/// A line of `GET /groups/{group}/faults`: a subscriber with a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultLine {
    /// The subscriber's number within the group.
    pub index: u32,
    /// What it has.
    pub fault: Fault,
}

/// A line of `GET /answers`: an answer that a push service is known to give, for the fault `service_answer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerLine {
    /// `fcm`, `mozilla`, `apple`, `wns` or `other`.
    pub service: String,
    /// What it is called.
    pub name: String,
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: String,
    /// What it means for the delivery, as the contract names it.
    pub outcome: String,
    /// Who tells of it.
    pub source: String,
}

/// Origins by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OriginRange {
    /// The first.
    #[serde(default)]
    pub from: u32,
    /// How many, at least 1.
    #[serde(default = "one")]
    pub count: u32,
}

fn one() -> u32 {
    1
}

impl Default for OriginRange {
    fn default() -> Self {
        Self { from: 0, count: 1 }
    }
}

/// `POST /origins`: origins to make, each on a port of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrigins {
    /// How many, at least 1.
    pub count: u32,
    /// How each of them behaves.
    #[serde(default)]
    pub settings: OriginSettings,
}

/// An origin as it stands: the answer to calls of `/origins`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OriginStatus {
    /// Its number; 0 is the one that the sandbox was started with.
    pub origin: u32,
    /// `scheme://host:port` of its endpoints, and the `aud` that VAPID tokens must have.
    pub url: String,
    /// How it behaves.
    pub settings: OriginSettings,
    /// Requests that came.
    pub requests: u64,
    /// How many of them were answered 2xx.
    pub taken: u64,
    /// How many of them were beyond the limit of those open at once.
    pub over_concurrency: u64,
    /// How many of them were beyond the limit of those a second.
    pub over_rate: u64,
    /// Requests within the limits that are open.
    pub open: u64,
    /// Most that were open at once since the settings were put.
    pub peak: u64,
    /// Sum of the time that requests were open, in microseconds.
    pub busy_micros: u64,
    /// To its port.
    pub connections: Gauge,
}

/// A line of `GET /origins/{origin}/seconds`: what an origin did in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondLine {
    /// Since the start of the sandbox.
    pub second: u64,
    /// Requests that came.
    pub requests: u64,
    /// 2xx answers.
    pub taken: u64,
    /// Requests beyond the limit of those open at once.
    pub over_concurrency: u64,
    /// Requests beyond the limit of those a second.
    pub over_rate: u64,
    /// Most requests that were open at once.
    pub peak: u64,
    /// Sum of the time that requests were open, in microseconds.
    pub busy_micros: u64,
}

/// `GET /counts`: everything since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Answers by status; those that there were.
    pub statuses: BTreeMap<u16, u64>,
    /// Refusals by reason; those that there were. The reasons `fault_…` are faults.
    pub refusals: BTreeMap<String, u64>,
    /// Faults that acted, by kind; those of limits too.
    pub faults: BTreeMap<String, u64>,
    /// Messages answered 201 that could not be decrypted.
    pub decrypt_failures: u64,
    /// Messages answered 2xx whose plaintext is one of the last that the same subscriber received. Who sends the same
    /// text twice on purpose is counted too.
    pub duplicates: u64,
    /// Messages answered 2xx that a log has no room for.
    pub received_left_out: u64,
    /// To all origins.
    pub connections: Gauge,
    /// To all origins.
    pub requests: Gauge,
}

/// A line of `GET /user-agents`, and the answer to calls of `/user-agents/{user_agent}`: a browser as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserAgentStatus {
    /// What it is known by: 32 hexadecimal digits.
    pub user_agent: String,
    /// What it speaks.
    pub protocol: BrowserProtocol,
    /// Whether it is connected.
    pub connected: bool,
    /// Whether it may connect.
    pub reachable: bool,
    /// Its subscriptions.
    pub channels: Vec<String>,
    /// Messages that it has not acknowledged.
    pub waiting: u64,
}

/// What a browser speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrowserProtocol {
    /// Mozilla's WebSocket protocol: Firefox.
    Autopush,
    /// Of Google's push back end: Chromium.
    Mcs,
}

/// `PUT /user-agents/{user_agent}`: what is ordered of a browser's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserAgentSettings {
    /// Whether it may connect; if not, it is cut off at once.
    pub reachable: bool,
}

/// A line of `GET /events`: what happened to a browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserEvent {
    /// From 0 on, without a gap.
    pub number: u64,
    /// Microseconds since 1970.
    pub time_micros: u64,
    /// The browser.
    pub user_agent: String,
    /// What happened.
    pub event: BrowserEventKind,
    /// The subscription that it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The message: the last part of the `Location` that its sender was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What Firefox says of it. `acknowledged`: 100 delivered, 101 not decrypted, 102 not delivered. `failed`: 301
    /// to 303. `unregistered`: 200 by the page, 201 over its quota, 202 permission revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
}

/// See [`BrowserEvent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrowserEventKind {
    /// It connected.
    Connected,
    /// Its connection ended.
    Disconnected,
    /// It subscribed.
    Registered,
    /// It ended a subscription.
    Unregistered,
    /// A message for it was answered 201.
    Accepted,
    /// A message was sent to it.
    Sent,
    /// It has a message.
    Acknowledged,
    /// Its page failed with a message.
    Failed,
    /// A message was replaced by a newer one of the same topic.
    Replaced,
    /// A message's time to live ran out.
    Expired,
    /// A message was deleted by its sender.
    Deleted,
    /// More waited for it than is kept, so its subscriptions ended.
    Reset,
}

/// What opens and closes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gauge {
    /// Open now.
    pub open: u64,
    /// Most that were open at once.
    pub peak: u64,
    /// All.
    pub total: u64,
}

/// What a refused call of the control API answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlError {
    /// What is wrong.
    pub error: String,
}

/// What a browser's `JSON.stringify(subscription)` gives; a line of `GET /groups/{group}/subscriptions`. Its members are
/// secrets, so it has no `Debug`.
#[derive(Serialize)]
pub(crate) struct PushSubscriptionJson {
    pub(crate) endpoint: String,
    #[serde(rename = "expirationTime")]
    pub(crate) expiration_time: Option<u64>,
    pub(crate) keys: PushSubscriptionKeysJson,
}

/// See [`PushSubscriptionJson`].
#[derive(Serialize)]
pub(crate) struct PushSubscriptionKeysJson {
    pub(crate) p256dh: String,
    pub(crate) auth: String,
}

//! The outcome table: which answer of which push service means what. `mod.rs` applies it from the top; the first
//! rule that fits holds. Gathered from the services' sources, their documentation and field reports.
//!
//! Where a service's own words would end a subscription without 404 or 410 (`InvalidRegistration`, `BadPath`), they are
//! [`Signal::Suspect`] instead: only proof deletes.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Scope, Signal};
use crate::domain::Outcome;
use crate::webpush::push_service::PushService::{self, Apple, Fcm, Gcm, Mozilla, Other, Wns};

/// What must be true beside service and status.
#[derive(Clone, Copy, Debug)]
pub(super) enum Evidence {
    /// Nothing.
    StatusAlone,
    /// These words stand in the body, or in WNS's description.
    Says(&'static str),
    /// Apple's `reason` is one of these.
    Reason(&'static [&'static str]),
    /// Mozilla's `errno` is this.
    Errno(u64),
    /// ntfy's `code` is one from the first to the last.
    Code(u64, u64),
    /// WNS's `X-WNS-Status` is this.
    WnsStatus(&'static str),
    /// The subscription is minutes old and the delivery has not been tried often.
    Young,
}

/// One row.
#[derive(Debug)]
pub(super) struct Rule {
    /// Whose answers; empty for all.
    pub(super) services: &'static [PushService],
    pub(super) statuses: RangeInclusive<u16>,
    pub(super) evidence: Evidence,
    pub(super) outcome: Outcome,
    pub(super) scope: Scope,
    /// How long to wait where the answer names no time.
    pub(super) wait: Option<Duration>,
    pub(super) signal: Option<Signal>,
}

const ANY: &[PushService] = &[];
const GOOGLE: &[PushService] = &[Fcm, Gcm];
/// Self-hosted servers and forks of autopush speak like Mozilla's.
const AUTOPUSH: &[PushService] = &[Mozilla, Other];

/// ntfy names no time; its limits fill up again within minutes.
const NTFY_WAIT: Duration = Duration::from_secs(60);
/// ntfy's daily quota, and a topic without a subscriber: nothing changes soon.
const NTFY_LONG_WAIT: Duration = Duration::from_secs(15 * 60);
/// WNS throttles a channel for about that long.
const WNS_CHANNEL_WAIT: Duration = Duration::from_secs(60);

const fn rule(
    services: &'static [PushService],
    statuses: RangeInclusive<u16>,
    evidence: Evidence,
    outcome: Outcome,
) -> Rule {
    Rule { services, statuses, evidence, outcome, scope: Scope::Subscription, wait: None, signal: None }
}

impl Rule {
    const fn scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    const fn wait(self, wait: Duration) -> Self {
        Self { wait: Some(wait), ..self }
    }

    const fn signal(self, signal: Signal) -> Self {
        Self { signal: Some(signal), ..self }
    }
}

use Evidence::{Code, Errno, Reason, Says, StatusAlone, WnsStatus, Young};
use Outcome::{
    Accepted, CredentialsRefused, Dropped, Gone, KeyMismatch, Rejected, Throttled, TooLarge, Unavailable,
};

/// The table.
#[rustfmt::skip]
pub(super) static RULES: &[Rule] = &[
    // 2xx: taken. WNS may say in the same breath that it threw the message away.
    rule(&[Wns], 200..=299, WnsStatus("dropped"), Dropped),
    rule(&[Wns], 200..=299, WnsStatus("channelthrottled"), Accepted).wait(WNS_CHANNEL_WAIT),
    rule(ANY, 200..=299, StatusAlone, Accepted),

    // 3xx: never followed.
    rule(ANY, 300..=399, StatusAlone, Rejected).signal(Signal::Redirected),

    // Whose subscription it is: the key, not the subscription or the message, is at fault.
    rule(&[Apple], 400..=403, Reason(&["VapidPkHashMismatch"]), KeyMismatch),
    rule(AUTOPUSH, 401..=401, Says("public key mismatch"), KeyMismatch),
    rule(GOOGLE, 403..=403, Says("do not correspond to the credentials"), KeyMismatch),
    rule(GOOGLE, 400..=400, Says("UnauthorizedRegistration"), KeyMismatch).signal(Signal::KeyOrSubscription),

    // The token is refused. Malformed keys do not get better by signing again.
    rule(&[Apple], 400..=403, Reason(&["BadAuthorizationHeader", "BadVapidPublicKey"]), CredentialsRefused),
    rule(&[Apple], 400..=403, Reason(&["BadJwtToken"]), CredentialsRefused).signal(Signal::SignAgain),
    rule(&[Other], 401..=401, Errno(109), CredentialsRefused).signal(Signal::SignAgain),
    rule(&[Mozilla], 401..=401, StatusAlone, CredentialsRefused).signal(Signal::SignAgain),
    // An endpoint that FCM calls invalid is often valid again a day later.
    rule(GOOGLE, 401..=403, Says("invalid push subscription endpoint"), Rejected).signal(Signal::Suspect),
    rule(GOOGLE, 401..=401, StatusAlone, CredentialsRefused).signal(Signal::SignAgain),
    // Bare refusals, which only breadth explains.
    rule(ANY, 401..=401, StatusAlone, KeyMismatch).signal(Signal::KeyOrSubscription),
    rule(ANY, 403..=403, StatusAlone, KeyMismatch).signal(Signal::KeyOrSubscription),

    // 400: our fault, unless the endpoint itself is called bad. FCM says 400 where others say 413.
    rule(GOOGLE, 400..=400, Says("must be less than 4096 bytes"), TooLarge),
    rule(GOOGLE, 400..=400, Says("InvalidRegistration"), Rejected).signal(Signal::Suspect),
    rule(&[Apple], 400..=400, Reason(&["BadPath"]), Rejected).signal(Signal::Suspect),
    rule(ANY, 400..=400, StatusAlone, Rejected),
    rule(ANY, 402..=402, StatusAlone, Rejected),
    rule(ANY, 405..=405, StatusAlone, Rejected),
    rule(ANY, 411..=411, StatusAlone, Rejected),
    rule(ANY, 415..=415, StatusAlone, Rejected),

    // The only proof that a subscription has ended.
    rule(ANY, 404..=404, StatusAlone, Gone),
    rule(GOOGLE, 410..=410, Young, Unavailable).signal(Signal::YoungSubscription),
    rule(&[Wns], 410..=410, Says("Domain Blocked"), Gone).signal(Signal::DomainBlocked),
    rule(ANY, 410..=410, StatusAlone, Gone),

    rule(ANY, 413..=413, StatusAlone, TooLarge),

    // Too many. RFC 8030 section 8.4 means one push resource; the large services mean the sender.
    rule(&[Wns], 406..=406, WnsStatus("channelthrottled"), Throttled).wait(WNS_CHANNEL_WAIT),
    rule(&[Wns], 429..=429, WnsStatus("channelthrottled"), Throttled).wait(WNS_CHANNEL_WAIT),
    rule(&[Wns], 406..=406, StatusAlone, Throttled).scope(Scope::SenderKey),
    rule(&[Wns], 429..=429, StatusAlone, Throttled).scope(Scope::SenderKey),
    rule(GOOGLE, 429..=429, StatusAlone, Throttled).scope(Scope::SenderKey),
    rule(&[Mozilla], 429..=429, StatusAlone, Throttled).scope(Scope::Origin),
    rule(&[Other], 429..=429, Code(42_908, 42_908), Throttled).wait(NTFY_LONG_WAIT),
    rule(&[Other], 429..=429, Code(42_900, 42_999), Throttled).wait(NTFY_WAIT),
    rule(ANY, 429..=429, StatusAlone, Throttled),

    // The way there or back: tried again.
    rule(ANY, 408..=408, StatusAlone, Unavailable),
    rule(ANY, 425..=425, StatusAlone, Unavailable),
    rule(ANY, 499..=499, StatusAlone, Unavailable),

    rule(ANY, 400..=499, StatusAlone, Rejected).signal(Signal::Suspect),

    // 5xx: the service's fault. WNS means everybody.
    rule(&[Wns], 503..=503, StatusAlone, Unavailable).scope(Scope::Origin),
    rule(&[Other], 507..=507, Code(50_701, 50_701), Unavailable).wait(NTFY_LONG_WAIT),
    rule(ANY, 500..=u16::MAX, StatusAlone, Unavailable),

    // No final answer at all.
    rule(ANY, 0..=199, StatusAlone, Rejected),
];

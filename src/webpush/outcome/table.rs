//! The outcome table: which answer of which push service means what. `mod.rs` applies it from the top; the first
//! rule that fits holds. Gathered from the services' sources, their documentation and field reports; [`super::known`] has the
//! answers themselves, each with its source.
//!
//! Where a service's own words would end a subscription without 404 or 410 (`InvalidRegistration`, `BadPath`), they are
//! [`Signal::Suspect`] instead: only proof deletes. So is a 401, 403 or 404 that the service does not explain although it
//! always does, or that whoever stands on the way may have given.

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
    /// There is no word beside the status.
    Silent,
    /// The body is an HTML page.
    Page,
    /// It came by way of a proxy that the service does not have.
    Via,
    /// A proxy made it.
    OfProxy,
    /// Apple gives some `reason`.
    AnyReason,
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

use Evidence::{
    AnyReason, Code, Errno, OfProxy, Page, Reason, Says, Silent, StatusAlone, Via, WnsStatus, Young,
};
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

    // Whoever stands on the way: 407 and 511 are of proxies by their definition (RFC 9110 section 15.5.8, RFC 6585 section 6).
    rule(ANY, 407..=407, StatusAlone, Unavailable).signal(Signal::Proxy),
    rule(ANY, 511..=511, StatusAlone, Unavailable).signal(Signal::Proxy),
    rule(ANY, 400..=599, OfProxy, Unavailable).signal(Signal::Proxy),

    // Whose subscription it is: the key, not the subscription or the message, is at fault.
    rule(&[Apple], 400..=403, Reason(&["VapidPkHashMismatch"]), KeyMismatch),
    rule(AUTOPUSH, 401..=401, Says("public key mismatch"), KeyMismatch),
    rule(GOOGLE, 400..=403, Says("do not correspond to the credentials"), KeyMismatch),
    rule(GOOGLE, 400..=403, Says("not correspond to the sender ID"), KeyMismatch),
    rule(GOOGLE, 400..=403, Says("MismatchSenderId"), KeyMismatch),
    rule(GOOGLE, 400..=403, Says("SenderId mismatch"), KeyMismatch),
    rule(GOOGLE, 400..=403, Says("sender id mismatch"), KeyMismatch),
    rule(GOOGLE, 400..=403, Says("SENDER_ID_MISMATCH"), KeyMismatch),
    rule(GOOGLE, 400..=400, Says("UnauthorizedRegistration"), KeyMismatch).signal(Signal::KeyOrSubscription),

    // The token is refused. Malformed keys do not get better by signing again.
    rule(&[Apple], 400..=403, Reason(&["BadAuthorizationHeader", "BadVapidPublicKey"]), CredentialsRefused),
    rule(&[Apple], 400..=403, Reason(&["BadJwtToken", "ExpiredProviderToken", "InvalidProviderToken", "MissingProviderToken"]), CredentialsRefused).signal(Signal::SignAgain),
    // Of autopush's API for phones, which is no place to post to: nothing is wrong with the token.
    rule(AUTOPUSH, 401..=401, Says("Invalid Authentication"), Rejected).signal(Signal::Suspect),
    rule(AUTOPUSH, 401..=401, Says("Invalid Local Auth"), Rejected).signal(Signal::Suspect),
    rule(AUTOPUSH, 401..=401, Errno(109), CredentialsRefused).signal(Signal::SignAgain),
    // An endpoint that FCM calls invalid is often valid again a day later.
    rule(GOOGLE, 401..=403, Says("invalid push subscription endpoint"), Rejected).signal(Signal::Suspect),
    rule(GOOGLE, 400..=403, Says("invalid JWT"), CredentialsRefused).signal(Signal::SignAgain),
    rule(GOOGLE, 400..=403, Says("aud claim"), CredentialsRefused).signal(Signal::SignAgain),
    rule(GOOGLE, 400..=403, Says("exp claim"), CredentialsRefused).signal(Signal::SignAgain),
    rule(GOOGLE, 400..=403, Says("token has expired"), CredentialsRefused).signal(Signal::SignAgain),
    rule(GOOGLE, 400..=403, Says("sender is not authenticated"), CredentialsRefused).signal(Signal::SignAgain),
    rule(GOOGLE, 400..=403, Says("public key"), CredentialsRefused),
    rule(GOOGLE, 400..=403, Says("public application server key"), CredentialsRefused),
    rule(GOOGLE, 400..=403, Says("crypto-key header"), CredentialsRefused),
    rule(GOOGLE, 400..=403, Says("authorization header"), CredentialsRefused).signal(Signal::SignAgain),
    rule(GOOGLE, 401..=401, StatusAlone, CredentialsRefused).signal(Signal::SignAgain),
    // WNS says nothing beside the status; which of the two it is only breadth explains. A page is not by WNS.
    rule(&[Wns], 401..=401, Page, Rejected).signal(Signal::Suspect),
    rule(&[Wns], 403..=403, Page, Rejected).signal(Signal::Suspect),
    rule(&[Wns], 401..=401, StatusAlone, KeyMismatch).signal(Signal::KeyOrSubscription),
    rule(&[Wns], 403..=403, StatusAlone, KeyMismatch).signal(Signal::KeyOrSubscription),
    // Not explained by those who always do, or with no word of the standard's: a firewall's page, an access list.
    rule(ANY, 401..=401, StatusAlone, Rejected).signal(Signal::Suspect),
    rule(ANY, 403..=403, StatusAlone, Rejected).signal(Signal::Suspect),

    // 400: our fault, unless the endpoint itself is called bad. FCM says 400 where others say 413.
    rule(GOOGLE, 400..=400, Says("must be less than 4096 bytes"), TooLarge),
    rule(GOOGLE, 400..=400, Says("InvalidRegistration"), Rejected).signal(Signal::Suspect),
    rule(GOOGLE, 400..=400, Says("InvalidTokenFormat"), Rejected).signal(Signal::Suspect),
    rule(&[Apple], 400..=400, Reason(&["BadPath", "BadDeviceToken", "DeviceTokenNotForTopic"]), Rejected).signal(Signal::Suspect),
    rule(&[Apple], 400..=400, Reason(&["IdleTimeout"]), Unavailable),
    rule(ANY, 400..=400, StatusAlone, Rejected),
    rule(ANY, 402..=402, StatusAlone, Rejected),
    rule(ANY, 405..=405, StatusAlone, Rejected),
    rule(ANY, 411..=411, StatusAlone, Rejected),
    rule(ANY, 415..=415, StatusAlone, Rejected),

    // The only proof that a subscription has ended: in the service's own words first.
    rule(GOOGLE, 410..=410, Young, Unavailable).signal(Signal::YoungSubscription),
    rule(GOOGLE, 404..=404, Says("push subscription"), Gone),
    rule(GOOGLE, 404..=404, Says("NotRegistered"), Gone),
    rule(AUTOPUSH, 404..=404, Errno(102), Gone),
    rule(&[Apple], 404..=404, AnyReason, Gone),
    // Then what may be of somebody on the way.
    rule(ANY, 404..=404, Via, Rejected).signal(Signal::Suspect),
    rule(ANY, 404..=404, Page, Rejected).signal(Signal::Suspect),
    rule(&[Mozilla, Apple, Wns], 410..=410, Page, Rejected).signal(Signal::Suspect),
    // FCM and Apple always say why. Mozilla never does: its 404 has no body, so one that has is not of autopush.
    rule(GOOGLE, 404..=404, Silent, Rejected).signal(Signal::Suspect),
    rule(&[Apple], 404..=404, StatusAlone, Rejected).signal(Signal::Suspect),
    rule(&[Mozilla], 404..=404, Silent, Gone),
    rule(&[Mozilla], 404..=404, StatusAlone, Rejected).signal(Signal::Suspect),
    rule(ANY, 404..=404, StatusAlone, Gone),
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
    rule(&[Apple], 429..=429, Reason(&["TooManyProviderTokenUpdates"]), Throttled).scope(Scope::SenderKey),
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

//! What an answer of a push service means for the delivery, the subscription, the sender and the origin.
//!
//! The rules are data, in `table.rs`; the first that fits holds. Here they are applied. Two things hold whatever
//! the table says: only 404 and 410 end a subscription, and what a service says is shown in
//! [`Verdict::detail`] without anything secret. The answers that services are known to give are data too, in [`known`],
//! with what they mean and who told of them.

mod answer;
mod clock;
pub mod known;
mod table;
#[cfg(test)]
mod tests;

use std::time::Duration;

use answer::Answer;
use table::{Evidence, RULES, Rule};

use super::push_service::PushService;
use super::request::{PushResponse, TTL};
use super::retry_after::retry_after;
use crate::domain::{Outcome, Timestamp};

/// FCM has answered 410 for a subscription that was seconds old and taken the message a little later, so that within
/// this age its first answers prove nothing.
pub const YOUNG_SUBSCRIPTION: Duration = Duration::from_secs(5 * 60);
/// How many attempts of one delivery may end like that before a 410 is believed.
pub const YOUNG_ATTEMPTS_MAX: u32 = 2;
/// What a phone takes through Mozilla's bridge to FCM, in octets of the body, where the answer does not tell.
pub const CONSTRAINED_BODY_OCTETS: u32 = 3_015;

/// What the meaning of an answer depends on beside the answer.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// Whose answer it is.
    pub service: PushService,
    /// How long the subscription has existed with these keys.
    pub subscription_age: Duration,
    /// Which attempt of the delivery it was; 1 for the first.
    pub attempt: u32,
    /// Octets of the body that was sent.
    pub body_octets: usize,
    /// When the answer came, for a `Retry-After` that is a date.
    pub now: Timestamp,
}

/// Whom throttling and [`Verdict::retry_after`] mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// This subscription alone.
    Subscription,
    /// All that this VAPID key sends to this origin.
    SenderKey,
    /// All that is sent to this origin.
    Origin,
}

/// What one answer cannot decide, or what somebody should hear of. The outcome beside it is what is safe meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// With [`Outcome::Unavailable`]: the service says gone, but the subscription is minutes old. Try again.
    YoungSubscription,
    /// With [`Outcome::Rejected`]: refused for nothing that we know to be our fault, perhaps for a bad endpoint. If it
    /// stays so for days in a row, disable the subscription. It never removes one.
    Suspect,
    /// With [`Outcome::KeyMismatch`]: the service does not say whether the subscription belongs to another key or the key
    /// is refused. If many subscriptions of one key are answered so, its credentials are refused.
    KeyOrSubscription,
    /// With [`Outcome::CredentialsRefused`]: a newly signed token may be taken, see
    /// [`super::vapid::TokenTimes::after_refusal`].
    SignAgain,
    /// With [`Outcome::Gone`]: the service has blocked the sender for abuse. An alarm.
    DomainBlocked,
    /// With [`Outcome::Rejected`]: a redirect, which is never followed. An alarm: no push service does that.
    Redirected,
    /// With [`Outcome::Unavailable`]: a proxy on the way answered in the place of the push service. It says nothing about
    /// the subscription, the sender or the service.
    Proxy,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What it means for the delivery.
    pub outcome: Outcome,
    /// Whom it means where it slows down; [`Scope::Subscription`] otherwise.
    pub scope: Scope,
    /// How long to wait, where the service or its manners ask for it: at most [`super::retry_after::RETRY_AFTER_MAX`].
    /// Only with an outcome that is tried again, and with an [`Outcome::Accepted`] of a subscription that is throttled.
    pub retry_after: Option<Duration>,
    /// With [`Outcome::Accepted`]: the time to live that was granted (RFC 8030 section 5.2), where it was told.
    pub granted_ttl: Option<Duration>,
    /// With [`Outcome::TooLarge`]: the largest body in octets that this subscription takes, where it was told.
    pub body_octets_max: Option<u32>,
    /// What is to be watched beside the outcome.
    pub signal: Option<Signal>,
    /// By how many seconds this server's clock is ahead of the answer's `Date`, below zero where it is behind. `None` of
    /// what was accepted, and without a `Date` that can be read. It is as old as the answer, and whole seconds.
    pub clock_ahead: Option<i64>,
    /// What the service said, unless it just took the message: at most [`crate::domain::limits::DETAIL_CHARS_MAX`] characters on one line, without URLs,
    /// tokens and control characters.
    pub detail: String,
}

impl Verdict {
    /// On an attempt that no answer came to: nothing but its outcome is known.
    #[must_use]
    pub fn without_answer(outcome: Outcome, detail: &str) -> Self {
        Self {
            outcome,
            scope: Scope::Subscription,
            retry_after: None,
            granted_ttl: None,
            body_octets_max: None,
            signal: None,
            clock_ahead: None,
            detail: detail.to_owned(),
        }
    }
}

/// Says what an answer means.
#[must_use]
pub fn classify(response: &PushResponse, circumstances: &Circumstances) -> Verdict {
    let answer = Answer::read(response);
    let rule = RULES.iter().find(|rule| fits(rule, response.status, &answer, circumstances));
    // The last rules leave no status out; this one is for a reader who doubts it.
    let (outcome, scope, wait, signal) = rule
        .map_or((Outcome::Rejected, Scope::Subscription, None, None), |rule| {
            (rule.outcome, rule.scope, rule.wait, rule.signal)
        });
    let slows = outcome.is_retryable() || (outcome == Outcome::Accepted && wait.is_some());
    let clock_ahead =
        if outcome == Outcome::Accepted { None } else { clock::ahead(&response.headers, circumstances.now) };
    Verdict {
        outcome,
        scope,
        retry_after: if slows { retry_after(&response.headers, circumstances.now).or(wait) } else { None },
        granted_ttl: if outcome == Outcome::Accepted { granted_ttl(response) } else { None },
        body_octets_max: if outcome == Outcome::TooLarge {
            learned_body_limit(&answer, circumstances.body_octets)
        } else {
            None
        },
        signal,
        clock_ahead,
        // A plain success has nothing to tell; ntfy repeats the message in its answer.
        detail: if outcome == Outcome::Accepted && wait.is_none() {
            String::new()
        } else {
            detail(&answer, outcome, signal, clock_ahead)
        },
    }
}

/// What the service said; who said it, if that was another; and what may be wrong with the clock, if the token is refused.
fn detail(answer: &Answer<'_>, outcome: Outcome, signal: Option<Signal>, clock_ahead: Option<i64>) -> String {
    let before = match signal {
        Some(Signal::Proxy) => "a proxy on the way answered",
        Some(Signal::Suspect) if answer.is_via() => "answered by way of a proxy",
        Some(
            Signal::Suspect
            | Signal::YoungSubscription
            | Signal::KeyOrSubscription
            | Signal::SignAgain
            | Signal::DomainBlocked
            | Signal::Redirected,
        )
        | None => "",
    };
    let clock = clock_ahead.filter(|_| outcome == Outcome::CredentialsRefused).and_then(clock::words);
    answer.detail(before, clock.as_deref().unwrap_or_default())
}

fn fits(rule: &Rule, status: u16, answer: &Answer<'_>, circumstances: &Circumstances) -> bool {
    let service = rule.services.is_empty() || rule.services.contains(&circumstances.service);
    service
        && rule.statuses.contains(&status)
        && match rule.evidence {
            Evidence::StatusAlone => true,
            Evidence::Silent => answer.is_silent(),
            Evidence::Page => answer.is_page(),
            Evidence::Via => answer.is_via(),
            Evidence::OfProxy => answer.is_of_proxy(),
            Evidence::AnyReason => !answer.reason().is_empty(),
            Evidence::Says(words) => answer.says(words),
            Evidence::Reason(reasons) => reasons.contains(&answer.reason()),
            Evidence::Errno(errno) => answer.errno() == Some(errno),
            Evidence::Code(first, last) => answer.code().is_some_and(|code| (first..=last).contains(&code)),
            Evidence::WnsStatus(name) => answer.wns_status().eq_ignore_ascii_case(name),
            Evidence::Young => {
                circumstances.subscription_age < YOUNG_SUBSCRIPTION
                    && circumstances.attempt <= YOUNG_ATTEMPTS_MAX
            }
        }
}

/// The `TTL` header of an answer.
fn granted_ttl(response: &PushResponse) -> Option<Duration> {
    let seconds = response.headers.get(TTL)?.to_str().ok()?.trim().parse::<u32>().ok()?;
    Some(Duration::from_secs(seconds.into()))
}

/// What phones take. Their bridge counts the body as base64, four characters for three octets.
fn learned_body_limit(answer: &Answer<'_>, body_octets: usize) -> Option<u32> {
    let sent = u32::try_from(body_octets).ok()?;
    let limit = match answer.too_long_by() {
        Some(by) => sent.saturating_sub(u32::try_from(by.saturating_mul(3).div_ceil(4)).ok()?),
        None if answer.says("constrained device") => CONSTRAINED_BODY_OCTETS.min(sent.saturating_sub(1)),
        None => return None,
    };
    (limit > 0).then_some(limit)
}

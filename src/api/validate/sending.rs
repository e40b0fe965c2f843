//! Send and Broadcast.

use super::audience::{Asked, audience};
use super::message::{message, start};
use super::subscription::{BrowserSubscription, check_allowed, push_subscription};
use super::{Rules, collapse, known, request_hash, selector, text};
use crate::api::status::ApiError;
use crate::domain::limits::{BROADCAST_RATE_MIN, REQUEST_ID_OCTETS_MAX};
use crate::domain::{Audience, MessageSpec, ReportLevel, SubscriptionId, Timestamp, Violations};
use crate::proto::v1;

/// A Send or Broadcast whose fields are right.
#[derive(Clone, Debug)]
pub(crate) struct Sending<R> {
    pub(crate) spec: MessageSpec,
    pub(crate) recipient: R,
    pub(crate) request_id: String,
    pub(crate) request_hash: [u8; 32],
    /// When it starts, if that is not at once.
    pub(crate) start: Option<Timestamp>,
    /// What its collapse key and recipient or audience have in common with others.
    pub(crate) collapse: Option<[u8; 16]>,
    pub(crate) level: ReportLevel,
    pub(crate) include_receipts: bool,
    pub(crate) validate_only: bool,
    pub(crate) cancel_on_disconnect: bool,
}

impl<R> Sending<R> {
    /// The recipient, and all the rest.
    pub(crate) fn divide(self) -> (R, Sending<()>) {
        let Self {
            spec,
            recipient,
            request_id,
            request_hash,
            start,
            collapse,
            level,
            include_receipts,
            validate_only,
            cancel_on_disconnect,
        } = self;
        let rest = Sending {
            spec,
            recipient: (),
            request_id,
            request_hash,
            start,
            collapse,
            level,
            include_receipts,
            validate_only,
            cancel_on_disconnect,
        };
        (recipient, rest)
    }
}

/// To whom a Send goes.
#[derive(Clone, Debug)]
pub(crate) enum Recipient {
    Subscription(SubscriptionId),
    User(String),
    Inline(Box<BrowserSubscription>),
}

/// Reads a Send.
pub(crate) fn send(request: v1::SendRequest, rules: Rules<'_>) -> Result<Sending<Recipient>, ApiError> {
    let (request_hash, collapse) = (request_hash::of_send(&request), collapse::of_send(&request));
    let v1::SendRequest {
        application: _,
        message: given,
        request_id,
        validate_only,
        report_level,
        include_receipts,
        cancel_on_disconnect,
        recipient,
    } = request;
    let mut violations = Violations::new();
    let recipient = self::recipient(&mut violations, recipient.as_ref(), rules);
    let spec = message(&mut violations, given.as_ref(), rules);
    let start = given.as_ref().and_then(|given| start(&mut violations, given, rules.now));
    text::plain(&mut violations, "request_id", &request_id, REQUEST_ID_OCTETS_MAX);
    let level = self::report_level(&mut violations, report_level);
    let (recipient, spec, level) = violations.or(all_of(recipient, spec, level))?;
    if let Recipient::Inline(browser) = &recipient {
        check_allowed("push_subscription", &browser.endpoint, rules)?;
    }
    Ok(Sending {
        spec,
        recipient,
        request_id,
        request_hash,
        start,
        collapse,
        level,
        include_receipts,
        validate_only,
        cancel_on_disconnect,
    })
}

/// Reads a Broadcast.
pub(crate) fn broadcast(
    request: v1::BroadcastRequest,
    rules: Rules<'_>,
) -> Result<Sending<Audience>, ApiError> {
    let (request_hash, collapse) = (request_hash::of_broadcast(&request), collapse::of_broadcast(&request));
    let v1::BroadcastRequest {
        application: _,
        audience: to,
        message: given,
        request_id,
        validate_only,
        report_level,
        include_receipts,
        cancel_on_disconnect,
        max_per_second,
    } = request;
    let mut violations = Violations::new();
    let asked = audience(&mut violations, to.as_ref());
    let spec = message(&mut violations, given.as_ref(), rules);
    let start = given.as_ref().and_then(|given| start(&mut violations, given, rules.now));
    text::plain(&mut violations, "request_id", &request_id, REQUEST_ID_OCTETS_MAX);
    let level = self::report_level(&mut violations, report_level);
    let max_per_second = self::max_per_second(&mut violations, max_per_second);
    let (asked, mut spec, level) = violations.or(all_of(asked, spec, level))?;
    spec.max_per_second = max_per_second;
    let Asked::Audience(recipient) = asked else {
        return Err(ApiError::NotImplemented("the field audience.filter"));
    };
    Ok(Sending {
        spec,
        recipient,
        request_id,
        request_hash,
        start,
        collapse,
        level,
        include_receipts,
        validate_only,
        cancel_on_disconnect,
    })
}

/// Attempts a second; `None` is no limit.
fn max_per_second(violations: &mut Violations, rate: f64) -> Option<f64> {
    if rate == 0.0 {
        return None;
    }
    if !(rate.is_finite() && rate >= BROADCAST_RATE_MIN) {
        violations.add("max_per_second", format!("must be 0, or a number from {BROADCAST_RATE_MIN} on"));
    }
    Some(rate)
}

/// Reads a report level; unset is [`ReportLevel::Terminal`].
pub(crate) fn report_level(violations: &mut Violations, number: i32) -> Option<ReportLevel> {
    known(violations, "report_level", number, |level| {
        Some(match level {
            v1::ReportLevel::Unspecified | v1::ReportLevel::Terminal => ReportLevel::Terminal,
            v1::ReportLevel::Accepted => ReportLevel::Accepted,
            v1::ReportLevel::Progress => ReportLevel::Progress,
            v1::ReportLevel::Failures => ReportLevel::Failures,
            v1::ReportLevel::Attempts => ReportLevel::Attempts,
        })
    })
}

fn all_of<A, B, C>(a: Option<A>, b: Option<B>, c: Option<C>) -> Option<(A, B, C)> {
    Some((a?, b?, c?))
}

fn recipient(
    violations: &mut Violations,
    recipient: Option<&v1::send_request::Recipient>,
    rules: Rules<'_>,
) -> Option<Recipient> {
    use v1::send_request::Recipient as Given;
    match recipient {
        Some(Given::Subscription(name)) => {
            selector::subscription_name(violations, "subscription", name).map(Recipient::Subscription)
        }
        Some(Given::UserId(user)) => {
            text::named_user(violations, "user_id", user);
            Some(Recipient::User(user.clone()))
        }
        Some(Given::PushSubscription(browser)) => {
            push_subscription(violations, "push_subscription", Some(browser), rules)
                .map(|browser| Recipient::Inline(Box::new(browser)))
        }
        None => {
            violations.add("recipient", "one of subscription, user_id and push_subscription must be set");
            None
        }
    }
}

//! Receipts.

use super::delivery::count;
use super::time::timestamp;
use crate::api::tokens::Tokens;
use crate::domain::{MessageId, ReceiptCounts, ReceiptKind, Report, SubscriptionId};
use crate::engine::feed::PlacedReceipt;
use crate::proto::v1;

/// A receipt of a stream.
pub(crate) fn placed(tokens: &Tokens, placed: &PlacedReceipt) -> v1::ReceiptEvent {
    let receipt = &placed.receipt;
    let report = &receipt.report;
    v1::ReceiptEvent {
        message: receipt.message.name(),
        event_id: tokens.receipt_id(receipt.message, receipt.subscription(), report.kind),
        subscription: receipt.subscription().map(SubscriptionId::name).unwrap_or_default(),
        user_id: receipt.user_id.clone(),
        kind: kind(report.kind).into(),
        action: report.action.clone(),
        event_time: Some(timestamp(report.time)),
        occur_time: report.occurred.map(timestamp),
        request_id: placed.request_id.to_string(),
    }
}

/// A receipt of a delivery that is listed as `latest`.
pub(crate) fn listed(
    tokens: &Tokens,
    message: MessageId,
    delivery: Option<SubscriptionId>,
    latest: &v1::DeliveryEvent,
    report: &Report,
) -> v1::ReceiptEvent {
    v1::ReceiptEvent {
        message: message.name(),
        event_id: tokens.receipt_id(message, delivery, report.kind),
        subscription: latest.subscription.clone(),
        user_id: latest.user_id.clone(),
        kind: kind(report.kind).into(),
        action: report.action.clone(),
        event_time: Some(timestamp(report.time)),
        occur_time: report.occurred.map(timestamp),
        request_id: latest.request_id.clone(),
    }
}

/// Receipts of a message by kind.
pub(crate) fn counts(counts: ReceiptCounts) -> v1::ReceiptCounts {
    let ReceiptCounts { displayed, clicked, closed } = counts;
    v1::ReceiptCounts { displayed: count(displayed), clicked: count(clicked), closed: count(closed) }
}

fn kind(kind: ReceiptKind) -> v1::ReceiptKind {
    match kind {
        ReceiptKind::Displayed => v1::ReceiptKind::Displayed,
        ReceiptKind::Clicked => v1::ReceiptKind::Clicked,
        ReceiptKind::Closed => v1::ReceiptKind::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_the_numbers_of_the_contract() {
        for known in ReceiptKind::ALL {
            assert_eq!(i32::from(kind(known)), i32::from(known.number()));
        }
        assert!(v1::ReceiptKind::try_from(4).is_err(), "a new kind: add it to the domain");
    }
}

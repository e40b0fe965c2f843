//! What the store keeps: a damaged disk is a stranger too.

use crate::domain::{ApplicationId, MessageId, OriginId, SubscriptionId, VapidKeyId};
use crate::store::kv::keys;
use crate::store::kv::sealing::{MasterKey, Sealing};
use crate::store::records::Record;
use crate::store::records::application::{
    ApplicationValue, OriginValue, SecretValue, VapidKeyValue, VapidTokenValue,
};
use crate::store::records::audit::AuditValue;
use crate::store::records::change::{ChangeTime, ChangeValue};
use crate::store::records::feed::{FeedTimes, FeedValue};
use crate::store::records::kept::KeptValue;
use crate::store::records::message::{
    DoneValue, ListValue, MessageReference, OpenValue, RequestValue, StateValue,
};
use crate::store::records::page::{HeadValue, PageValue};
use crate::store::records::receipt::ReportsValue;
use crate::store::records::segment::{SegmentHeader, SegmentValue};
use crate::store::records::subscription::{
    MemberValue, SubscriptionReference, SubscriptionValue, TopicValue,
};
use crate::store::records::{Mark, Number, SealingValue, SequenceValue};

const SUBSCRIPTION: SubscriptionId = SubscriptionId([1; 16]);
const MESSAGE: MessageId = MessageId([2; 16]);

/// Which record; then its value.
///
/// # Panics
/// When a promise does not hold.
pub fn records(data: &[u8]) {
    let Some((kind, value)) = super::choice(data) else { return };
    // Whatever comes of the conversion: it must not panic, and must not ask for much.
    match kind {
        0 => drop(read::<ApplicationValue>(value)),
        1 => drop(read::<VapidKeyValue>(value).map(|it| it.into_key(VapidKeyId(1)))),
        2 => drop(read::<VapidTokenValue>(value).map(|it| it.into_token(ApplicationId(1), VapidKeyId(1)))),
        3 => drop(read::<SecretValue>(value)),
        4 => drop(read::<OriginValue>(value).map(|it| it.into_info(OriginId(1)))),
        5 => drop(read::<ChangeValue>(value).map(|it| it.into_change(1))),
        6 => drop(read::<KeptValue>(value).map(KeptValue::to_kept)),
        7 => {
            let Some(open) = read::<OpenValue>(value) else { return };
            let _ = (open.collapse(), open.audience_kind(), open.spec(), open.header().is_ok());
            if let Some((group, page)) = open.page() {
                let first = open.first_head(ApplicationId(1), group, page.entries());
                drop((first.map(|head| head.states()), open.first_state(page), page.owners()));
            }
            drop(open.into_record(MESSAGE, &StateValue::new(None, false)));
        }
        8 => drop(read::<ListValue>(value)),
        9 => {
            let Some(mut state) = read::<StateValue>(value) else { return };
            let _ =
                (state.stopped(), state.plan(), state.begin(super::NOW), state.began(), state.last_commit());
            let _ = state.is_complete();
            state.end();
        }
        10 => {
            let Some(done) = read::<DoneValue>(value) else { return };
            let _ = done.segment();
            drop(done.into_record(MESSAGE));
        }
        11 => drop(read::<RequestValue>(value).map(|it| it.parts())),
        12 => drop(read::<MessageReference>(value).map(|it| it.id())),
        13 => drop(read::<PageValue>(value).map(PageValue::into_inline)),
        14 => {
            let Some(head) = read::<HeadValue>(value) else { return };
            let _ =
                (head.entries(), head.settled(), head.retrying(), head.settled_since(&head), head.states());
        }
        15 => drop(read::<ReportsValue>(value).map(|it| it.reports())),
        16 => drop(read::<SegmentHeader>(value)),
        17 => drop(read::<SegmentValue>(value).map(|it| it.into_segment(MESSAGE, 1))),
        18 => drop(read::<FeedValue>(value).map(|it| it.into_rows(1))),
        19 => drop(read::<SubscriptionValue>(value).map(|it| it.into_subscription(SUBSCRIPTION))),
        20 => drop(read::<MemberValue>(value).map(|it| it.into_target(SUBSCRIPTION))),
        21 => drop(read::<SubscriptionReference>(value).map(|it| it.id())),
        22 => drop(read::<TopicValue>(value)),
        23 => drop((read::<FeedTimes>(value).map(|it| it.last()), read::<ChangeTime>(value))),
        24 => drop((
            read::<Number>(value).map(Number::narrow),
            read::<SequenceValue>(value),
            read::<Mark>(value),
            read::<SealingValue>(value),
        )),
        25 => {
            let row = &value[..value.len().min(8)];
            Sealing::fuzzed(row, &value[row.len()..]);
        }
        26 => drop(MasterKey::parse_all(&String::from_utf8_lossy(value))),
        27 => drop(read::<AuditValue>(value).map(AuditValue::into_entry)),
        _ => {
            let _ = (keys::application_of(value), keys::vapid_key_of(value), keys::subscription_of(value));
            let _ = (keys::origin_of(value), keys::message_of(value), keys::aged_at(value));
            let _ = (keys::page_of(value), keys::seq_of(value));
        }
    }
}

/// What is read is written and read again as the same.
fn read<R: Record>(value: &[u8]) -> Option<R> {
    let record = R::from_value(value).ok()?;
    let written = record.to_value();
    let again = R::from_value(&written).map(|again| again.to_value());
    assert_eq!(again.ok(), Some(written), "{}", R::KIND);
    Some(record)
}

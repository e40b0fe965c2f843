//! Reads every record, and says which of them are lost: for operators, after a disk failed or a backup was restored.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::audit::AUDIT_LOG;
use super::backend::Order;
use super::backup::NUMBERS_AHEAD;
use super::keys;
use super::pages;
use super::records::api_token::ApiTokenValue;
use super::records::application::{
    ApplicationValue, OriginValue, SecretValue, VapidKeyValue, VapidTokenValue,
};
use super::records::audit::AuditValue;
use super::records::change::ChangeValue;
use super::records::feed::{FeedTimes, FeedValue};
use super::records::held::{HeldValue, RemovedValue};
use super::records::kept::KeptValue;
use super::records::message::{DoneValue, ListValue, MessageReference, OpenValue, RequestValue, StateValue};
use super::records::page::{HeadValue, PageValue};
use super::records::receipt::ReportsValue;
use super::records::segment::SegmentValue;
use super::records::subscription::{SubscriptionReference, SubscriptionValue, TopicValue};
use super::records::{Mark, Number, Record, SealingValue, SequenceValue};
use super::sealing::SEALING_NAME;
use super::transaction::{Reader, Rows as _};
use super::{KEYS_COUNTED, KvStore};
use crate::domain::ApplicationId;
use crate::store::StoreError;

/// Damaged records of a kind that are named one by one.
pub const NAMED_MAX: usize = 10;
/// Rows between two words of progress.
const TOLD_ROWS: u64 = 4_096;
/// Octets of the key of a topic's name before that name, which is not shown.
const TOPIC_NAME_AT: usize = 5;
/// What rows are called whose kind this version does not know.
const UNKNOWN: &str = "unknown";

/// Whether the row of a key and a value reads.
type Judge = fn(&[u8], &[u8]) -> Result<(), StoreError>;

/// All rows of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct KindVerified {
    /// What `docs/storage.md` calls it.
    pub kind: &'static str,
    /// How many rows there are.
    pub rows: u64,
    /// Those that do not read.
    pub corrupt: u64,
    /// The keys of the first of these, in hexadecimal; at most [`NAMED_MAX`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub corrupt_keys: Vec<String>,
    /// Rows that are not there although others need them.
    pub missing: u64,
}

/// What came of reading every record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// By kind, in the order of keys; kinds without rows are left out.
    pub kinds: Vec<KindVerified>,
}

impl Verified {
    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.rows).sum()
    }

    /// How many records are lost: those that do not read, and those that are missing.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.corrupt + kind.missing).sum()
    }
}

impl KvStore {
    /// Reads every record. `tell` is called with the rows that were read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn verify(&self, tell: impl FnMut(u64) + Send + 'static) -> Result<Verified, StoreError> {
        self.read(move |reader| verify(reader, tell)).await
    }
}

fn verify(reader: &Reader, mut tell: impl FnMut(u64)) -> Result<Verified, StoreError> {
    let mut found: BTreeMap<u8, KindVerified> = BTreeMap::new();
    for (kind, range) in keys::kinds() {
        found.extend(
            range.from.first().map(|octet| (*octet, KindVerified { kind, ..KindVerified::default() })),
        );
    }
    let mut feed = Feed::default();
    for (row, number) in reader.scan(keys::everything(), Order::Ascending).zip(1..) {
        let (key, value) = row?;
        let octet = key.first().copied().unwrap_or_default();
        let of =
            found.entry(octet).or_insert_with(|| KindVerified { kind: UNKNOWN, ..KindVerified::default() });
        of.rows += 1;
        let judged = judge_of(of.kind).map_or(Err(StoreError::Corrupt(UNKNOWN)), |judge| judge(&key, &value));
        if judged.is_err() {
            of.corrupt += 1;
            if of.corrupt_keys.len() < NAMED_MAX {
                of.corrupt_keys.push(shown(of.kind, &key));
            }
        }
        if let Some(missing) = feed.gap(of.kind, &key, &value) {
            of.missing += missing;
        }
        if judged.is_ok()
            && let Some(needed) = missing(reader, of.kind, &key, &value)?
            && let Some(other) = needed.first().and_then(|octet| found.get_mut(octet))
        {
            other.missing += 1;
        }
        if number % TOLD_ROWS == 0 {
            tell(number);
        }
    }
    let mut kinds: Vec<_> = found.into_values().collect();
    kinds.retain(|of| of.rows + of.missing > 0);
    Ok(Verified { kinds })
}

/// The row without which this one is of no use, if it is not there.
fn missing(reader: &Reader, kind: &str, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let unless_there = |needed: Option<Vec<u8>>| match needed {
        Some(needed) => Ok(reader.value(&needed)?.is_none().then_some(needed)),
        None => Ok(None),
    };
    let message = || Some((keys::application_of(key)?, keys::message_of(key)?));
    match kind {
        // One that keeps its page has no state before something is recorded of it.
        "open" if OpenValue::from_value(value)?.page().is_some() => Ok(None),
        "open" => unless_there(message().map(|(application, message)| keys::state(application, message))),
        "state" => unless_there(message().map(|(application, message)| keys::open(application, message))),
        "page" => unless_there(keys::page_of(key).map(keys::head)),
        "head" => {
            let Some(page) = keys::page_of(key) else { return Ok(None) };
            let application = HeadValue::from_value(value)?.head(page)?.application;
            Ok(pages::body(reader, application, page)?.is_none().then(|| keys::page(page)))
        }
        _ => Ok(None),
    }
}

/// The commits of each application have numbers without gaps.
#[derive(Default)]
struct Feed(Option<(ApplicationId, u64)>);

impl Feed {
    /// How many commits are missing between this one and the one before.
    fn gap(&mut self, kind: &str, key: &[u8], value: &[u8]) -> Option<u64> {
        if kind != "feed" {
            return None;
        }
        let (application, seq) = (keys::application_of(key)?, keys::seq_of(key)?);
        let commits = FeedTimes::from_value(value).map_or(1, |times| times.commits());
        let before = self.0.replace((application, seq + commits - 1)).filter(|(of, _)| *of == application);
        // A restore leaves a gap, which is far larger than what can be lost.
        before.map(|(_, before)| seq.saturating_sub(before + 1)).filter(|gap| *gap < NUMBERS_AHEAD / 2)
    }
}

fn shown(kind: &str, key: &[u8]) -> String {
    let mut text = String::new();
    let most = if kind == "topic name" { TOPIC_NAME_AT } else { key.len() };
    for octet in key.iter().take(most) {
        let _ = write!(text, "{octet:02x}");
    }
    text
}

fn reads<R: Record>(_: &[u8], value: &[u8]) -> Result<(), StoreError> {
    R::from_value(value).map(drop)
}

/// What a key must have.
fn part<T>(part: Option<T>) -> Result<T, StoreError> {
    part.ok_or(StoreError::Corrupt("key"))
}

/// By the names of [`keys::kinds`]. A record reads if all that is made of it can be made.
fn judge_of(kind: &str) -> Option<Judge> {
    Some(match kind {
        "application" => |_, value| {
            let value = ApplicationValue::from_value(value)?;
            value.settings.map_or(Ok(()), |settings| settings.into_settings().map(drop))
        },
        "VAPID key" => {
            |key, value| VapidKeyValue::from_value(value)?.into_key(part(keys::vapid_key_of(key))?).map(drop)
        }
        "VAPID token" => reads::<VapidTokenValue>,
        "meta" => meta,
        "sequence" | "change sequence" => reads::<SequenceValue>,
        "low marks" => reads::<KeptValue>,
        "API token" => |key, value| {
            ApiTokenValue::from_value(value)?.into_token(part(keys::api_token_of(key))?).map(drop)
        },
        "subscription" => |key, value| {
            let id = part(keys::subscription_of(key))?;
            SubscriptionValue::from_value(value)?.into_subscription(id).map(drop)
        },
        "topic" => |key, value| {
            let id = part(keys::subscription_of(key))?;
            let target = TopicValue::from_value(value)?.target;
            target.map_or(Ok(()), |target| target.into_target(id, false).map(drop))
        },
        "endpoint" => |_, value| SubscriptionReference::from_value(value)?.id().map(drop),
        "change" => {
            |key, value| ChangeValue::from_value(value)?.into_change(part(keys::seq_of(key))?).map(drop)
        }
        "origin" => {
            |key, value| OriginValue::from_value(value)?.into_info(part(keys::origin_of(key))?).map(drop)
        }
        "removed" => |key, value| {
            let id = part(keys::subscription_of(key))?;
            RemovedValue::from_value(value)?.into_subscription(id).map(drop)
        },
        "held" => reads::<HeldValue>,
        "audit entry" => |_, value| AuditValue::from_value(value)?.into_entry().map(drop),
        "open" => |_, value| {
            let value = OpenValue::from_value(value)?;
            value.header()?;
            value.audience_kind()?;
            value.spec()?;
            value.into_page().map_or(Ok(()), reads_page)
        },
        "list" => reads::<ListValue>,
        "state" => |_, value| StateValue::from_value(value)?.stopped().map(drop),
        "done" => |key, value| {
            let (value, message) = (DoneValue::from_value(value)?, part(keys::message_of(key))?);
            if let Some((seq, segment)) = value.segment() {
                SegmentValue::from_value(segment)?.into_segment(message, seq)?;
            }
            value.into_record(message).map(drop)
        },
        "request" => |_, value| RequestValue::from_value(value)?.parts().map(drop),
        "collapse" => |_, value| MessageReference::from_value(value)?.id().map(drop),
        "page" => |_, value| reads_page(PageValue::from_value(value)?),
        "head" => |key, value| {
            let value = HeadValue::from_value(value)?;
            value.head(part(keys::page_of(key))?)?;
            value.states().map(drop)
        },
        "segment" => |_, value| {
            let value = SegmentValue::from_value(value)?;
            value.into_segment(crate::domain::MessageId([0; 16]), 0).map(drop)
        },
        "feed" => |key, value| FeedValue::from_value(value)?.into_rows(part(keys::seq_of(key))?).map(drop),
        "receipt" => |_, value| ReportsValue::from_value(value)?.reports().map(drop),
        "application name" | "reaper" | "count" | "topic name" | "last topic" | "origin text"
        | "key count" | "remembered" | "time" => reads::<Number>,
        "user" | "removed time" | "removed by" | "set aside" | "finished" | "trimmed" => reads::<Mark>,
        _ => return None,
    })
}

fn reads_page(page: PageValue) -> Result<(), StoreError> {
    page.owners()?;
    page.into_inline().map(drop)
}

/// What the store notes of itself.
fn meta(key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    if key.starts_with(&keys::secret("")) {
        reads::<SecretValue>(key, value)
    } else if key == keys::meta(SEALING_NAME) {
        reads::<SealingValue>(key, value)
    } else if key == keys::meta(AUDIT_LOG) {
        reads::<SequenceValue>(key, value)
    } else if key == keys::meta(KEYS_COUNTED) {
        reads::<Mark>(key, value)
    } else {
        reads::<Number>(key, value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::Memory;
    use super::super::tests::InMemory;
    use super::*;
    use crate::domain::{Audience, DeliveryState, Outcome};
    use crate::store::conformance::{
        application, broadcast, commit, page, planned, send, settling, subscribe, subscribe_user,
    };
    use crate::store::kv::backend::Backend as _;
    use crate::store::kv::backend::Batch;
    use crate::store::{PageKey, Store as _};

    #[test]
    fn every_kind_has_its_judge() {
        for (kind, _) in keys::kinds() {
            assert!(judge_of(kind).is_some(), "{kind}: say in judge_of how its records are read");
        }
    }

    /// Subscriptions, messages that are open and one that has ended, and what goes with them.
    async fn filled(harness: &InMemory) -> KvStore {
        let store = harness.open_kv();
        let app = application(&store).await;
        let target = subscribe(&store, app, 1, &["news"]).await.subscription.target;
        subscribe_user(&store, app, 2, "alice").await;
        store.secret("mine").await.unwrap();
        broadcast(&store, app, Audience::All).await;
        let key = send(&store, app, vec![target.clone()]).await.pages[0].head.key;
        let settled = settling(key, &[target.id], DeliveryState::Accepted, Outcome::Accepted);
        commit(&store, app, key.message, vec![settled]).await;
        planned(&store, app, vec![page(0, 1), page(1, 1)]).await;
        store
    }

    fn remove(memory: &Memory, key: Vec<u8>) {
        memory.apply(Batch { writes: [(key, None)].into() }).unwrap();
    }

    #[tokio::test]
    async fn a_store_reads_whole() {
        for harness in [InMemory::new(), InMemory::sealed()] {
            let store = filled(&harness).await;
            let verified = store.verify(|_| ()).await.unwrap();
            assert_eq!(verified.lost(), 0, "{verified:?}");
            let census = store.census().await.unwrap();
            let rows: Vec<_> = census.kinds.iter().map(|of| (of.kind, of.rows)).collect();
            assert_eq!(verified.kinds.iter().map(|of| (of.kind, of.rows)).collect::<Vec<_>>(), rows);
        }
    }

    #[tokio::test]
    async fn what_is_lost_is_told_by_kind() {
        let harness = InMemory::new();
        let store = filled(&harness).await;
        let app = application(&store).await;
        let memory = harness.memory();
        let open = store.open_messages().await.unwrap();
        let planned = open.last().unwrap().status.id;
        memory.damage(&keys::subscriptions(app).from, b"\x01\xff\xff");
        remove(&memory, keys::page(PageKey { message: planned, number: 1 }));
        remove(&memory, keys::state(app, planned));
        remove(&memory, keys::feed(app, 2));
        memory.apply(Batch { writes: [(vec![0xee, 1], Some(vec![1]))].into() }).unwrap();
        let verified = store.verify(|_| ()).await.unwrap();
        let lost: Vec<_> = verified.kinds.iter().filter(|of| of.corrupt + of.missing > 0).collect();
        let told: Vec<_> = lost.iter().map(|of| (of.kind, of.corrupt, of.missing)).collect();
        let expected =
            [("subscription", 2, 0), ("state", 0, 1), ("page", 0, 1), ("feed", 0, 1), ("unknown", 1, 0)];
        assert_eq!(told, expected);
        assert_eq!(verified.lost(), 6);
        assert!(lost[0].corrupt_keys.iter().all(|key| key.len() == 42 && key.starts_with("10")), "{lost:?}");
        assert_eq!(lost[4].corrupt_keys, ["ee01"]);
    }
}

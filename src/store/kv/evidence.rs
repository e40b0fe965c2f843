//! What recorded events prove of subscriptions, and noting what attempts taught about them.

use super::feed;
use super::index;
use super::keys;
use super::reap;
use super::records::Record as _;
use super::records::change::ChangeValue;
use super::records::segment::{SegmentHeader, SegmentValue};
use super::transaction::{Reader, Rows as _};
use super::writer::{TRANSACTION_ROWS, Writer};
use crate::domain::limits::REFUSED_DAYS_MAX;
use crate::domain::{
    ApplicationId, DeliveryEvent, DeliveryState, MessageId, Outcome, Subscription, SubscriptionId,
    SubscriptionState, Timestamp,
};
use crate::store::{ChangeKind, Evidence, FeedEntry, Learned, Lesson, Removal, StoreError};

/// See [`crate::store::Store::evidence`]; up to commit `to`.
pub(crate) fn read(
    reader: &Reader,
    application: ApplicationId,
    from: u64,
    to: u64,
    commits: usize,
) -> Result<Evidence, StoreError> {
    let mut evidence = Evidence { removals: Vec::new(), position: from.saturating_sub(1) };
    for row in feed::rows(reader, application, from, to, commits)? {
        for entry in row.entries {
            match entry {
                FeedEntry::Events(message) => {
                    let removals = reader.readable(of_segment(reader, message, row.seq))?;
                    evidence.removals.extend(removals.into_iter().flatten());
                }
                FeedEntry::Accepted(_) | FeedEntry::Ended(_) => {}
            }
        }
        evidence.position = row.seq;
    }
    Ok(evidence)
}

/// The evidence of one segment. Most have none, which their header tells.
fn of_segment(reader: &Reader, message: MessageId, seq: u64) -> Result<Vec<Removal>, StoreError> {
    let Some(value) = reader.value(&keys::segment(message, seq))? else { return Ok(Vec::new()) };
    let header = SegmentHeader::from_value(&value)?;
    if header.count(Outcome::Gone) + header.count(Outcome::KeyMismatch) == 0 {
        return Ok(Vec::new());
    }
    let events = SegmentValue::from_value(&value)?.into_segment(message, seq)?.events;
    Ok(events.iter().filter_map(removal).collect())
}

/// What an event proves against its subscription.
fn removal(event: &DeliveryEvent) -> Option<Removal> {
    let against = matches!(event.outcome, Outcome::Gone | Outcome::KeyMismatch);
    let subscription = event.subscription.filter(|_| against && event.state == DeliveryState::Failed)?;
    Some(Removal {
        subscription,
        generation: event.generation,
        outcome: event.outcome,
        http_status: event.http_status,
        message: event.message,
    })
}

/// What of a list of lessons was noted.
#[derive(Debug)]
pub(crate) struct Noted {
    /// Those that were disabled.
    pub(crate) disabled: Vec<SubscriptionId>,
    /// How much of the list was looked at.
    pub(crate) done: usize,
}

impl Writer {
    /// Notes as many lessons as go into one transaction.
    pub(crate) fn learn(
        &mut self,
        application: ApplicationId,
        lessons: &[Lesson],
    ) -> Result<Noted, StoreError> {
        let now = self.clock.now();
        let mut transaction = self.begin();
        let mut noted = Noted { disabled: Vec::new(), done: 0 };
        let mut changes = Vec::new();
        for lesson in lessons {
            noted.done += 1;
            let found = index::find(&transaction, application, lesson.subscription);
            let found = transaction.reader().readable(found)?.flatten();
            let Some(old) = found.filter(|found| found.target.generation == lesson.generation) else {
                continue;
            };
            let Some((new, evidence)) = taught(&old, &lesson.learned, now) else { continue };
            index::store(&mut transaction, application, Some(&old), &new)?;
            if let Some(removal) = evidence {
                let change = ChangeValue::new(ChangeKind::Disabled, &new);
                changes.push(change.with_evidence(reap::evidence(removal)));
                noted.disabled.push(lesson.subscription);
            }
            if transaction.rows() + changes.len() >= TRANSACTION_ROWS {
                break;
            }
        }
        self.apply_with_changes(transaction, application, changes)?;
        Ok(noted)
    }
}

/// A subscription with what was learned of it; with the evidence when that disables it. `None`: it is no news. Callers see
/// only the last: revision and time of change are theirs.
fn taught<'a>(
    old: &Subscription,
    learned: &'a Learned,
    now: Timestamp,
) -> Option<(Subscription, Option<&'a Removal>)> {
    let mut new = old.clone();
    let target = &mut new.target;
    match learned {
        Learned::BodyOctetsMax(octets) => {
            let known = target.body_octets_max;
            target.body_octets_max = if known == 0 { *octets } else { known.min(*octets) };
        }
        Learned::Accepted => {
            (target.refused_days, target.refused_last) = (0, Timestamp::default());
            if target.acceptance_is_news(now) {
                target.accepted_last = now;
            }
        }
        Learned::Refused(removal) => {
            let same_day = target.refused_days > 0 && day(now) <= day(target.refused_last);
            if same_day || target.state != SubscriptionState::Active {
                return None;
            }
            target.refused_days += 1;
            target.refused_last = now;
            if target.refused_days >= REFUSED_DAYS_MAX {
                new = reap::disabled(&new, removal.outcome, now);
                return Some((new, Some(removal)));
            }
        }
    }
    (new != *old).then_some((new, None))
}

/// Days since 1970, of 24 hours, in UTC.
fn day(time: Timestamp) -> u64 {
    time.as_secs() / (24 * 3_600)
}

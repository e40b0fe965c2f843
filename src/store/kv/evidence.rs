//! What recorded events prove of subscriptions, and noting what attempts taught about them.

use std::collections::HashSet;

use super::fates::Done;
use super::feed;
use super::records::Record as _;
use super::records::segment::{SegmentHeader, SegmentOutcomes, SegmentValue};
use super::transaction::Reader;
use super::writer::Writer;
use crate::domain::{ApplicationId, MessageId, Outcome, SubscriptionId};
use crate::store::rules::evidence as rules;
use crate::store::{AcceptedSince, Evidence, Evident, FeedEntry, Lesson, Removal, StoreError};

/// Commits that are read at once for those that were accepted.
const COMMITS_AT_ONCE: usize = 64;

/// See [`crate::store::Store::evidence`]; up to commit `to`.
pub(crate) fn read(
    reader: &Reader,
    application: ApplicationId,
    from: u64,
    to: u64,
    commits: usize,
) -> Result<Evidence, StoreError> {
    let mut evidence = Evidence { evident: Vec::new(), position: from.saturating_sub(1) };
    for row in feed::rows(reader, application, from, to, commits)? {
        for entry in row.entries {
            match entry {
                FeedEntry::Events(message) => {
                    let removals = reader.readable(of_segment(reader, application, message, row.seq))?;
                    let removals = removals.into_iter().flatten();
                    let (seq, time) = (row.seq, row.time);
                    evidence.evident.extend(removals.map(|removal| Evident { seq, time, removal }));
                }
                FeedEntry::Accepted(_) | FeedEntry::Ended(_) => {}
            }
        }
        evidence.position = row.seq;
    }
    Ok(evidence)
}

/// The evidence of one segment. Most have none, which their header tells.
fn of_segment(
    reader: &Reader,
    application: ApplicationId,
    message: MessageId,
    seq: u64,
) -> Result<Vec<Removal>, StoreError> {
    let Some(value) = feed::segment(reader, application, message, seq)? else { return Ok(Vec::new()) };
    let header = SegmentHeader::from_value(&value)?;
    if header.count(Outcome::Gone) + header.count(Outcome::KeyMismatch) == 0 {
        return Ok(Vec::new());
    }
    let events = SegmentValue::from_value(&value)?.into_segment(message, seq)?.events;
    Ok(events.iter().filter_map(rules::proven).collect())
}

/// See [`crate::store::Store::accepted_since`]; up to commit `to`.
pub(crate) fn accepted_since(
    reader: &Reader,
    application: ApplicationId,
    sought: &AcceptedSince,
    to: u64,
) -> Result<usize, StoreError> {
    let mut found = HashSet::new();
    let mut from = feed::seq_at(reader, application, sought.since)?;
    while found.len() < sought.most {
        let rows = feed::rows(reader, application, from, to, COMMITS_AT_ONCE)?;
        let Some(last) = rows.last() else { break };
        from = last.seq + 1;
        for row in rows.into_iter().filter(|row| row.time >= sought.since) {
            for entry in row.entries {
                let FeedEntry::Events(message) = entry else { continue };
                let Some(value) =
                    reader.readable(feed::segment(reader, application, message, row.seq))?.flatten()
                else {
                    continue;
                };
                let accepted = reader.readable(accepted_of_segment(&value, &sought.origin))?;
                found.extend(accepted.into_iter().flatten().filter(|id| !sought.except.contains(id)));
            }
            if found.len() >= sought.most {
                break;
            }
        }
    }
    Ok(found.len().min(sought.most))
}

/// The stored subscriptions that a segment says were accepted at an origin.
fn accepted_of_segment(value: &[u8], origin: &str) -> Result<Vec<SubscriptionId>, StoreError> {
    if SegmentHeader::from_value(value)?.count(Outcome::Accepted) == 0 {
        return Ok(Vec::new());
    }
    SegmentOutcomes::from_value(value)?.accepted_at(origin)
}

impl Writer {
    /// Notes as many lessons as go into one transaction. Those that were disabled are what changed.
    pub(crate) fn learn(
        &mut self,
        application: ApplicationId,
        lessons: &[Lesson],
    ) -> Result<Done, StoreError> {
        let id_of = |lesson: &Lesson| lesson.subscription;
        self.each(application, lessons, id_of, |_, old, lesson, now| Ok(rules::taught(old, lesson, now)))
    }
}

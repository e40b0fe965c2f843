//! From where on an application's log is kept.

use super::Record;
use crate::domain::Timestamp;
use crate::store::Kept;

/// Low marks: what is below may be gone.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct KeptValue {
    #[prost(message, optional, tag = "1")]
    pub(crate) commits: Option<MarkValue>,
    #[prost(message, optional, tag = "2")]
    pub(crate) changes: Option<MarkValue>,
}

/// One low mark.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct MarkValue {
    /// The lowest number that is kept.
    #[prost(uint64, tag = "1")]
    pub(crate) from: u64,
    /// The time of the one before it.
    #[prost(uint64, tag = "2")]
    time: u64,
}

impl Record for KeptValue {
    const KIND: &'static str = "low marks";
}

impl MarkValue {
    /// Everything is kept.
    const ALL: Self = Self { from: 1, time: 0 };

    /// Behind the number of something that was made at `time`.
    pub(crate) fn behind(seq: u64, time: Timestamp) -> Self {
        Self { from: seq.saturating_add(1), time: time.as_micros() }
    }

    /// When the last one was made that is not kept.
    pub(crate) fn time(self) -> Timestamp {
        Timestamp::from_micros(self.time)
    }
}

impl KeptValue {
    pub(crate) fn commits(self) -> MarkValue {
        self.commits.unwrap_or(MarkValue::ALL)
    }

    pub(crate) fn changes(self) -> MarkValue {
        self.changes.unwrap_or(MarkValue::ALL)
    }

    pub(crate) fn to_kept(self) -> Kept {
        let (commits, changes) = (self.commits(), self.changes());
        Kept {
            commits_from: commits.from,
            commits_time: commits.time(),
            changes_from: changes.from,
            changes_time: changes.time(),
        }
    }
}

//! How long things are kept.

use crate::domain::Timestamp;

/// From where on an application's log is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The lowest sequence number of commits that can be read.
    pub commits_from: u64,
    /// When the one before it was made, which has been trimmed; 1970 when none has.
    pub commits_time: Timestamp,
    /// The lowest number of the change feed that can be read.
    pub changes_from: u64,
    /// As `commits_time`.
    pub changes_time: Timestamp,
}

/// How long what is kept for; see [`crate::store::Store::trim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Events of a message, from its end on.
    pub events: std::time::Duration,
    /// A message with its counts, from its end on. At least as long as `events`.
    pub messages: std::time::Duration,
    /// Entries of the change feed.
    pub changes: std::time::Duration,
    /// Subscriptions that evidence removed.
    pub removed: std::time::Duration,
}

/// What a step of forgetting unused origins did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OriginsTrimmed {
    /// Origins that were forgotten.
    pub forgotten: usize,
    /// Origins that are known afterwards.
    pub known: usize,
    /// It is not through yet.
    pub more: bool,
}

/// What a step of trimming did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// Messages whose events went.
    pub events_of: usize,
    /// Messages that went.
    pub messages: usize,
    /// Rows that went.
    pub rows: usize,
    /// More can be trimmed at once.
    pub more: bool,
}

//! Why a store did not do what it was asked to.

use super::Octets;
use crate::domain::MessageId;

/// Why a store did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot write or read at present: its disk fails, or it is closing. Nothing was changed.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Its disk has no room for more. Nothing was changed; it goes on by itself when there is room.
    #[error("the server's disk is full: {} more must be free", Octets(*missing))]
    DiskFull {
        /// Octets that must be freed.
        missing: u64,
    },
    /// A record does not read. Names the kind of record, never its content.
    #[error("a record is corrupt: {0}")]
    Corrupt(&'static str),
    /// What was asked for is not there.
    #[error("not found")]
    NotFound,
    /// The `request_id` was used for another request.
    #[error("the request_id was used for another request")]
    RequestIdReused(MessageId),
    /// A subscription would have more than [`crate::domain::limits::TOPICS_MAX`] topics.
    #[error("too many topics")]
    TooManyTopics,
    /// The revision that the caller read is not the present one.
    #[error("it was changed in between")]
    RevisionMismatch,
    /// There is one of that name.
    #[error("it exists")]
    AlreadyExists,
    /// Something depends on it.
    #[error("it is still in use")]
    StillInUse,
    /// The application has as many subscriptions as it may ([`Subscribe::subscriptions_max`]).
    #[error("there are too many subscriptions")]
    TooManySubscriptions,
    /// The subscription of a page's endpoint is not its user's, and has other keys ([`Subscribe::by_page`]).
    #[error("the subscription is another user's")]
    NotOwn,
    /// A Send would have more targets than it may ([`Recipients::Named`]): so many, or at least so many.
    #[error("there are too many targets")]
    TooManyTargets(u32),
}

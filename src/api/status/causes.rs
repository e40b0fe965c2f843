//! What errors of the parts below mean for a call.

use super::{ApiError, Resource};
use crate::api::shares::Refused;
use crate::domain::{Violations, limits};
use crate::engine::SubmitError;
use crate::engine::changes::ChangesError;
use crate::engine::feed::FeedError;
use crate::store::{BackupError, StoreError};

impl From<Violations> for ApiError {
    fn from(violations: Violations) -> Self {
        Self::InvalidFields(violations)
    }
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Draining => Self::Draining,
            SubmitError::TooManyMessages | SubmitError::TooManyDeliveries => Self::Overloaded,
            SubmitError::LogFull => {
                Self::QuotaExceeded { subject: "retention.log_octets_max", description: error.to_string() }
            }
            SubmitError::Store(error) => error.into(),
        }
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        Self::NoPlace(refused)
    }
}

impl From<BackupError> for ApiError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Running => Self::BackupRuns,
            BackupError::TooSlow => Self::BackupTooSlow,
            BackupError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => {
                tracing::warn!(%why, "the store is unavailable");
                Self::StoreUnavailable
            }
            // The log tells it once for all calls.
            StoreError::DiskFull { missing } => Self::DiskFull(missing),
            StoreError::RequestIdReused(message) => Self::RequestIdReused(message),
            StoreError::RevisionMismatch => Self::EtagMismatch,
            StoreError::TooManyTopics => Self::too_many_topics(),
            StoreError::TooManySubscriptions => {
                let description = "the application has as many subscriptions as it may".to_owned();
                Self::QuotaExceeded { subject: "max_subscriptions", description }
            }
            StoreError::NotOwn => Self::SubscriptionNotOwn,
            // Of which bound it is too many, who asked knows: `quotas::too_many_targets`.
            StoreError::TooManyTargets(_) => Self::Overloaded,
            // Of applications only: a VAPID key that exists is found before.
            StoreError::AlreadyExists => Self::ApplicationExists,
            StoreError::Corrupt(_) | StoreError::NotFound | StoreError::StillInUse => {
                Self::Internal(error.to_string())
            }
        }
    }
}

impl ApiError {
    /// A store's error, where "not found" is about this resource.
    pub(crate) fn from_store(error: StoreError, resource: Resource) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound(resource),
            StoreError::Unavailable(_)
            | StoreError::DiskFull { .. }
            | StoreError::Corrupt(_)
            | StoreError::RequestIdReused(_)
            | StoreError::TooManyTopics
            | StoreError::RevisionMismatch
            | StoreError::AlreadyExists
            | StoreError::StillInUse
            | StoreError::TooManySubscriptions
            | StoreError::NotOwn
            | StoreError::TooManyTargets(_) => error.into(),
        }
    }

    /// The topics that a subscription has and those to add are too many together.
    pub(crate) fn too_many_topics() -> Self {
        let mut violations = Violations::new();
        let most = limits::TOPICS_MAX;
        violations.add("add_topics", format!("a subscription must have at most {most} topics in all"));
        Self::InvalidFields(violations)
    }

    /// The change feed's error.
    pub(crate) fn from_changes(error: ChangesError) -> Self {
        match error {
            ChangesError::Trimmed { oldest } => Self::ResumeTokenExpired(oldest),
            ChangesError::Draining => Self::Draining,
            ChangesError::Store(error) => error.into(),
        }
    }

    /// A stream's error; `message` is the name of what it is about.
    pub(crate) fn from_feed(error: FeedError, message: &str) -> Self {
        match error {
            FeedError::MessageNotFound => Self::NotFound(Resource::Message(message.to_owned())),
            FeedError::Trimmed { oldest } => Self::ResumeTokenExpired(oldest),
            FeedError::Draining => Self::Draining,
            FeedError::Store(error) => error.into(),
        }
    }
}

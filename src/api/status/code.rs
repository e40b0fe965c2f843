//! The code of each error, and its reason in the contract's vocabulary.

use tonic::Code;

use super::{ApiError, Resource};
use crate::proto::v1::ErrorReason;

impl ApiError {
    /// Its gRPC code.
    pub(super) fn code(&self) -> Code {
        match self {
            Self::InvalidFields(_) | Self::PageTokenInvalid | Self::ResumeTokenInvalid => {
                Code::InvalidArgument
            }
            Self::ResumeTokenExpired(_) | Self::HistoryTrimmed => Code::OutOfRange,
            Self::RequestIdReused(_) | Self::ApplicationExists | Self::VapidKeyExists => Code::AlreadyExists,
            Self::Suspended | Self::StillInUse(_) => Code::FailedPrecondition,
            Self::CredentialsInvalid | Self::CredentialsExpired => Code::Unauthenticated,
            Self::RoleMissing { .. } | Self::EndpointNotAllowed(_) | Self::SubscriptionNotOwn => {
                Code::PermissionDenied
            }
            Self::NotFound(_) => Code::NotFound,
            Self::EtagMismatch => Code::Aborted,
            Self::QuotaExceeded { .. }
            | Self::TooManyStreams
            | Self::NoPlace(_)
            | Self::TooManyLists
            | Self::AnswerNotTaken(_)
            | Self::BackupRuns
            | Self::BackupTooSlow
            | Self::TooManyMessages(_)
            | Self::TooManyPending
            | Self::TooManyCalls
            | Self::TooManyCallsOfCaller(_) => Code::ResourceExhausted,
            Self::Overloaded
            | Self::Draining
            | Self::StreamTooOld
            | Self::ImportIdle(_)
            | Self::StoreUnavailable
            | Self::DiskFull(_) => Code::Unavailable,
            Self::NotImplemented(_) => Code::Unimplemented,
            Self::Internal(_) => Code::Internal,
        }
    }

    /// Its stable reason.
    pub(super) fn reason(&self) -> ErrorReason {
        match self {
            Self::InvalidFields(_) => ErrorReason::InvalidFields,
            Self::PageTokenInvalid => ErrorReason::PageTokenInvalid,
            Self::ResumeTokenInvalid => ErrorReason::ResumeTokenInvalid,
            Self::ResumeTokenExpired(_) => ErrorReason::ResumeTokenExpired,
            Self::HistoryTrimmed => ErrorReason::HistoryTrimmed,
            Self::RequestIdReused(_) => ErrorReason::RequestIdReused,
            Self::CredentialsInvalid => ErrorReason::CredentialsInvalid,
            Self::CredentialsExpired => ErrorReason::CredentialsExpired,
            Self::RoleMissing { .. } => ErrorReason::RoleMissing,
            Self::EndpointNotAllowed(_) => ErrorReason::EndpointNotAllowed,
            Self::SubscriptionNotOwn => ErrorReason::SubscriptionNotOwn,
            Self::NotFound(Resource::Application(_)) => ErrorReason::ApplicationNotFound,
            Self::NotFound(Resource::Subscription(_)) => ErrorReason::SubscriptionNotFound,
            Self::NotFound(Resource::User(_)) => ErrorReason::UserNotFound,
            Self::NotFound(Resource::Message(_)) => ErrorReason::MessageNotFound,
            Self::NotFound(Resource::VapidKey(_)) => ErrorReason::VapidKeyNotFound,
            Self::NotFound(Resource::ApiToken(_)) => ErrorReason::ApiTokenNotFound,
            Self::NotFound(Resource::Origin(_) | Resource::UnknownOrigin(_)) => ErrorReason::OriginNotFound,
            Self::EtagMismatch => ErrorReason::EtagMismatch,
            Self::QuotaExceeded { .. } => ErrorReason::QuotaExceeded,
            Self::ApplicationExists => ErrorReason::ApplicationExists,
            Self::VapidKeyExists => ErrorReason::VapidKeyExists,
            Self::Suspended => ErrorReason::ApplicationSuspended,
            Self::StillInUse(_) => ErrorReason::StillInUse,
            Self::TooManyStreams
            | Self::NoPlace(_)
            | Self::TooManyLists
            | Self::AnswerNotTaken(_)
            | Self::BackupRuns
            | Self::BackupTooSlow
            | Self::TooManyMessages(_)
            | Self::TooManyPending
            | Self::TooManyCalls
            | Self::TooManyCallsOfCaller(_) => ErrorReason::RateLimited,
            Self::Overloaded => ErrorReason::Overloaded,
            Self::Draining => ErrorReason::ServerDraining,
            Self::StreamTooOld | Self::ImportIdle(_) => ErrorReason::StreamTooOld,
            Self::StoreUnavailable | Self::DiskFull(_) => ErrorReason::StoreUnavailable,
            Self::NotImplemented(_) => ErrorReason::NotImplemented,
            Self::Internal(_) => ErrorReason::Internal,
        }
    }
}

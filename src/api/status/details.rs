//! What a program reads beside the code: the details of each error, as `google.rpc` has them.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use tonic::Status;
use tonic_types::{ErrorDetails, FieldViolation, QuotaViolation, StatusExt as _};

use super::{ApiError, ERROR_DOMAIN, RETRY_DELAY, reason_name};
use crate::api::shares::Refused;
use crate::domain::limits::VIOLATIONS_LISTED_MAX;
use crate::domain::{Timestamp, Violations};

/// Octets of field violations that one error lists: encoded, they travel in a trailer, and common clients take 8 KiB.
const VIOLATIONS_OCTETS_MAX: usize = 4_500;

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let mut metadata = error.metadata();
        let mut details = ErrorDetails::new();
        match &error {
            ApiError::InvalidFields(violations) => {
                details.set_bad_request(listed(violations));
            }
            ApiError::NotFound(resource) => {
                let (kind, description) = resource.words();
                details.set_resource_info(kind, resource.name(), "", description);
            }
            ApiError::QuotaExceeded { subject, description } => {
                details.set_quota_failure(vec![QuotaViolation::new(*subject, description.as_str())]);
            }
            ApiError::TooManyCallsOfCaller(wait) | ApiError::TooManyMessages(wait) => {
                details.set_retry_info(Some(*wait));
            }
            ApiError::TooManyStreams
            | ApiError::NoPlace(_)
            | ApiError::TooManyLists
            | ApiError::AnswerNotTaken(_)
            | ApiError::BackupRuns
            | ApiError::BackupTooSlow
            | ApiError::TooManyPending
            | ApiError::TooManyCalls
            | ApiError::Overloaded
            | ApiError::Draining
            | ApiError::StoreUnavailable
            | ApiError::DiskFull(_) => {
                details.set_retry_info(Some(RETRY_DELAY));
            }
            ApiError::StreamTooOld | ApiError::ImportIdle(_) => {
                details.set_retry_info(Some(Duration::ZERO));
            }
            ApiError::Internal(what) => {
                let incident = crate::unique_id();
                tracing::error!(%incident, %what, "internal error");
                metadata.insert("incident".into(), incident);
            }
            ApiError::PageTokenInvalid
            | ApiError::ResumeTokenInvalid
            | ApiError::ResumeTokenExpired(_)
            | ApiError::HistoryTrimmed
            | ApiError::RequestIdReused(_)
            | ApiError::CredentialsInvalid
            | ApiError::CredentialsExpired
            | ApiError::RoleMissing { .. }
            | ApiError::EndpointNotAllowed(_)
            | ApiError::SubscriptionNotOwn
            | ApiError::EtagMismatch
            | ApiError::ApplicationExists
            | ApiError::VapidKeyExists
            | ApiError::Suspended
            | ApiError::StillInUse(_)
            | ApiError::NotImplemented(_) => {}
        }
        details.set_error_info(reason_name(error.reason()), ERROR_DOMAIN, metadata);
        Status::with_error_details(error.code(), error.message(), details)
    }
}

impl ApiError {
    /// What `ErrorInfo` tells beside the reason.
    fn metadata(&self) -> HashMap<String, String> {
        if let Self::RoleMissing { role, server_wide } = self {
            let mut metadata = HashMap::from([("role".to_owned(), role.name().to_owned())]);
            if *server_wide {
                metadata.insert("scope".to_owned(), "all_applications".to_owned());
            }
            return metadata;
        }
        if let Self::StillInUse(uses) = self {
            return uses.clone();
        }
        if let Self::NoPlace(Refused { shared, holder, held, share }) = self {
            let told = [
                ("limit", shared.setting().to_owned()),
                ("holder", holder.to_string()),
                ("held", held.to_string()),
                ("share", share.to_string()),
            ];
            return told.map(|(key, value)| (key.to_owned(), value)).into();
        }
        let pair = match self {
            Self::InvalidFields(violations) => Some(("violations", violations.len().to_string())),
            Self::RequestIdReused(message) => Some(("message", message.name())),
            Self::ResumeTokenExpired(oldest) => Some(("oldest_time", rfc3339(*oldest))),
            Self::DiskFull(_) => Some(("cause", "disk_full".to_owned())),
            Self::AnswerNotTaken(setting) => Some(("limit", (*setting).to_owned())),
            Self::TooManyLists => Some(("limit", "server.http.caller_lists_max".to_owned())),
            Self::ImportIdle(_) => Some(("limit", "server.calls.import_idle_max".to_owned())),
            Self::TooManyStreams => Some(("limit", "max_streams".to_owned())),
            Self::PageTokenInvalid
            | Self::ResumeTokenInvalid
            | Self::HistoryTrimmed
            | Self::CredentialsInvalid
            | Self::CredentialsExpired
            | Self::RoleMissing { .. }
            | Self::EndpointNotAllowed(_)
            | Self::SubscriptionNotOwn
            | Self::NotFound(_)
            | Self::EtagMismatch
            | Self::QuotaExceeded { .. }
            | Self::ApplicationExists
            | Self::VapidKeyExists
            | Self::Suspended
            | Self::StillInUse(_)
            | Self::NoPlace(_)
            | Self::BackupRuns
            | Self::BackupTooSlow
            | Self::TooManyMessages(_)
            | Self::TooManyPending
            | Self::TooManyCalls
            | Self::TooManyCallsOfCaller(_)
            | Self::Overloaded
            | Self::Draining
            | Self::StreamTooOld
            | Self::StoreUnavailable
            | Self::NotImplemented(_)
            | Self::Internal(_) => None,
        };
        pair.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

/// As the JSON form of a `google.protobuf.Timestamp`.
fn rfc3339(time: Timestamp) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_micros(time.as_micros());
    humantime::format_rfc3339_micros(time).to_string()
}

fn listed(violations: &Violations) -> Vec<FieldViolation> {
    let mut octets = 0;
    violations
        .as_slice()
        .iter()
        .take(VIOLATIONS_LISTED_MAX)
        .take_while(|violation| {
            octets += violation.field.len() + violation.description.len() + 8;
            octets <= VIOLATIONS_OCTETS_MAX
        })
        .map(|violation| FieldViolation::new(violation.field.as_str(), violation.description.as_str()))
        .collect()
}

//! Errors of calls: each as a gRPC status with a stable reason and details that a program can read. The vocabulary is
//! `proto/fanfare/v1/errors.proto`.

mod causes;
mod code;
mod details;
#[cfg(test)]
mod tests;
mod words;

use std::collections::HashMap;
use std::time::Duration;

use prost::Message as _;
use tonic::Status;

use super::shares::Refused;
use crate::domain::{MessageId, Role, Timestamp, Violations};
use crate::proto::v1::ErrorReason;

/// `ErrorInfo.domain` of every error that this server makes.
pub const ERROR_DOMAIN: &str = "fanfare.v1";
/// What `RetryInfo` advises when the server is overloaded, drains or cannot write.
pub const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Why a call ends without doing what it was asked to.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// Fields that are not as they must be.
    InvalidFields(Violations),
    /// Not ours, or another list's.
    PageTokenInvalid,
    /// Not ours, or of another parent.
    ResumeTokenInvalid,
    /// The history behind the token, or the place where the stream stands, was trimmed: what is kept begins here.
    ResumeTokenExpired(Timestamp),
    /// The deliveries of the message were trimmed.
    HistoryTrimmed,
    /// The `request_id` was used for this message, with another body.
    RequestIdReused(MessageId),
    /// No credentials, or none that this server knows.
    CredentialsInvalid,
    /// The credentials have ended.
    CredentialsExpired,
    /// The caller's role does not reach so far: one that would, and whether it must be for all applications.
    RoleMissing { role: Role, server_wide: bool },
    /// Why the endpoint may not be posted to, in words without secrets.
    EndpointNotAllowed(String),
    /// A page's endpoint is stored for somebody else, with other keys.
    SubscriptionNotOwn,
    /// It is not there, or belongs to another application.
    NotFound(Resource),
    /// The subscription was changed in between.
    EtagMismatch,
    /// A fixed bound was met: of what, and which.
    QuotaExceeded { subject: &'static str, description: String },
    /// There is one of that name.
    ApplicationExists,
    /// The application has that key.
    VapidKeyExists,
    /// Nothing is sent for the application at present.
    Suspended,
    /// Something depends on it: what, and how much.
    StillInUse(HashMap<String, String>),
    /// As many streams of the application are open as its quota lets.
    TooManyStreams,
    /// There is no place for one more of something that all share.
    NoPlace(Refused),
    /// As many lists of the caller are being made and written as may be.
    TooManyLists,
    /// The answer was not read, and was given up: by which setting.
    AnswerNotTaken(&'static str),
    /// The application has sent more messages a second than it may: when it may send the next.
    TooManyMessages(Duration),
    /// The application has too many deliveries that have not ended.
    TooManyPending,
    /// A backup runs already.
    BackupRuns,
    /// The caller of a backup read slower than others wrote.
    BackupTooSlow,
    /// Too many calls have not begun to answer.
    TooManyCalls,
    /// The caller has made more calls a second than it may: when it may make the next.
    TooManyCallsOfCaller(Duration),
    /// Shed before anything was done.
    Overloaded,
    /// This server stops.
    Draining,
    /// The stream has reached its greatest age.
    StreamTooOld,
    /// The import has brought nothing for so long.
    ImportIdle(Duration),
    /// The store cannot write or read.
    StoreUnavailable,
    /// The store's disk is full: so many octets must be freed.
    DiskFull(u64),
    /// A field or RPC that is still to come.
    NotImplemented(&'static str),
    /// A bug or a corrupt record: what happened, for the log only.
    Internal(String),
}

/// What was not found, by the name that the caller gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Application(String),
    Subscription(String),
    User(String),
    Message(String),
    VapidKey(String),
    ApiToken(String),
    Origin(String),
    UnknownOrigin(String),
}

impl Resource {
    fn name(&self) -> &str {
        match self {
            Self::Application(name)
            | Self::Subscription(name)
            | Self::User(name)
            | Self::Message(name)
            | Self::VapidKey(name)
            | Self::ApiToken(name)
            | Self::Origin(name)
            | Self::UnknownOrigin(name) => name,
        }
    }
}

/// The very status that a call of its own would have ended with: tonic has put it into the details already.
pub(crate) fn embedded(status: &Status) -> tonic_types::pb::Status {
    tonic_types::pb::Status::decode(status.details()).unwrap_or_else(|_| tonic_types::pb::Status {
        code: status.code().into(),
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}

/// The value's name without its prefix, as `ErrorInfo.reason` has it.
pub(crate) fn reason_name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

//! Errors of calls: each as a gRPC status with a stable reason and details that a program can read. The vocabulary is
//! `proto/fanfare/v1/errors.proto`.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, QuotaViolation, StatusExt};

use super::shares::Refused;
use crate::domain::limits::{self, VIOLATIONS_LISTED_MAX};
use crate::domain::{MessageId, Role, Timestamp, Violations};
use crate::engine::SubmitError;
use crate::engine::changes::ChangesError;
use crate::engine::feed::FeedError;
use crate::proto::v1::ErrorReason;
use crate::store::StoreError;

/// `ErrorInfo.domain` of every error that this server makes.
pub const ERROR_DOMAIN: &str = "fanfare.v1";
/// What `RetryInfo` advises when the server is overloaded, drains or cannot write.
pub const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Octets of field violations that one error lists: encoded, they travel in a trailer, and common clients take 8 KiB.
const VIOLATIONS_OCTETS_MAX: usize = 4_500;

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

    /// Its type and what is said of it.
    fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Application(_) => ("application", "there is no such application"),
            Self::Subscription(_) => ("subscription", "there is no such subscription"),
            Self::User(_) => ("user", "the user has no subscription"),
            Self::Message(_) => ("message", "there is no such message"),
            Self::VapidKey(_) => ("vapid_key", "the application has no VAPID key"),
            Self::ApiToken(_) => ("api_token", "there is no such API token"),
            Self::Origin(_) => ("origin", "the application is not stopped at this origin"),
            Self::UnknownOrigin(_) => ("origin", "no subscription was ever made at this origin"),
        }
    }
}

impl ApiError {
    fn code(&self) -> Code {
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

    fn reason(&self) -> ErrorReason {
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

    fn message(&self) -> String {
        match self {
            Self::InvalidFields(violations) => describe(violations),
            Self::PageTokenInvalid => "the page_token is not of this list".into(),
            Self::ResumeTokenInvalid => "the resume_token is not of this stream".into(),
            Self::ResumeTokenExpired(_) => "the history from here on was trimmed".into(),
            Self::HistoryTrimmed => {
                "the deliveries of the message were trimmed: only its counts are left".into()
            }
            Self::RequestIdReused(_) => "the request_id was used for another request".into(),
            Self::CredentialsInvalid => {
                "credentials are needed: `authorization: Bearer <token>`, or a client certificate".into()
            }
            Self::CredentialsExpired => "the credentials have expired".into(),
            Self::RoleMissing { role, server_wide: false } => format!("the role {role} is needed"),
            Self::RoleMissing { role, server_wide: true } => {
                format!("the role {role} for all applications is needed")
            }
            Self::EndpointNotAllowed(why) => why.clone(),
            Self::SubscriptionNotOwn => {
                "the token does not reach this subscription: its keys are not those that are stored".into()
            }
            Self::NotFound(resource) => resource.words().1.into(),
            Self::EtagMismatch => "it was changed in between: read it again".into(),
            Self::ApplicationExists => "there is an application of that name".into(),
            Self::VapidKeyExists => "the application has this VAPID key".into(),
            Self::Suspended => "the application is suspended: nothing is sent for it".into(),
            Self::StillInUse(uses) => {
                let mut uses: Vec<_> = uses.iter().map(|(what, much)| format!("{what} {much}")).collect();
                uses.sort_unstable();
                format!("it is still in use: {}", uses.join(", "))
            }
            Self::TooManyMessages(_) => {
                "the application sends too many messages a second: nothing was done".into()
            }
            Self::TooManyPending => {
                "too many deliveries of the application have not ended: nothing was done".into()
            }
            Self::QuotaExceeded { description, .. } => description.clone(),
            Self::TooManyStreams => "too many streams are open".into(),
            Self::NoPlace(Refused { shared, holder, held, share }) => {
                let setting = shared.setting();
                format!("{holder} may hold {share} of {setting} now, and holds {held}: nothing was done")
            }
            Self::TooManyLists => {
                "the caller has too many lists at once that it has not read: nothing was done".into()
            }
            Self::AnswerNotTaken(_) => "the answer was given up: the caller does not read it".into(),
            Self::TooManyCalls => "too many calls at once: nothing was done".into(),
            Self::TooManyCallsOfCaller(_) => {
                "the caller makes too many calls a second: nothing was done".into()
            }
            Self::Overloaded => "the server is overloaded: nothing was done".into(),
            Self::Draining => "the server is stopping: connect again".into(),
            Self::StreamTooOld => "the stream has reached its greatest age: connect again".into(),
            Self::ImportIdle(for_) => {
                let for_ = humantime::format_duration(*for_);
                format!("no entry has come for {for_}: open the import again when there is one")
            }
            Self::StoreUnavailable => "the store is unavailable".into(),
            Self::DiskFull(missing) => StoreError::DiskFull { missing: *missing }.to_string(),
            Self::NotImplemented(what) => format!("{what} is not implemented yet"),
            Self::Internal(_) => "an error of this server; the incident is in its log".into(),
        }
    }

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

/// As the JSON form of a `google.protobuf.Timestamp`.
fn rfc3339(time: Timestamp) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_micros(time.as_micros());
    humantime::format_rfc3339_micros(time).to_string()
}

/// For people who see the message only: how many, and the first.
fn describe(violations: &Violations) -> String {
    let first = violations.as_slice().first();
    let (field, description) = first.map_or(("", ""), |first| (&first.field, &first.description));
    match violations.len() {
        0 | 1 => format!("invalid field: {field}: {description}"),
        many => format!("{many} invalid fields; the first: {field}: {description}"),
    }
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

#[cfg(test)]
mod tests {
    use super::super::shares::{Holder, Shared};
    use super::*;

    fn all() -> Vec<ApiError> {
        let mut violations = Violations::new();
        violations.add("message.ttl", "must not be negative");
        vec![
            ApiError::InvalidFields(violations),
            ApiError::PageTokenInvalid,
            ApiError::ResumeTokenInvalid,
            ApiError::ResumeTokenExpired(Timestamp::from_secs(1_800_000_000)),
            ApiError::HistoryTrimmed,
            ApiError::RequestIdReused(MessageId([7; 16])),
            ApiError::EndpointNotAllowed("no".into()),
            ApiError::SubscriptionNotOwn,
            ApiError::NotFound(Resource::Application("shop".into())),
            ApiError::NotFound(Resource::Subscription("subscriptions/-".into())),
            ApiError::NotFound(Resource::User("anna".into())),
            ApiError::NotFound(Resource::Message("messages/1".into())),
            ApiError::NotFound(Resource::VapidKey("default".into())),
            ApiError::NotFound(Resource::Origin("https://push.example.net".into())),
            ApiError::EtagMismatch,
            ApiError::QuotaExceeded { subject: "user_targets", description: "too many".into() },
            ApiError::ApplicationExists,
            ApiError::VapidKeyExists,
            ApiError::Suspended,
            ApiError::StillInUse(HashMap::from([("messages".to_owned(), "1".to_owned())])),
            ApiError::TooManyStreams,
            ApiError::NoPlace(Refused {
                shared: Shared::Streams,
                holder: Holder::Unbound,
                held: 9,
                share: 8,
            }),
            ApiError::TooManyLists,
            ApiError::AnswerNotTaken("server.http.answer_timeout"),
            ApiError::TooManyMessages(RETRY_DELAY),
            ApiError::TooManyPending,
            ApiError::TooManyCalls,
            ApiError::TooManyCallsOfCaller(RETRY_DELAY),
            ApiError::Overloaded,
            ApiError::Draining,
            ApiError::StreamTooOld,
            ApiError::ImportIdle(RETRY_DELAY),
            ApiError::StoreUnavailable,
            ApiError::DiskFull(3 << 20),
            ApiError::NotImplemented("the field send_time"),
            ApiError::Internal("secret detail".into()),
        ]
    }

    #[test]
    fn every_error_has_a_reason_and_the_details_of_its_code() {
        for error in all() {
            let (code, reason) = (error.code(), error.reason());
            let status = Status::from(error);
            let details = status.get_error_details();
            let info = details.error_info().expect("an ErrorInfo");
            assert_eq!(status.code(), code);
            assert_eq!(info.domain, ERROR_DOMAIN);
            assert_eq!(info.reason, reason_name(reason));
            assert_eq!(details.bad_request().is_some(), reason == ErrorReason::InvalidFields);
            assert_eq!(details.resource_info().is_some(), code == Code::NotFound);
            assert_eq!(details.quota_failure().is_some(), reason == ErrorReason::QuotaExceeded);
            let retries = code == Code::Unavailable || reason == ErrorReason::RateLimited;
            assert_eq!(details.retry_info().is_some(), retries, "{reason:?}");
        }
    }

    /// The code in brackets in errors.proto is the one that is sent.
    #[test]
    fn codes_are_those_that_the_contract_states() {
        let contract = include_str!("../../proto/fanfare/v1/errors.proto");
        for error in all() {
            let value = format!("  {} = ", error.reason().as_str_name());
            let before = contract.split_once(&value).expect("the reason is in errors.proto").0;
            let comment = &before[before.rfind(";\n").unwrap_or(0)..];
            let code = comment.split_once('[').and_then(|(_, rest)| rest.split_once(']')).expect("a code").0;
            let name = format!("{:?}", error.code());
            assert_eq!(code.replace('_', "").to_lowercase(), name.to_lowercase(), "{value}");
        }
    }

    #[test]
    fn internal_errors_show_nothing_but_an_incident() {
        let status = Status::from(ApiError::Internal("secret detail".into()));
        let text = format!("{status:?}{:?}", status.get_error_details());
        assert!(!text.contains("secret detail"), "{text}");
        let details = status.get_error_details();
        assert!(details.error_info().expect("info").metadata.contains_key("incident"));
    }

    #[test]
    fn a_full_disk_is_told_in_words() {
        let status = Status::from(ApiError::from(StoreError::DiskFull { missing: 3 << 20 }));
        assert_eq!(status.message(), "the server's disk is full: 3.0 MiB more must be free");
        let details = status.get_error_details();
        let info = details.error_info().expect("info");
        assert_eq!((&*info.reason, &*info.metadata["cause"]), ("STORE_UNAVAILABLE", "disk_full"));
    }

    #[test]
    fn the_oldest_time_is_told_as_json_writes_times() {
        let status = Status::from(ApiError::ResumeTokenExpired(Timestamp::from_millis(1_800_000_000_250)));
        let metadata = status.get_error_details().error_info().expect("info").metadata.clone();
        assert_eq!(metadata["oldest_time"], "2027-01-15T08:00:00.250000Z");
    }

    #[test]
    fn lists_fifty_violations_and_counts_them_all() {
        let mut violations = Violations::new();
        for index in 0..120 {
            violations.add(format!("topics[{index}]"), "must have at most 64 characters");
        }
        let status = Status::from(ApiError::from(violations));
        let details = status.get_error_details();
        assert_eq!(details.bad_request().expect("violations").field_violations.len(), 50);
        assert_eq!(details.error_info().expect("info").metadata["violations"], "120");
        assert!(status.message().starts_with("120 invalid fields; the first: topics[0]: "));
        assert!(status.details().len() < 6_000, "base64 of it fits in 8 KiB");
    }
}

//! What each error says to people: without secrets, and without what callers can not know.

use super::{ApiError, Resource};
use crate::api::shares::Refused;
use crate::domain::Violations;
use crate::store::StoreError;

impl ApiError {
    /// What happened, in words.
    pub(super) fn message(&self) -> String {
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
            Self::BackupRuns => "another backup is being made: nothing was done".into(),
            Self::BackupTooSlow => {
                "the backup was given up: its caller read slower than others wrote. Write it to a faster disk, over a faster \
                 network, or while less is sent"
                    .into()
            }
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
}

impl Resource {
    /// Its type and what is said of it.
    pub(super) fn words(&self) -> (&'static str, &'static str) {
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

/// For people who see the message only: how many, and the first.
fn describe(violations: &Violations) -> String {
    let first = violations.as_slice().first();
    let (field, description) = first.map_or(("", ""), |first| (&first.field, &first.description));
    match violations.len() {
        0 | 1 => format!("invalid field: {field}: {description}"),
        many => format!("{many} invalid fields; the first: {field}: {description}"),
    }
}

//! Every error, and what the contract says of it.

use std::collections::HashMap;

use tonic::Code;
use tonic_types::StatusExt as _;

use super::*;
use crate::api::shares::{Holder, Shared};
use crate::store::StoreError;

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
        ApiError::NoPlace(Refused { shared: Shared::Streams, holder: Holder::Unbound, held: 9, share: 8 }),
        ApiError::TooManyLists,
        ApiError::AnswerNotTaken("server.http.answer_timeout"),
        ApiError::BackupRuns,
        ApiError::BackupTooSlow,
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
    let contract = include_str!("../../../proto/fanfare/v1/errors.proto");
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

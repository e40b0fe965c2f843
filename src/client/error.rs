//! Errors of calls, with their details.

use std::collections::HashMap;
use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Error of a call. Statuses that the generated stubs give become one by [`From`], so by `?`.
#[derive(Clone, Debug)]
pub struct Error(Box<Details>);

#[derive(Clone, Debug)]
struct Details {
    status: Status,
    reason: String,
    metadata: HashMap<String, String>,
    violations: Vec<Violation>,
    resource: Option<Resource>,
    retry_after: Option<Duration>,
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field's path, for example "message.ttl" or "topics[1]".
    pub field: String,
    /// For people.
    pub description: String,
}

/// What a call named, and is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// For example "subscription".
    pub kind: String,
    /// Its name, as the call had it.
    pub name: String,
}

impl Error {
    /// Reads a status that came inside an answer, such as `rejected` of a `SendStreamAnswer` or an `ImportAnswer`.
    #[must_use]
    pub fn from_answer(status: &tonic_types::pb::Status) -> Self {
        let details = status.encode_to_vec().into();
        Status::with_details(Code::from_i32(status.code), &status.message, details).into()
    }

    /// Something is wrong before any call: nothing was sent.
    pub(super) fn local(message: impl Into<String>) -> Self {
        Status::invalid_argument(message).into()
    }

    pub(super) fn deadline_exceeded() -> Self {
        Status::deadline_exceeded("the deadline of the call has passed").into()
    }

    /// gRPC's code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.status.code()
    }

    /// For people.
    #[must_use]
    pub fn message(&self) -> &str {
        self.0.status.message()
    }

    /// Stable: a name of [`ErrorReason`](crate::proto::v1::ErrorReason) without its prefix, for example
    /// "INVALID_FIELDS". Empty: the error is gRPC's own, such as an expired deadline.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Metadata of the reason, for example the `oldest_time` of "RESUME_TOKEN_EXPIRED".
    #[must_use]
    pub fn metadata(&self) -> &HashMap<String, String> {
        &self.0.metadata
    }

    /// All fields that are wrong.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// What was not found.
    #[must_use]
    pub fn resource(&self) -> Option<&Resource> {
        self.0.resource.as_ref()
    }

    /// How long the server advises to wait before the call is repeated; none: it advises nothing.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The status as it came.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.0.status
    }

    /// Whether the same call may go on if it is made again: the server said so, or the connection broke.
    pub(crate) fn is_lost(&self) -> bool {
        self.code() == Code::Unavailable || self.retry_after().is_some() || self.is_broken_connection()
    }

    /// A stream that was reset has no reason of ours, and a connection that broke has a cause here.
    fn is_broken_connection(&self) -> bool {
        let made_here = self.status().source().is_some();
        self.reason().is_empty() && (made_here || matches!(self.code(), Code::Unknown | Code::Internal))
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let (reason, metadata) =
            details.error_info().map(|info| (info.reason.clone(), info.metadata.clone())).unwrap_or_default();
        let violations = details.bad_request().map_or(&[][..], |request| &request.field_violations);
        let violations = violations.iter().map(|violation| Violation {
            field: violation.field.clone(),
            description: violation.description.clone(),
        });
        let resource = details.resource_info().map(|resource| Resource {
            kind: resource.resource_type.clone(),
            name: resource.resource_name.clone(),
        });
        Self(Box::new(Details {
            reason,
            metadata,
            violations: violations.collect(),
            resource,
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
            status,
        }))
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        error.0.status
    }
}

/// Code, reason, message and violations.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.code())?;
        if !self.reason().is_empty() {
            write!(f, " {}", self.reason())?;
        }
        write!(f, ": {}", self.message())?;
        for violation in self.violations() {
            write!(f, "\n  {}: {}", violation.field, violation.description)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.status.source()
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn details_can_be_read() {
        let mut details = ErrorDetails::new();
        details
            .set_error_info("INVALID_FIELDS", "fanfare.v1", [("violations".to_owned(), "1".to_owned())])
            .add_bad_request_violation("message.ttl", "must not be negative")
            .set_resource_info("user", "alice", "", "")
            .set_retry_info(Some(Duration::from_secs(3)));
        let error: Error =
            Status::with_error_details(Code::InvalidArgument, "1 field is wrong", details).into();
        assert_eq!((error.code(), error.reason()), (Code::InvalidArgument, "INVALID_FIELDS"));
        assert_eq!(error.metadata()["violations"], "1");
        assert_eq!(error.violations()[0].field, "message.ttl");
        assert_eq!(error.resource().unwrap().name, "alice");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
        assert_eq!(
            error.to_string(),
            "InvalidArgument INVALID_FIELDS: 1 field is wrong\n  message.ttl: must not be negative"
        );
    }

    #[test]
    fn a_refusal_inside_an_answer_is_read_alike() {
        let info = tonic_types::pb::ErrorInfo { reason: "USER_NOT_FOUND".to_owned(), ..Default::default() };
        let detail = prost_types::Any {
            type_url: "type.googleapis.com/google.rpc.ErrorInfo".to_owned(),
            value: info.encode_to_vec(),
        };
        let rejected =
            tonic_types::pb::Status { code: 5, message: "no such user".to_owned(), details: vec![detail] };
        let error = Error::from_answer(&rejected);
        assert_eq!((error.code(), error.reason()), (Code::NotFound, "USER_NOT_FOUND"));
    }

    #[test]
    fn only_what_may_pass_is_lost() {
        let lost = |status: Status| Error::from(status).is_lost();
        assert!(lost(Status::unavailable("draining")));
        assert!(lost(Status::from_error(Box::new(std::io::Error::other("broken")))));
        assert!(lost(Status::internal("reset without a reason")));
        let advised = ErrorDetails::with_retry_info(Some(Duration::from_secs(1)));
        assert!(lost(Status::with_error_details(Code::ResourceExhausted, "later", advised)));
        let bug = ErrorDetails::with_error_info("INTERNAL", "fanfare.v1", HashMap::new());
        assert!(!lost(Status::with_error_details(Code::Internal, "a bug", bug)));
        for refused in [
            Status::not_found(""),
            Status::invalid_argument(""),
            Status::cancelled(""),
            Status::deadline_exceeded(""),
        ] {
            assert!(!lost(refused));
        }
    }
}

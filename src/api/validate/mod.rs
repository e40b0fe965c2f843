//! Requests as they must be. Each function here reads a whole request and notes every field that is wrong, with its path
//! and a reason that never repeats the value; what it returns is of the domain and needs no second look. Only when all
//! fields are right does it refuse those that are still to come, and then what the operator's policy forbids: errors of
//! state stand alone.

pub(crate) mod api_token;
pub(crate) mod application;
pub(crate) mod audience;
pub(crate) mod collapse;
pub(crate) mod decision;
pub(crate) mod lists;
pub(crate) mod message;
pub(crate) mod request_hash;
pub(crate) mod selector;
pub(crate) mod sending;
pub(crate) mod subscribe;
pub(crate) mod subscription;
pub(crate) mod text;
pub(crate) mod update;

use std::fmt;

use crate::domain::{Application, EndpointPolicy, Timestamp, Violations};

/// What requests are judged by.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    /// Whose request it is.
    pub(crate) application: &'a Application,
    /// Which endpoints may be posted to.
    pub(crate) policy: &'a dyn EndpointPolicy,
    /// Whether the operator configured a key for GCM-era endpoints.
    pub(crate) gcm_key: bool,
    /// Whether receipts can be asked for.
    pub(crate) receipts: bool,
    /// When the request came.
    pub(crate) now: Timestamp,
}

impl fmt::Debug for Rules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("application", &self.application.name).finish_non_exhaustive()
    }
}

/// The domain's value for an enum of the contract; a number that this server does not know is a violation.
pub(crate) fn known<P, D>(
    violations: &mut Violations,
    field: &str,
    number: i32,
    convert: impl FnOnce(P) -> Option<D>,
) -> Option<D>
where
    P: TryFrom<i32>,
{
    let value = P::try_from(number).ok().and_then(convert);
    if value.is_none() {
        violations.add(field, "is not a value that can be asked for here");
    }
    value
}

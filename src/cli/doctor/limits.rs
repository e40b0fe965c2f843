//! What all share, and what one may hold of it.

use std::fmt;

use serde::Serialize;

use super::finding::{Finding, Severity};
use crate::api::shares::Shared;
use crate::config::Config;

/// One limit as it is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Limit {
    /// The setting.
    setting: &'static str,
    /// Its value: places or octets.
    value: usize,
    /// What one may hold while nobody else holds any.
    one_holds: usize,
    /// Who that is.
    one: &'static str,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, value, one_holds, one } = self;
        write!(f, "limit    {setting} = {value}, of which {one} holds {one_holds} at most")
    }
}

/// The limits of what all share.
pub(super) fn all(config: &Config) -> Vec<Limit> {
    let (http, calls) = (&config.server.http, &config.server.calls);
    let places = Shared::ALL.map(|shared| {
        let (value, one) = match shared {
            Shared::Connections => (http.connections_max, "one address"),
            Shared::Calls => (http.calls_max, "one application"),
            Shared::Streams => (calls.streams_max, "one application"),
            Shared::Sends => (calls.sends_max, "one application"),
            Shared::Imports => (calls.imports_max, "one application"),
        };
        let one_holds = value.saturating_mul(calls.share_percent_max as usize).div_ceil(100);
        Limit { setting: shared.setting(), value, one_holds, one }
    });
    let answers = Limit {
        setting: "server.http.answers_octets_max",
        value: http.answers_octets_max,
        one_holds: http.caller_answers_octets_max,
        one: "one caller",
    };
    places.into_iter().chain([answers]).collect()
}

/// What of them is weak.
pub(super) fn look(config: &Config) -> Option<Finding> {
    let (http, share) = (&config.server.http, config.server.calls.share_percent_max);
    if share == 100 {
        return Some(Finding::new(
            Severity::Warning,
            "no-shares",
            "server.calls.share_percent_max is 100",
            "One application, or one address, can take all streams, imports, calls and connections, and all others are refused.",
            "Set it to 50, unless there is one application only.",
        ));
    }
    (http.caller_answers_octets_max >= http.answers_octets_max).then(|| {
        Finding::new(
            Severity::Warning,
            "no-answer-shares",
            "server.http.caller_answers_octets_max is not below server.http.answers_octets_max",
            "One caller who does not read what it asked for costs others their answers.",
            "Set it to less than half of server.http.answers_octets_max.",
        )
    })
}

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
        let percent = match shared {
            Shared::Connections => http.address_share_percent_max,
            Shared::Calls | Shared::Streams | Shared::Sends | Shared::Imports => calls.share_percent_max,
        };
        let one_holds = value.saturating_mul(percent as usize).div_ceil(100);
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
pub(super) fn look(config: &Config) -> Vec<Finding> {
    let http = &config.server.http;
    let mut findings = Vec::new();
    if config.server.calls.share_percent_max == 100 {
        findings.push(Finding::new(
            Severity::Warning,
            "no-shares",
            "server.calls.share_percent_max is 100",
            "One application can take all streams, imports and calls, and all others are refused.",
            "Set it to 50, unless there is one application only.",
        ));
    }
    if http.address_share_percent_max == 100 {
        findings.push(Finding::new(
            Severity::Hint,
            "no-address-shares",
            "server.http.address_share_percent_max is 100",
            "One address can take all connections, and all others wait. That is right behind a proxy only, from whose address \
             all callers come: then the proxy has to share them out.",
            "Set it to 50, unless there is a proxy before the server.",
        ));
    }
    if http.caller_answers_octets_max >= http.answers_octets_max {
        findings.push(Finding::new(
            Severity::Warning,
            "no-answer-shares",
            "server.http.caller_answers_octets_max is not below server.http.answers_octets_max",
            "One caller who does not read what it asked for costs others their answers.",
            "Set it to less than half of server.http.answers_octets_max.",
        ));
    }
    findings
}

//! The audit log.

use std::time::Duration;

use crate::domain::AuditEntry;

/// What [`crate::store::Store::audit_entries`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditListed {
    /// Newest first, each with its number.
    pub entries: Vec<(u64, AuditEntry)>,
    /// Where to go on: what has a lower number was not looked at. `None`: nothing is.
    pub next: Option<u64>,
}

/// How much of the audit log is kept; see [`crate::store::Store::trim_audit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditRetention {
    /// How long an entry is kept.
    pub age: Duration,
    /// Octets of the entries that are kept: beyond it the oldest go before their time.
    pub octets_max: u64,
}

//! Entries of the audit log.

use super::caller::caller;
use super::time::timestamp;
use crate::domain::{AuditEntry, FieldChange};
use crate::proto::v1;

/// An entry; `application` is what its application is called, `display_name` what its caller's token is.
pub(crate) fn entry(entry: AuditEntry, application: String, display_name: String) -> v1::AuditEntry {
    let change = |FieldChange { field, before, after }| v1::AuditChange { field, before, after };
    v1::AuditEntry {
        create_time: Some(timestamp(entry.time)),
        caller: Some(caller(&entry.caller, display_name)),
        action: entry.action,
        application,
        object: entry.object,
        subscription_count: entry.count.map(|count| i32::try_from(count).unwrap_or(i32::MAX)),
        changes: entry.changes.into_iter().map(change).collect(),
    }
}

//! Entries of the audit log.

use super::Record;
use super::caller::CallerValue;
use crate::domain::{ApplicationId, AuditEntry, FieldChange, Timestamp};
use crate::store::StoreError;

/// One thing that somebody did.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct AuditValue {
    #[prost(uint64, tag = "1")]
    time: u64,
    #[prost(message, optional, tag = "2")]
    caller: Option<CallerValue>,
    #[prost(string, tag = "3")]
    action: String,
    #[prost(uint32, tag = "4")]
    application: u32,
    #[prost(string, tag = "5")]
    application_name: String,
    #[prost(string, tag = "6")]
    object: String,
    #[prost(uint32, optional, tag = "7")]
    count: Option<u32>,
    #[prost(message, repeated, tag = "8")]
    changes: Vec<FieldChangeValue>,
}

/// A field that was changed.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct FieldChangeValue {
    #[prost(string, tag = "1")]
    field: String,
    #[prost(string, tag = "2")]
    before: String,
    #[prost(string, tag = "3")]
    after: String,
}

impl Record for AuditValue {
    const KIND: &'static str = "audit entry";
}

impl AuditValue {
    pub(crate) fn new(entry: &AuditEntry, time: Timestamp) -> Self {
        let change = |change: &FieldChange| FieldChangeValue {
            field: change.field.clone(),
            before: change.before.clone(),
            after: change.after.clone(),
        };
        Self {
            time: time.as_micros(),
            caller: Some(CallerValue::new(&entry.caller)),
            action: entry.action.clone(),
            application: entry.application.0,
            application_name: entry.application_name.clone(),
            object: entry.object.clone(),
            count: entry.count,
            changes: entry.changes.iter().map(change).collect(),
        }
    }

    pub(crate) fn time(&self) -> Timestamp {
        Timestamp::from_micros(self.time)
    }

    pub(crate) fn into_entry(self) -> Result<AuditEntry, StoreError> {
        let caller = self.caller.ok_or(StoreError::Corrupt(Self::KIND))?;
        let change = |change: FieldChangeValue| FieldChange {
            field: change.field,
            before: change.before,
            after: change.after,
        };
        Ok(AuditEntry {
            time: Timestamp::from_micros(self.time),
            caller: caller.into_caller(Self::KIND)?,
            action: self.action,
            application: ApplicationId(self.application),
            application_name: self.application_name,
            object: self.object,
            count: self.count,
            changes: self.changes.into_iter().map(change).collect(),
        })
    }
}

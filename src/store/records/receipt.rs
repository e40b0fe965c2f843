//! What was reported of a delivery.

use super::{Record, at_offset, numbers, offset};
use crate::domain::{ReceiptKind, Report, Timestamp};
use crate::store::StoreError;

/// The receipts of one delivery: of each kind at most one.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ReportsValue {
    #[prost(bool, tag = "1")]
    pub(crate) inline: bool,
    #[prost(message, repeated, tag = "2")]
    reports: Vec<ReportValue>,
}

/// One of them.
#[derive(Clone, PartialEq, prost::Message)]
struct ReportValue {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(string, tag = "2")]
    action: String,
    #[prost(uint64, tag = "3")]
    time: u64,
    /// From `time`.
    #[prost(sint64, optional, tag = "4")]
    occurred: Option<i64>,
}

impl Record for ReportsValue {
    const KIND: &'static str = "receipts";
}

impl ReportsValue {
    pub(crate) fn has(&self, kind: ReceiptKind) -> bool {
        self.reports.iter().any(|report| report.kind == u32::from(kind.number()))
    }

    pub(crate) fn add(&mut self, report: &Report) {
        self.reports.push(ReportValue {
            kind: u32::from(report.kind.number()),
            action: report.action.clone(),
            time: report.time.as_micros(),
            occurred: report.occurred.map(|occurred| offset(occurred, report.time)),
        });
        self.reports.sort_by_key(|report| report.kind);
    }

    pub(crate) fn reports(&self) -> Result<Vec<Report>, StoreError> {
        let read = |value: &ReportValue| {
            let time = Timestamp::from_micros(value.time);
            Ok(Report {
                kind: numbers::receipt_kind(value.kind).ok_or(StoreError::Corrupt(Self::KIND))?,
                action: value.action.clone(),
                time,
                occurred: value.occurred.map(|occurred| at_offset(occurred, time)),
            })
        };
        self.reports.iter().map(read).collect()
    }
}

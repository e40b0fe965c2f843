//! The sequences that applications number their commits and changes with, as the writer knows them.

use std::collections::{BTreeMap, HashMap};

use super::backend::Order;
use super::keys::{self, KeyRange};
use super::records::{Record as _, SequenceValue};
use super::transaction::Reader;
use crate::domain::{ApplicationId, Timestamp};
use crate::store::StoreError;

/// Where one sequence stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sequence {
    /// Its last number; the first one is 1.
    pub(crate) seq: u64,
    /// The time of what has that number.
    pub(crate) time: Timestamp,
    /// Octets of the segments that are kept; of commits only.
    pub(crate) log_octets: u64,
}

impl Sequence {
    pub(crate) fn to_record(self) -> SequenceValue {
        SequenceValue { last: self.seq, time: self.time.as_micros(), log_octets: self.log_octets }
    }
}

/// The sequences of all applications.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    known: HashMap<ApplicationId, Sequence>,
    /// Those that grew in this group, with their last numbers.
    grown: BTreeMap<ApplicationId, u64>,
}

impl Sequences {
    /// As they are stored.
    pub(crate) fn load(reader: &Reader, range: KeyRange) -> Result<Self, StoreError> {
        let mut known = HashMap::new();
        for row in reader.scan(range, Order::Ascending) {
            let (key, value) = row?;
            let application = keys::application_of(&key).ok_or(StoreError::Corrupt(SequenceValue::KIND))?;
            let SequenceValue { last, time, log_octets } = SequenceValue::from_value(&value)?;
            let time = Timestamp::from_micros(time);
            known.insert(application, Sequence { seq: last, time, log_octets });
        }
        Ok(Self { known, grown: BTreeMap::new() })
    }

    /// Where an application's stands.
    pub(crate) fn get(&self, application: ApplicationId) -> Sequence {
        self.known.get(&application).copied().unwrap_or_default()
    }

    /// What was applied with it stands.
    pub(crate) fn grow(&mut self, application: ApplicationId, sequence: Sequence) {
        self.known.insert(application, sequence);
        self.grown.insert(application, sequence.seq);
    }

    /// It stands otherwise than by growing.
    pub(crate) fn set(&mut self, application: ApplicationId, sequence: Sequence) {
        self.known.insert(application, sequence);
    }

    /// Those that grew since this was asked last.
    pub(crate) fn take_grown(&mut self) -> BTreeMap<ApplicationId, u64> {
        std::mem::take(&mut self.grown)
    }

    /// The last number of each.
    pub(crate) fn last(&self) -> impl Iterator<Item = (ApplicationId, u64)> + '_ {
        self.known.iter().map(|(application, sequence)| (*application, sequence.seq))
    }

    /// Octets of the segments that are kept.
    pub(crate) fn log_octets(&self) -> u64 {
        self.known.values().map(|sequence| sequence.log_octets).sum()
    }
}

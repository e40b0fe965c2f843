//! What the values are: protobuf messages of our own behind a version octet, so that fields can be added without a new
//! version. They never leave the store; each file converts its records from and to the types of `domain` and
//! `store::types`. They know no database: whatever keeps octets can keep them. Some are more than octets: a message's state
//! and a page's head say what may become of them, and segments are packed here.

pub(crate) mod api_token;
pub(crate) mod application;
pub(crate) mod audit;
pub(crate) mod caller;
pub(crate) mod change;
pub(crate) mod feed;
pub(crate) mod held;
pub(crate) mod kept;
pub(crate) mod message;
pub(crate) mod numbers;
pub(crate) mod page;
pub(crate) mod receipt;
pub(crate) mod segment;
pub(crate) mod subscription;
#[cfg(test)]
mod tests_message;

use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::delivery::PastAttempt;
use crate::store::StoreError;

/// A value of the store.
pub(crate) trait Record: prost::Message + Default {
    /// What errors and logs call it.
    const KIND: &'static str;
    /// Stands in front; raised when old values no longer read.
    const VERSION: u8 = 1;

    /// As it is stored.
    fn to_value(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(1 + self.encoded_len());
        value.push(Self::VERSION);
        self.encode_raw(&mut value);
        value
    }

    /// From what is stored.
    fn from_value(value: &[u8]) -> Result<Self, StoreError> {
        match value.split_first() {
            Some((&version, record)) if version == Self::VERSION => {
                Self::decode(record).map_err(|_| StoreError::Corrupt(Self::KIND))
            }
            Some(_) | None => Err(StoreError::Corrupt(Self::KIND)),
        }
    }
}

/// A number: a counter, a sequence number, an interned text's number.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Number {
    #[prost(uint64, tag = "1")]
    pub(crate) value: u64,
}

impl Record for Number {
    const KIND: &'static str = "number";
}

/// Where a sequence stands.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct SequenceValue {
    #[prost(uint64, tag = "1")]
    pub(crate) last: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) time: u64,
    /// Octets of the segments that are kept.
    #[prost(uint64, tag = "3")]
    pub(crate) log_octets: u64,
}

impl Record for SequenceValue {
    const KIND: &'static str = "sequence";
}

/// Which master keys values are sealed under.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct SealingValue {
    /// Of each key, 16 octets.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) fingerprints: Vec<Vec<u8>>,
    /// What all rows are brought to already.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) policy: Vec<u8>,
}

impl Record for SealingValue {
    const KIND: &'static str = "sealing";
}

/// A row whose key says all.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Mark {}

impl Record for Mark {
    const KIND: &'static str = "mark";
}

impl Number {
    pub(crate) fn new(value: impl Into<u64>) -> Self {
        Self { value: value.into() }
    }

    /// As the 32 bits that it was made of.
    pub(crate) fn narrow(self) -> Result<u32, StoreError> {
        u32::try_from(self.value).map_err(|_| StoreError::Corrupt(Self::KIND))
    }
}

/// An array out of a bytes field.
pub(crate) fn array<const N: usize>(octets: &[u8], kind: &'static str) -> Result<[u8; N], StoreError> {
    octets.try_into().map_err(|_| StoreError::Corrupt(kind))
}

/// A duration as a number of nanoseconds; 584 years at most.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What is to be added to `base`, in microseconds, to get `time`.
pub(crate) fn offset(time: Timestamp, base: Timestamp) -> i64 {
    time.as_micros().wrapping_sub(base.as_micros()).cast_signed()
}

/// The time that `offset` was made of.
pub(crate) fn at_offset(offset: i64, base: Timestamp) -> Timestamp {
    Timestamp::from_micros(base.as_micros().wrapping_add(offset.cast_unsigned()))
}

/// Past attempts, four numbers each: attempt, outcome, status (0 for none), microseconds since the one before.
pub(crate) fn pack_past(past: &[PastAttempt], base: Timestamp) -> Vec<i64> {
    let mut before = base;
    past.iter()
        .flat_map(|attempt| {
            let step = offset(attempt.time, before);
            before = attempt.time;
            [
                i64::from(attempt.attempt),
                i64::from(attempt.outcome.number()),
                attempt.http_status.map_or(0, |status| i64::from(status) + 1),
                step,
            ]
        })
        .collect()
}

/// What [`pack_past`] was given.
pub(crate) fn unpack_past(
    packed: &[i64],
    base: Timestamp,
    kind: &'static str,
) -> Result<Vec<PastAttempt>, StoreError> {
    let mut before = base;
    packed
        .chunks(4)
        .map(|numbers| {
            let &[attempt, outcome, status, step] = numbers else { return Err(StoreError::Corrupt(kind)) };
            before = at_offset(step, before);
            Ok(PastAttempt {
                attempt: u32::try_from(attempt).map_err(|_| StoreError::Corrupt(kind))?,
                outcome: u32::try_from(outcome)
                    .ok()
                    .and_then(numbers::outcome)
                    .ok_or(StoreError::Corrupt(kind))?,
                http_status: match status {
                    0 => None,
                    status => Some(u16::try_from(status - 1).map_err(|_| StoreError::Corrupt(kind))?),
                },
                time: before,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuse_other_versions_and_damage() {
        let value = Number::new(300_u32).to_value();
        assert_eq!(Number::from_value(&value).unwrap(), Number { value: 300 });
        for bad in [&[][..], &[2, 8, 1], &[1, 0xff]] {
            assert!(matches!(Number::from_value(bad), Err(StoreError::Corrupt("number"))), "{bad:?}");
        }
        assert!(Number { value: 1 << 40 }.narrow().is_err());
    }

    #[test]
    fn offsets_reach_both_ways() {
        let (early, late) = (Timestamp::from_micros(5), Timestamp::MAX);
        for (time, base) in [(early, late), (late, early), (early, early)] {
            assert_eq!(at_offset(offset(time, base), base), time);
        }
    }
}

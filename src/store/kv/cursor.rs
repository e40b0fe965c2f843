//! How far an audience has been read. Opaque outside; the version octet lets a later server refuse what it does not
//! know.

use crate::domain::SubscriptionId;
use crate::store::StoreError;

const VERSION: u8 = 1;
const MEMBER: u8 = 1;
const LISTED: u8 = 2;
const LISTED_MEMBER: u8 = 3;

/// A place in an audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// Nothing has been read.
    Start,
    /// Everything up to this subscription, in the order of ids.
    Member(SubscriptionId),
    /// Everything before this entry of this list row, and of a user there the subscriptions up to `after`.
    Listed { row: u32, entry: u32, after: Option<SubscriptionId> },
}

impl Cursor {
    pub(crate) fn encode(self) -> Vec<u8> {
        match self {
            Self::Start => Vec::new(),
            Self::Member(id) => [&[VERSION, MEMBER], &id.0[..]].concat(),
            Self::Listed { row, entry, after: None } => {
                [&[VERSION, LISTED], &row.to_be_bytes()[..], &entry.to_be_bytes()].concat()
            }
            Self::Listed { row, entry, after: Some(id) } => {
                [&[VERSION, LISTED_MEMBER], &row.to_be_bytes()[..], &entry.to_be_bytes(), &id.0].concat()
            }
        }
    }

    pub(crate) fn decode(octets: &[u8]) -> Result<Self, StoreError> {
        let corrupt = StoreError::Corrupt("audience cursor");
        let number =
            |at: usize| -> Option<u32> { octets.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes) };
        let id = |at: usize| octets.get(at..).and_then(|id| id.try_into().ok()).map(SubscriptionId);
        let cursor = match *octets {
            [] => Some(Self::Start),
            [VERSION, MEMBER, ..] => id(2).map(Self::Member),
            [VERSION, LISTED, ..] if octets.len() == 10 => {
                number(2).zip(number(6)).map(|(row, entry)| Self::Listed { row, entry, after: None })
            }
            [VERSION, LISTED_MEMBER, ..] => number(2)
                .zip(number(6))
                .zip(id(10))
                .map(|((row, entry), id)| Self::Listed { row, entry, after: Some(id) }),
            _ => None,
        };
        cursor.ok_or(corrupt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_was() {
        let id = SubscriptionId([9; 16]);
        for cursor in [
            Cursor::Start,
            Cursor::Member(id),
            Cursor::Listed { row: 1, entry: 70_000, after: None },
            Cursor::Listed { row: u32::MAX, entry: 0, after: Some(id) },
        ] {
            let octets = cursor.encode();
            assert_eq!(Cursor::decode(&octets).unwrap(), cursor);
            for damaged in [&octets[..octets.len().saturating_sub(1)], &[&octets[..], &[0]].concat()] {
                let changed = Cursor::decode(damaged);
                assert!(octets.is_empty() || changed.is_err(), "{damaged:?}");
            }
        }
        assert!(Cursor::decode(&[2, MEMBER]).is_err());
    }
}

//! Pages: who is on them, and how they stand.

use super::subscription::TargetValue;
use super::{Record, numbers, pack_past, unpack_past};
use crate::domain::limits::PAGE_DELIVERIES_MAX;
use crate::domain::{ApplicationId, MessageKind, SubscriptionId, Target, Timestamp};
use crate::store::owner::OWNER_OCTETS;
use crate::store::{EntryState, GroupId, Owner, PageEntry, PageHead, PageKey, RetryState, StoreError};

/// Different details that a page keeps: it is rewritten by each commit, and most attempts of a page are told the same.
const DETAILS_MAX: usize = 8;

/// Who is on a page. Not rewritten.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct PageValue {
    /// 16 octets each.
    #[prost(bytes = "vec", tag = "1")]
    ids: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    inline: Vec<InlineValue>,
    /// Whose each was when the page was planned, [`OWNER_OCTETS`] each; empty when nobody had a user, and in pages of a
    /// time when it was not noted.
    #[prost(bytes = "vec", tag = "3")]
    owners: Vec<u8>,
}

/// A target that is stored nowhere else.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct InlineValue {
    /// Its place on the page.
    #[prost(uint32, tag = "1")]
    place: u32,
    #[prost(message, optional, tag = "2")]
    target: Option<TargetValue>,
}

impl Record for PageValue {
    const KIND: &'static str = "page";
}

impl PageValue {
    pub(crate) fn new(entries: &[PageEntry]) -> Self {
        let mut page = Self {
            ids: Vec::with_capacity(entries.len() * 16),
            inline: Vec::new(),
            owners: Vec::with_capacity(entries.len() * OWNER_OCTETS),
        };
        let mut owned = false;
        for (place, entry) in (0..).zip(entries) {
            let owner = match entry {
                PageEntry::Stored(id, owner) => {
                    page.ids.extend_from_slice(&id.0);
                    *owner
                }
                PageEntry::Inline(target) => {
                    page.ids.extend_from_slice(&target.id.0);
                    page.inline.push(InlineValue { place, target: Some(TargetValue::new(target)) });
                    Owner::NOBODY
                }
            };
            owned |= owner != Owner::NOBODY;
            page.owners.extend_from_slice(&owner.0);
        }
        if !owned {
            page.owners = Vec::new();
        }
        page
    }

    /// Whose each entry was when the page was planned.
    pub(crate) fn owners(&self) -> Result<Vec<Owner>, StoreError> {
        let count = self.entries();
        let (owners, rest) = self.owners.as_chunks();
        match owners.len() {
            0 => Ok(vec![Owner::NOBODY; count]),
            noted if noted == count && rest.is_empty() => Ok(owners.iter().copied().map(Owner).collect()),
            _ => Err(StoreError::Corrupt(Self::KIND)),
        }
    }

    /// How many there are.
    pub(crate) fn entries(&self) -> usize {
        self.ids.len() / 16
    }

    pub(crate) fn ids(&self) -> Vec<SubscriptionId> {
        self.ids.as_chunks().0.iter().copied().map(SubscriptionId).collect()
    }

    /// The targets that stand on the page itself, with their places.
    pub(crate) fn into_inline(self) -> Result<Vec<(usize, Target)>, StoreError> {
        let ids = self.ids();
        self.inline
            .into_iter()
            .map(|inline| {
                let place = inline.place as usize;
                let id = *ids.get(place).ok_or(StoreError::Corrupt(Self::KIND))?;
                let target = inline.target.ok_or(StoreError::Corrupt(Self::KIND))?;
                Ok((place, target.into_target(id, true)?))
            })
            .collect()
    }
}

/// How a page stands: rewritten by every commit that concerns it.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HeadValue {
    #[prost(uint32, tag = "1")]
    application: u32,
    #[prost(uint32, tag = "2")]
    group: u32,
    #[prost(uint32, tag = "3")]
    kind: u32,
    #[prost(uint64, tag = "4")]
    due: u64,
    #[prost(uint32, tag = "5")]
    entries: u32,
    /// A bit for each entry, the lowest of the first octet first; trailing zeros are left out.
    #[prost(bytes = "vec", tag = "6")]
    settled: Vec<u8>,
    #[prost(message, repeated, tag = "7")]
    retries: Vec<RetryValue>,
    /// How often it was taken up since something of it was recorded.
    #[prost(uint32, tag = "8")]
    starts: u32,
    /// What push services said, each text once.
    #[prost(string, repeated, tag = "9")]
    details: Vec<String>,
}

/// An entry under retry.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RetryValue {
    /// Its place on the page.
    #[prost(uint32, tag = "1")]
    place: u32,
    #[prost(uint32, tag = "2")]
    attempts: u32,
    #[prost(uint64, tag = "3")]
    due: u64,
    #[prost(sint64, repeated, tag = "4")]
    past: Vec<i64>,
    /// Its detail's place, from 1 on; 0 for none.
    #[prost(uint32, tag = "5")]
    detail: u32,
}

impl Record for HeadValue {
    const KIND: &'static str = "page head";
}

impl HeadValue {
    pub(crate) fn new(
        application: ApplicationId,
        kind: MessageKind,
        group: GroupId,
        entries: usize,
        due: Timestamp,
    ) -> Self {
        Self {
            application: application.0,
            group: group.0,
            kind: numbers::of_kind(kind),
            due: due.as_micros(),
            entries: entries as u32,
            settled: Vec::new(),
            retries: Vec::new(),
            starts: 0,
            details: Vec::new(),
        }
    }

    /// It is taken up once more.
    pub(crate) fn taken_up(&mut self) {
        self.starts = self.starts.saturating_add(1);
    }

    pub(crate) fn head(&self, key: PageKey) -> Result<PageHead, StoreError> {
        let corrupt = || StoreError::Corrupt(Self::KIND);
        Ok(PageHead {
            application: ApplicationId(self.application),
            key,
            group: GroupId(self.group),
            kind: numbers::kind(self.kind).ok_or_else(corrupt)?,
            due: Timestamp::from_micros(self.due),
            starts: self.starts,
        })
    }

    /// How many entries it has.
    pub(crate) fn entries(&self) -> usize {
        self.entries as usize
    }

    /// How many entries are settled.
    pub(crate) fn settled(&self) -> u32 {
        self.settled.iter().map(|octet| octet.count_ones()).sum()
    }

    /// How many entries are settled that were not in `old`; `None` when one is not settled any more.
    pub(crate) fn settled_since(&self, old: &Self) -> Option<u32> {
        let kept = old.settled.iter().enumerate().all(|(place, octet)| {
            let now = self.settled.get(place).copied().unwrap_or_default();
            now & octet == *octet
        });
        kept.then(|| self.settled() - old.settled())
    }

    /// How many entries are under retry.
    pub(crate) fn retrying(&self) -> u32 {
        self.retries.len() as u32
    }

    /// The same page with its entries in new states.
    pub(crate) fn updated(&self, entries: &[EntryState], due: Timestamp) -> Self {
        let mut head = Self {
            due: due.as_micros(),
            settled: Vec::new(),
            retries: Vec::new(),
            starts: 0,
            details: Vec::new(),
            ..*self
        };
        for (place, entry) in entries.iter().enumerate() {
            match entry {
                EntryState::Waiting => {}
                EntryState::Settled => {
                    if head.settled.len() <= place / 8 {
                        head.settled.resize(place / 8 + 1, 0);
                    }
                    head.settled[place / 8] |= 1 << (place % 8);
                }
                EntryState::Retrying(retry) => {
                    let detail = head.place_of(&retry.detail);
                    head.retries.push(RetryValue {
                        place: place as u32,
                        attempts: retry.attempts,
                        due: retry.due.as_micros(),
                        past: pack_past(&retry.past, retry.due),
                        detail,
                    });
                }
            }
        }
        head
    }

    /// Keeps a detail, if there is place: where it stands.
    fn place_of(&mut self, detail: &str) -> u32 {
        if detail.is_empty() {
            return 0;
        }
        let place = self.details.iter().position(|kept| kept == detail).or_else(|| {
            let has_place = self.details.len() < DETAILS_MAX;
            has_place.then(|| {
                self.details.push(detail.to_owned());
                self.details.len() - 1
            })
        });
        place.map_or(0, |place| place as u32 + 1)
    }

    /// The states of all entries, in their places.
    pub(crate) fn states(&self) -> Result<Vec<EntryState>, StoreError> {
        // A damaged count must not ask for memory.
        if self.entries() > PAGE_DELIVERIES_MAX {
            return Err(StoreError::Corrupt(Self::KIND));
        }
        let mut states = vec![EntryState::Waiting; self.entries()];
        for (place, state) in states.iter_mut().enumerate() {
            if self.settled.get(place / 8).is_some_and(|octet| octet >> (place % 8) & 1 == 1) {
                *state = EntryState::Settled;
            }
        }
        for retry in &self.retries {
            let due = Timestamp::from_micros(retry.due);
            let past = unpack_past(&retry.past, due, Self::KIND)?;
            let state = states.get_mut(retry.place as usize).ok_or(StoreError::Corrupt(Self::KIND))?;
            let detail = match retry.detail.checked_sub(1) {
                Some(place) => {
                    self.details.get(place as usize).ok_or(StoreError::Corrupt(Self::KIND))?.clone()
                }
                None => String::new(),
            };
            *state = EntryState::Retrying(RetryState { attempts: retry.attempts, due, past, detail });
        }
        Ok(states)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::Outcome;
    use crate::domain::delivery::PastAttempt;
    use crate::domain::limits::ATTEMPTS_KEPT_MAX;
    use crate::store::conformance::START;

    fn head(entries: usize) -> HeadValue {
        HeadValue::new(ApplicationId(1), MessageKind::Broadcast, GroupId(3), entries, START)
    }

    fn retrying(attempts: u32, detail: &str) -> EntryState {
        let due = START.plus(Duration::from_secs(30));
        let past = (1..=attempts)
            .map(|attempt| PastAttempt {
                attempt,
                outcome: Outcome::Unavailable,
                http_status: (attempt % 2 == 0).then_some(503),
                time: START.plus(Duration::from_secs(attempt.into())),
            })
            .collect();
        EntryState::Retrying(RetryState { attempts, due, past, detail: detail.to_owned() })
    }

    #[test]
    fn entries_come_back_as_they_were() {
        let mut entries = vec![EntryState::Waiting; PAGE_DELIVERIES_MAX];
        entries[0] = EntryState::Settled;
        entries[9] = retrying(ATTEMPTS_KEPT_MAX as u32, "busy");
        entries[PAGE_DELIVERIES_MAX - 1] = EntryState::Settled;
        let due = START.plus(Duration::from_secs(5));
        let new = head(entries.len()).updated(&entries, due);
        assert_eq!(new.states().unwrap(), entries);
        assert_eq!((new.settled(), new.retrying(), new.entries()), (2, 1, PAGE_DELIVERIES_MAX));
        let told = new.head(PageKey { message: crate::domain::MessageId([1; 16]), number: 4 }).unwrap();
        assert_eq!((told.due, told.group, told.kind), (due, GroupId(3), MessageKind::Broadcast));
    }

    #[test]
    fn what_is_settled_stays_settled() {
        let old = head(20).updated(&[EntryState::Settled, EntryState::Waiting], START);
        let more = [EntryState::Settled, EntryState::Settled];
        assert_eq!(old.updated(&more, START).settled_since(&old), Some(1));
        let fewer = [EntryState::Waiting, EntryState::Settled];
        assert_eq!(old.updated(&fewer, START).settled_since(&old), None);
    }

    #[test]
    fn progress_voids_how_often_it_was_taken_up() {
        let key = PageKey { message: crate::domain::MessageId([1; 16]), number: 0 };
        let mut head = head(2);
        head.taken_up();
        head.taken_up();
        assert_eq!(head.head(key).unwrap().starts, 2);
        let new = head.updated(&[EntryState::Settled, EntryState::Waiting], START);
        assert_eq!(new.head(key).unwrap().starts, 0);
    }

    #[test]
    fn a_few_different_details_are_kept() {
        let entries: Vec<_> = (0..2 * DETAILS_MAX).map(|number| retrying(1, &format!("d{number}"))).collect();
        let states = head(entries.len()).updated(&entries, START).states().unwrap();
        let kept = states.iter().zip(&entries).filter(|(state, entry)| state == entry).count();
        assert_eq!(kept, DETAILS_MAX);
    }
}

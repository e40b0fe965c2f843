//! ListDeliveries: first what has ended, from the log; then what has not, from the pages; then the log again, for what
//! ended meanwhile. A delivery that ends while its list is read may come twice, as it stood and as it ended, but none is
//! left out. Targets that are not planned yet are in no page and on no list.

use super::convert::{delivery, receipt};
use super::status::{ApiError, Resource};
use super::tokens::List;
use super::validate::lists::{self, Deliveries};
use super::{Api, ApiFor};
use crate::domain::{Application, DeliveryState, MessageKind, Outcome, SubscriptionId};
use crate::proto::v1;
use crate::store::{EntryState, PageKey, StoredEntry, StoredPage};

/// Segments, and pages, that one call reads at most: a narrow filter gives short pages with a token rather than a long
/// wait.
const READS_MAX: usize = 64;
/// Segments that are in memory at once.
const SEGMENTS_AT_ONCE: usize = 8;

/// Where a list goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cursor {
    phase: Phase,
    /// Of the log: the segment, and how many of its events are behind.
    seq: u64,
    index: u32,
    /// Of the pages: the page, and how many of its entries are behind.
    page: u32,
    entry: u16,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    #[default]
    Log = 0,
    Pages = 1,
    Tail = 2,
}

impl Cursor {
    fn encode(self) -> Vec<u8> {
        let mut octets = vec![self.phase as u8];
        octets.extend(self.seq.to_be_bytes());
        octets.extend(self.index.to_be_bytes());
        octets.extend(self.page.to_be_bytes());
        octets.extend(self.entry.to_be_bytes());
        octets
    }

    fn decode(octets: &[u8]) -> Option<Self> {
        let (phase, rest) = octets.split_first()?;
        let (seq, rest) = rest.split_first_chunk()?;
        let (index, rest) = rest.split_first_chunk()?;
        let (page, rest) = rest.split_first_chunk()?;
        let phase =
            [Phase::Log, Phase::Pages, Phase::Tail].into_iter().find(|known| *known as u8 == *phase)?;
        Some(Self {
            phase,
            seq: u64::from_be_bytes(*seq),
            index: u32::from_be_bytes(*index),
            page: u32::from_be_bytes(*page),
            entry: u16::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

pub(super) async fn list_deliveries(
    api: &ApiFor<'_>,
    request: v1::ListDeliveriesRequest,
) -> Result<v1::ListDeliveriesResponse, ApiError> {
    let application = api.application(&request.application)?;
    let asked = lists::deliveries(&request)?;
    let bound = bound(&asked);
    let token = api.tokens.read_page(application.id, List::Deliveries, &bound, &request.page_token)?;
    let cursor = match token {
        Some(position) => Cursor::decode(&position).ok_or(ApiError::PageTokenInvalid)?,
        None => Cursor::default(),
    };
    let record = api.store.message(application.id, asked.message).await?;
    let record = record.ok_or_else(|| ApiError::NotFound(Resource::Message(asked.message.name())))?;
    if record.trimmed {
        return Err(ApiError::HistoryTrimmed);
    }
    let status = record.status;
    let request_id = match status.kind {
        MessageKind::Send => status.request_id,
        MessageKind::Broadcast => String::new(),
    };
    let mut reader =
        Reader { api, application: &application, asked: &asked, request_id, cursor, found: Vec::new() };
    let done = reader.read().await?;
    if status.requests_receipts {
        reader.add_receipts().await?;
    }
    let next_page_token = if done {
        String::new()
    } else {
        api.tokens.page(application.id, List::Deliveries, &bound, &reader.cursor.encode())
    };
    Ok(v1::ListDeliveriesResponse { deliveries: reader.found, next_page_token })
}

/// What a page token is bound to.
fn bound(asked: &Deliveries) -> Vec<u8> {
    let mut bound = asked.message.0.to_vec();
    bound.push(asked.states.len() as u8);
    bound.extend(asked.states.iter().map(|state| *state as u8));
    bound.push(asked.outcomes.len() as u8);
    bound.extend(asked.outcomes.iter().map(|outcome| outcome.number()));
    bound.extend(asked.subscription.iter().flat_map(|id| id.0));
    bound
}

struct Reader<'a> {
    api: &'a Api,
    application: &'a Application,
    asked: &'a Deliveries,
    request_id: String,
    cursor: Cursor,
    found: Vec<v1::Delivery>,
}

impl Reader<'_> {
    /// Reads until the page is full or enough was read; true when nothing is left.
    async fn read(&mut self) -> Result<bool, ApiError> {
        let mut reads = 0;
        loop {
            let exhausted = match self.cursor.phase {
                Phase::Log | Phase::Tail => self.read_log(&mut reads).await?,
                Phase::Pages => self.read_pages(&mut reads).await?,
            };
            if !exhausted {
                return Ok(false);
            }
            self.cursor.phase = match self.cursor.phase {
                Phase::Log => Phase::Pages,
                Phase::Pages => Phase::Tail,
                Phase::Tail => return Ok(true),
            };
        }
    }

    /// What browsers reported of the deliveries that were found.
    async fn add_receipts(&mut self) -> Result<(), ApiError> {
        let message = self.asked.message;
        let ids: Vec<Option<SubscriptionId>> = self
            .found
            .iter()
            .map(|found| {
                found.latest.as_ref().and_then(|latest| SubscriptionId::parse_name(&latest.subscription))
            })
            .collect();
        let reports = self.api.store.reports(message, ids.clone()).await?;
        for ((found, id), reports) in self.found.iter_mut().zip(ids).zip(reports) {
            let Some(latest) = &found.latest else { continue };
            let tokens = &self.api.tokens;
            let receipts = reports.iter().map(|report| receipt::listed(tokens, message, id, latest, report));
            found.receipts = receipts.collect();
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.found.len() >= self.asked.page_size
    }

    /// True when the log has nothing more; false when the page is full or enough was read.
    async fn read_log(&mut self, reads: &mut usize) -> Result<bool, ApiError> {
        let (store, message) = (&self.api.store, self.asked.message);
        loop {
            if self.is_full() || *reads >= READS_MAX {
                return Ok(false);
            }
            let segments =
                store.segments(self.application.id, message, self.cursor.seq, SEGMENTS_AT_ONCE).await?;
            *reads += segments.len().max(1);
            let last = segments.len() < SEGMENTS_AT_ONCE;
            for segment in segments {
                if segment.seq > self.cursor.seq {
                    (self.cursor.seq, self.cursor.index) = (segment.seq, 0);
                }
                let behind = self.cursor.index as usize;
                for event in segment.events.iter().skip(behind) {
                    if self.is_full() {
                        return Ok(false);
                    }
                    self.cursor.index += 1;
                    let wanted = event.state.is_terminal()
                        && self.wants(event.state, event.outcome, event.subscription);
                    if wanted {
                        let name = self.api.tokens.event_id(message, segment.seq, self.cursor.index);
                        self.found.push(delivery::ended(event, name, &self.request_id));
                    }
                }
                (self.cursor.seq, self.cursor.index) = (segment.seq + 1, 0);
            }
            if last {
                return Ok(true);
            }
        }
    }

    /// As [`Self::read_log`], of the pages.
    async fn read_pages(&mut self, reads: &mut usize) -> Result<bool, ApiError> {
        loop {
            if self.is_full() || *reads >= READS_MAX {
                return Ok(false);
            }
            let store = &self.api.store;
            let (message, from) = (self.asked.message, self.cursor.page);
            let keys = store.message_pages(self.application.id, message, from, READS_MAX - *reads).await?;
            if keys.is_empty() {
                return Ok(true);
            }
            for key in keys {
                if self.is_full() {
                    return Ok(false);
                }
                *reads += 1;
                if !self.read_page(key).await? {
                    return Ok(false);
                }
            }
        }
    }

    /// True when the page was read to its end.
    async fn read_page(&mut self, key: PageKey) -> Result<bool, ApiError> {
        if key.number > self.cursor.page {
            (self.cursor.page, self.cursor.entry) = (key.number, 0);
        }
        let page = self.api.store.page(self.application.id, key).await?;
        let entries = page.map(|StoredPage { entries, .. }| entries).unwrap_or_default();
        for entry in entries.iter().skip(usize::from(self.cursor.entry)) {
            if self.is_full() {
                return Ok(false);
            }
            self.cursor.entry += 1;
            self.take(entry);
        }
        (self.cursor.page, self.cursor.entry) = (key.number + 1, 0);
        Ok(true)
    }

    fn take(&mut self, entry: &StoredEntry) {
        let (state, outcome) = match &entry.state {
            EntryState::Settled => return,
            EntryState::Waiting => (DeliveryState::Pending, Outcome::Unspecified),
            EntryState::Retrying(retry) => {
                let last = retry.past.last().map_or(Outcome::Unspecified, |past| past.outcome);
                (DeliveryState::Retrying, last)
            }
        };
        if self.wants(state, outcome, Some(entry.id)) {
            self.found.extend(delivery::unsettled(self.asked.message, entry, &self.request_id));
        }
    }

    fn wants(&self, state: DeliveryState, outcome: Outcome, subscription: Option<SubscriptionId>) -> bool {
        let Deliveries { states, outcomes, subscription: only, .. } = self.asked;
        (states.is_empty() || states.contains(&state))
            && (outcomes.is_empty() || outcomes.contains(&outcome))
            && only.is_none_or(|only| subscription == Some(only))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip() {
        for phase in [Phase::Log, Phase::Pages, Phase::Tail] {
            let cursor = Cursor { phase, seq: u64::MAX - 1, index: 7, page: 70_000, entry: 511 };
            assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        }
        let octets = Cursor::default().encode();
        assert_eq!(Cursor::decode(&octets[1..]), None);
        assert_eq!(Cursor::decode(&[octets.as_slice(), &[0]].concat()), None);
        assert_eq!(Cursor::decode(&[&[3], &octets[1..]].concat()), None);
    }
}

//! Segments: the events of messages, and receipts.

use std::collections::HashMap;
use std::time::Duration;

use prost::Message as _;

use super::{Record, array, at_offset, nanos, numbers, offset, pack_past, unpack_past};
use crate::domain::{DeliveryEvent, MessageId, Outcome, Receipt, Report, SubscriptionId, Timestamp};
use crate::store::{Segment, StoreError};

/// Events of one message. A reader that filters needs the outcomes only. Tag 1, which earlier versions wrote, counted events by
/// their state; it is not to be used again.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SegmentValue {
    /// Terminal events by the number of their outcome.
    #[prost(uint32, repeated, tag = "2")]
    outcomes: Vec<u32>,
    /// Users, origins and details, each once; events name them by place, from 1 on, 0 for the empty text.
    #[prost(string, repeated, tag = "3")]
    strings: Vec<String>,
    /// What the times of events are offsets of.
    #[prost(uint64, tag = "4")]
    base: u64,
    #[prost(message, repeated, tag = "5")]
    events: Vec<EventValue>,
    #[prost(message, repeated, tag = "6")]
    receipts: Vec<ReceiptValue>,
}

/// One receipt, without its message.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ReceiptValue {
    #[prost(bytes = "vec", tag = "1")]
    delivery: Vec<u8>,
    #[prost(bool, tag = "2")]
    inline: bool,
    #[prost(uint32, tag = "3")]
    user_id: u32,
    #[prost(uint32, tag = "4")]
    kind: u32,
    #[prost(uint32, tag = "5")]
    action: u32,
    #[prost(sint64, tag = "6")]
    time: i64,
    #[prost(sint64, optional, tag = "7")]
    occurred: Option<i64>,
}

/// The part of a [`SegmentValue`] that counts: the other fields are passed over.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SegmentHeader {
    #[prost(uint32, repeated, tag = "2")]
    outcomes: Vec<u32>,
}

impl Record for SegmentHeader {
    const KIND: &'static str = SegmentValue::KIND;
    const VERSION: u8 = SegmentValue::VERSION;
}

impl SegmentHeader {
    /// How many terminal events have an outcome.
    pub(crate) fn count(&self, outcome: Outcome) -> u32 {
        self.outcomes.get(usize::from(outcome.number())).copied().unwrap_or_default()
    }
}

/// The part of a [`SegmentValue`] that tells what became of whom: the other fields are passed over.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SegmentOutcomes {
    #[prost(string, repeated, tag = "3")]
    strings: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    events: Vec<EventOutcome>,
}

/// The part of an [`EventValue`] that goes with it.
#[derive(Clone, PartialEq, prost::Message)]
struct EventOutcome {
    #[prost(bytes = "vec", tag = "1")]
    subscription: Vec<u8>,
    #[prost(uint32, tag = "4")]
    origin: u32,
    #[prost(uint32, tag = "6")]
    outcome: u32,
}

impl Record for SegmentOutcomes {
    const KIND: &'static str = SegmentValue::KIND;
    const VERSION: u8 = SegmentValue::VERSION;
}

impl SegmentOutcomes {
    /// The stored subscriptions that were accepted at an origin.
    pub(crate) fn accepted_at(&self, origin: &str) -> Result<Vec<SubscriptionId>, StoreError> {
        let Some(place) = self.strings.iter().position(|text| text == origin) else { return Ok(Vec::new()) };
        let accepted = u32::from(Outcome::Accepted.number());
        self.events
            .iter()
            .filter(|event| event.origin as usize == place + 1 && event.outcome == accepted)
            .filter(|event| !event.subscription.is_empty())
            .map(|event| Ok(SubscriptionId(array(&event.subscription, Self::KIND)?)))
            .collect()
    }
}

/// One event, without its message.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct EventValue {
    /// 16 octets, or none.
    #[prost(bytes = "vec", tag = "1")]
    subscription: Vec<u8>,
    #[prost(uint32, tag = "2")]
    generation: u32,
    #[prost(uint32, tag = "3")]
    user_id: u32,
    #[prost(uint32, tag = "4")]
    origin: u32,
    #[prost(uint32, tag = "5")]
    state: u32,
    #[prost(uint32, tag = "6")]
    outcome: u32,
    #[prost(uint32, tag = "7")]
    attempt: u32,
    #[prost(uint32, optional, tag = "8")]
    http_status: Option<u32>,
    #[prost(sint64, tag = "9")]
    time: i64,
    #[prost(sint64, optional, tag = "10")]
    next_attempt: Option<i64>,
    #[prost(uint64, optional, tag = "11")]
    latency_nanos: Option<u64>,
    #[prost(uint64, optional, tag = "12")]
    granted_ttl_nanos: Option<u64>,
    #[prost(uint32, tag = "13")]
    detail: u32,
    #[prost(sint64, repeated, tag = "14")]
    past: Vec<i64>,
}

impl Record for SegmentValue {
    const KIND: &'static str = "segment";
}

/// Packs events into as few segments as hold at most `octets_max` each.
#[derive(Debug)]
pub(crate) struct SegmentWriter {
    octets_max: usize,
    full: Vec<SegmentValue>,
    current: SegmentValue,
    octets: usize,
    places: HashMap<String, u32>,
}

/// Counters and field headers of a segment.
const SEGMENT_OVERHEAD: usize = 256;
/// Tag and length of an embedded field.
const FIELD_OVERHEAD: usize = 4;

impl SegmentWriter {
    pub(crate) fn new(octets_max: usize) -> Self {
        Self {
            octets_max,
            full: Vec::new(),
            current: SegmentValue::default(),
            octets: SEGMENT_OVERHEAD,
            places: HashMap::new(),
        }
    }

    pub(crate) fn add(&mut self, event: &DeliveryEvent) {
        // Texts that are in the table already make this an upper bound.
        let texts = event.user_id.len() + event.origin.len() + event.detail.len() + 3 * FIELD_OVERHEAD;
        let room = self.octets_max.saturating_sub(self.octets);
        let fixed = 96 + 24 * event.past.len();
        if fixed + texts > room {
            self.close();
        }
        self.start(event.time);
        let base = Timestamp::from_micros(self.current.base);
        let value = EventValue {
            subscription: event.subscription.map(|id| id.0.to_vec()).unwrap_or_default(),
            generation: event.generation,
            user_id: self.place(&event.user_id),
            origin: self.place(&event.origin),
            state: numbers::of_delivery_state(event.state),
            outcome: u32::from(event.outcome.number()),
            attempt: event.attempt,
            http_status: event.http_status.map(u32::from),
            time: offset(event.time, base),
            next_attempt: event.next_attempt.map(|next| offset(next, event.time)),
            latency_nanos: event.latency.map(nanos),
            granted_ttl_nanos: event.granted_ttl.map(nanos),
            detail: self.place(&event.detail),
            past: pack_past(&event.past, event.time),
        };
        self.octets += value.encoded_len() + FIELD_OVERHEAD;
        if event.state.is_terminal() {
            count(&mut self.current.outcomes, value.outcome);
        }
        self.current.events.push(value);
    }

    pub(crate) fn add_receipt(&mut self, receipt: &Receipt) {
        let Report { kind, action, time, occurred } = &receipt.report;
        let octets = 96 + receipt.user_id.len() + action.len() + 2 * FIELD_OVERHEAD;
        if octets > self.octets_max.saturating_sub(self.octets) {
            self.close();
        }
        self.start(*time);
        let base = Timestamp::from_micros(self.current.base);
        let value = ReceiptValue {
            delivery: receipt.delivery.0.to_vec(),
            inline: receipt.inline,
            user_id: self.place(&receipt.user_id),
            kind: u32::from(kind.number()),
            action: self.place(action),
            time: offset(*time, base),
            occurred: occurred.map(|occurred| offset(occurred, base)),
        };
        self.octets += value.encoded_len() + FIELD_OVERHEAD;
        self.current.receipts.push(value);
    }

    pub(crate) fn finish(mut self) -> Vec<SegmentValue> {
        self.close();
        self.full
    }

    /// Offsets of a new segment are from the time of what comes first.
    fn start(&mut self, time: Timestamp) {
        if self.current.is_empty() {
            self.current.base = time.as_micros();
        }
    }

    fn close(&mut self) {
        if self.current.is_empty() {
            return;
        }
        self.full.push(std::mem::take(&mut self.current));
        self.octets = SEGMENT_OVERHEAD;
        self.places.clear();
    }

    fn place(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        self.current.strings.push(text.to_owned());
        self.octets += text.len() + FIELD_OVERHEAD;
        let place = self.current.strings.len() as u32;
        self.places.insert(text.to_owned(), place);
        place
    }
}

fn count(counters: &mut Vec<u32>, number: u32) {
    let index = number as usize;
    if counters.len() <= index {
        counters.resize(index + 1, 0);
    }
    counters[index] += 1;
}

impl SegmentValue {
    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.receipts.is_empty()
    }

    fn text(&self, place: u32) -> Result<String, StoreError> {
        match place.checked_sub(1) {
            None => Ok(String::new()),
            Some(index) => self.strings.get(index as usize).cloned().ok_or(StoreError::Corrupt(Self::KIND)),
        }
    }

    /// What it holds, as a segment with this number.
    pub(crate) fn into_segment(self, message: MessageId, seq: u64) -> Result<Segment, StoreError> {
        Ok(Segment { seq, events: self.events(message)?, receipts: self.receipts(message)? })
    }

    fn receipts(&self, message: MessageId) -> Result<Vec<Receipt>, StoreError> {
        let base = Timestamp::from_micros(self.base);
        let read = |value: &ReceiptValue| {
            Ok(Receipt {
                message,
                delivery: SubscriptionId(array(&value.delivery, Self::KIND)?),
                inline: value.inline,
                user_id: self.text(value.user_id)?,
                report: Report {
                    kind: numbers::receipt_kind(value.kind).ok_or(StoreError::Corrupt(Self::KIND))?,
                    action: self.text(value.action)?,
                    time: at_offset(value.time, base),
                    occurred: value.occurred.map(|occurred| at_offset(occurred, base)),
                },
            })
        };
        self.receipts.iter().map(read).collect()
    }

    fn events(&self, message: MessageId) -> Result<Vec<DeliveryEvent>, StoreError> {
        let corrupt = || StoreError::Corrupt(Self::KIND);
        let base = Timestamp::from_micros(self.base);
        let text = |place| self.text(place);
        self.events
            .iter()
            .map(|event| {
                let time = at_offset(event.time, base);
                Ok(DeliveryEvent {
                    message,
                    subscription: match event.subscription.as_slice() {
                        [] => None,
                        id => Some(SubscriptionId(array(id, Self::KIND)?)),
                    },
                    generation: event.generation,
                    user_id: text(event.user_id)?,
                    origin: text(event.origin)?,
                    state: numbers::delivery_state(event.state).ok_or_else(corrupt)?,
                    outcome: numbers::outcome(event.outcome).ok_or_else(corrupt)?,
                    attempt: event.attempt,
                    http_status: match event.http_status {
                        None => None,
                        Some(status) => Some(u16::try_from(status).map_err(|_| corrupt())?),
                    },
                    time,
                    next_attempt: event.next_attempt.map(|next| at_offset(next, time)),
                    latency: event.latency_nanos.map(Duration::from_nanos),
                    granted_ttl: event.granted_ttl_nanos.map(Duration::from_nanos),
                    detail: text(event.detail)?,
                    past: unpack_past(&event.past, time, Self::KIND)?,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DeliveryState;
    use crate::store::conformance::{event, stranger};

    #[test]
    fn events_are_packed_into_as_few_segments_as_hold_them() {
        const OCTETS_MAX: usize = 2_000;
        let message = MessageId([1; 16]);
        let events: Vec<_> = (0..100_u8)
            .map(|place| DeliveryEvent {
                detail: format!("a text of its own: {}", "x".repeat(usize::from(place % 7) * 20)),
                user_id: format!("user {place}"),
                time: Timestamp::from_micros(2_000_000 - u64::from(place)),
                ..event(message, stranger(0, place), DeliveryState::Failed, Outcome::Gone)
            })
            .collect();
        let mut writer = SegmentWriter::new(OCTETS_MAX);
        for event in &events {
            writer.add(event);
        }
        let segments = writer.finish();
        assert!(segments.len() > 2);
        let (mut read, mut gone) = (Vec::new(), 0);
        for segment in segments {
            let value = segment.to_value();
            assert!(value.len() <= OCTETS_MAX, "{} octets", value.len());
            gone += SegmentHeader::from_value(&value).unwrap().count(Outcome::Gone);
            let segment = SegmentValue::from_value(&value).unwrap();
            let distinct: std::collections::HashSet<_> = segment.strings.iter().collect();
            assert_eq!(distinct.len(), segment.strings.len(), "each text once");
            read.extend(segment.into_segment(message, 1).unwrap().events);
        }
        assert_eq!((read, gone), (events, 100));
        assert!(SegmentWriter::new(OCTETS_MAX).finish().is_empty());
    }

    /// What earlier versions wrote besides.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Earlier {
        #[prost(uint32, repeated, tag = "1")]
        states: Vec<u32>,
    }

    impl Record for Earlier {
        const KIND: &'static str = SegmentValue::KIND;
    }

    #[test]
    fn events_are_counted_by_their_outcome_only_and_earlier_rows_read_as_before() {
        let message = MessageId([1; 16]);
        let event = event(message, stranger(0, 0), DeliveryState::Failed, Outcome::Gone);
        let mut writer = SegmentWriter::new(1_000);
        writer.add(&event);
        let value = writer.finish()[0].to_value();
        assert_eq!(Earlier::from_value(&value).unwrap(), Earlier::default());
        let states = Earlier { states: vec![0, 0, 0, 0, 1] };
        let earlier = [&states.to_value()[..], &value[1..]].concat();
        for row in [value, earlier] {
            let segment = SegmentValue::from_value(&row).unwrap().into_segment(message, 7).unwrap();
            assert_eq!(segment.events, std::slice::from_ref(&event));
            assert_eq!(SegmentHeader::from_value(&row).unwrap().count(Outcome::Gone), 1);
        }
    }
}

//! Messages: open, under way, ended.

mod state;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::caller::{AddressedValue, CallerValue};
use super::page::{HeadValue, PageValue};
use super::{Record, array, nanos, numbers};
use crate::domain::{
    Addressed, ApplicationId, CalledBy, MessageId, MessageKind, MessageSpec, MessageStatus, Payload,
    Timestamp,
};
use crate::store::{GroupId, MessageRecord, StoreError};

pub(crate) use state::{PlanValue, StateValue};

/// What of a message never changes and outlives it.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HeaderValue {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(btree_map = "string, string", tag = "2")]
    labels: BTreeMap<String, String>,
    #[prost(string, tag = "3")]
    note: String,
    #[prost(string, tag = "4")]
    pub(crate) request_id: String,
    #[prost(uint64, tag = "5")]
    created: u64,
    #[prost(uint64, tag = "6")]
    expires: u64,
    #[prost(uint64, tag = "7")]
    pub(crate) accepted_seq: u64,
    /// When it was to start, if that was not at once.
    #[prost(uint64, optional, tag = "8")]
    start: Option<u64>,
    #[prost(bool, tag = "9")]
    requests_receipts: bool,
    /// For whom it is, and who sent it; earlier versions did not note them.
    #[prost(message, optional, tag = "14")]
    addressed: Option<AddressedValue>,
    #[prost(message, optional, tag = "15")]
    caller: Option<CallerValue>,
}

impl HeaderValue {
    pub(crate) fn new(
        kind: MessageKind,
        spec: &MessageSpec,
        request_id: String,
        created: Timestamp,
        start: Option<Timestamp>,
        accepted_seq: u64,
    ) -> Self {
        Self {
            kind: numbers::of_kind(kind),
            labels: spec.labels.clone(),
            note: spec.note.clone(),
            request_id,
            created: created.as_micros(),
            expires: start.unwrap_or(created).plus(spec.ttl).as_micros(),
            accepted_seq,
            start: start.map(Timestamp::as_micros),
            requests_receipts: spec.receipt_token_at.is_some(),
            ..Self::default()
        }
    }

    /// With for whom it is, and who sent it.
    pub(crate) fn sent(self, addressed: &Addressed, caller: Option<&CalledBy>) -> Self {
        Self { addressed: Some(AddressedValue::new(addressed)), caller: caller.map(CallerValue::new), ..self }
    }

    pub(crate) fn created(&self) -> Timestamp {
        Timestamp::from_micros(self.created)
    }

    fn into_record(
        self,
        id: MessageId,
        state: &StateValue,
        estimate: u32,
        ended: Option<Timestamp>,
    ) -> Result<MessageRecord, StoreError> {
        let corrupt = || StoreError::Corrupt(OpenValue::KIND);
        let addressed = self.addressed.map(|of| of.into_addressed(OpenValue::KIND)).transpose()?;
        Ok(MessageRecord {
            status: MessageStatus {
                id,
                kind: numbers::kind(self.kind).ok_or_else(corrupt)?,
                state: state.message_state()?,
                counts: state.counts(estimate),
                outcomes: state.outcomes()?,
                requests_receipts: self.requests_receipts,
                receipts: state.receipts(),
                labels: self.labels,
                note: self.note,
                request_id: self.request_id,
                created: Timestamp::from_micros(self.created),
                start: self.start.map(Timestamp::from_micros),
                expires: Timestamp::from_micros(self.expires),
                ended,
                addressed: addressed.map(Arc::new),
                caller: self.caller.map(|by| by.into_caller(OpenValue::KIND)).transpose()?,
            },
            accepted_seq: self.accepted_seq,
            last_seq: state.last_seq,
            trimmed: false,
        })
    }
}

/// What kind of audience a message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum AudienceKind {
    /// None: its recipients were in pages from the start.
    Resolved = 0,
    /// Lists of subscriptions.
    Subscriptions = 1,
    /// Lists of users.
    Users = 2,
    /// Topics.
    Topics = 3,
    /// Everyone.
    All = 4,
}

/// A message that has not ended: what was asked for. Not rewritten.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct OpenValue {
    #[prost(message, optional, tag = "1")]
    pub(crate) header: Option<HeaderValue>,
    #[prost(bytes = "vec", tag = "2")]
    payload: Vec<u8>,
    #[prost(uint64, tag = "3")]
    ttl_nanos: u64,
    #[prost(uint32, tag = "4")]
    urgency: u32,
    #[prost(string, optional, tag = "5")]
    topic_header: Option<String>,
    #[prost(uint32, tag = "6")]
    padding: u32,
    #[prost(enumeration = "AudienceKind", tag = "7")]
    pub(crate) audience: i32,
    #[prost(string, repeated, tag = "8")]
    pub(crate) topics: Vec<String>,
    /// How many list rows there are.
    #[prost(uint32, tag = "9")]
    pub(crate) lists: u32,
    #[prost(uint32, tag = "10")]
    pub(crate) estimate: u32,
    #[prost(double, optional, tag = "11")]
    max_per_second: Option<f64>,
    /// Of its application, collapse key and recipient or audience; empty for none.
    #[prost(bytes = "vec", tag = "12")]
    collapse: Vec<u8>,
    #[prost(uint32, optional, tag = "13")]
    receipt_token_at: Option<u32>,
    /// Its only page, if that is a short one that was there from the start. Until something is recorded of it, it has no
    /// head, and the message no state, but what [`Self::first_head`] and [`Self::first_state`] say.
    #[prost(message, optional, tag = "14")]
    page: Option<PageValue>,
    /// Of the page.
    #[prost(uint32, tag = "15")]
    group: u32,
}

impl Record for OpenValue {
    const KIND: &'static str = "message";
}

impl OpenValue {
    pub(crate) fn new(
        header: HeaderValue,
        spec: &MessageSpec,
        estimate: u32,
        collapse: Option<[u8; 16]>,
    ) -> Self {
        Self {
            header: Some(header),
            payload: spec.payload.0.to_vec(),
            ttl_nanos: nanos(spec.ttl),
            urgency: numbers::of_urgency(spec.urgency),
            topic_header: spec.topic_header.clone(),
            padding: numbers::of_padding(spec.padding),
            audience: AudienceKind::Resolved.into(),
            topics: Vec::new(),
            lists: 0,
            estimate,
            max_per_second: spec.max_per_second,
            collapse: collapse.map(|hash| hash.to_vec()).unwrap_or_default(),
            receipt_token_at: spec.receipt_token_at,
            page: None,
            group: 0,
        }
    }

    /// Keeps its only page.
    pub(crate) fn keep_page(&mut self, group: GroupId, page: PageValue) {
        (self.group, self.page) = (group.0, Some(page));
    }

    /// Its only page, if it keeps that, and the group of that.
    pub(crate) fn page(&self) -> Option<(GroupId, &PageValue)> {
        self.page.as_ref().map(|page| (GroupId(self.group), page))
    }

    /// Its only page, if it keeps that.
    pub(crate) fn into_page(self) -> Option<PageValue> {
        self.page
    }

    /// As an earlier version wrote it, which kept no page here.
    #[cfg(test)]
    pub(crate) fn without_page(self) -> Self {
        Self { page: None, group: 0, ..self }
    }

    /// The head that a page of it has first, if it was there from the start.
    pub(crate) fn first_head(
        &self,
        application: ApplicationId,
        group: GroupId,
        entries: usize,
    ) -> Result<HeadValue, StoreError> {
        let header = self.header()?;
        let kind = numbers::kind(header.kind).ok_or(StoreError::Corrupt(Self::KIND))?;
        let due = Timestamp::from_micros(header.start.unwrap_or(header.created));
        Ok(HeadValue::new(application, kind, group, entries, due))
    }

    /// Where a message with this page stood first.
    pub(crate) fn first_state(&self, page: &PageValue) -> Result<StateValue, StoreError> {
        let header = self.header()?;
        let mut state = StateValue::new(None, header.start.is_some());
        (state.planned, state.last_seq) = (page.entries() as u32, header.accepted_seq);
        Ok(state)
    }

    pub(crate) fn header(&self) -> Result<&HeaderValue, StoreError> {
        self.header.as_ref().ok_or(StoreError::Corrupt(Self::KIND))
    }

    pub(crate) fn collapse(&self) -> Result<Option<[u8; 16]>, StoreError> {
        if self.collapse.is_empty() { Ok(None) } else { array(&self.collapse, Self::KIND).map(Some) }
    }

    pub(crate) fn audience_kind(&self) -> Result<AudienceKind, StoreError> {
        AudienceKind::try_from(self.audience).map_err(|_| StoreError::Corrupt(Self::KIND))
    }

    pub(crate) fn spec(&self) -> Result<Arc<MessageSpec>, StoreError> {
        let corrupt = || StoreError::Corrupt(Self::KIND);
        let header = self.header()?;
        Ok(Arc::new(MessageSpec {
            payload: Payload(self.payload.clone().into()),
            receipt_token_at: self.receipt_token_at,
            ttl: Duration::from_nanos(self.ttl_nanos),
            urgency: numbers::urgency(self.urgency).ok_or_else(corrupt)?,
            topic_header: self.topic_header.clone(),
            padding: numbers::padding(self.padding).ok_or_else(corrupt)?,
            max_per_second: self.max_per_second,
            labels: header.labels.clone(),
            note: header.note.clone(),
        }))
    }

    pub(crate) fn into_record(self, id: MessageId, state: &StateValue) -> Result<MessageRecord, StoreError> {
        let header = self.header.ok_or(StoreError::Corrupt(Self::KIND))?;
        header.into_record(id, state, self.estimate, None)
    }
}

/// A piece of an audience's list: entries one behind the other.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct ListValue {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) entries: Vec<Vec<u8>>,
}

impl Record for ListValue {
    const KIND: &'static str = "audience list";
}

/// A message that has ended. Its payload is gone.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DoneValue {
    #[prost(message, optional, tag = "1")]
    pub(crate) header: Option<HeaderValue>,
    #[prost(message, optional, tag = "2")]
    pub(crate) state: Option<StateValue>,
    #[prost(uint64, tag = "3")]
    pub(crate) ended: u64,
    /// Its events have gone, or are about to.
    #[prost(bool, tag = "4")]
    pub(crate) trimmed: bool,
    /// The only segment with its events, as its row would have it, if the message ended with the first of them.
    #[prost(bytes = "vec", tag = "5")]
    segment: Vec<u8>,
    /// The number of that.
    #[prost(uint64, tag = "6")]
    segment_seq: u64,
}

impl Record for DoneValue {
    const KIND: &'static str = "ended message";
}

impl DoneValue {
    pub(crate) fn new(header: Option<HeaderValue>, state: StateValue, ended: Timestamp) -> Self {
        Self { header, state: Some(state), ended: ended.as_micros(), ..Self::default() }
    }

    /// Keeps the only segment, whose number is `seq`.
    pub(crate) fn keep_segment(&mut self, seq: u64, segment: Vec<u8>) {
        (self.segment, self.segment_seq) = (segment, seq);
    }

    /// The segment that it keeps, with its number.
    pub(crate) fn segment(&self) -> Option<(u64, &[u8])> {
        (!self.segment.is_empty()).then_some((self.segment_seq, &self.segment[..]))
    }

    /// Its events have gone.
    pub(crate) fn forget_segment(&mut self) {
        (self.segment, self.segment_seq) = (Vec::new(), 0);
    }

    pub(crate) fn into_record(self, id: MessageId) -> Result<MessageRecord, StoreError> {
        let corrupt = || StoreError::Corrupt(Self::KIND);
        let state = self.state.ok_or_else(corrupt)?;
        let ended = Timestamp::from_micros(self.ended);
        let record = self.header.ok_or_else(corrupt)?.into_record(id, &state, 0, Some(ended))?;
        Ok(MessageRecord { trimmed: self.trimmed, ..record })
    }
}

/// What a `request_id` was used for.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RequestValue {
    #[prost(bytes = "vec", tag = "1")]
    message: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    hash: Vec<u8>,
    #[prost(uint64, tag = "3")]
    time: u64,
}

impl Record for RequestValue {
    const KIND: &'static str = "request_id";
}

impl RequestValue {
    pub(crate) fn new(message: MessageId, hash: &[u8; 32], time: Timestamp) -> Self {
        Self { message: message.0.to_vec(), hash: hash.to_vec(), time: time.as_micros() }
    }

    pub(crate) fn parts(&self) -> Result<(MessageId, [u8; 32]), StoreError> {
        Ok((MessageId(array(&self.message, Self::KIND)?), array(&self.hash, Self::KIND)?))
    }
}

/// Names a message.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MessageReference {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
}

impl Record for MessageReference {
    const KIND: &'static str = "collapse row";
}

impl MessageReference {
    pub(crate) fn new(id: MessageId) -> Self {
        Self { id: id.0.to_vec() }
    }

    pub(crate) fn id(&self) -> Result<MessageId, StoreError> {
        Ok(MessageId(array(&self.id, Self::KIND)?))
    }
}

//! What one call of SendStream knows: which requests wait for their answer, which messages have not ended, and how far
//! the log has been read for it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use tokio::time::Instant;

use super::RECEIVING_MAX;
use super::row::Row;
use crate::api::Api;
use crate::api::access::Principal;
use crate::api::convert::{delivery, message, receipt};
use crate::api::leash::{CallEnd, Leash};
use crate::api::sending::{Submitted, submit_send};
use crate::api::status::{ApiError, embedded};
use crate::api::validate::sending::{self, Recipient, Sending};
use crate::domain::limits::FRAME_EVENTS_MAX;
use crate::domain::{Application, CalledBy, DeliveryCounts, MessageId, ReportLevel, Timestamp, Violations};
use crate::engine::feed::{
    FeedError, Frame, FrameKind, HEARTBEAT_INTERVAL, PROGRESS_INTERVAL, PlacedEvent, PlacedReceipt, Position,
    Scope,
};
use crate::proto::v1;
use crate::store::MessageRecord;
use v1::delivery_frame::Kind;
use v1::send_stream_answer::Answer as Content;

/// Segments that a replay reads at once.
const SEGMENTS_AT_ONCE: usize = 8;

/// What became of one request.
pub(super) struct Answer {
    request_id: String,
    /// Whether it waited under its `request_id`.
    waited: bool,
    result: Result<(Submitted, Wanted), ApiError>,
}

/// What a request wants to be told of its message.
#[derive(Clone, Copy)]
struct Wanted {
    level: ReportLevel,
    receipts: bool,
}

impl Answer {
    /// This server stops: that is no answer to the request, which is welcome elsewhere.
    pub(super) fn is_draining(&self) -> bool {
        matches!(self.result, Err(ApiError::Draining))
    }
}

/// A message of an earlier request, with events that the log's reader had passed.
pub(super) struct Joined {
    message: MessageId,
    request_id: Arc<str>,
    wanted: Wanted,
    /// The commit to read from.
    pub(super) from: u64,
}

/// A message that has not ended.
struct Open {
    request_id: String,
    level: ReportLevel,
    counts: DeliveryCounts,
    /// There were events since `counts` were read.
    stale: bool,
    leash: Option<Leash>,
}

impl Open {
    fn new(request_id: &str, level: ReportLevel, counts: DeliveryCounts, leash: Option<Leash>) -> Self {
        Self { request_id: request_id.to_owned(), level, counts, stale: false, leash }
    }

    /// It has ended, or is not followed.
    fn close(self) {
        if let Some(leash) = self.leash {
            leash.untie();
        }
    }
}

pub(super) struct Call {
    api: Api,
    principal: Arc<Principal>,
    application: Arc<Application>,
    /// Everything up to here has been told, or was not of this call.
    position: Position,
    row: Row,
    /// A frame about a request that waits for its answer, which goes first.
    held: Option<Frame>,
    /// What will be told next: events or receipts, never both, so that the position tells what was told.
    events: Vec<v1::DeliveryEvent>,
    receipts: Vec<v1::ReceiptEvent>,
    waiting: HashSet<String>,
    open: HashMap<MessageId, Open>,
    open_ids: HashSet<String>,
    /// Messages whose receipts are told, open or ended, and until when they may come.
    receiving: HashMap<MessageId, Timestamp>,
    /// The sum over messages that have ended.
    ended: DeliveryCounts,
    /// Counts changed since they were told.
    stale: bool,
    told: Instant,
    end: CallEnd,
}

impl Call {
    /// A call of this application; `first` is its reader's first frame, which says where the reader stands.
    pub(super) fn new(
        api: &Api,
        (principal, caller): (&Arc<Principal>, &CalledBy),
        application: Arc<Application>,
        first: Option<Result<Frame, FeedError>>,
    ) -> Result<Self, ApiError> {
        let first = first.unwrap_or(Err(FeedError::Draining));
        let position = first.map_err(|error| ApiError::from_feed(error, "messages/-"))?.position;
        Ok(Self {
            end: CallEnd::new(api, application.id, caller.clone()),
            api: api.clone(),
            principal: Arc::clone(principal),
            application,
            position,
            row: Row::default(),
            held: None,
            events: Vec::new(),
            receipts: Vec::new(),
            waiting: HashSet::new(),
            open: HashMap::new(),
            open_ids: HashSet::new(),
            receiving: HashMap::new(),
            ended: DeliveryCounts::default(),
            stale: false,
            told: Instant::now(),
        })
    }

    /// This server ends the call: nobody has disconnected.
    pub(super) fn end_by_server(&self) {
        self.end.by_server();
    }

    /// This server ends the call, for this reason.
    pub(super) fn fail(&self, error: ApiError) -> ApiError {
        self.end_by_server();
        error
    }

    pub(super) fn application(&self) -> &Application {
        &self.application
    }

    /// How many of its messages have not ended.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// Whether all messages have ended, nothing more can come of them, and everything was told.
    pub(super) fn has_ended(&self) -> bool {
        self.open.is_empty() && self.receiving.is_empty() && self.held.is_none()
    }

    /// The log must not be read on before an answer has gone.
    pub(super) fn holds_frame(&self) -> bool {
        self.held.is_some()
    }

    /// Reads a request and gives what will be its answer.
    pub(super) fn take_request(&mut self, send: v1::SendRequest) -> BoxFuture<'static, Answer> {
        let request_id = send.request_id.clone();
        let sending = match self.read(send) {
            Ok(sending) => sending,
            Err(error) => return ready(Answer { request_id, waited: false, result: Err(error) }).boxed(),
        };
        self.waiting.insert(request_id.clone());
        let (api, application) = (self.api.clone(), Arc::clone(&self.application));
        let wanted = Wanted { level: sending.level, receipts: sending.include_receipts };
        let end = self.end.clone();
        async move {
            let result = submit_send(&api, &application, sending, end).await;
            Answer { request_id, waited: true, result: result.map(|submitted| (submitted, wanted)) }
        }
        .boxed()
    }

    fn read(&self, send: v1::SendRequest) -> Result<Sending<Recipient>, ApiError> {
        let application = self.api.application_of(&self.principal, &send.application)?;
        let mut violations = Violations::new();
        if application.id != self.application.id {
            violations.add("application", "must be the same in all requests of a call");
        }
        if send.include_receipts && self.receiving.len() >= RECEIVING_MAX {
            let description = format!(
                "receipts of {RECEIVING_MAX} messages are told by this call; for more of them watch messages/-"
            );
            return Err(ApiError::QuotaExceeded { subject: "include_receipts", description });
        }
        if send.request_id.is_empty() {
            violations.add("request_id", "is required");
        } else if self.waiting.contains(&send.request_id) || self.open_ids.contains(&send.request_id) {
            violations.add("request_id", "must not be that of a message of this call that has not ended");
        }
        let sending = match sending::send(send, self.api.rules(&application)) {
            Err(ApiError::InvalidFields(more)) => {
                for found in more.as_slice() {
                    violations.add(found.field.clone(), found.description.clone());
                }
                None
            }
            Err(error) if violations.is_empty() => return Err(error),
            Err(_) => None,
            Ok(sending) => Some(sending),
        };
        Ok(violations.or(sending)?)
    }

    /// The answer to a request. A message of an earlier request is put into `joined`, if events of it were passed.
    pub(super) fn answer(
        &mut self,
        answer: Answer,
        joined: &mut Vec<Joined>,
    ) -> Option<v1::SendStreamAnswer> {
        let Answer { request_id, waited, result } = answer;
        if waited {
            self.waiting.remove(&request_id);
        }
        let name = &self.application.name;
        let content = match result {
            Err(ApiError::Draining) => return None,
            Err(error) => Content::Rejected(embedded(&error.into())),
            Ok((Submitted::DryRun { targets, estimated }, _)) => {
                let message = Some(message::dry_run(name, targets, estimated));
                Content::Accepted(v1::MessageAccepted { message, replayed: false })
            }
            Ok((Submitted::Message { record, replayed, leash }, wanted)) => {
                let message = Some(message::status(name, &record.status));
                let followed = Open::new(&request_id, wanted.level, record.status.counts, leash);
                if wanted.level == ReportLevel::Accepted {
                    followed.close();
                } else {
                    if replayed && record.accepted_seq <= self.position.seq {
                        let (message, from) = (record.status.id, record.accepted_seq);
                        joined.push(Joined { message, request_id: request_id.as_str().into(), wanted, from });
                    }
                    self.follow(followed, &record, wanted.receipts);
                }
                Content::Accepted(v1::MessageAccepted { message, replayed })
            }
        };
        Some(v1::SendStreamAnswer { request_id, answer: Some(content) })
    }

    fn follow(&mut self, open: Open, record: &MessageRecord, receipts: bool) {
        self.stale = true;
        let message = record.status.id;
        if receipts && let Some(until) = self.api.engine.receipts_until(&record.status) {
            self.receiving.insert(message, until);
        }
        if self.row.has_passed_end(self.position, record) {
            add(&mut self.ended, &open.counts);
            open.close();
        } else {
            self.open_ids.insert(open.request_id.clone());
            self.open.insert(message, open);
        }
    }

    /// Events and receipts of a joined message from commit `from` on that the log's reader had passed before, and the
    /// commit to go on from.
    pub(super) async fn replay(
        &self,
        joined: &Joined,
        from: u64,
    ) -> Result<(Vec<v1::DeliveryFrame>, Option<u64>), ApiError> {
        let Joined { message, request_id, wanted, .. } = joined;
        let tokens = &self.api.tokens;
        let segments = self.api.store.segments(self.application.id, *message, from, SEGMENTS_AT_ONCE).await?;
        let next = segments.last().map(|last| last.seq + 1).filter(|next| *next <= self.position.seq);
        let (mut events, mut receipts) = (Vec::new(), Vec::new());
        for segment in segments {
            let seq = segment.seq;
            let passed = |index| self.row.has_passed(self.position, *message, seq, index);
            let mut indexes = 1..;
            for (event, index) in segment.events.into_iter().zip(&mut indexes) {
                if passed(index) && wanted.level.tells(event.state) {
                    let request_id = Arc::clone(request_id);
                    let placed = PlacedEvent { seq, index, request_id, event: event.into() };
                    events.push(delivery::placed(tokens, &placed));
                }
            }
            for (receipt, index) in segment.receipts.into_iter().zip(&mut indexes) {
                if passed(index) && wanted.receipts {
                    let request_id = Arc::clone(request_id);
                    let placed = PlacedReceipt { seq, index, request_id, receipt: receipt.into() };
                    receipts.push(receipt::placed(tokens, &placed));
                }
            }
        }
        let events = events.chunks(FRAME_EVENTS_MAX).map(|events| self.of_events(events.to_vec()));
        let receipts = receipts.chunks(FRAME_EVENTS_MAX).map(|receipts| self.of_receipts(receipts.to_vec()));
        Ok((events.chain(receipts).collect(), next))
    }

    /// Takes the next frame of the log; what comes back is a full frame of what was there before it.
    pub(super) fn take_frame(&mut self, frame: Frame) -> Option<v1::DeliveryFrame> {
        if self.waits_for_answer(&frame.kind) {
            self.held = Some(frame);
            return None;
        }
        let mut full = None;
        match frame.kind {
            FrameKind::Accepted(_) | FrameKind::Progress(_) => {}
            FrameKind::Events(events) => {
                let ours: Vec<_> = events.iter().filter_map(|placed| self.take_event(placed)).collect();
                let fits = self.receipts.is_empty() && self.events.len() + ours.len() <= FRAME_EVENTS_MAX;
                if !ours.is_empty() && !fits {
                    full = self.take_batch();
                }
                self.events.extend(ours);
            }
            FrameKind::Receipts(receipts) => {
                let ours: Vec<_> = receipts.iter().filter_map(|placed| self.take_receipt(placed)).collect();
                let fits = self.events.is_empty() && self.receipts.len() + ours.len() <= FRAME_EVENTS_MAX;
                if !ours.is_empty() && !fits {
                    full = self.take_batch();
                }
                self.receipts.extend(ours);
            }
            FrameKind::Summary(status) => {
                self.row.pass_end(status.id, frame.position.seq);
                if let Some(open) = self.open.remove(&status.id) {
                    self.open_ids.remove(&open.request_id);
                    open.close();
                    add(&mut self.ended, &status.counts);
                    self.stale = true;
                }
            }
        }
        self.position = frame.position;
        full
    }

    /// Nothing of a message goes before its answer. It may be known to the log before it is known here.
    fn waits_for_answer(&self, kind: &FrameKind) -> bool {
        let waits = |request_id: &str| self.waiting.contains(request_id);
        match kind {
            FrameKind::Accepted(status) | FrameKind::Summary(status) => waits(&status.request_id),
            FrameKind::Events(events) => events.iter().any(|placed| waits(&placed.request_id)),
            FrameKind::Receipts(receipts) => receipts.iter().any(|placed| waits(&placed.request_id)),
            FrameKind::Progress(_) => false,
        }
    }

    fn take_event(&mut self, placed: &PlacedEvent) -> Option<v1::DeliveryEvent> {
        let PlacedEvent { seq, index, event, .. } = placed;
        self.row.pass(event.message, *seq, *index);
        let open = self.open.get_mut(&event.message)?;
        (open.stale, self.stale) = (true, true);
        open.level.tells(event.state).then(|| delivery::placed(&self.api.tokens, placed))
    }

    fn take_receipt(&mut self, placed: &PlacedReceipt) -> Option<v1::ReceiptEvent> {
        let PlacedReceipt { seq, index, receipt, .. } = placed;
        self.row.pass(receipt.message, *seq, *index);
        self.receiving.contains_key(&receipt.message).then(|| receipt::placed(&self.api.tokens, placed))
    }

    /// After an answer has gone: the frame that was held for it.
    pub(super) fn let_go(&mut self) -> Vec<v1::DeliveryFrame> {
        let held = self.held.take();
        let full = held.and_then(|frame| self.take_frame(frame));
        full.into_iter().chain(self.take_batch()).collect()
    }

    /// The events or receipts that have been gathered.
    pub(super) fn take_batch(&mut self) -> Option<v1::DeliveryFrame> {
        if !self.receipts.is_empty() {
            let receipts = std::mem::take(&mut self.receipts);
            return Some(self.of_receipts(receipts));
        }
        (!self.events.is_empty()).then(|| {
            let events = std::mem::take(&mut self.events);
            self.of_events(events)
        })
    }

    fn of_events(&self, events: Vec<v1::DeliveryEvent>) -> v1::DeliveryFrame {
        self.frame(Kind::Events(v1::DeliveryEvents { events }))
    }

    fn of_receipts(&self, events: Vec<v1::ReceiptEvent>) -> v1::DeliveryFrame {
        self.frame(Kind::Receipts(v1::ReceiptEvents { events }))
    }

    fn frame(&self, kind: Kind) -> v1::DeliveryFrame {
        let resume_token = self.api.tokens.resume(self.application.id, Scope::All, self.position);
        v1::DeliveryFrame { resume_token, kind: Some(kind) }
    }

    /// When to tell progress next.
    pub(super) fn progress_due(&self) -> Instant {
        self.told + if self.stale { PROGRESS_INTERVAL } else { HEARTBEAT_INTERVAL }
    }

    /// The counts of all messages together, as they are now.
    pub(super) async fn progress(&mut self) -> Result<v1::DeliveryFrame, ApiError> {
        let mut counts = self.ended;
        for (message, open) in &mut self.open {
            if open.stale {
                let record = self.api.store.message(self.application.id, *message).await;
                let record = record.inspect_err(|_| self.end.by_server())?;
                open.counts = record.map_or(open.counts, |record| record.status.counts);
                open.stale = false;
            }
            add(&mut counts, &open.counts);
        }
        (self.stale, self.told) = (false, Instant::now());
        let now = self.api.clock.now();
        self.receiving.retain(|_, until| now <= *until);
        Ok(self.frame(Kind::Progress(message::total(&self.application.name, &counts))))
    }
}

fn add(sum: &mut DeliveryCounts, counts: &DeliveryCounts) {
    let DeliveryCounts {
        targets,
        targets_estimated,
        pending,
        retrying,
        accepted,
        failed,
        expired,
        cancelled,
    } = counts;
    sum.targets_estimated |= targets_estimated;
    for (sum, count) in [
        (&mut sum.targets, targets),
        (&mut sum.pending, pending),
        (&mut sum.retrying, retrying),
        (&mut sum.accepted, accepted),
        (&mut sum.failed, failed),
        (&mut sum.expired, expired),
        (&mut sum.cancelled, cancelled),
    ] {
        *sum = sum.saturating_add(*count);
    }
}

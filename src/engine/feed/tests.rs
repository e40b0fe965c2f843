//! Streams over the memory store: whatever the timing, a reader is told the log from its position on, each event once.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::domain::limits::FRAME_EVENTS_MAX;
use crate::domain::{
    Audience, DeliveryState, ManualClock, MessageSpec, Outcome, ReceiptKind, Report, SubscriptionId,
};
use crate::store::conformance::{application, broadcast, message, spec, step};
use crate::store::{NewMessage, PlanStep, Recipients, Retention, kv};

/// How long receipts are taken.
const WINDOW: Duration = Duration::from_secs(60);

struct Stage {
    clock: Arc<ManualClock>,
    store: Arc<dyn Store>,
    feeds: Feeds,
    metrics: Arc<Metrics>,
    application: ApplicationId,
    messages: Vec<MessageId>,
    /// What was recorded: of each message, and of all.
    told: BTreeMap<MessageId, Vec<u32>>,
    log: Vec<u32>,
}

impl Stage {
    async fn set(messages: usize) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        let store: Arc<dyn Store> = Arc::new(kv::memory(Arc::clone(&clock) as Arc<dyn Clock>).unwrap());
        let metrics = Arc::new(Metrics::new());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let feeds = Feeds::new(FeedParts {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            receipt_window: WINDOW,
            metrics: Arc::clone(&metrics),
            tasks,
            stop,
        });
        let application = application(&*store).await;
        let mut stage = Self {
            clock,
            store,
            feeds,
            metrics,
            application,
            messages: Vec::new(),
            told: BTreeMap::new(),
            log: Vec::new(),
        };
        for _ in 0..messages {
            let message = broadcast(&*stage.store, application, Audience::All).await;
            stage.messages.push(message);
            stage.told.insert(message, Vec::new());
        }
        stage
    }

    /// Records so many events of a message in one commit.
    async fn record(&mut self, message: MessageId, events: u32, done: bool) {
        let first = self.log.len() as u32;
        let numbers: Vec<u32> = (first..first + events).collect();
        let ended = numbers.iter().map(|number| event(message, *number)).collect();
        let step = PlanStep { ended, done, ..step(self.application, message) };
        self.store.plan(step).await.unwrap();
        self.told.get_mut(&message).unwrap().extend(&numbers);
        self.log.extend(numbers);
    }

    fn watch(&self, scope: Scope, start: Start) -> FrameStream {
        self.watch_with(scope, start, false)
    }

    fn watch_with(&self, scope: Scope, start: Start, receipts: bool) -> FrameStream {
        let level = ReportLevel::Terminal;
        self.feeds.watch(Watch { application: self.application, scope, start, level, receipts }, None)
    }
}

fn event(message: MessageId, number: u32) -> DeliveryEvent {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    DeliveryEvent {
        message,
        subscription: Some(SubscriptionId(id)),
        generation: 1,
        user_id: String::new(),
        origin: String::new(),
        state: DeliveryState::Failed,
        outcome: Outcome::NotFound,
        attempt: 0,
        http_status: None,
        time: Timestamp::from_secs(1_800_000_000),
        next_attempt: None,
        latency: None,
        granted_ttl: None,
        detail: String::new(),
        past: Vec::new(),
    }
}

fn numbers(frame: &Frame) -> Vec<u32> {
    let FrameKind::Events(events) = &frame.kind else { return Vec::new() };
    let number = |placed: &PlacedEvent| {
        let id = placed.event.subscription.unwrap().0;
        u32::from_be_bytes(id[12..].try_into().unwrap())
    };
    events.iter().map(number).collect()
}

/// The next events of a stream; a slow machine may be told of progress in between.
async fn next_events(stream: &mut FrameStream) -> Vec<u32> {
    loop {
        let events = numbers(&stream.next().await.unwrap().unwrap());
        if !events.is_empty() {
            return events;
        }
    }
}

/// A reader, and what it was told, counted from the beginning of its scope.
struct Reader {
    scope: Scope,
    stream: FrameStream,
    position: Position,
    seen: usize,
    ended: usize,
}

impl Reader {
    fn expected<'a>(&self, stage: &'a Stage) -> &'a [u32] {
        match self.scope {
            Scope::Message(message) => &stage.told[&message],
            Scope::All => &stage.log,
        }
    }

    /// Takes one frame, which must go on where the last one ended.
    async fn next(&mut self, stage: &Stage) -> bool {
        let Some(frame) = self.stream.next().await else { return false };
        let frame = frame.unwrap();
        assert!(frame.position >= self.position, "a position that went back");
        self.position = frame.position;
        for number in numbers(&frame) {
            assert_eq!(number, self.expected(stage)[self.seen], "a gap, or told twice");
            self.seen += 1;
        }
        self.ended += usize::from(matches!(frame.kind, FrameKind::Summary(_)));
        true
    }
}

async fn random_history(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut stage = Stage::set(3).await;
    let mut readers: Vec<Reader> = Vec::new();
    for _ in 0..120 {
        let message = stage.messages[random.random_range(0..3)];
        match random.random_range(0..10) {
            0..5 => {
                let events = if random.random_range(0..8) == 0 { 1_700 } else { random.random_range(1..4) };
                stage.record(message, events, false).await;
            }
            5 => {
                let scope = if random.random() { Scope::All } else { Scope::Message(message) };
                let stream = stage.watch(scope, Start::Beginning);
                readers.push(Reader { scope, stream, position: Position::default(), seen: 0, ended: 0 });
            }
            6 if !readers.is_empty() => {
                // One goes away, and comes back from its last position.
                let mut reader = readers.swap_remove(random.random_range(0..readers.len()));
                if reader.position > Position::default() {
                    reader.stream = stage.watch(reader.scope, Start::After(reader.position));
                }
                readers.push(reader);
            }
            _ => {
                for _ in 0..random.random_range(0..6) {
                    let behind = |reader: &&mut Reader| reader.seen < reader.expected(&stage).len();
                    let Some(reader) = readers.iter_mut().find(behind) else { break };
                    assert!(reader.next(&stage).await);
                }
                readers.reverse();
            }
        }
    }
    for message in stage.messages.clone() {
        stage.record(message, 1, true).await;
    }
    for reader in &mut readers {
        let summaries = if reader.scope == Scope::All { 3 } else { 1 };
        while reader.ended < summaries {
            assert!(reader.next(&stage).await, "a stream ended early");
        }
        assert_eq!(reader.seen, reader.expected(&stage).len(), "events after the summary");
        if reader.scope != Scope::All {
            assert!(!reader.next(&stage).await, "a frame after the summary");
        }
    }
}

#[tokio::test]
async fn every_reader_is_told_the_log_from_its_position_on() {
    for seed in 0..12 {
        random_history(seed).await;
    }
}

#[tokio::test]
async fn a_thousand_readers_share_the_reads() {
    let mut stage = Stage::set(1).await;
    let message = stage.messages[0];
    let open = |_| stage.watch(Scope::Message(message), Start::Beginning);
    let mut readers: Vec<FrameStream> = (0..1_000).map(open).collect();
    let first = join_all(readers.iter_mut().map(StreamExt::next)).await;
    assert!(first.iter().all(|frame| matches!(frame, Some(Ok(Frame { kind: FrameKind::Accepted(_), .. })))));
    stage.record(message, 3, false).await;
    join_all(readers.iter_mut().map(next_events)).await;
    let before = stage.metrics.log_reads();
    assert!(before < 50, "{before} reads to begin with");
    for _ in 0..10 {
        stage.record(message, 3, false).await;
        let told = join_all(readers.iter_mut().map(next_events)).await;
        assert!(told.iter().all(|events| events.len() == 3));
    }
    let reads = stage.metrics.log_reads() - before;
    assert!(reads <= 10 * 4, "{reads} reads for 10 commits and 1,000 readers");
}

#[tokio::test]
async fn a_reader_that_stalls_holds_nothing() {
    let mut stage = Stage::set(2).await;
    let (message, other) = (stage.messages[0], stage.messages[1]);
    stage.record(message, 900, false).await;
    let mut stalled: Vec<FrameStream> =
        (0..100).map(|_| stage.watch(Scope::Message(message), Start::Beginning)).collect();
    let mut told = Vec::new();
    for stream in &mut stalled {
        stream.next().await.unwrap().unwrap();
        let frame = stream.next().await.unwrap().unwrap();
        let FrameKind::Events(events) = frame.kind else { panic!("no events") };
        told.push(Arc::downgrade(&events[0].event));
    }
    // Others read elsewhere, until nothing that is shared is of the time of the stalled ones.
    let mut positions = Vec::new();
    for _ in 0..30 {
        positions.push(*stage.store.synced(stage.application).borrow());
        stage.record(other, 1_000, false).await;
    }
    for seq in &positions[..10] {
        let mut elsewhere = stage.watch(Scope::Message(other), Start::After(Position::after(*seq)));
        assert_eq!(next_events(&mut elsewhere).await.len(), 500);
    }
    assert!(told.iter().all(|event| event.upgrade().is_none()), "a stalled reader holds events");
    drop(stalled);
}

fn receipt(message: MessageId, number: u32) -> Receipt {
    let DeliveryEvent { subscription, time, .. } = event(message, number);
    let report = Report { kind: ReceiptKind::Displayed, action: String::new(), time, occurred: None };
    Receipt { message, delivery: subscription.unwrap(), inline: false, user_id: String::new(), report }
}

impl Stage {
    async fn receive(&self, message: MessageId, numbers: std::ops::Range<u32>) {
        let receipts: Vec<Receipt> = numbers.map(|number| receipt(message, number)).collect();
        let received = self.store.receive(self.application, receipts).await.unwrap();
        assert!(received.iter().all(|of| *of == crate::store::Received::Recorded));
    }

    /// A message that asked for receipts.
    async fn asking(&mut self) -> MessageId {
        let spec = MessageSpec { receipt_token_at: Some(0), ..spec() };
        let new = NewMessage {
            spec: Arc::new(spec),
            ..message(self.application, Recipients::Audience(Audience::All))
        };
        let id = self.store.accept(new).await.unwrap().record.status.id;
        self.told.insert(id, Vec::new());
        id
    }
}

/// What a stream tells, in words, up to and with its end, or until nothing more is there.
async fn words(stream: FrameStream) -> Vec<String> {
    let stream = stream.map(|frame| match frame.unwrap().kind {
        FrameKind::Accepted(_) => "accepted".to_owned(),
        FrameKind::Events(events) => format!("{} events", events.len()),
        FrameKind::Receipts(receipts) => format!("{} receipts", receipts.len()),
        FrameKind::Progress(_) => "progress".to_owned(),
        FrameKind::Summary(status) => format!("summary, {} displayed", status.receipts.displayed),
    });
    let mut stream = std::pin::pin!(stream);
    let mut words = Vec::new();
    while let Ok(Some(word)) = tokio::time::timeout(HEARTBEAT_INTERVAL / 3, stream.next()).await {
        if word != "progress" {
            words.push(word);
        }
    }
    words
}

#[tokio::test(start_paused = true)]
async fn receipts_are_told_to_who_asks() {
    let mut stage = Stage::set(0).await;
    let id = stage.asking().await;
    stage.receive(id, 0..2).await;
    stage.record(id, 3, true).await;
    stage.receive(id, 2..3).await;
    let whole = |receipts| words(stage.watch_with(Scope::Message(id), Start::Beginning, receipts));
    assert_eq!(whole(false).await, ["accepted", "3 events", "summary, 3 displayed"]);
    // The stream waits for more.
    let first = ["accepted", "2 receipts", "3 events", "1 receipts"];
    assert_eq!(whole(true).await, first);
    let all = |receipts| words(stage.watch_with(Scope::All, Start::Beginning, receipts));
    assert_eq!(all(false).await, ["accepted", "3 events", "summary, 3 displayed"]);
    assert_eq!(all(true).await, ["accepted", "2 receipts", "3 events", "summary, 3 displayed", "1 receipts"]);
    // Once none can come any more, it ends.
    stage.clock.advance(WINDOW + Duration::from_secs(3_601));
    assert_eq!(whole(true).await, [&first[..], &["summary, 3 displayed"]].concat());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_waits_for_receipts_ends_when_none_can_come_any_more() {
    let mut stage = Stage::set(0).await;
    for trims in [false, true] {
        let id = stage.asking().await;
        stage.record(id, 1, true).await;
        let stream = stage.watch_with(Scope::Message(id), Start::Beginning, true);
        let (told, ()) = tokio::join!(stream.collect::<Vec<_>>(), async {
            tokio::time::sleep(HEARTBEAT_INTERVAL * 2).await;
            stage.receive(id, 0..1).await;
            tokio::time::sleep(HEARTBEAT_INTERVAL * 2).await;
            if !trims {
                stage.clock.advance(WINDOW + Duration::from_secs(3_601));
                return;
            }
            let seen = *stage.store.synced(stage.application).borrow();
            stage.store.reap(stage.application, Vec::new(), seen).await.unwrap();
            stage.clock.advance(Duration::from_secs(1));
            let (now, long) = (Duration::ZERO, Duration::from_secs(86_400));
            let retention = Retention { events: now, messages: long, changes: now, removed: long };
            while stage.store.trim(retention).await.unwrap().more {}
            assert!(stage.store.message(stage.application, id).await.unwrap().unwrap().trimmed);
        });
        let last = told.into_iter().map(Result::unwrap).next_back().unwrap();
        let FrameKind::Summary(status) = last.kind else { panic!("{last:?}") };
        assert_eq!((status.id, status.receipts.displayed), (id, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn receipts_come_back_from_every_position() {
    let mut stage = Stage::set(1).await;
    let id = stage.messages[0];
    stage.record(id, 2, false).await;
    stage.receive(id, 0..1_200).await;
    stage.record(id, 2, true).await;
    for scope in [Scope::Message(id), Scope::All] {
        let start = Start::Beginning;
        let mut position = Position::default();
        let mut frames = Vec::new();
        let mut stream = stage.watch_with(scope, start, true);
        while let Some(frame) = stream.next().await {
            let frame = frame.unwrap();
            assert!(frame.position >= position);
            position = frame.position;
            frames.push(frame);
            if matches!(frames.last().unwrap().kind, FrameKind::Summary(_)) {
                break;
            }
        }
        let told = |frames: &[Frame]| -> Vec<u32> {
            let of = |frame: &Frame| match &frame.kind {
                FrameKind::Receipts(receipts) => {
                    assert!(receipts.len() <= FRAME_EVENTS_MAX);
                    let number = |placed: &PlacedReceipt| placed.receipt.delivery.0[12..].try_into().unwrap();
                    receipts.iter().map(|placed| u32::from_be_bytes(number(placed))).collect()
                }
                FrameKind::Accepted(_)
                | FrameKind::Events(_)
                | FrameKind::Progress(_)
                | FrameKind::Summary(_) => Vec::new(),
            };
            frames.iter().flat_map(of).collect()
        };
        let whole = told(&frames);
        assert_eq!(whole, (0..1_200).collect::<Vec<_>>());
        for behind in 0..frames.len() - 1 {
            let mut stream = stage.watch_with(scope, Start::After(frames[behind].position), true);
            let mut rest = Vec::new();
            loop {
                let frame = stream.next().await.unwrap().unwrap();
                if matches!(frame.kind, FrameKind::Summary(_)) {
                    break;
                }
                rest.push(frame);
            }
            assert_eq!([told(&frames[..=behind]), told(&rest)].concat(), whole, "{scope:?} {behind}");
        }
    }
}

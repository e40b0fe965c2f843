//! The engine over the in-memory store and a scripted transport: what is promised of deliveries, also across a crash.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fanfare::domain::{
    Application, Audience, Clock, ContentEncoding, DeliveryEvent, DeliveryState, Endpoint, ManualClock,
    MessageDefaults, MessageId, MessageKind, MessageSpec, MessageState, MessageStatus, Outcome, Padding,
    Payload, ReportLevel, SubscriptionId, SystemClock, Timestamp, Urgency, VapidKeyId,
};
use fanfare::engine::feed::{Frame, FrameKind, Position, Scope, Start, Watch};
use fanfare::engine::{
    AttemptSettings, Engine, EngineParts, EngineSettings, ReceiptSettings, Recipients, RetentionSettings,
    Submission, SubmitError,
};
use fanfare::observe::{Metrics, SubscriptionChange};
use fanfare::store::kv::memory::Memory;
use fanfare::store::kv::{KvStore, Settings};
use fanfare::store::{Departure, Selector, Store, StoreError, Subscribe, Subscribed, SubscriptionPatch};
use fanfare::transport::scripted::{Answer, ScriptedTransport, response};
use fanfare::webpush::request::PushResponse;
use fanfare::webpush::{AgreementKey, AwsLcKey, VapidKeyPair};
use futures_util::StreamExt;
use rand::SeedableRng;

#[path = "engine/gauges.rs"]
mod gauges;
#[path = "engine/held.rs"]
mod held;

/// A server without its API: what a crash takes away.
struct Server {
    store: Arc<dyn Store>,
    engine: Engine,
    application: Arc<Application>,
    metrics: Arc<Metrics>,
}

impl Server {
    async fn start(memory: &Memory, transport: &ScriptedTransport, settings: EngineSettings) -> Self {
        Self::start_at(memory, transport, settings, Arc::new(SystemClock)).await
    }

    async fn start_at(
        memory: &Memory,
        transport: &ScriptedTransport,
        settings: EngineSettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self::start_with(memory, transport, settings, clock, RetentionSettings::default()).await
    }

    async fn start_with(
        memory: &Memory,
        transport: &ScriptedTransport,
        settings: EngineSettings,
        clock: Arc<dyn Clock>,
        retention: RetentionSettings,
    ) -> Self {
        let random = rand::rngs::StdRng::seed_from_u64(7);
        let store =
            KvStore::open(Arc::new(memory.clone()), Arc::clone(&clock), random, Settings::default()).unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let record = store.application("default").await.unwrap();
        if record.vapid_keys.is_empty() {
            let key = VapidKeyPair::generate().unwrap().into_vapid_key(VapidKeyId(0), clock.now());
            store.add_vapid_key(record.id, key, true).await.unwrap();
        }
        let record = store.application("default").await.unwrap();
        let application = Arc::new(Application {
            id: record.id,
            name: record.name,
            contact: "mailto:ops@example.com".to_owned(),
            weight: 1,
            defaults: MessageDefaults {
                ttl: Duration::from_secs(60),
                urgency: Urgency::Normal,
                padding: Padding::None,
            },
            vapid_keys: record.vapid_keys,
            current_vapid_key: record.current_vapid_key.unwrap(),
            ..Application::default()
        });
        let metrics = Arc::new(Metrics::new());
        let parts = EngineParts {
            store: Arc::clone(&store),
            transport: Arc::new(transport.clone()),
            clock,
            applications: [Arc::clone(&application)].into_iter().collect(),
            deleted: Vec::new(),
            settings,
            retention,
            receipts: ReceiptSettings::default(),
            attempts: AttemptSettings::default(),
            seed: 7,
            metrics: Arc::clone(&metrics),
        };
        let engine = Engine::start(parts).await.unwrap();
        Self { store, engine, application, metrics }
    }

    async fn subscribe(&self, number: usize, origins: usize, topics: &[&str]) -> Subscribed {
        let url = format!("https://push{}.example.net/p/{number}", number % origins);
        self.subscribe_at(&url, number, topics).await
    }

    async fn subscribe_at(&self, url: &str, number: usize, topics: &[&str]) -> Subscribed {
        let mut auth = [0; 16];
        auth[..8].copy_from_slice(&number.to_be_bytes());
        let keys =
            fanfare::domain::SubscriptionKeys { p256dh: *AwsLcKey::generate().unwrap().public(), auth };
        let subscribe = Subscribe {
            application: self.application.id,
            endpoint: Endpoint::parse(url, false).unwrap(),
            keys,
            encoding: ContentEncoding::Aes128Gcm,
            expires: None,
            vapid_key: None,
            current_vapid_key: self.application.current_vapid_key,
            user_id: format!("user-{number}"),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            labels: BTreeMap::new(),
            locale: String::new(),
            time_zone: String::new(),
            replaces: None,
            subscriptions_max: None,
            validate_only: false,

            bulk: false,
            by_page: false,
        };
        self.store.subscribe(subscribe).await.unwrap()
    }

    async fn subscribe_many(&self, count: usize, origins: usize) -> Vec<SubscriptionId> {
        let all = (0..count).map(|number| self.subscribe(number, origins, &["news"]));
        let done: Vec<_> = futures_util::stream::iter(all).buffered(64).collect().await;
        done.into_iter().map(|done| done.subscription.target.id).collect()
    }

    async fn send(&self, to: SubscriptionId, ttl: Duration) -> MessageStatus {
        let recipients = self.recipient(to).await;
        self.submit(MessageKind::Send, recipients, ttl, "").await
    }

    async fn broadcast(&self, audience: Audience, ttl: Duration) -> MessageStatus {
        self.submit(MessageKind::Broadcast, Recipients::Audience(audience), ttl, "").await
    }

    async fn submit(
        &self,
        kind: MessageKind,
        recipients: Recipients,
        ttl: Duration,
        request_id: &str,
    ) -> MessageStatus {
        let submission =
            Submission { request_id: request_id.to_owned(), ..submission(kind, recipients, ttl) };
        self.accept(submission).await
    }

    async fn accept(&self, submission: Submission) -> MessageStatus {
        self.engine.submit(&self.application, submission).await.unwrap().record.status
    }

    async fn recipient(&self, to: SubscriptionId) -> Recipients {
        let targets = self.store.targets(self.application.id, &[to]).await.unwrap();
        Recipients::Targets(targets.into_iter().flatten().collect())
    }

    /// Reads a message's stream to its summary.
    async fn read(&self, message: &MessageStatus, start: Start) -> (Vec<DeliveryEvent>, MessageStatus) {
        let watch = Watch {
            application: self.application.id,
            scope: Scope::Message(message.id),
            start,
            level: ReportLevel::Attempts,
            receipts: false,
        };
        let mut stream = self.engine.watch(watch);
        let mut events = Vec::new();
        while let Some(frame) = stream.next().await {
            match frame.unwrap().kind {
                FrameKind::Events(placed) => {
                    events.extend(placed.into_iter().map(|placed| DeliveryEvent::clone(&placed.event)));
                }
                FrameKind::Summary(summary) => return (events, summary),
                FrameKind::Accepted(_) | FrameKind::Receipts(_) | FrameKind::Progress(_) => {}
            }
        }
        panic!("the stream ended without a summary");
    }
}

fn submission(kind: MessageKind, recipients: Recipients, ttl: Duration) -> Submission {
    let spec = MessageSpec {
        receipt_token_at: None,
        payload: Payload(Bytes::from_static(b"hello")),
        ttl,
        urgency: Urgency::Normal,
        topic_header: None,
        padding: Padding::None,
        labels: BTreeMap::new(),
        note: String::new(),
        max_per_second: None,
    };
    Submission {
        kind,
        spec,
        recipients,
        request_id: String::new(),
        request_hash: [0; 32],
        start: None,
        collapse: None,
        caller: None,
        as_of: 0,
    }
}

fn settings() -> EngineSettings {
    let (retry_base, removal_window) = (Duration::from_millis(20), Duration::ZERO);
    EngineSettings { retry_base, removal_window, ..EngineSettings::default() }
}

const MINUTE: Duration = Duration::from_secs(60);

/// One terminal event for each delivery, and counts that say the same.
fn assert_reconciles(events: &[DeliveryEvent], summary: &MessageStatus) {
    let mut terminal: HashMap<_, Vec<_>> = HashMap::new();
    for event in events.iter().filter(|event| event.state.is_terminal()) {
        terminal.entry((event.subscription, event.user_id.clone())).or_default().push(event.state);
    }
    assert!(terminal.values().all(|states| states.len() == 1), "a delivery ended twice");
    let counts = summary.counts;
    assert_eq!(counts.targets as usize, terminal.len());
    assert_eq!((counts.pending, counts.retrying), (0, 0));
    let count = |state| u32::try_from(terminal.values().filter(|states| states[0] == state).count()).unwrap();
    assert_eq!(counts.accepted, count(DeliveryState::Accepted));
    assert_eq!(counts.failed, count(DeliveryState::Failed));
    assert_eq!(counts.expired, count(DeliveryState::Expired));
    assert_eq!(counts.cancelled, count(DeliveryState::Cancelled));
    assert_eq!(summary.outcomes.values().sum::<u32>(), counts.targets);
    assert!(summary.ended.is_some());
}

#[tokio::test]
async fn a_send_is_posted_once_and_told() {
    let transport = ScriptedTransport::always(201);
    let server = Server::start(&Memory::new(), &transport, settings()).await;
    let to = server.subscribe(1, 1, &[]).await.subscription.target.id;
    let message = server.send(to, MINUTE).await;
    let (events, summary) = server.read(&message, Start::Beginning).await;
    assert_reconciles(&events, &summary);
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].subscription, events[0].outcome, events[0].attempt),
        (Some(to), Outcome::Accepted, 1)
    );
    assert_eq!(events[0].origin, "https://push0.example.net");
    let posted = transport.requests();
    assert_eq!(posted.len(), 1);
    assert_eq!(posted[0].headers["ttl"], "60", "what was asked for, as it did not wait");
    assert!(server.engine.shutdown().await);
}

#[tokio::test]
async fn a_broadcast_reaches_each_member_once() {
    let transport = ScriptedTransport::always(201);
    let small =
        EngineSettings { max_targets_in_memory: 1_024, max_unsettled: 64, plan_chunk: 300, ..settings() };
    let server = Server::start(&Memory::new(), &transport, small).await;
    server.subscribe_many(2_000, 5).await;
    let late = server.broadcast(Audience::Topics(vec!["news".to_owned()]), MINUTE).await;
    server.subscribe(9_999, 5, &["news"]).await;
    let (events, summary) = server.read(&late, Start::Beginning).await;
    assert_reconciles(&events, &summary);
    assert_eq!(summary.counts.accepted, 2_000, "who joins later is no target");
    assert_eq!(transport.requests().len(), 2_000);
    // Again from the beginning, and from somewhere in the middle.
    let (again, _) = server.read(&late, Start::Beginning).await;
    assert_eq!(again, events);
    let nobody = server.broadcast(Audience::Topics(vec!["nothing".to_owned()]), MINUTE).await;
    assert_eq!(server.read(&nobody, Start::Beginning).await.1.counts.targets, 0);
}

#[tokio::test]
async fn lists_tell_who_is_not_there() {
    let transport = ScriptedTransport::always(201);
    let server = Server::start(&Memory::new(), &transport, settings()).await;
    let mut ids = server.subscribe_many(3, 1).await;
    ids.push(SubscriptionId([1; 16]));
    ids.sort();
    let message = server.broadcast(Audience::Subscriptions(ids), MINUTE).await;
    let (events, summary) = server.read(&message, Start::Beginning).await;
    assert_reconciles(&events, &summary);
    assert_eq!(summary.outcomes, BTreeMap::from([(Outcome::Accepted, 3), (Outcome::NotFound, 1)]));
    let users = vec!["nobody".to_owned(), "user-1".to_owned()];
    let message = server.broadcast(Audience::Users(users), MINUTE).await;
    let (events, summary) = server.read(&message, Start::Beginning).await;
    assert_reconciles(&events, &summary);
    assert_eq!(summary.outcomes, BTreeMap::from([(Outcome::Accepted, 1), (Outcome::NotFound, 1)]));
}

#[tokio::test]
async fn what_fails_is_tried_again_until_the_ttl_is_used_up() {
    let answers = [503, 500, 201].map(Answer::status);
    let server = Server::start(&Memory::new(), &ScriptedTransport::queue(answers), settings()).await;
    let to = server.subscribe(1, 1, &[]).await.subscription.target.id;
    let message = server.send(to, MINUTE).await;
    let (events, summary) = server.read(&message, Start::Beginning).await;
    assert_reconciles(&events, &summary);
    let states: Vec<_> = events.iter().map(|event| (event.state, event.outcome, event.attempt)).collect();
    let retrying = DeliveryState::Retrying;
    let unavailable = Outcome::Unavailable;
    let accepted = (DeliveryState::Accepted, Outcome::Accepted, 3);
    assert_eq!(states, [(retrying, unavailable, 1), (retrying, unavailable, 2), accepted]);
    assert!(events[0].next_attempt.is_some_and(|next| next > events[0].time));
    let past: Vec<_> = events[2].past.iter().map(|past| (past.attempt, past.http_status)).collect();
    assert_eq!(past, [(1, Some(503)), (2, Some(500))]);

    let server = Server::start(&Memory::new(), &ScriptedTransport::always(503), settings()).await;
    let to = server.subscribe(1, 1, &[]).await.subscription.target.id;
    for ttl in [Duration::ZERO, Duration::from_secs(2)] {
        let message = server.send(to, ttl).await;
        let (events, summary) = server.read(&message, Start::Beginning).await;
        assert_reconciles(&events, &summary);
        let last = events.last().unwrap();
        assert_eq!((last.state, last.outcome), (DeliveryState::Expired, Outcome::Unavailable));
        assert_eq!(ttl.is_zero(), events.len() == 1, "with ttl 0 there is one attempt");
    }
}

#[tokio::test]
async fn only_proof_against_the_present_keys_removes_a_subscription() {
    let transport = ScriptedTransport::always(410);
    let server = Server::start(&Memory::new(), &transport, settings()).await;
    let to = server.subscribe(1, 1, &[]).await.subscription.target.id;
    let (held, release) = Answer::held();
    let mut held = Some(held);
    transport.set_script(move |_| held.take().unwrap_or_else(|| Answer::status(410)));
    let message = server.send(to, MINUTE).await;
    transport.wait_for_started(1).await;
    // It subscribes anew while the attempt is under way: other keys, the same name.
    assert_eq!(server.subscribe(1, 1, &[]).await.subscription.target.id, to);
    server.engine.subscription_changed(to, SubscriptionChange::Updated).await;
    release.status(410);
    let (events, summary) = server.read(&message, Start::Beginning).await;
    assert_reconciles(&events, &summary);
    assert_eq!(events[0].outcome, Outcome::Gone);
    let message = server.send(to, MINUTE).await;
    let (events, _) = server.read(&message, Start::Beginning).await;
    assert_eq!(events[0].generation, 2);
    // Now it is proved; the reaper follows the log.
    let mut synced = server.store.synced(server.application.id);
    let selector = Selector::Id(to);
    let removed = async {
        while server.store.subscription(server.application.id, &selector).await.unwrap().is_some() {
            let _ = tokio::time::timeout(Duration::from_millis(50), synced.changed()).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), removed).await.expect("it is removed");
}

#[tokio::test]
async fn a_stream_resumes_without_gap_or_duplicate() {
    let transport = ScriptedTransport::always(201);
    let server = Server::start(&Memory::new(), &transport, settings()).await;
    server.subscribe_many(1_200, 2).await;
    let message = server.broadcast(Audience::All, MINUTE).await;
    let (all, _) = server.read(&message, Start::Beginning).await;
    for scope in [Scope::Message(message.id), Scope::All] {
        let watch = |start| Watch {
            application: server.application.id,
            scope,
            start,
            level: ReportLevel::Terminal,
            receipts: false,
        };
        let mut seen = Vec::new();
        let mut position = Position::default();
        // A connection that breaks after each frame.
        while seen.len() < all.len() {
            let start = if seen.is_empty() { Start::Beginning } else { Start::After(position) };
            let mut stream = server.engine.watch(watch(start));
            while let Some(frame) = stream.next().await {
                let Frame { kind, position: after } = frame.unwrap();
                if let FrameKind::Events(placed) = kind {
                    seen.extend(placed.into_iter().map(|placed| DeliveryEvent::clone(&placed.event)));
                    position = after;
                    break;
                }
            }
        }
        assert_eq!(seen, all, "{scope:?}");
    }
}

#[tokio::test]
async fn a_crash_loses_nothing_and_ends_nothing_twice() {
    let memory = Memory::new();
    let transport = ScriptedTransport::new(|_| Answer::Now(Ok(response(201))));
    let bound = 32;
    let small = || EngineSettings { max_unsettled: bound, plan_chunk: 200, ..settings() };
    let server = Server::start(&memory, &transport, small()).await;
    let targets = 1_500;
    server.subscribe_many(targets, 3).await;
    let message = server.broadcast(Audience::All, MINUTE).await;
    let mut server = server;
    let mut memory = memory;
    let mut kills = 0;
    loop {
        let posted = transport.requests().len();
        if posted >= targets || kills == 4 {
            break;
        }
        transport.wait_for_started(posted + 250).await;
        // What is not synced is gone; the old process, still running here, works on what nobody will read.
        memory = memory.crash();
        let next = Server::start(&memory, &transport, small()).await;
        server.engine.shutdown().await;
        server = next;
        kills += 1;
    }
    let (events, summary) = server.read(&message, Start::Beginning).await;
    assert!(kills > 0);
    assert_reconciles(&events, &summary);
    assert_eq!(summary.counts.accepted as usize, targets);
}

#[tokio::test]
async fn a_crash_while_planning_plans_nobody_twice() {
    let memory = Memory::new();
    let transport = ScriptedTransport::always(201);
    // Pages of a few, so that planning goes on for as long as sending does.
    let small = || EngineSettings { max_unsettled: 32, plan_chunk: 7, ..settings() };
    let mut server = Server::start(&memory, &transport, small()).await;
    let targets = 700;
    server.subscribe_many(targets, 3).await;
    let message = server.broadcast(Audience::Topics(vec!["news".to_owned()]), MINUTE).await;
    let mut memory = memory;
    for posted in [1, 40, 120, 300] {
        transport.wait_for_started(posted).await;
        memory = memory.crash();
        let next = Server::start(&memory, &transport, small()).await;
        server.engine.shutdown().await;
        server = next;
    }
    let (events, summary) = server.read(&message, Start::Beginning).await;
    assert_reconciles(&events, &summary);
    assert_eq!(summary.counts.accepted as usize, targets);
}

#[tokio::test(start_paused = true)]
async fn a_stream_on_which_nothing_happens_says_so_every_fifteen_seconds() {
    let transport = ScriptedTransport::always(201);
    let server = Server::start(&Memory::new(), &transport, settings()).await;
    let watch = Watch {
        application: server.application.id,
        scope: Scope::All,
        start: Start::Now,
        level: ReportLevel::Terminal,
        receipts: false,
    };
    let mut stream = server.engine.watch(watch);
    let began = tokio::time::Instant::now();
    for beat in 0..4 {
        let frame = stream.next().await.unwrap().unwrap();
        assert_eq!(frame.kind, FrameKind::Progress(None));
        assert_eq!(began.elapsed().as_secs(), 15 * beat);
    }
}

#[tokio::test]
async fn a_request_id_joins_the_first_message() {
    let transport = ScriptedTransport::always(201);
    let server = Server::start(&Memory::new(), &transport, settings()).await;
    server.subscribe_many(1, 1).await;
    let audience = || Recipients::Audience(Audience::All);
    let first = server.submit(MessageKind::Broadcast, audience(), MINUTE, "order-1").await;
    let second = server.submit(MessageKind::Broadcast, audience(), MINUTE, "order-1").await;
    assert_eq!(first.id, second.id);
    server.read(&first, Start::Beginning).await;
    assert_eq!(transport.requests().len(), 1);
}

#[tokio::test]
async fn a_cancelled_broadcast_ends_what_is_not_in_flight() {
    let held = Arc::new(std::sync::Mutex::new(Vec::new()));
    let keep = Arc::clone(&held);
    let transport = ScriptedTransport::new(move |_| {
        let (answer, release) = Answer::held();
        keep.lock().unwrap().push(release);
        answer
    });
    // A few are planned when it is cancelled, a few are in flight, most are neither.
    let small = EngineSettings { max_unsettled: 16, plan_chunk: 100, ..settings() };
    let server = Server::start(&Memory::new(), &transport, small).await;
    server.subscribe_many(3_000, 3).await;
    let message = server.broadcast(Audience::All, MINUTE).await;
    transport.wait_for_started(3).await;
    let cancelled = server.engine.cancel(server.application.id, message.id).await.unwrap().unwrap();
    assert_eq!(cancelled.status.state, MessageState::Cancelling);
    // One more may have been started before the stop arrived; none is afterwards.
    let mut posted = 0;
    let read = server.read(&message, Start::Beginning);
    tokio::pin!(read);
    let (events, summary) = loop {
        let releases = std::mem::take(&mut *held.lock().unwrap());
        posted += releases.len();
        for (number, release) in releases.into_iter().enumerate() {
            release.status(if number == 0 { 503 } else { 201 });
        }
        tokio::select! {
            done = &mut read => break done,
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
    };
    assert_reconciles(&events, &summary);
    assert_eq!(summary.state, MessageState::Cancelled);
    assert_eq!(summary.counts.targets, 3_000);
    assert!(posted <= 32, "{posted}");
    assert_eq!(summary.counts.cancelled + summary.counts.accepted, 3_000);
    let failed_in_flight =
        events.iter().find(|event| event.state == DeliveryState::Cancelled && event.attempt == 1);
    assert_eq!(failed_in_flight.unwrap().http_status, Some(503), "it is not tried again");
    let again = server.engine.cancel(server.application.id, message.id).await.unwrap().unwrap();
    assert_eq!(again.status.state, MessageState::Cancelled, "what has ended stays as it is");
    assert!(server.engine.cancel(server.application.id, MessageId([9; 16])).await.unwrap().is_none());
}

#[tokio::test]
async fn a_scheduled_message_starts_at_its_time_also_after_a_crash() {
    let memory = Memory::new();
    let transport = ScriptedTransport::always(201);
    let server = Server::start(&memory, &transport, settings()).await;
    let first = server.subscribe(1, 1, &[]).await.subscription.target.id;
    let start = SystemClock.now().plus(Duration::from_secs(2));
    let recipients = server.recipient(first).await;
    let scheduled =
        |kind, recipients| Submission { start: Some(start), ..submission(kind, recipients, MINUTE) };
    let send = server.accept(scheduled(MessageKind::Send, recipients)).await;
    let everyone = Recipients::Audience(Audience::All);
    let broadcast = server.accept(scheduled(MessageKind::Broadcast, everyone)).await;
    assert_eq!((send.state, broadcast.state), (MessageState::Scheduled, MessageState::Scheduled));
    let crashed = memory.crash();
    server.engine.shutdown().await;
    let server = Server::start(&crashed, &transport, settings()).await;
    // It joins before the broadcast begins.
    server.subscribe(2, 1, &[]).await;
    assert_eq!(transport.counts().started, 0);
    for (message, targets) in [(send, 1), (broadcast, 2)] {
        let (events, summary) = server.read(&message, Start::Beginning).await;
        assert_reconciles(&events, &summary);
        assert_eq!(summary.counts.accepted, targets);
        assert!(events.iter().all(|event| event.time >= start), "{events:?}");
        assert_eq!(summary.expires, start.plus(MINUTE), "its ttl counts from then");
    }
}

#[tokio::test]
async fn what_waits_across_a_crash_is_for_its_user_alone() {
    let memory = Memory::new();
    let busy = ScriptedTransport::always(503);
    let server = Server::start(&memory, &busy, settings()).await;
    let done = server.subscribe(1, 1, &["news"]).await.subscription;
    let kept = server.subscribe(2, 1, &["news"]).await.subscription;
    let send = server.send(done.target.id, MINUTE).await;
    let topic = server.broadcast(Audience::Topics(vec!["news".to_owned()]), MINUTE).await;
    busy.wait_for_started(3).await;
    // It changes hands, and nobody is there any more to tell the engine.
    let patch = SubscriptionPatch { user_id: Some("bob".to_owned()), ..SubscriptionPatch::default() };
    let which = Selector::Id(done.target.id);
    server.store.update_subscription(server.application.id, &which, patch).await.unwrap();
    let crashed = memory.crash();
    server.engine.shutdown().await;
    let taking = ScriptedTransport::always(201);
    let server = Server::start(&crashed, &taking, settings()).await;
    for message in [send, topic] {
        let (events, summary) = server.read(&message, Start::Beginning).await;
        assert_reconciles(&events, &summary);
        let last = events.iter().rfind(|event| event.subscription == Some(done.target.id)).unwrap();
        assert_eq!((last.state, last.outcome), (DeliveryState::Failed, Outcome::NotFound));
        assert_eq!((last.detail.as_str(), last.user_id.as_str()), (Departure::OtherUser.detail(), ""));
    }
    let posted: Vec<_> = taking.requests().iter().map(|request| request.endpoint.clone()).collect();
    assert_eq!(posted, [kept.target.endpoint]);
}

#[tokio::test]
async fn a_scheduled_message_can_be_cancelled() {
    let transport = ScriptedTransport::always(201);
    let server = Server::start(&Memory::new(), &transport, settings()).await;
    let to = server.subscribe(1, 1, &[]).await.subscription.target.id;
    let start = Some(SystemClock.now().plus(60 * MINUTE));
    let everyone = Recipients::Audience(Audience::All);
    for (kind, recipients) in
        [(MessageKind::Send, server.recipient(to).await), (MessageKind::Broadcast, everyone)]
    {
        let message = server.accept(Submission { start, ..submission(kind, recipients, MINUTE) }).await;
        server.engine.cancel(server.application.id, message.id).await.unwrap();
        let (events, summary) = server.read(&message, Start::Beginning).await;
        assert_reconciles(&events, &summary);
        assert_eq!((summary.state, summary.counts.cancelled), (MessageState::Cancelled, 1));
    }
    assert_eq!(transport.counts().started, 0);
}

#[tokio::test]
async fn a_newer_message_with_the_same_collapse_key_supersedes() {
    let transport = ScriptedTransport::always(503);
    let server = Server::start(&Memory::new(), &transport, settings()).await;
    let to = server.subscribe(1, 1, &[]).await.subscription.target.id;
    let recipients = server.recipient(to).await;
    let score = || Submission {
        collapse: Some([7; 16]),
        ..submission(MessageKind::Send, recipients.clone(), MINUTE)
    };
    let older = server.accept(score()).await;
    transport.wait_for_started(2).await;
    transport.set_script(|_| Answer::status(201));
    let newer = server.accept(score()).await;
    let (events, summary) = server.read(&older, Start::Beginning).await;
    assert_reconciles(&events, &summary);
    let last = events.last().unwrap();
    // The older may have been taken by an attempt that was under way.
    if last.state != DeliveryState::Accepted {
        assert_eq!((last.state, last.outcome), (DeliveryState::Cancelled, Outcome::Superseded));
        assert!(!last.past.is_empty());
    }
    let (events, summary) = server.read(&newer, Start::Beginning).await;
    assert_reconciles(&events, &summary);
    assert_eq!(summary.counts.accepted, 1);
}

#[tokio::test]
async fn what_expired_while_the_server_was_away_is_not_posted() {
    let memory = Memory::new();
    let clock = ManualClock::at(Timestamp::from_secs(1_800_000_000));
    let transport = ScriptedTransport::new(|_| Answer::Never);
    let small = || EngineSettings { max_unsettled: 8, plan_chunk: 7, ..settings() };
    let server = Server::start_at(&memory, &transport, small(), Arc::new(clock.clone())).await;
    server.subscribe_many(700, 3).await;
    let message = server.broadcast(Audience::All, MINUTE).await;
    transport.wait_for_started(1).await;
    let memory = memory.crash();
    clock.advance(2 * MINUTE);
    let before = transport.counts().started;
    let next = Server::start_at(&memory, &transport, small(), Arc::new(clock.clone())).await;
    let (events, summary) = next.read(&message, Start::Beginning).await;
    assert_reconciles(&events, &summary);
    assert_eq!((summary.counts.targets, summary.counts.expired), (700, 700));
    let after = transport.counts().started;
    // The process that crashed goes on here, for what nobody will read.
    assert!(after - before <= 8, "{before} {after}");
    assert!(events.iter().all(|event| event.attempt == 0));
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let transport = ScriptedTransport::new(|_| Answer::Never);
    let small = EngineSettings { max_waiting_deliveries: 10, ..settings() };
    let server = Server::start(&Memory::new(), &transport, small).await;
    let ids = server.subscribe_many(11, 1).await;
    let list = |ids: &[SubscriptionId]| {
        let mut ids = ids.to_vec();
        ids.sort();
        submission(MessageKind::Broadcast, Recipients::Audience(Audience::Subscriptions(ids)), MINUTE)
    };
    let refused = server.engine.submit(&server.application, list(&ids)).await.unwrap_err();
    assert!(matches!(refused, SubmitError::TooManyDeliveries), "{refused}");
    server.accept(list(&ids[..6])).await;
    transport.wait_for_started(4).await;
    let refused = server.engine.submit(&server.application, list(&ids[..5])).await.unwrap_err();
    assert!(matches!(refused, SubmitError::TooManyDeliveries), "{refused}");
}

/// Waits until something is there that nothing tells of.
async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(MINUTE, found).await.expect("it comes in time")
}

#[tokio::test]
async fn what_is_older_than_the_retention_goes() {
    let transport = ScriptedTransport::always(201);
    let clock = ManualClock::at(Timestamp::from_secs(1_800_000_000));
    // Short, since trimming follows a clock that jumps at a bounded pace.
    let kept_for = Duration::from_secs(10);
    let retention = RetentionSettings {
        events: kept_for,
        messages: kept_for * 2,
        interval: Duration::from_millis(10),
        ..RetentionSettings::default()
    };
    let server =
        Server::start_with(&Memory::new(), &transport, settings(), Arc::new(clock.clone()), retention).await;
    let to = server.subscribe(1, 1, &[]).await.subscription.target.id;
    let old = server.send(to, MINUTE).await;
    server.read(&old, Start::Beginning).await;
    assert!(server.store.log_octets() > 0);
    clock.advance(kept_for + Duration::from_secs(1));
    let record = async || server.store.message(server.application.id, old.id).await.unwrap();
    eventually(async || record().await.unwrap().trimmed.then_some(())).await;
    let young = server.send(to, MINUTE).await;
    server.read(&young, Start::Beginning).await;
    clock.advance(Duration::from_millis(9_500));
    eventually(async || record().await.is_none().then_some(())).await;
    let kept = server.store.message(server.application.id, young.id).await.unwrap().unwrap();
    assert!(!kept.trimmed);
    let (events, _) = server.read(&young, Start::Beginning).await;
    assert_eq!(events.len(), 1);
}

#[tokio::test]
async fn a_limit_that_an_answer_tells_is_learned() {
    let transport = ScriptedTransport::new(|_| {
        let said = Bytes::from_static(b"Converted buffer is too long by 40 bytes");
        Answer::Now(Ok(PushResponse { body: said, ..response(413) }))
    });
    let server = Server::start(&Memory::new(), &transport, settings()).await;
    let to = server.subscribe(1, 1, &[]).await.subscription.target.id;
    let message = server.send(to, MINUTE).await;
    let (events, _) = server.read(&message, Start::Beginning).await;
    assert_eq!((events[0].state, events[0].outcome), (DeliveryState::Failed, Outcome::TooLarge));
    let sent = transport.requests()[0].body.len();
    let learned = eventually(async || {
        let targets = server.store.targets(server.application.id, &[to]).await.unwrap();
        targets[0].as_ref().map(|target| target.body_octets_max).filter(|octets| *octets > 0)
    })
    .await;
    assert_eq!(learned as usize, sent - 30, "40 characters of base64");
}

#[tokio::test]
async fn a_page_that_ends_the_process_again_and_again_goes_one_by_one() {
    let mut memory = Memory::new();
    let transport = ScriptedTransport::new(|_| Answer::Never);
    let server = Server::start(&memory, &transport, settings()).await;
    server.subscribe_many(4, 1).await;
    server.broadcast(Audience::All, MINUTE).await;
    transport.wait_for_started(4).await;
    // Each process dies before anything was recorded.
    let mut servers = vec![server];
    for starts in 1..=3 {
        memory = memory.crash();
        let server = Server::start(&memory, &transport, settings()).await;
        transport.wait_for_started(4 + 4 * starts).await;
        let heads = server.store.page_heads().await.unwrap();
        assert_eq!(heads.iter().map(|head| head.starts as usize).collect::<Vec<_>>(), [starts]);
        servers.push(server);
    }
    memory = memory.crash();
    let before = transport.counts().started;
    let (held, release) = Answer::held();
    let mut held = Some(held);
    transport.set_script(move |_| held.take().unwrap_or_else(|| Answer::status(201)));
    let server = Server::start(&memory, &transport, settings()).await;
    transport.wait_for_started(before + 1).await;
    // Others overtake it, also those behind it in the lane.
    let other = server.subscribe(100, 1, &[]).await.subscription.target.id;
    let send = server.send(other, MINUTE).await;
    server.read(&send, Start::Beginning).await;
    assert_eq!(transport.counts().started, before + 2, "one of the page, and the other");
    release.status(201);
    transport.wait_for_started(before + 5).await;
}

#[tokio::test]
async fn a_disk_that_fails_stops_the_posts_and_loses_nothing() {
    let memory = Memory::new();
    let transport = ScriptedTransport::always(201);
    let small = || EngineSettings { max_unsettled: 16, plan_chunk: 100, ..settings() };
    let server = Server::start(&memory, &transport, small()).await;
    let ids = server.subscribe_many(1_500, 3).await;
    let message = server.broadcast(Audience::All, MINUTE).await;
    let recipient = server.recipient(ids[0]).await;
    transport.wait_for_started(100).await;
    memory.fail_syncs(true);
    server.store.failed().await;
    let posted = transport.counts().started;
    let refused = server
        .engine
        .submit(&server.application, submission(MessageKind::Send, recipient, MINUTE))
        .await
        .unwrap_err();
    assert!(matches!(refused, SubmitError::Store(StoreError::Unavailable(_))), "{refused}");
    let unsettled = transport.counts().started - posted;
    assert!(unsettled <= 16, "{unsettled}");
    // There is room again, and another process.
    memory.fail_syncs(false);
    let memory = memory.crash();
    let next = Server::start(&memory, &transport, small()).await;
    let (events, summary) = next.read(&message, Start::Beginning).await;
    assert_reconciles(&events, &summary);
    assert_eq!(summary.counts.accepted, 1_500);
    let twice = transport.counts().started - 1_500;
    assert!(twice <= 16, "{twice}");
}

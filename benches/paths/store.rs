//! The status log's records, and a page's way through the store in memory.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use fanfare::domain::{
    ApplicationId, Audience, ContentEncoding, DeliveryEvent, DeliveryState, Endpoint, ManualClock, MessageId,
    MessageKind, MessageSpec, Outcome, Padding, Payload, SubscriptionId, SubscriptionKeys, Target, Urgency,
    VapidKeyId,
};
use fanfare::store::kv::measured::{RowSealer, decode_segment, encode_segments};
use fanfare::store::kv::{self, KvStore};
use fanfare::store::{
    Commit, EntryState, GroupId, MessageCommit, NewMessage, NewPage, Owner, PageCommit, PageEntry, PageKey,
    PageUpdate, PlanStep, Recipients, Store, Subscribe,
};
use tokio::runtime::{Builder, Runtime};

use super::webpush::NOW;
use super::{PAGE, PAYLOAD_OCTETS, Path, Run};

/// Subscriptions of the audience.
const SUBSCRIPTIONS: u32 = 8_192;
const MESSAGE: MessageId = MessageId([9; 16]);

/// All of them.
pub const ALL: [Path; 6] = [
    Path::new("encode a segment", PAGE, encode_segment),
    Path::new("decode a segment", PAGE, decode_segments),
    Path::new("read a page of an audience", PAGE, read_audience),
    Path::new("write, record and end a page", PAGE, write_page),
    Path::new("seal a row", 1, seal_row),
    Path::new("open a sealed row", 1, open_row),
];

/// The events of a page that was accepted.
pub fn events() -> Vec<DeliveryEvent> {
    (0..PAGE as u32).map(|number| event(MESSAGE, subscription_id(number), number)).collect()
}

fn subscription_id(number: u32) -> SubscriptionId {
    let mut id = [0xa5; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    SubscriptionId(id)
}

fn event(message: MessageId, subscription: SubscriptionId, number: u32) -> DeliveryEvent {
    DeliveryEvent {
        message,
        subscription: Some(subscription),
        generation: 1,
        user_id: format!("user-{number}"),
        origin: "https://fcm.googleapis.com".to_owned(),
        state: DeliveryState::Accepted,
        outcome: Outcome::Accepted,
        attempt: 1,
        http_status: Some(201),
        time: NOW.plus(Duration::from_micros(u64::from(number) * 70)),
        next_attempt: None,
        latency: Some(Duration::from_micros(12_345)),
        granted_ttl: Some(Duration::from_secs(3_600)),
        detail: String::new(),
        past: Vec::new(),
    }
}

fn encode_segment() -> Run {
    let events = events();
    Box::new(move || {
        black_box(encode_segments(black_box(&events)));
    })
}

fn decode_segments() -> Run {
    let segments = encode_segments(&events());
    Box::new(move || {
        for segment in &segments {
            black_box(decode_segment(MESSAGE, black_box(segment)).unwrap());
        }
    })
}

/// A subscription's row, about.
pub const ROW_OCTETS: usize = 360;

fn seal_row() -> Run {
    let (sealer, value) = (RowSealer::new(), vec![1; ROW_OCTETS]);
    Box::new(move || {
        black_box(sealer.seal(black_box(&value)));
    })
}

fn open_row() -> Run {
    let sealer = RowSealer::new();
    let sealed = sealer.seal(&[1; ROW_OCTETS]);
    Box::new(move || {
        let mut value = sealed.clone();
        sealer.open(black_box(&mut value));
        assert_eq!(value.len(), ROW_OCTETS);
    })
}

/// A store in memory with an audience and a broadcast to it.
struct Stage {
    runtime: Runtime,
    store: KvStore,
    application: ApplicationId,
    message: MessageId,
}

impl Stage {
    fn set() -> Self {
        let runtime = Builder::new_current_thread().build().unwrap();
        let store = kv::memory(Arc::new(ManualClock::at(NOW))).unwrap();
        let (application, message) = runtime.block_on(async {
            let application = store.application("default").await.unwrap().id;
            for number in 0..SUBSCRIPTIONS {
                store.subscribe(subscribe(application, number)).await.unwrap();
            }
            let accepted = store.accept(broadcast(application)).await.unwrap();
            (application, accepted.record.status.id)
        });
        Self { runtime, store, application, message }
    }

    /// A place in the middle of the audience.
    fn middle(&self) -> Vec<u8> {
        let read = self.store.audience(self.application, self.message, &[], SUBSCRIPTIONS as usize / 2);
        self.runtime.block_on(read).unwrap().cursor
    }

    /// A page's worth of the audience.
    fn read(&self, cursor: &[u8]) -> Vec<Target> {
        let read = self.store.audience(self.application, self.message, cursor, PAGE);
        let targets = self.runtime.block_on(read).unwrap().targets;
        assert_eq!(targets.len(), PAGE);
        targets
    }

    /// Writes a page as planned, and records that each of its deliveries was accepted, which removes it.
    fn play_page(&self, number: u32, targets: &[Target]) {
        let (application, message) = (self.application, self.message);
        let planned = |target: &Target| PageEntry::Stored(target.id, Owner::of(&target.user_id));
        let entries = targets.iter().map(planned).collect();
        let step = PlanStep {
            application,
            message,
            kind: MessageKind::Broadcast,
            pages: vec![NewPage { number, group: GroupId::FIRST_SHARED, entries, due: NOW }],
            cursor: Some(vec![1; 24]),
            ended: Vec::new(),
            done: false,
        };
        let key = PageKey { message, number };
        let page = PageCommit {
            events: targets.iter().zip(0..).map(|(of, number)| event(message, of.id, number)).collect(),
            update: PageUpdate { key, entries: vec![EntryState::Settled; targets.len()], due: NOW },
            retrying_change: 0,
        };
        let messages = vec![MessageCommit { message, pages: vec![page] }];
        let commit = Commit { application, urgent: true, messages };
        self.runtime.block_on(async {
            self.store.plan(step).await.unwrap();
            self.store.commit(commit.into()).await.unwrap();
        });
    }
}

fn subscribe(application: ApplicationId, number: u32) -> Subscribe {
    let endpoint = format!("https://fcm.googleapis.com/fcm/send/{}{number}", "x".repeat(152));
    Subscribe {
        application,
        endpoint: Endpoint::parse(&endpoint, false).unwrap(),
        keys: SubscriptionKeys { p256dh: [4; 65], auth: [number as u8; 16] },
        encoding: ContentEncoding::Aes128Gcm,
        expires: None,
        vapid_key: None,
        current_vapid_key: VapidKeyId(1),
        user_id: format!("user-{number}"),
        topics: vec!["news".to_owned()],
        labels: BTreeMap::new(),
        locale: String::new(),
        time_zone: String::new(),
        replaces: None,
        subscriptions_max: None,
        validate_only: false,

        bulk: false,
        by_page: false,
    }
}

fn broadcast(application: ApplicationId) -> NewMessage {
    let spec = MessageSpec {
        payload: Payload(vec![b'x'; PAYLOAD_OCTETS].into()),
        receipt_token_at: None,
        ttl: Duration::from_secs(3_600),
        urgency: Urgency::Normal,
        topic_header: None,
        padding: Padding::None,
        max_per_second: None,
        labels: BTreeMap::new(),
        note: String::new(),
    };
    NewMessage {
        application,
        kind: MessageKind::Broadcast,
        spec: Arc::new(spec),
        recipients: Recipients::Audience(Audience::Topics(vec!["news".to_owned()])),
        request_id: String::new(),
        request_hash: [0; 32],
        targets_estimate: SUBSCRIPTIONS,
        start: None,
        collapse: None,
        caller: None,
    }
}

fn read_audience() -> Run {
    let stage = Stage::set();
    let cursor = stage.middle();
    Box::new(move || {
        black_box(stage.read(&cursor));
    })
}

fn write_page() -> Run {
    let stage = Stage::set();
    let targets = stage.read(&stage.middle());
    let mut number = 0;
    Box::new(move || {
        stage.play_page(number, &targets);
        number += 1;
    })
}

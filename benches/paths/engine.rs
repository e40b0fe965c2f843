//! What decides which delivery is attempted next.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use fanfare::domain::{
    Application, ApplicationId, ContentEncoding, Endpoint, MessageDefaults, OriginId, Padding,
    SubscriptionId, SubscriptionKeys, SubscriptionState, Target, Timestamp, Urgency, VapidKeyId,
};
use fanfare::engine::measured::{MeasuredCore, MeasuredLimiter};

use super::webpush::NOW;
use super::{PAGE, Path, Run};

/// Lanes that a page's deliveries go to.
const ORIGINS: u32 = 4;
const IN_FLIGHT: usize = 256;

/// All of them.
pub const ALL: [Path; 2] = [
    Path::new("grant and give back a place", 1, limiter),
    Path::new("a page through the lanes", PAGE, lanes),
];

fn limiter() -> Run {
    let mut limiter = MeasuredLimiter::new(IN_FLIGHT);
    Box::new(move || limiter.attempt())
}

fn lanes() -> Run {
    let defaults =
        MessageDefaults { ttl: Duration::from_secs(60), urgency: Urgency::Normal, padding: Padding::None };
    let application = Application {
        id: ApplicationId(1),
        name: "default".to_owned(),
        contact: "mailto:ops@example.com".to_owned(),
        weight: 1,
        defaults,
        vapid_keys: Vec::new(),
        current_vapid_key: VapidKeyId(1),
        ..Application::default()
    };
    let targets = (0..PAGE as u32).map(target).collect();
    let mut core = MeasuredCore::new(Arc::new(application), targets, "https://fcm.googleapis.com");
    Box::new(move || {
        assert_eq!(black_box(core.play_page()), PAGE);
    })
}

fn target(number: u32) -> Target {
    let mut id = [0xa5; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    let endpoint = format!("https://fcm.googleapis.com/fcm/send/{}{number}", "x".repeat(152));
    Target {
        id: SubscriptionId(id),
        inline: false,
        generation: 1,
        endpoint: Endpoint::parse(&endpoint, false).unwrap(),
        origin: OriginId(number % ORIGINS),
        keys: SubscriptionKeys { p256dh: [4; 65], auth: [0; 16] },
        encoding: ContentEncoding::Aes128Gcm,
        vapid_key: VapidKeyId(1),
        subscribed: NOW,
        expires: None,
        state: SubscriptionState::Active,
        user_id: format!("user-{number}"),
        body_octets_max: 0,
        refused_days: 0,
        refused_last: Timestamp::default(),
        accepted_last: Timestamp::default(),
    }
}

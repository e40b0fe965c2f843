//! What may happen in a history.

use std::time::Duration;

use proptest::prelude::*;

/// Endpoints that subscribe.
pub(crate) const BROWSERS: u8 = 7;
/// Where they are: three services with manners of their own.
pub(crate) const ORIGINS: [&str; 3] =
    ["https://push.example.net", "https://updates.push.services.mozilla.com", "https://fcm.googleapis.com"];

/// A whole history; the smaller, the simpler.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// Of every choice that the steps do not tell: jitter, delays of the store.
    pub(crate) seed: u64,
    /// Of a hundred calls of the store, so many take time.
    pub(crate) slow: u32,
    /// Each with the time in ms until the next.
    pub(crate) steps: Vec<(Step, u64)>,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A browser subscribes with new keys, perhaps in place of another one.
    Subscribe {
        browser: u8,
        replaces: Option<u8>,
        expires: Option<u64>,
    },
    Unsubscribe {
        browser: u8,
    },
    Send {
        to: u8,
        options: Options,
    },
    Broadcast {
        to: Audience,
        options: Options,
    },
    /// One of the messages so far.
    Cancel {
        message: u8,
    },
    /// How an endpoint answers next.
    Answers {
        browser: u8,
        answers: Vec<Reply>,
    },
    /// How a whole push service answers until it is told otherwise.
    Weather {
        origin: u8,
        answer: Option<Reply>,
    },
    /// An operator lets an application go on.
    Resume {
        origin: u8,
    },
    /// Somebody sets the wall clock.
    Jump {
        forward: bool,
        secs: u64,
    },
    /// Reads so many frames from where this watcher stopped, of one message or of all.
    Watch {
        message: Option<u8>,
        frames: u8,
    },
    /// The process ends, the machine loses its power; in the next start too after so many syncs, if it is told so.
    Crash {
        starting: Option<u64>,
    },
    /// The same in the middle of the sync after so many.
    CrashInSync {
        syncs: u64,
    },
    /// SIGTERM, and another start.
    Restart,
}

/// What Send and Broadcast have in common.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// In seconds.
    pub(crate) ttl: u64,
    /// Of a few request_ids.
    pub(crate) request: Option<u8>,
    /// In so many seconds.
    pub(crate) later: Option<u64>,
    /// Of a few collapse keys.
    pub(crate) collapse: Option<u8>,
    pub(crate) max_per_second: Option<f64>,
}

#[derive(Clone, Debug)]
pub(crate) enum Audience {
    All,
    News,
    Odd,
    Browsers(Vec<u8>),
    Users(Vec<u8>),
}

/// What a push service does with one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply {
    pub(crate) what: What,
    /// In ms.
    pub(crate) delay: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Status(u16),
    /// With Retry-After in seconds.
    NotBefore(u16, u32),
    Reset {
        sent: bool,
    },
    TimedOut {
        sent: bool,
    },
    RefusedStream,
}

impl Reply {
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay)
    }
}

fn reply() -> impl Strategy<Value = Reply> {
    let what = prop_oneof![
        4 => Just(What::Status(201)),
        2 => Just(What::Status(410)),
        1 => Just(What::Status(404)),
        3 => prop::sample::select(vec![400, 401, 403, 413, 500, 503, 429]).prop_map(What::Status),
        2 => (prop::sample::select(vec![429, 503]), prop::sample::select(vec![0, 1, 7, 120]))
            .prop_map(|(status, secs)| What::NotBefore(status, secs)),
        1 => any::<bool>().prop_map(|sent| What::Reset { sent }),
        1 => any::<bool>().prop_map(|sent| What::TimedOut { sent }),
        1 => Just(What::RefusedStream),
    ];
    let delay = prop_oneof![3 => Just(1_u64), 3 => 2..200_u64, 2 => 200..30_000_u64];
    (what, delay).prop_map(|(what, delay)| Reply { what, delay })
}

fn options() -> impl Strategy<Value = Options> {
    let ttl = prop::sample::select(vec![60_u64, 0, 3, 600]);
    let pace = prop::option::weighted(0.2, prop::sample::select(vec![0.5, 5.0]));
    let later = prop::option::weighted(0.2, prop::sample::select(vec![2_u64, 40]));
    let few = || prop::option::weighted(0.25, 0..3_u8);
    (ttl, few(), later, few(), pace).prop_map(|(ttl, request, later, collapse, max_per_second)| Options {
        ttl,
        request,
        later,
        collapse,
        max_per_second,
    })
}

fn audience() -> impl Strategy<Value = Audience> {
    let some = || prop::collection::vec(0..BROWSERS, 1..5);
    prop_oneof![
        2 => Just(Audience::All),
        2 => Just(Audience::News),
        1 => Just(Audience::Odd),
        1 => some().prop_map(Audience::Browsers),
        1 => some().prop_map(Audience::Users),
    ]
}

/// One of the messages, counted from the latest.
fn latest() -> impl Strategy<Value = u8> {
    prop_oneof![3 => 0..3_u8, 1 => 3..20_u8]
}

fn step() -> impl Strategy<Value = Step> {
    let expires = prop::option::weighted(0.1, 1..100_u64);
    let replaces = prop::option::weighted(0.15, 0..BROWSERS);
    prop_oneof![
        4 => (0..BROWSERS, replaces, expires)
            .prop_map(|(browser, replaces, expires)| Step::Subscribe { browser, replaces, expires }),
        1 => (0..BROWSERS).prop_map(|browser| Step::Unsubscribe { browser }),
        5 => (0..BROWSERS, options()).prop_map(|(to, options)| Step::Send { to, options }),
        5 => (audience(), options()).prop_map(|(to, options)| Step::Broadcast { to, options }),
        2 => latest().prop_map(|message| Step::Cancel { message }),
        5 => (0..BROWSERS, prop::collection::vec(reply(), 1..4))
            .prop_map(|(browser, answers)| Step::Answers { browser, answers }),
        2 => (0..3_u8, prop::option::of(reply())).prop_map(|(origin, answer)| Step::Weather { origin, answer }),
        1 => (0..3_u8).prop_map(|origin| Step::Resume { origin }),
        1 => (any::<bool>(), prop::sample::select(vec![2_u64, 45, 4_000, 100_000]))
            .prop_map(|(forward, secs)| Step::Jump { forward, secs }),
        4 => (prop::option::of(latest()), 1..6_u8)
            .prop_map(|(message, frames)| Step::Watch { message, frames }),
        2 => prop::option::weighted(0.3, 0..4_u64).prop_map(|starting| Step::Crash { starting }),
        2 => (0..5_u64).prop_map(|syncs| Step::CrashInSync { syncs }),
        1 => Just(Step::Restart),
    ]
}

/// Histories of a few dozen steps.
pub(crate) fn history() -> impl Strategy<Value = History> {
    let pause = prop_oneof![
        6 => Just(1_u64),
        3 => 2..60_u64,
        3 => 60..3_000_u64,
        2 => 3_000..90_000_u64,
        1 => Just(700_000_u64),
    ];
    let slow = prop::sample::select(vec![0, 10, 40]);
    (any::<u64>(), slow, prop::collection::vec((step(), pause), 1..50))
        .prop_map(|(seed, slow, steps)| History { seed, slow, steps })
}

//! Lanes: what they are doing, and what changed at them.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::{Metrics, Register, set_gauge};
use crate::observe::labels::{ChangeLabels, LaneLabels, ServiceLabels};
use crate::webpush::push_service::PushService;

/// See the [module's documentation](self).
pub(super) struct LaneMetrics {
    changes: Family<ChangeLabels, Counter>,
    lanes: Family<LaneLabels, Gauge>,
    stopped: Family<ServiceLabels, Gauge>,
    slowed: Family<ServiceLabels, Gauge>,
}

impl LaneMetrics {
    /// All at zero, and registered.
    pub(super) fn new(register: &mut Register) -> Self {
        let metrics = Self {
            changes: register.add(
                "lane_changes",
                "Breakers opened and closed, pauses, and applications stopped for refused credentials",
                Family::default(),
            ),
            lanes: register.add(
                "lanes",
                "Origins that something waits for or went to lately, by what their lane does",
                Family::default(),
            ),
            stopped: register.add(
                "applications_stopped",
                "Applications of which nothing goes to an origin that refuses their credentials",
                Family::default(),
            ),
            slowed: register.add(
                "applications_slowed",
                "Applications of which little goes to an origin that has accepted nothing of them",
                Family::default(),
            ),
        };
        for (change, _) in LaneChanges::default().named() {
            drop(metrics.changes.get_or_create(&ChangeLabels { change: change.into() }));
        }
        for push_service in PushService::ALL {
            metrics.show(push_service, LaneCounts::default());
        }
        metrics
    }

    fn show(&self, push_service: PushService, counts: LaneCounts) {
        let LaneCounts { open, paused, broken, probing, stopped, applications_stopped, applications_slowed } =
            counts;
        for (state, lanes) in [
            ("open", open),
            ("paused", paused),
            ("broken", broken),
            ("probing", probing),
            ("stopped", stopped),
        ] {
            let labels = LaneLabels { push_service: push_service.into(), state: state.into() };
            set_gauge(&self.lanes.get_or_create(&labels), lanes);
        }
        let labels = ServiceLabels { push_service: push_service.into() };
        set_gauge(&self.stopped.get_or_create(&labels), applications_stopped);
        set_gauge(&self.slowed.get_or_create(&labels), applications_slowed);
    }
}

impl Metrics {
    /// What changed at lanes.
    pub fn lanes_changed(&self, changes: LaneChanges) {
        for (change, count) in changes.named() {
            if count > 0 {
                self.of_lanes.changes.get_or_create(&ChangeLabels { change: change.into() }).inc_by(count);
            }
        }
    }

    /// What the lanes of a push service do now.
    pub fn lanes(&self, push_service: PushService, counts: LaneCounts) {
        self.of_lanes.show(push_service, counts);
    }
}

/// The lanes of a push service, each of one origin, by what they do; and what is kept back in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneCounts {
    /// Attempts start as the limits allow.
    pub open: u64,
    /// The push service asked to wait.
    pub paused: u64,
    /// Nothing came through for a while.
    pub broken: u64,
    /// One attempt is made at a time, after a break.
    pub probing: u64,
    /// It refuses somebody's credentials and accepts nobody else's.
    pub stopped: u64,
    /// Applications of which nothing goes there, once for each of their VAPID keys.
    pub applications_stopped: u64,
    /// Applications of which little goes there, once for each of their VAPID keys.
    pub applications_slowed: u64,
}

impl LaneCounts {
    /// Adds others.
    pub fn add(&mut self, other: Self) {
        self.open += other.open;
        self.paused += other.paused;
        self.broken += other.broken;
        self.probing += other.probing;
        self.stopped += other.stopped;
        self.applications_stopped += other.applications_stopped;
        self.applications_slowed += other.applications_slowed;
    }
}

/// How often something changed at lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneChanges {
    /// A breaker opened, or a probe failed.
    pub broken: u64,
    /// A breaker closed.
    pub mended: u64,
    /// A push service asked for a pause of all that is sent to it.
    pub paused: u64,
    /// A push service asked one sender for a pause.
    pub senders_paused: u64,
    /// A push service refused an application's credentials, which is proved.
    pub stopped: u64,
    /// A push service refused an application's credentials, and had accepted nothing of it.
    pub slowed: u64,
    /// A push service takes the credentials of an application again that was stopped.
    pub resumed: u64,
}

impl LaneChanges {
    /// Each with its name in metrics.
    fn named(self) -> [(&'static str, u64); 7] {
        let Self { broken, mended, paused, senders_paused, stopped, slowed, resumed } = self;
        [
            ("broken", broken),
            ("mended", mended),
            ("paused", paused),
            ("sender_paused", senders_paused),
            ("application_stopped", stopped),
            ("application_slowed", slowed),
            ("application_resumed", resumed),
        ]
    }

    /// Adds others.
    pub fn add(&mut self, other: Self) {
        self.broken += other.broken;
        self.mended += other.mended;
        self.paused += other.paused;
        self.senders_paused += other.senders_paused;
        self.stopped += other.stopped;
        self.slowed += other.slowed;
        self.resumed += other.resumed;
    }
}

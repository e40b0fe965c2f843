//! What systemd is told of a server (sd_notify(3)), where it asks to be: `Type=notify` and `WatchdogSec=` in
//! `packaging/systemd/fanfare.service`. Anywhere else nothing happens.

use std::time::Duration;

use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::time::{MissedTickBehavior, interval};

/// It serves.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// It ends in order.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Says again and again that it lives, twice as often as it must; for ever. Waits for ever if nobody wants to hear it.
pub(super) async fn say_alive() {
    let Some(patience) = watchdog_enabled() else { return std::future::pending().await };
    let mut ticks = interval((patience / 2).max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = notify(state) {
        tracing::warn!(%error, "the supervisor that started the server (NOTIFY_SOCKET) cannot be told");
    }
}

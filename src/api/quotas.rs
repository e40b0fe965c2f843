//! How much an application may do at once and in a second, and whether anything at all: its own quotas, beside the limits that
//! all callers share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Api;
use super::rate::Paid;
use super::shares::{Holder, Place, Pool};
use super::status::ApiError;
use crate::domain::{Application, ApplicationId, MessageKind};
use crate::store::Recipients;

/// Rates below this are none: their interval would be no time.
const RATE_MIN: f64 = 1e-6;

/// What an application uses now.
#[derive(Debug)]
struct Usage {
    streams: usize,
    messages: Paid,
}

impl Usage {
    fn new() -> Self {
        Self { streams: 0, messages: Paid::new(Instant::now()) }
    }

    /// Takes one message, or says how long to wait.
    fn message(&mut self, per_second: f64, now: Instant) -> Result<(), Duration> {
        self.messages.take(interval(per_second), now)
    }
}

/// What all applications with quotas use.
#[derive(Clone, Debug, Default)]
pub(super) struct Used(Arc<Mutex<HashMap<ApplicationId, Usage>>>);

impl Used {
    fn with<T>(&self, application: ApplicationId, change: impl FnOnce(&mut Usage) -> T) -> T {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(used.entry(application).or_insert_with(Usage::new))
    }

    /// Streams that an application has open.
    pub(super) fn streams(&self, application: ApplicationId) -> usize {
        let used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        used.get(&application).map_or(0, |usage| usage.streams)
    }

    /// Nothing is left of the application.
    pub(super) fn forget(&self, application: ApplicationId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&application);
    }
}

/// Leave for one stream; given back when it is dropped.
#[derive(Debug)]
pub(super) struct StreamPermit {
    _of_all: Place,
    of: Option<(Used, ApplicationId)>,
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        if let Some((used, application)) = &self.of {
            used.with(*application, |usage| usage.streams = usage.streams.saturating_sub(1));
        }
    }
}

/// Leave to open one more stream that only watches, of an application or of all together.
pub(super) fn stream(api: &Api, application: Option<&Application>) -> Result<StreamPermit, ApiError> {
    permit(api, &api.streams, application)
}

/// Leave to open one more stream that sends: it has places that no watcher takes.
pub(super) fn send(api: &Api, application: &Application) -> Result<StreamPermit, ApiError> {
    permit(api, &api.sends, Some(application))
}

fn permit(api: &Api, pool: &Pool, application: Option<&Application>) -> Result<StreamPermit, ApiError> {
    let holder = application.map_or(Holder::Unbound, |of| Holder::Application(of.name.as_str().into()));
    let of_all = pool.take(holder)?;
    let mut permit = StreamPermit { _of_all: of_all, of: None };
    if let Some(application) = application {
        let most = application.settings.quotas.max_streams.map_or(usize::MAX, |most| most as usize);
        if most == 0 {
            return Err(exceeded("max_streams", "the application may open no stream"));
        }
        let opened = api.used.with(application.id, |usage| {
            let opens = usage.streams < most;
            usage.streams += usize::from(opens);
            opens
        });
        if !opened {
            return Err(ApiError::TooManyStreams);
        }
        permit.of = Some((api.used.clone(), application.id));
    }
    Ok(permit)
}

/// Whether the application may send this message now, and with how many targets, where the store is to look them up.
pub(super) async fn message(
    api: &Api,
    application: &Application,
    kind: MessageKind,
    recipients: &mut Recipients,
) -> Result<(), ApiError> {
    let quotas = application.settings.quotas;
    if application.settings.suspended {
        return Err(ApiError::Suspended);
    }
    let targets = match recipients {
        // One at least; the store counts them.
        Recipients::Named { .. } => 1,
        Recipients::Targets(targets) => u64::try_from(targets.len()).unwrap_or(u64::MAX),
        Recipients::Audience(_)
            if quotas.max_broadcast_targets.is_none() && quotas.max_pending_deliveries.is_none() =>
        {
            0
        }
        Recipients::Audience(audience) => u64::from(api.store.estimate(application.id, audience).await?),
    };
    if let (MessageKind::Broadcast, Some(most)) = (kind, quotas.max_broadcast_targets)
        && (targets > u64::from(most) || most == 0)
    {
        let description =
            format!("the audience has about {targets} subscriptions, a Broadcast may have {most}");
        return Err(ApiError::QuotaExceeded { subject: "max_broadcast_targets", description });
    }
    if let Some(most) = quotas.max_pending_deliveries {
        if targets > u64::from(most) {
            return Err(never_fits(targets, most));
        }
        let pending = api.engine.pending_deliveries(application.id).await;
        if pending + targets > u64::from(most) {
            return Err(ApiError::TooManyPending);
        }
        if let Recipients::Named { room, .. } = recipients {
            *room = u32::try_from(u64::from(most) - pending).unwrap_or(u32::MAX);
        }
    }
    match quotas.max_messages_per_second {
        None => Ok(()),
        Some(per_second) if per_second < RATE_MIN => {
            Err(exceeded("max_messages_per_second", "the application may send no message"))
        }
        Some(per_second) => api
            .used
            .with(application.id, |usage| usage.message(per_second, Instant::now()))
            .map_err(ApiError::TooManyMessages),
    }
}

/// Takes back that a message was counted, since nothing new was accepted.
pub(super) fn give_back(api: &Api, application: &Application) {
    if let Some(per_second) = application.settings.quotas.max_messages_per_second {
        api.used.with(application.id, |usage| usage.messages.give_back(interval(per_second)));
    }
}

/// Why the store refused a Send to so many targets.
pub(super) async fn too_many_targets(api: &Api, application: &Application, targets: u32) -> ApiError {
    if targets as usize > api.settings.user_targets_max {
        return too_many_user_targets(api);
    }
    match application.settings.quotas.max_pending_deliveries {
        Some(most) if targets > most => never_fits(u64::from(targets), most),
        Some(most) => {
            let pending = api.engine.pending_deliveries(application.id).await;
            if pending + u64::from(targets) > u64::from(most) {
                ApiError::TooManyPending
            } else {
                ApiError::Overloaded
            }
        }
        None => ApiError::Overloaded,
    }
}

/// A user has more subscriptions than a Send may have targets.
pub(super) fn too_many_user_targets(api: &Api) -> ApiError {
    let max = api.settings.user_targets_max;
    let description = format!("the user has more than {max} subscriptions: use Broadcast");
    ApiError::QuotaExceeded { subject: "user_targets", description }
}

/// More than may ever wait.
fn never_fits(targets: u64, most: u32) -> ApiError {
    let description = format!("the message has about {targets} targets, and {most} deliveries may wait");
    ApiError::QuotaExceeded { subject: "max_pending_deliveries", description }
}

/// What a message costs at this rate.
fn interval(per_second: f64) -> Duration {
    Duration::from_secs_f64(1.0 / per_second.max(RATE_MIN))
}

fn exceeded(subject: &'static str, description: &str) -> ApiError {
    ApiError::QuotaExceeded { subject, description: description.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_and_a_second_of_it_saved_up() {
        let start = Instant::now();
        let mut usage = Usage { streams: 0, messages: Paid::new(start) };
        let taken = (0..20).filter(|_| usage.message(10.0, start).is_ok()).count();
        assert_eq!(taken, 10);
        let wait = usage.message(10.0, start).unwrap_err();
        assert!(wait <= Duration::from_millis(101), "{wait:?}");
        assert!(usage.message(10.0, start + wait).is_ok());
        assert!(usage.message(10.0, start + wait).is_err());
    }

    #[test]
    fn a_slow_rate_lets_one_go_at_a_time() {
        let start = Instant::now();
        let mut usage = Usage { streams: 0, messages: Paid::new(start) };
        assert!(usage.message(0.1, start).is_ok());
        let wait = usage.message(0.1, start).unwrap_err();
        assert!(wait > Duration::from_secs(9) && wait <= Duration::from_secs(10), "{wait:?}");
        assert!(usage.message(0.1, start + Duration::from_secs(10)).is_ok());
    }
}

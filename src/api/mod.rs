//! The gRPC service over engine and store: one thin file for each group of RPCs. A request is read and judged by
//! `validate`, which gives values of the domain; what comes back is written by `convert`; whatever goes wrong is one of
//! `status`'s errors. `server` listens, and has every limit of connections and calls.

mod admin_service;
mod applications;
mod arrival;
mod changes;
mod connections;
mod convert;
mod deliveries;
mod health;
mod keys;
pub mod layers;
mod leash;
mod lifetime;
mod messages;
mod origins;
pub mod rate;
pub mod receipts;
mod recipients;
mod send_stream;
mod sending;
pub mod server;
mod service;
pub mod status;
mod subscriptions;
pub(crate) mod tokens;
pub(crate) mod validate;
mod watching;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::domain::{Application, Clock, EndpointPolicy};
use crate::engine::Engine;
use crate::store::{Store, StoreError};
pub use applications::Applications;
use lifetime::Lifetime;
use status::{ApiError, Resource};
use tokens::Tokens;
use validate::Rules;

/// Limits and choices of the service itself; those of connections are [`server::ServerSettings`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiSettings {
    /// Whether the operator configured a key for GCM-era endpoints; without one they are refused.
    #[serde(skip)]
    pub gcm_key: bool,
    /// Whether there is a listener for receipts; without one, asking for them is refused.
    #[serde(skip)]
    pub receipts: bool,
    /// Status streams that are open at once, over all connections. Default 10,000.
    pub streams_max: usize,
    /// How old a status stream gets before its caller is asked to connect again with its token; up to a tenth of it less,
    /// so that streams that began together do not end together. Default 30 minutes.
    #[serde(with = "humantime_serde")]
    pub stream_age_max: Duration,
    /// Subscriptions of one user that a Send reaches at most. Default 1,000; a Broadcast to the user has no such limit.
    pub user_targets_max: usize,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            gcm_key: false,
            receipts: false,
            streams_max: 10_000,
            stream_age_max: Duration::from_secs(30 * 60),
            user_targets_max: 1_000,
        }
    }
}

/// What the service works with.
#[derive(Debug)]
pub struct ApiParts {
    /// Accepts messages and lets them be watched.
    pub engine: Engine,
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// All applications.
    pub applications: Applications,
    /// Which endpoints may be posted to.
    pub policy: Arc<dyn EndpointPolicy>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// Limits and choices.
    pub settings: ApiSettings,
}

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    engine: Engine,
    store: Arc<dyn Store>,
    applications: Applications,
    policy: Arc<dyn EndpointPolicy>,
    clock: Arc<dyn Clock>,
    settings: ApiSettings,
    tokens: Tokens,
    streams: Arc<Semaphore>,
    writes: TaskTracker,
}

impl Api {
    /// The service over these parts.
    ///
    /// # Errors
    /// When the store does not give the secrets that tokens are made with.
    pub async fn new(parts: ApiParts) -> Result<Self, StoreError> {
        let ApiParts { engine, store, applications, policy, clock, settings } = parts;
        let tokens = Tokens::of(&*store).await?;
        let streams = Arc::new(Semaphore::new(settings.streams_max.min(Semaphore::MAX_PERMITS)));
        let writes = TaskTracker::new();
        Ok(Self { engine, store, applications, policy, clock, settings, tokens, streams, writes })
    }

    /// Waits for writes whose callers went away. Called once the server has stopped, before the store closes.
    pub async fn finished(&self) {
        self.writes.close();
        self.writes.wait().await;
    }

    /// The application that a request names; empty is `default`.
    fn application(&self, name: &str) -> Result<Arc<Application>, ApiError> {
        let found = self.applications.get(name);
        found.ok_or_else(|| ApiError::NotFound(Resource::Application(name.to_owned())))
    }

    fn rules<'a>(&'a self, application: &'a Application) -> Rules<'a> {
        let ApiSettings { gcm_key, receipts, .. } = self.settings;
        Rules { application, policy: &*self.policy, gcm_key, receipts, now: self.clock.now() }
    }

    /// How long a stream that was called with these headers may last.
    fn lifetime(&self, metadata: &tonic::metadata::MetadataMap) -> Lifetime {
        Lifetime::new(metadata, self.settings.stream_age_max)
    }

    /// Leave to open one more status stream; it is given back when the permit is dropped.
    fn stream_permit(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| ApiError::TooManyStreams)
    }

    /// Runs a write to its end, also when the caller goes away in the middle.
    async fn finish<T, W>(&self, write: W) -> Result<T, ApiError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let written = self.writes.spawn(write).await;
        written.unwrap_or_else(|error| Err(ApiError::Internal(error.to_string())))
    }
}

//! The gRPC service over engine and store: one thin file for each group of RPCs. A request is read and judged by
//! `validate`, which gives values of the domain; what comes back is written by `convert`; whatever goes wrong is one of
//! `status`'s errors. `server` listens, and has every limit of connections and calls.

pub mod access;
mod admin_service;
mod answers;
mod api_tokens;
mod applications;
mod arrival;
mod audit;
mod audit_entries;
mod authenticate;
mod backup;
mod call_log;
pub mod callers;
mod calls_at_once;
mod changes;
mod connections;
mod convert;
mod decisions;
mod deliveries;
mod health;
mod import;
mod keys;
pub mod layers;
mod leash;
mod lifetime;
mod lists_at_once;
mod messages;
pub mod metered;
mod origins;
mod quotas;
pub mod rate;
pub mod receipts;
mod recipients;
mod send_stream;
mod sending;
pub mod server;
mod service;
pub mod shares;
pub mod status;
mod subscriber_tokens;
mod subscriptions;
pub mod tls;
pub(crate) mod tokens;
pub(crate) mod validate;
mod vapid_keys;
mod watching;

use std::future::Future;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use crate::domain::application::is_application_name;
use crate::domain::{Application, CalledBy, Clock, EndpointPolicy};
use crate::engine::Engine;
use crate::engine::applications::{Applications, Bases};
use crate::store::{Store, StoreError};
use access::{Principal, Scope};
use call_log::CallNotes;
use callers::Callers;
pub use convert::api_token::role;
use lifetime::{Credentials, Lifetime};
use quotas::Used;
use shares::{LimitObserver, Pool, Shared};
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
    /// Whether callers need credentials also while there is no API token.
    #[serde(skip)]
    pub credentials_required: bool,
    /// Streams of WatchDeliveries, WatchSubscriptions and WatchOrigins that are open at once, over all connections. Default
    /// 10,000.
    pub streams_max: usize,
    /// Streams of Send, Broadcast and SendStream that are open at once, over all connections. Default 10,000.
    pub sends_max: usize,
    /// What one application may hold of streams, sends, imports and calls, in percent of what the others leave. Default 50: so
    /// there is always a place for the next one.
    pub share_percent_max: u32,
    /// How old a status stream gets before its caller is asked to connect again with its token; up to a tenth of it less,
    /// so that streams that began together do not end together. Default 30 minutes.
    #[serde(with = "humantime_serde")]
    pub stream_age_max: Duration,
    /// Imports that run at once, over all connections: each holds up to a request of 2 MiB. Default 32.
    pub imports_max: usize,
    /// How long an import may bring nothing while it waits for nothing. Default 1 minute.
    #[serde(with = "humantime_serde")]
    pub import_idle_max: Duration,
    /// Subscriptions of one user that a Send reaches at most. Default 1,000; a Broadcast to the user has no such limit.
    pub user_targets_max: usize,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            gcm_key: false,
            receipts: false,
            credentials_required: false,
            streams_max: 10_000,
            sends_max: 10_000,
            share_percent_max: 50,
            stream_age_max: Duration::from_secs(30 * 60),
            imports_max: 32,
            import_idle_max: Duration::from_secs(60),
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
    /// What applications are made of beside what is stored.
    pub bases: Bases,
    /// Which endpoints may be posted to.
    pub policy: Arc<dyn EndpointPolicy>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// Limits and choices.
    pub settings: ApiSettings,
    /// Told of what is held and refused.
    pub limits: Arc<dyn LimitObserver>,
}

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    engine: Engine,
    store: Arc<dyn Store>,
    applications: Applications,
    bases: Arc<Bases>,
    /// Administrators change one thing after the other.
    changing: Arc<Mutex<()>>,
    policy: Arc<dyn EndpointPolicy>,
    clock: Arc<dyn Clock>,
    settings: ApiSettings,
    tokens: Tokens,
    callers: Callers,
    limits: Arc<dyn LimitObserver>,
    streams: Pool,
    sends: Pool,
    imports: Pool,
    used: Used,
    writes: TaskTracker,
}

impl Api {
    /// The service over these parts.
    ///
    /// # Errors
    /// When the store does not give the secrets that tokens are made with.
    pub async fn new(parts: ApiParts) -> Result<Self, StoreError> {
        let ApiParts { engine, store, bases, policy, clock, settings, limits } = parts;
        let tokens = Tokens::of(&*store).await?;
        let required = settings.credentials_required;
        let callers = Callers::load(Arc::clone(&store), Arc::clone(&clock), tokens.clone(), required).await?;
        let pool =
            |shared, places| Pool::new(shared, places, settings.share_percent_max, Arc::clone(&limits));
        let streams = pool(Shared::Streams, settings.streams_max);
        let sends = pool(Shared::Sends, settings.sends_max);
        let imports = pool(Shared::Imports, settings.imports_max);
        Ok(Self {
            applications: engine.applications().clone(),
            engine,
            store,
            bases: Arc::new(bases),
            changing: Arc::default(),
            policy,
            clock,
            settings,
            tokens,
            callers,
            limits,
            streams,
            sends,
            imports,
            used: Used::default(),
            writes: TaskTracker::new(),
        })
    }

    /// Waits for writes whose callers went away. Called once the server has stopped, before the store closes.
    pub async fn finished(&self) {
        self.writes.close();
        self.writes.wait().await;
    }

    /// The service for the caller of a request.
    fn caller<T>(&self, request: &tonic::Request<T>) -> Result<ApiFor<'_>, ApiError> {
        let principal = request.extensions().get::<Arc<Principal>>().cloned();
        let principal =
            principal.ok_or_else(|| ApiError::Internal("nobody was asked who calls".to_owned()))?;
        let notes = request.extensions().get::<CallNotes>().cloned().unwrap_or_default();
        // One that comes over IPv6 from an IPv4 address is of that.
        let address = request.remote_addr().map(|address| address.ip().to_canonical());
        Ok(ApiFor { api: self, principal, address, notes })
    }

    /// The application that a caller's request names; empty is the caller's own, or else `default`. One that the caller
    /// does not reach is as unknown as one that does not exist.
    fn application_of(&self, principal: &Principal, name: &str) -> Result<Arc<Application>, ApiError> {
        let found = match &principal.scope {
            Scope::All => self.applications.get(name),
            Scope::Application(own) if name.is_empty() || name == own => self.applications.get(own),
            Scope::Application(_) => None,
        };
        if let (Some(found), Some(id)) = (&found, principal.application)
            && found.id != id
        {
            // They are of an application that had the name before.
            return Err(ApiError::CredentialsInvalid);
        }
        // What cannot be a name may be a secret in the wrong field, and is not repeated.
        let told = if is_application_name(name) { name } else { "?" };
        found.ok_or_else(|| ApiError::NotFound(Resource::Application(told.to_owned())))
    }

    fn rules<'a>(&'a self, application: &'a Application) -> Rules<'a> {
        let ApiSettings { gcm_key, receipts, .. } = self.settings;
        let policy = application.policy.as_deref().unwrap_or(&*self.policy);
        Rules { application, policy, gcm_key, receipts, now: self.clock.now() }
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

/// The service for one caller.
#[derive(Debug)]
struct ApiFor<'a> {
    api: &'a Api,
    principal: Arc<Principal>,
    /// Where the connection comes from.
    address: Option<IpAddr>,
    notes: CallNotes,
}

impl Deref for ApiFor<'_> {
    type Target = Api;

    fn deref(&self) -> &Api {
        self.api
    }
}

impl ApiFor<'_> {
    /// Who calls, for those who look later.
    fn called_by(&self) -> CalledBy {
        CalledBy { name: Arc::clone(&self.principal.name), address: self.address }
    }

    /// See [`Api::application_of`].
    fn application(&self, name: &str) -> Result<Arc<Application>, ApiError> {
        let application = self.api.application_of(&self.principal, name)?;
        self.notes.application(&application);
        Ok(application)
    }

    /// How long a stream that was called with these headers may last.
    fn lifetime(&self, metadata: &tonic::metadata::MetadataMap) -> Lifetime {
        self.lifetime_up_to(self.settings.stream_age_max, metadata)
    }

    /// The same for what must not be broken off sooner than `age_max`.
    fn lifetime_up_to(&self, age_max: Duration, metadata: &tonic::metadata::MetadataMap) -> Lifetime {
        let remaining = self.principal.remaining(self.clock.now());
        let credentials = Credentials { remaining, revoked: self.principal.revoked.clone() };
        Lifetime::new(metadata, age_max, credentials)
    }
}

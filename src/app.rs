//! The one place that sees all: builds the parts of a server, starts them, and stops them in order.

pub mod reload;
mod risks;

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::reload::ReloadParts;
use crate::api::metered::Metered;
use crate::api::server::{Health, ServeError, serve};
use crate::api::tls::TlsChanges;
use crate::api::{Api, ApiParts, receipts};
use crate::config::{Config, MasterKeyFailure};
use crate::domain::{Application, Clock, EndpointPolicy, VapidKeyId};
use crate::engine::applications::Bases;
use crate::engine::{AttemptSettings, Engine, EngineParts};
use crate::observe::{Metrics, admin};
use crate::store::kv::sealing::Sealing;
use crate::store::kv::sled::OpenError;
use crate::store::kv::{self, KvStore};
use crate::store::{Room, Store, StoreError};
use crate::transport::{HostPolicy, HttpTransport, PolicyError, StartError};
use crate::webpush::keys::{KeyError, VapidKeyPair};
use crate::webpush::request::GcmKey;

/// How often the metrics of the disk are renewed.
const DISK_SHOWN: Duration = Duration::from_secs(1);

/// Why a server did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A port cannot be had.
    #[error("cannot listen on {address}: {error}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// The data directory cannot be used.
    #[error("{}: {error}", .directory.display())]
    Open {
        /// Which.
        directory: std::path::PathBuf,
        /// Why.
        error: OpenError,
    },
    /// There is no master key although one is configured.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyFailure),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A VAPID key could not be made.
    #[error("a VAPID key could not be made: {0}")]
    VapidKey(#[from] KeyError),
    /// `gcm.api_key` has characters that no header takes.
    #[error("gcm.api_key: must have only visible ASCII characters")]
    GcmKey,
    /// `push_services` cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// `transport` cannot be used.
    #[error(transparent)]
    Transport(#[from] StartError),
    /// The gRPC server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A write to the store failed: what is on the disk is known only when it is opened again.
    #[error("the store can write no more: its disk failed. The next start goes on with what is recorded")]
    StoreFailed,
    /// The gRPC server ended although nobody had stopped it.
    #[error("the gRPC server ended by itself")]
    Ended,
    /// A task ended by a panic.
    #[error("a task failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl AppError {
    /// Whether the configuration is at fault: starting again would not help.
    #[must_use]
    pub fn is_of_configuration(&self) -> bool {
        matches!(
            self,
            Self::MasterKey(_) | Self::Open { error: OpenError::MasterKeyMissing { .. }, .. } | Self::GcmKey
        )
    }
}

/// A running server.
pub struct App {
    address: SocketAddr,
    tls: bool,
    admin_address: SocketAddr,
    receipts_address: Option<SocketAddr>,
    applications: Vec<Arc<Application>>,
    engine: Engine,
    store: Arc<dyn Store>,
    health: Health,
    ready: Arc<watch::Sender<bool>>,
    stop: CancellationToken,
    server: JoinHandle<Result<(), ServeError>>,
    stop_admin: CancellationToken,
    admin_server: JoinHandle<std::io::Result<()>>,
    shutdown_timeout: Duration,
    reload_parts: Option<ReloadParts>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("address", &self.address)
            .field("admin_address", &self.admin_address)
            .finish_non_exhaustive()
    }
}

impl App {
    /// Binds every port, opens the store, takes up what an earlier run left, and serves. Health is SERVING when this
    /// returns.
    ///
    /// # Errors
    /// [`AppError`].
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Self, AppError> {
        risks::warn(&config);
        // First of all: a port that is taken is the most frequent reason not to start.
        let listener = bind(config.server.listen).await?;
        let admin = bind(config.admin.listen).await?;
        let receipts = match config.receipts.listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let receipts_address = receipts.as_ref().map(|(_, address)| *address);

        let gcm_key = match &config.gcm.api_key {
            Some(key) => Some(GcmKey::new(key.expose_secret()).ok_or(AppError::GcmKey)?),
            None => None,
        };
        let policy = Arc::new(HostPolicy::new(&config.push_services)?);
        let transport = Arc::new(HttpTransport::new(config.transport.clone(), Arc::clone(&policy))?);

        let metrics = Arc::new(Metrics::new());
        show_limits(&config, &metrics);
        let metered = Arc::new(Metered::new(Arc::clone(&metrics)));
        let opened = Arc::new(open_store(&config, Arc::clone(&clock)).await?);
        let reseal_due = opened.is_reseal_due().await?;
        let store: Arc<dyn Store> = Arc::clone(&opened) as Arc<dyn Store>;
        let bases = config.bases();
        let (applications, deleted) = applications(&*store, &bases, &*policy, &*clock).await?;
        let mut api_settings = config.server.calls.clone();
        api_settings.gcm_key = gcm_key.is_some();
        api_settings.receipts = receipts.is_some();
        api_settings.credentials_required = config.server.asks_who_calls();
        let engine = Engine::start(EngineParts {
            store: Arc::clone(&store),
            transport,
            clock: Arc::clone(&clock),
            applications: applications.iter().cloned().collect(),
            deleted,
            settings: config.engine.clone(),
            retention: config.retention.clone(),
            receipts: config.receipts.settings(),
            attempts: AttemptSettings { gcm_key },
            seed: rand::random(),
            metrics: Arc::clone(&metrics),
        })
        .await?;
        let api = Api::new(ApiParts {
            engine: engine.clone(),
            store: Arc::clone(&store),
            bases,
            policy: Arc::clone(&policy) as Arc<dyn EndpointPolicy>,
            clock,
            settings: api_settings,
            limits: Arc::clone(&metered) as _,
        })
        .await?;

        let health = Health::new().await;
        let (ready, told) = watch::channel(false);
        let stop_admin = CancellationToken::new();
        let admin_server =
            tokio::spawn(admin::serve(admin.0, Arc::clone(&metrics), told, stop_admin.clone()));
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(api.clone().show_quotas(Arc::clone(&metrics))));
        let (tls, tls_changes) = watch::channel(config.server.tls.clone());
        let server = tokio::spawn({
            let (health, stop) = (health.clone(), stop.clone());
            let mut settings = config.server.http.clone();
            settings.tls = config.server.tls.clone();
            let tls_changes = TlsChanges::new(tls_changes);
            async move { Box::pin(serve(listener.0, api, &health, settings, tls_changes, metered, stop)).await }
        });
        if let Some((listener, _)) = receipts {
            tokio::spawn(receipts::serve(listener, engine.clone(), stop.clone()));
        }
        health.serving().await;
        let ready = Arc::new(ready);
        ready.send_replace(true);
        if reseal_due {
            tokio::spawn(stop.clone().run_until_cancelled_owned(reseal(opened)));
        }
        tokio::spawn(stop.clone().run_until_cancelled_owned(follow_store(
            Arc::clone(&store),
            health.clone(),
            Arc::clone(&ready),
            Arc::clone(&metrics),
        )));
        Ok(Self {
            address: listener.1,
            tls: config.server.tls.certificate.is_some(),
            admin_address: admin.1,
            receipts_address,
            applications,
            engine,
            store,
            health,
            ready,
            stop,
            server,
            stop_admin,
            admin_server,
            shutdown_timeout: config.server.shutdown_timeout,
            reload_parts: Some(ReloadParts { policy, tls }),
        })
    }

    /// What takes up changes of the configuration; `None` when it was taken before.
    pub fn take_reload_parts(&mut self) -> Option<ReloadParts> {
        self.reload_parts.take()
    }

    /// Where callers are served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether callers are served by TLS.
    #[must_use]
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// Where metrics and health are served.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Where browsers report, if that is set.
    #[must_use]
    pub fn receipts_address(&self) -> Option<SocketAddr> {
        self.receipts_address
    }

    /// The tenants.
    #[must_use]
    pub fn applications(&self) -> &[Arc<Application>] {
        &self.applications
    }

    /// Waits for what the server cannot go on after: the gRPC server ended by itself, or the store can write no more. May be
    /// dropped.
    pub async fn failed(&mut self) -> AppError {
        tokio::select! {
            ended = &mut self.server => match ended {
                Ok(Ok(())) => AppError::Ended,
                Ok(Err(error)) => error.into(),
                Err(error) => error.into(),
            },
            () = self.store.failed() => AppError::StoreFailed,
        }
    }

    /// Stops in order, within `server.shutdown_timeout`. Answers whether everything under way was settled.
    ///
    /// # Errors
    /// The gRPC server had failed.
    pub async fn shutdown(self) -> Result<bool, AppError> {
        let Self {
            engine,
            store,
            health,
            ready,
            stop,
            server,
            stop_admin,
            admin_server,
            shutdown_timeout,
            ..
        } = self;
        let in_order = async {
            // 1. Load balancers look elsewhere.
            health.not_serving().await;
            ready.send_replace(false);
            // 2. Nothing new is taken; calls under way go on.
            stop.cancel();
            // 3. Attempts under way end and are committed; then status streams end, each with a token to go on from.
            let settled = engine.shutdown().await;
            // 4. With the streams gone, the server ends.
            let served = server.await;
            // 5. Nobody writes any more.
            store.close().await;
            // 6. Metrics are shown to the end.
            stop_admin.cancel();
            admin_server.await?.unwrap_or_else(|error| tracing::warn!(%error, "the admin port failed"));
            served??;
            Ok(settled)
        };
        let Ok(stopped) = tokio::time::timeout(shutdown_timeout, in_order).await else {
            tracing::warn!("the shutdown took longer than server.shutdown_timeout");
            return Ok(false);
        };
        stopped
    }
}

/// Shows how full the disk is, and serves only while there is room and the store can write.
async fn follow_store(
    store: Arc<dyn Store>,
    health: Health,
    ready: Arc<watch::Sender<bool>>,
    metrics: Arc<Metrics>,
) {
    let mut disk = store.disk();
    // It may have filled while the server started.
    disk.mark_changed();
    let mut look = tokio::time::interval(DISK_SHOWN);
    loop {
        tokio::select! {
            () = store.failed() => break,
            _ = look.tick() => {
                metrics.disk(*disk.borrow());
                metrics.log_holds(store.log_octets());
                continue;
            }
            // The store lives as long as this.
            changed = disk.changed() => if changed.is_err() { return },
        }
        let has_room = disk.borrow_and_update().room == Room::Enough;
        if has_room {
            health.serving().await;
        } else {
            health.not_serving().await;
        }
        ready.send_replace(has_room);
    }
    tracing::error!("the store can write no more: not serving any more");
    health.not_serving().await;
    ready.send_replace(false);
}

/// What settings bound, beside what is counted of it.
fn show_limits(config: &Config, metrics: &Metrics) {
    for (setting, most) in [
        ("engine.max_messages", config.engine.max_messages as u64),
        ("engine.max_targets_in_memory", config.engine.max_targets_in_memory as u64),
        ("engine.max_unsettled", config.engine.max_unsettled as u64),
        ("engine.max_waiting_deliveries", config.engine.max_waiting_deliveries),
        ("retention.log_octets_max", config.retention.log_octets_max),
        ("server.http.answers_octets_max", config.server.http.answers_octets_max as u64),
    ] {
        metrics.limits.setting(setting, most);
    }
}

/// Brings what was stored before to the present key and policy. Broken off, it goes on at the next start.
async fn reseal(store: Arc<KvStore>) {
    tracing::info!("sealing in the background what was stored otherwise before");
    match store.reseal(|_| ()).await {
        Ok(done) => tracing::info!(
            rows = done.rows,
            rewritten = done.rewritten,
            damaged = done.damaged,
            "everything is sealed as configured; former master keys are needed no more"
        ),
        Err(error) => tracing::warn!(%error, "sealing what was stored before was broken off"),
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), AppError> {
    let fail = |error| AppError::Bind { address, error };
    let listener = TcpListener::bind(address).await.map_err(fail)?;
    let bound = listener.local_addr().map_err(fail)?;
    Ok((listener, bound))
}

/// Opens the store of a configuration, or makes it.
///
/// # Errors
/// [`AppError::Open`]: among others, when another process uses it.
pub async fn open_store(config: &Config, clock: Arc<dyn Clock>) -> Result<KvStore, AppError> {
    let sealing = config.store.sealing.sealing().await?;
    open_sealed_store(config, clock, sealing).await
}

/// The same, sealing as told.
///
/// # Errors
/// [`AppError::Open`]: among others, when a master key is missing.
pub async fn open_sealed_store(
    config: &Config,
    clock: Arc<dyn Clock>,
    sealing: Sealing,
) -> Result<KvStore, AppError> {
    let directory = config.store.data_dir.clone();
    let settings = config.store.settings();
    let open = {
        let directory = directory.clone();
        move || kv::open_sled(Path::new(&directory), clock, settings, &sealing)
    };
    tokio::task::spawn_blocking(open).await?.map_err(|error| AppError::Open { directory, error })
}

/// All applications: those that are configured are made, those without a VAPID key are given one. Beside them those that were
/// deleted and are not cleared away.
async fn applications(
    store: &dyn Store,
    bases: &Bases,
    policy: &dyn EndpointPolicy,
    clock: &dyn Clock,
) -> Result<(Vec<Arc<Application>>, Vec<Arc<Application>>), AppError> {
    for name in bases.named.keys() {
        let record = store.application(name).await?;
        if record.current_vapid_key.is_none() {
            let pair = VapidKeyPair::generate()?;
            let key = pair.into_vapid_key(FIRST_KEY, clock.now());
            store.add_vapid_key(record.id, key, true).await?;
            tracing::info!(application = name, "made a VAPID key");
        }
    }
    let (mut all, mut deleted) = (Vec::new(), Vec::new());
    for record in store.applications().await? {
        let list = if record.deleted { &mut deleted } else { &mut all };
        list.push(Arc::new(bases.application(record, policy)));
    }
    Ok((all, deleted))
}

/// The store gives its own numbers; this is the first.
const FIRST_KEY: VapidKeyId = VapidKeyId(1);

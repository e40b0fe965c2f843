//! One life of a server, from its start to its crash or its end: a runtime of its own, whose time stands still unless all
//! wait for it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fanfare::domain::{Application, Clock, MessageDefaults, Padding, Urgency, VapidKeyId};
use fanfare::engine::{
    AttemptSettings, Engine, EngineParts, EngineSettings, ReceiptSettings, RetentionSettings,
};
use fanfare::store::kv::memory::Memory;
use fanfare::store::kv::{KvStore, Settings};
use fanfare::store::{Store, StoreError};
use fanfare::webpush::VapidKeyPair;
use rand::SeedableRng;
use tokio::runtime::Runtime;

use super::clock::PacedClock;
use super::lockstep::{Lockstep, Slowed, wait};
use super::push_services::PushServices;
use super::witness::Witness;

/// What outlives a server.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<PacedClock>,
    pub(crate) witness: Arc<Witness>,
    pub(crate) push_services: PushServices,
    pub(crate) seed: u64,
    pub(crate) slow: u32,
    pub(crate) slowed: Slowed,
}

/// See the [module's documentation](self).
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) engine: Engine,
    /// As the engine sees it.
    pub(crate) store: Arc<dyn Store>,
    /// As it is.
    pub(crate) raw: Arc<dyn Store>,
    pub(crate) application: Arc<Application>,
    clock: Arc<PacedClock>,
    runtime: Runtime,
}

/// Small bounds, so that a few deliveries reach them.
pub(crate) fn settings() -> EngineSettings {
    EngineSettings {
        max_unsettled: 6,
        max_targets_in_memory: 3 * 512,
        max_pages_per_group: 2,
        lane_concurrency: 4,
        commit_outcomes: 4,
        plan_chunk: 3,
        retry_base: Duration::from_secs(1),
        retry_max: Duration::from_secs(300),
        removal_window: Duration::from_secs(5),
        ..EngineSettings::default()
    }
}

/// What a step can last at most is kept.
fn retention() -> RetentionSettings {
    let hour = Duration::from_secs(3_600);
    RetentionSettings { events: hour, messages: 2 * hour, changes: hour, ..RetentionSettings::default() }
}

fn vapid_key() -> VapidKeyPair {
    static PRIVATE: OnceLock<[u8; 32]> = OnceLock::new();
    let private = PRIVATE.get_or_init(|| *VapidKeyPair::generate().unwrap().private());
    VapidKeyPair::from_private(private).unwrap()
}

impl Server {
    /// Starts over what is left of a database. Fails when that fails.
    pub(crate) fn start(memory: &Memory, around: &Surroundings) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.unwrap();
        let (clock, witness) = (Arc::clone(&around.clock), Arc::clone(&around.witness));
        // Every life has another random history.
        let seed = around.seed.wrapping_add(clock.now().as_micros());
        let random = rand::rngs::StdRng::seed_from_u64(seed);
        let time: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let backend = Arc::new(memory.clone());
        let raw = KvStore::open(backend, Arc::clone(&time), random, Settings::default());
        let raw: Arc<dyn Store> = Arc::new(raw.map_err(|error| StoreError::Unavailable(error.to_string()))?);
        let application = wait(&clock, application(&*raw))?;
        let store = Lockstep::new(
            Arc::clone(&raw),
            Arc::clone(&clock),
            Arc::clone(&witness),
            seed,
            around.slow,
            Arc::clone(&around.slowed),
        );
        let store: Arc<dyn Store> = Arc::new(store);
        let parts = EngineParts {
            store: Arc::clone(&store),
            transport: Arc::new(around.push_services.transport(witness)),
            clock: time,
            applications: [Arc::clone(&application)].into_iter().collect(),
            deleted: Vec::new(),
            settings: settings(),
            retention: retention(),
            attempts: AttemptSettings::default(),
            receipts: ReceiptSettings::default(),
            seed,
            metrics: Arc::new(fanfare::observe::Metrics::new()),
        };
        let engine = run(&runtime, &clock, async {
            // A disk that failed in the middle keeps it waiting.
            let limit = Duration::from_secs(600);
            tokio::time::timeout(limit, Engine::start(parts))
                .await
                .unwrap_or_else(|_| Err(StoreError::Unavailable("it does not start".to_owned())))
        })?;
        Ok(Self { engine, store, raw, application, clock, runtime })
    }

    /// Lets the server live until `until` is done.
    pub(crate) fn run<T>(&self, until: impl Future<Output = T>) -> T {
        run(&self.runtime, &self.clock, until)
    }

    /// Lets the server live for so long.
    pub(crate) fn pass(&self, time: Duration) {
        self.run(async { tokio::time::sleep(time).await });
    }

    /// Lets the server live until its store fails, for so long at most.
    pub(crate) fn live_on(&self, limit: Duration) {
        let _ = self.run(async { tokio::time::timeout(limit, self.raw.failed()).await });
    }

    /// Begins something that goes on while the server lives.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        call: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.runtime.spawn(call)
    }

    /// Waits for the store itself, while the server stands still.
    pub(crate) fn look<T>(&self, call: impl Future<Output = T>) -> T {
        wait(&self.clock, call)
    }
}

fn run<T>(runtime: &Runtime, clock: &PacedClock, until: impl Future<Output = T>) -> T {
    runtime.block_on(async {
        clock.run();
        let done = until.await;
        clock.hold();
        done
    })
}

async fn application(store: &dyn Store) -> Result<Arc<Application>, StoreError> {
    let mut record = store.application("default").await?;
    if record.current_vapid_key.is_none() {
        let key = vapid_key().into_vapid_key(VapidKeyId(1), super::clock::START);
        store.add_vapid_key(record.id, key, true).await?;
        record = store.application("default").await?;
    }
    Ok(Arc::new(Application {
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
    }))
}

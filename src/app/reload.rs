//! What a running server takes up of a configuration that has changed. All that can fail is tried first: after an error
//! everything is as it was.

use std::sync::Arc;

use tokio::sync::watch;

use crate::api::tls::{TlsError, TlsSettings};
use crate::config::{Config, Loaded};
use crate::observe::logs::{LogError, LogFilter};
use crate::transport::{HostPolicy, PolicyError};

/// Settings that are taken up, and those below them. All others need a restart.
const LIVE: [&str; 6] = [
    "log.filter",
    "server.tls.certificate",
    "server.tls.private_key",
    "server.tls.client_ca",
    "server.tls.reload_interval",
    "push_services",
];

/// Why nothing was taken up.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// A certificate for callers, or its key.
    #[error("server.tls: {0}")]
    Tls(#[from] TlsError),
    /// A push service's exception.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// What is logged.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Settings that hold from now on.
    pub changed: Vec<String>,
    /// Settings that differ from what the server runs with until it is started again.
    pub need_restart: Vec<String>,
    /// Certificates of exceptions were read that are other than before.
    pub exceptions_renewed: bool,
}

/// The parts of a server that take up changes.
#[derive(Debug)]
pub struct Reloader {
    /// What holds, and what was loaded last for all that needs a restart.
    running: Loaded,
    log: LogFilter,
    policy: Arc<HostPolicy>,
    tls: watch::Sender<TlsSettings>,
}

impl Reloader {
    /// Of a server that runs with this configuration.
    #[must_use]
    pub fn new(running: Loaded, log: LogFilter, parts: ReloadParts) -> Self {
        Self { running, log, policy: parts.policy, tls: parts.tls }
    }

    /// Takes up what can be.
    ///
    /// # Errors
    /// See [`ReloadError`].
    pub fn reload(&mut self, loaded: &Loaded) -> Result<Reloaded, ReloadError> {
        let config = &loaded.config;
        let differences = self.running.differences(loaded);
        let (changed, need_restart): (Vec<_>, Vec<_>) =
            differences.into_iter().partition(|key| is_live(key, &self.running.config, config));
        if self.running.config.server.tls.certificate.is_some() && config.server.tls.certificate.is_some() {
            config.server.tls.check()?;
        }
        let news = self.policy.change(&config.push_services)?;
        if changed.iter().any(|key| key == "log.filter") {
            self.log.set(&config.log.filter)?;
        }
        // Also where no setting has changed: the files are looked at now.
        self.tls.send_replace(config.server.tls.clone());
        let exceptions_renewed = news && !changed.iter().any(|key| key.starts_with("push_services"));
        for key in &changed {
            self.running.take_up(loaded, key);
        }
        Ok(Reloaded { changed, need_restart, exceptions_renewed })
    }
}

/// What of a running server [`Reloader`] changes.
#[derive(Debug)]
pub struct ReloadParts {
    pub(crate) policy: Arc<HostPolicy>,
    pub(crate) tls: watch::Sender<TlsSettings>,
}

/// Whether a setting is taken up. Whether callers are served by TLS, and asked for certificates, a start decides.
fn is_live(key: &str, running: &Config, config: &Config) -> bool {
    let below =
        |live: &&str| key == *live || key.strip_prefix(*live).is_some_and(|rest| rest.starts_with('.'));
    if !LIVE.iter().any(|live| below(&live)) {
        return false;
    }
    let (was, is) = (&running.server.tls, &config.server.tls);
    match key {
        "server.tls.certificate" | "server.tls.private_key" => {
            was.certificate.is_some() == is.certificate.is_some()
        }
        "server.tls.client_ca" => was.client_ca.is_some() == is.client_ca.is_some(),
        _ => true,
    }
}

//! `fanfare serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde::{Deserialize, Serialize};

use super::config::ConfigSource;
use super::failure::Failure;
use super::stop::{Hangups, StopArgs};
use super::supervisor;
use crate::api::receipts;
use crate::app::App;
use crate::app::reload::{Reloaded, Reloader};
use crate::config::{self, ConfigError, Sources};
use crate::domain::SystemClock;
use crate::observe::logs;
use crate::webpush::keys::encode_base64url;

/// How long a server that cannot go on takes leave of its callers.
const FAILED_GRACE: Duration = Duration::from_secs(2);

/// Runs the server
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Without any configuration it listens on loopback, keeps everything in ./fanfare-data, and makes a VAPID \
                        key at its first start. `fanfare config default` prints every setting.

Ends in order on SIGINT or SIGTERM; at once on a second one. On SIGHUP it reads its configuration again and says in the
log what has changed (what is logged, certificates, push services) and what needs a restart. Exit code 64: the configuration is wrong; 1: it cannot start, or
go on, for example because the disk is full (store.free_octets_min): standard error says how much must be freed.

Examples:
  fanfare serve
  fanfare serve --config fanfare.toml --data-dir /var/lib/fanfare
  FANFARE_SERVER__LISTEN=0.0.0.0:8030 fanfare serve --credentials-required"
)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigSource,
    /// Where everything is kept (store.data_dir)
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address and port for callers (server.listen); port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Address and port of metrics and health (admin.listen)
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// Let callers need credentials also while there is no API token (server.credentials_required)
    #[arg(long)]
    credentials_required: bool,
    /// Take other than loopback addresses, although nobody is asked who they are (server.insecure)
    #[arg(long)]
    insecure: bool,
    /// What is logged to standard error, for example warn or info,fanfare::engine=debug (log.filter)
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// Say where it listens in one line of JSON, once it serves
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stop: StopArgs,
}

/// What the server says once it serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServeReady {
    /// Where callers are served.
    pub server: SocketAddr,
    /// Whether they are served by TLS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls: bool,
    /// Where metrics and health are served.
    pub admin: SocketAddr,
    /// Where browsers report, if `receipts.listen` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipts: Option<SocketAddr>,
    /// The tenants.
    pub applications: Vec<ReadyApplication>,
}

/// One tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyApplication {
    /// What callers name it by.
    pub name: String,
    /// The current VAPID public key, base64url: what browsers subscribe with.
    pub application_server_key: String,
}

impl ServeArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        // First of all: it ends no server, however early it comes.
        let mut hangups = Hangups::listen().context("cannot listen for signals")?;
        let sources = self
            .config
            .sources()
            .with_flag("--data-dir", "store.data_dir", self.data_dir.as_ref().map(|dir| dir.display()))
            .with_flag("--listen", "server.listen", self.listen.as_ref())
            .with_flag("--admin-listen", "admin.listen", self.admin_listen.as_ref())
            .with_flag("--log", "log.filter", self.log.as_ref())
            .with_flag(
                "--credentials-required",
                "server.credentials_required",
                self.credentials_required.then_some(true),
            )
            .with_flag("--insecure", "server.insecure", self.insecure.then_some(true));
        let loaded = config::load(&sources)?;
        let filter = logs::start(&loaded.config.log).map_err(anyhow::Error::from)?;
        let (version, settings) = (env!("CARGO_PKG_VERSION"), loaded.differing().join(" "));
        tracing::info!(version, %settings, "starting");
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let mut app = App::start(loaded.config.clone(), Arc::new(SystemClock)).await?;
        self.tell(&ready(&app))?;
        tracing::info!(server = %app.address(), admin = %app.admin_address(), "serving");
        supervisor::ready();
        let mut reloader = app.take_reload_parts().map(|parts| Reloader::new(loaded, filter, parts));
        let mut asked = pin!(self.stop.asked());
        let mut alive = pin!(supervisor::say_alive());
        loop {
            tokio::select! {
                asked = asked.as_mut() => {
                    asked.context("cannot listen for signals")?;
                    tracing::info!("stopping in order");
                    break;
                }
                error = app.failed() => {
                    supervisor::stopping();
                    // Calls under way are told why; what cannot be recorded any more is not waited for.
                    let _ = tokio::time::timeout(FAILED_GRACE, app.shutdown()).await;
                    return Err(anyhow::Error::from(error).into());
                }
                () = hangups.next() => if let Some(reloader) = &mut reloader {
                    reload(&sources, reloader);
                },
                () = alive.as_mut() => {}
            }
        }
        supervisor::stopping();
        if app.shutdown().await.map_err(anyhow::Error::from)? {
            tracing::info!(version, "stopped");
            return Ok(());
        }
        Err(Failure::failed("not everything under way was settled in time; the next start goes on with it"))
    }

    fn tell(&self, ready: &ServeReady) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string(ready)?);
            return Ok(());
        }
        println!("gRPC        {}://{}", if ready.tls { "https" } else { "http" }, ready.server);
        println!("admin       http://{}", ready.admin);
        if let Some(receipts) = ready.receipts {
            println!("receipts    http://{receipts}{}", receipts::PATH);
        }
        for application in &ready.applications {
            println!("VAPID key   {} ({})", application.application_server_key, application.name);
        }
        Ok(())
    }
}

/// Reads the configuration again and says what came of it.
fn reload(sources: &Sources, reloader: &mut Reloader) {
    let loaded = match config::load(sources) {
        Ok(loaded) => loaded,
        Err(ConfigError::Invalid(problems)) => {
            for problem in problems {
                tracing::error!(%problem, "the configuration is wrong: all stays as it was");
            }
            return;
        }
        Err(error @ ConfigError::Unreadable { .. }) => {
            tracing::error!(%error, "the configuration cannot be read: all stays as it was");
            return;
        }
    };
    let Reloaded { changed, need_restart, exceptions_renewed } = match reloader.reload(&loaded) {
        Ok(reloaded) => reloaded,
        Err(error) => {
            tracing::error!(%error, "the configuration cannot be used: all stays as it was");
            return;
        }
    };
    if changed.is_empty() && need_restart.is_empty() && !exceptions_renewed {
        tracing::info!("the configuration was read again: no setting has changed");
    }
    for setting in changed {
        tracing::info!(setting, "the configuration was read again: this setting has changed");
    }
    if exceptions_renewed {
        tracing::info!("push_services.exceptions: certificates have changed");
    }
    for setting in need_restart {
        tracing::warn!(
            setting,
            "this setting has changed and needs a restart: it stays as it was until then"
        );
    }
}

fn ready(app: &App) -> ServeReady {
    let applications = app.applications().iter().map(|application| ReadyApplication {
        name: application.name.clone(),
        application_server_key: application
            .current_key()
            .map(|key| encode_base64url(&key.public))
            .unwrap_or_default(),
    });
    ServeReady {
        server: app.address(),
        tls: app.tls(),
        admin: app.admin_address(),
        receipts: app.receipts_address(),
        applications: applications.collect(),
    }
}

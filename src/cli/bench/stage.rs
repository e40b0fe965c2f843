//! The processes: a server with a store of its own, a sink, and the floor when its turn comes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

use super::BenchArgs;
use super::floor::{FloorFigures, Runtime};
use super::sink::SinkReady;
use super::usage::Usage;
use crate::cli::connection;
use crate::cli::process::Process;
use crate::cli::serve::ServeReady;
use crate::client::Client;
use crate::domain::Origin;

/// Where messages are posted to.
#[derive(Clone, Debug)]
pub(super) struct Sink {
    pub(super) origin: String,
    /// The certificate that it is trusted by; `None`: those of the system.
    pub(super) ca: Option<String>,
}

/// Everything that runs.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) client: Client,
    pub(super) sink: Sink,
    program: PathBuf,
    server: Process,
    own_sink: Option<Process>,
    directory: TempDir,
}

impl Stage {
    pub(super) async fn set(bench: &BenchArgs) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("fanfare-bench-").tempdir()?;
        let at = |name: &str| directory.path().join(name);
        let program = std::env::current_exe().context("cannot find this program")?;
        let (sink, own_sink) = if let Some(origin) = &bench.sink {
            let ca = bench.sink_ca.as_deref().map(text).transpose()?;
            (Sink { origin: origin.trim_end_matches('/').to_owned(), ca }, None)
        } else {
            let ca = text(&at("sink-ca.pem"))?;
            let arguments = ["bench", "sink", "--exit-with-stdin", "--ca-out", &ca];
            let (process, ready) = Process::start::<SinkReady>(&program, &arguments, &at("sink.log")).await?;
            (Sink { origin: ready.origin, ca: Some(ca) }, Some(process))
        };
        let config = text(&at("fanfare.toml"))?;
        fs::write(&config, config_toml(&sink)?)?;
        let data = text(&at("data"))?;
        let arguments = ["serve", "--json", "--exit-with-stdin", "--config", &config, "--data-dir", &data];
        let measured = bench.server.as_ref().unwrap_or(&program);
        let (server, ready) = Process::start::<ServeReady>(measured, &arguments, &at("server.log")).await?;
        let client = connection::open(&format!("http://{}", ready.server))
            .await
            .map_err(crate::cli::failure::Failure::into_error)?;
        Ok(Self { client, sink, program, server, own_sink, directory })
    }

    /// The server's process id.
    pub(super) fn server(&self) -> anyhow::Result<u32> {
        self.server.id().context("the server has ended")
    }

    /// What the server has used so far.
    pub(super) fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.server()?)
    }

    /// A directory on the store's disk.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What the server wrote last, for errors.
    pub(super) fn log_tail(&self) -> String {
        self.server.log_tail()
    }

    /// Measures encryption alone.
    pub(super) async fn encrypt_alone(&self, count: usize) -> anyhow::Result<FloorFigures> {
        self.floor(&["bench", "floor", "--count", &count.to_string(), "encrypt"]).await
    }

    /// Measures POSTs alone.
    pub(super) async fn post_alone(
        &self,
        count: usize,
        in_flight: usize,
        runtime: Runtime,
    ) -> anyhow::Result<FloorFigures> {
        let (count, in_flight) = (count.to_string(), in_flight.to_string());
        let mut arguments = vec!["bench", "floor", "--count", &count, "post", "--sink", &self.sink.origin];
        arguments.extend(["--in-flight", &in_flight, "--runtime", runtime.name()]);
        if let Some(ca) = &self.sink.ca {
            arguments.extend(["--ca", ca]);
        }
        self.floor(&arguments).await
    }

    async fn floor(&self, arguments: &[&str]) -> anyhow::Result<FloorFigures> {
        let log = self.directory.path().join("floor.log");
        let (floor, figures) = Process::start(&self.program, arguments, &log).await?;
        floor.stop().await?;
        Ok(figures)
    }

    /// Stops everything, the server first.
    pub(super) async fn clear(self) -> anyhow::Result<()> {
        self.server.stop().await?;
        match self.own_sink {
            Some(sink) => sink.stop().await,
            None => Ok(()),
        }
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    path.to_str().map(str::to_owned).with_context(|| format!("{} is not UTF-8 text", path.display()))
}

/// The configuration of a server that may post to the sink.
fn config_toml(sink: &Sink) -> anyhow::Result<String> {
    let origin =
        Origin::parse(&sink.origin).with_context(|| format!("--sink: {} is no origin", sink.origin))?;
    let certificate = sink
        .ca
        .as_ref()
        .map_or(String::new(), |path| format!("root_certificate = {}\n", toml::Value::String(path.clone())));
    Ok(format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [[push_services.exceptions]]\nname = \"sink\"\nhost = \"{}\"\nport = {}\n\
         cidrs = [\"127.0.0.0/8\", \"::1/128\"]\n{certificate}",
        origin.host(),
        origin.port(),
    ))
}

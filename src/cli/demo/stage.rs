//! The stage: a temporary directory, and in it a sandbox and a server that was told of the sandbox like of any
//! self-hosted push service.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use tempfile::TempDir;

use super::control::Control;
use crate::cli::connection;
use crate::cli::process::Process;
use crate::cli::sandbox::SandboxReady;
use crate::cli::serve::ServeReady;
use crate::client::Client;
use crate::domain::Origin;
use crate::domain::application::DEFAULT_APPLICATION;

/// Everything that runs during the demo.
#[derive(Debug)]
pub(super) struct Stage {
    /// Calls of the server.
    pub(super) client: Client,
    /// Calls of the sandbox.
    pub(super) control: Control,
    server: Process,
    server_ready: ServeReady,
    sandbox: Process,
    sandbox_ready: SandboxReady,
    directory: TempDir,
}

impl Stage {
    /// Starts everything and waits until it is ready. The sandbox gets these arguments too.
    pub(super) async fn set(keep: bool, sandbox_arguments: &[&str]) -> anyhow::Result<Self> {
        let mut directory = tempfile::Builder::new().prefix("fanfare-demo-").tempdir()?;
        directory.disable_cleanup(keep);
        let path = |name: &str| directory.path().join(name);
        let program = std::env::current_exe().context("cannot find this program")?;

        let certificate = text(path("sandbox-ca.pem"))?;
        let arguments = [
            "sandbox",
            "--json",
            "--exit-with-stdin",
            "--listen",
            "127.0.0.1:0",
            "--control",
            "127.0.0.1:0",
            "--ca-out",
            &certificate,
        ];
        let arguments = [&arguments[..], sandbox_arguments].concat();
        let (sandbox, sandbox_ready) =
            Process::start::<SandboxReady>(&program, &arguments, &path("sandbox.log")).await?;
        let control = Control::new(sandbox_ready.control)?;

        let config = text(path("fanfare.toml"))?;
        fs::write(&config, config_toml(&sandbox_ready, &certificate)?)?;
        let data = text(path("data"))?;
        let arguments = ["serve", "--json", "--exit-with-stdin", "--config", &config, "--data-dir", &data];
        let (server, server_ready) =
            Process::start::<ServeReady>(&program, &arguments, &path("server.log")).await?;
        let client = connection::open(&format!("http://{}", server_ready.server))
            .await
            .map_err(crate::cli::failure::Failure::into_error)?;
        Ok(Self { client, control, server, server_ready, sandbox, sandbox_ready, directory })
    }

    pub(super) fn server_url(&self) -> String {
        format!("http://{}", self.server_ready.server)
    }

    pub(super) fn push_origin(&self) -> &str {
        &self.sandbox_ready.push_origin
    }

    /// What browsers are to be told of the sandbox.
    pub(super) fn sandbox(&self) -> &SandboxReady {
        &self.sandbox_ready
    }

    /// The server's process id; `None` when it has ended.
    pub(super) fn server_id(&self) -> Option<u32> {
        self.server.id()
    }

    /// Where browsers report.
    pub(super) fn receipts_url(&self) -> anyhow::Result<String> {
        let receipts = self.server_ready.receipts.context("the server has no port for receipts")?;
        Ok(format!("http://localhost:{}{}", receipts.port(), crate::api::receipts::PATH))
    }

    /// The key that browsers would subscribe with.
    pub(super) fn application_server_key(&self) -> anyhow::Result<String> {
        let application = self
            .server_ready
            .applications
            .iter()
            .find(|application| application.name == DEFAULT_APPLICATION)
            .context("the server has no default application")?;
        Ok(application.application_server_key.clone())
    }

    /// What both wrote last, for errors.
    pub(super) fn log_tail(&self) -> String {
        format!("{}\n{}", self.server.log_tail(), self.sandbox.log_tail())
    }

    /// Stops both, the server first. Gives the directory if it is kept.
    pub(super) async fn clear(self) -> anyhow::Result<Option<PathBuf>> {
        self.server.stop().await?;
        self.sandbox.stop().await?;
        let path = self.directory.path().to_owned();
        drop(self.directory);
        Ok(path.exists().then_some(path))
    }
}

fn text(path: PathBuf) -> anyhow::Result<String> {
    path.into_os_string().into_string().ok().context("the temporary directory's path is not UTF-8 text")
}

/// The configuration of a server that may post to the sandbox.
fn config_toml(sandbox: &SandboxReady, certificate: &str) -> anyhow::Result<String> {
    let origin = Origin::parse(&sandbox.push_origin).context("the sandbox's origin does not read")?;
    let certificate = toml::Value::String(certificate.to_owned());
    let mut text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [receipts]\nlisten = \"127.0.0.1:0\"\n[engine]\nremoval_window = \"1s\"\n\
         [[push_services.exceptions]]\nname = \"sandbox\"\nhost = \"{}\"\nport = {}\n\
         cidrs = [\"127.0.0.0/8\", \"::1/128\"]\nroot_certificate = {certificate}\n",
        origin.host(),
        origin.port(),
    );
    for (host, address) in sandbox.chromium.iter().flat_map(|chromium| &chromium.hosts) {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "[[push_services.exceptions]]\nname = \"{host}\"\nhost = \"{host}\"\nport = 443\n\
             connect_to = \"{address}\"\nroot_certificate = {certificate}\n",
        );
    }
    Ok(text)
}

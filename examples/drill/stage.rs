//! What drills are played on: the program, a sandbox, and a server that can be ended and started again.

mod octets;
mod population;
mod program;
mod server;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use fanfare::cli::demo::control::Control;
use fanfare::cli::process::Process;
use fanfare::cli::{SandboxReady, ServeReady};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use octets::{directory_octets, largest_file_octets, status_octets};
pub(crate) use population::{progress_bar, push_subscription};
pub(crate) use program::{Build, build};
use server::connect;
pub(crate) use server::{Client, End, Server};

/// How often something is looked at that nobody tells of.
const LOOK: Duration = Duration::from_millis(20);

/// What of the configuration a drill chooses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Configuration {
    /// Lines of the section `[engine]`.
    pub(crate) engine: String,
    /// Whole sections.
    pub(crate) sections: String,
}

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Launch {
    /// Another program than the stage's.
    pub(crate) program: Option<PathBuf>,
    /// Where it dies: `name` or `name:pass`. Needs a program with the feature `failpoints`.
    pub(crate) failpoint: Option<String>,
    /// Variables of its environment: `NAME=value`.
    pub(crate) environment: Vec<String>,
    /// Where it is called, instead of at a port that is free.
    pub(crate) listen: Option<SocketAddr>,
    /// No file of it may grow beyond, in octets.
    pub(crate) file_octets_max: Option<u64>,
}

/// A sandbox, and a directory for a server.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Calls of the sandbox.
    pub(crate) control: Control,
    control_address: SocketAddr,
    http: reqwest::Client,
    /// The host of the sandbox's endpoints.
    host: String,
    /// The file with what the sandbox's certificates are trusted by.
    certificate: String,
    /// The sections of the configuration that let the server post to the sandbox.
    exceptions: String,
    program: PathBuf,
    sandbox: Process,
    directory: TempDir,
}

impl Stage {
    /// Builds the program, starts the sandbox and writes the server's configuration.
    pub(crate) async fn set(configuration: &Configuration) -> anyhow::Result<Self> {
        Self::set_at("localhost", configuration).await
    }

    /// The same, with this host in the sandbox's endpoints.
    pub(crate) async fn set_at(host: &str, configuration: &Configuration) -> anyhow::Result<Self> {
        let program = build(Build::Release)?;
        let directory = tempfile::Builder::new().prefix("fanfare-drill-").tempdir()?;
        let certificate = text(&directory.path().join("sandbox-ca.pem"))?;
        let any = "127.0.0.1:0";
        let arguments = [
            "sandbox",
            "--json",
            "--exit-with-stdin",
            "--listen",
            any,
            "--control",
            any,
            "--public-host",
            host,
            "--ca-out",
            &certificate,
        ];
        let (sandbox, ready) =
            Process::start::<SandboxReady>(&program, &arguments, &directory.path().join("sandbox.log"))
                .await?;
        let port = ready.push.port();
        let exceptions = exception(host, port, &certificate);
        let host = host.to_owned();
        let control = Control::new(ready.control)?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let control_address = ready.control;
        let stage = Self {
            control,
            control_address,
            http,
            host,
            certificate,
            exceptions,
            program,
            sandbox,
            directory,
        };
        stage.configure(configuration)?;
        Ok(stage)
    }

    /// Writes the configuration that the next server starts with.
    pub(crate) fn configure(&self, configuration: &Configuration) -> anyhow::Result<()> {
        let Configuration { engine, sections } = configuration;
        let any = "127.0.0.1:0";
        let text = format!(
            "[server]\nlisten = \"{any}\"\n[admin]\nlisten = \"{any}\"\n[engine]\nremoval_window = \"1s\"\n{engine}\n{sections}\n{}",
            self.exceptions
        );
        fs::write(self.directory.path().join("fanfare.toml"), text)?;
        Ok(())
    }

    /// Starts the server, on the data that the one before left.
    pub(crate) async fn start_server(&self) -> anyhow::Result<Server> {
        self.launch(&Launch::default()).await
    }

    /// Starts the server in a certain way.
    pub(crate) async fn launch(&self, launch: &Launch) -> anyhow::Result<Server> {
        let path = |name: &str| self.directory.path().join(name);
        let program = text(launch.program.as_ref().unwrap_or(&self.program))?;
        // env(1) and prlimit(1) become the program that they are given.
        let mut words = vec!["env".to_owned()];
        if launch.file_octets_max.is_some() {
            // Else the signal would end it.
            words.push("--ignore-signal=XFSZ".to_owned());
        }
        words.extend(launch.environment.iter().cloned());
        words.extend(launch.failpoint.iter().map(|failpoint| format!("FAILPOINT={failpoint}")));
        if let Some(octets) = launch.file_octets_max {
            // So little is left free that the limit is met.
            words.push("FANFARE_STORE__FREE_OCTETS_MIN=4194304".to_owned());
            words.extend(["prlimit".to_owned(), format!("--fsize={octets}:{octets}")]);
        }
        let (config, data) = (text(&path("fanfare.toml"))?, text(&path("data"))?);
        // Not --exit-with-stdin: only a signal ends it.
        words.extend([program, "serve".to_owned(), "--json".to_owned()]);
        words.extend(["--config".to_owned(), config, "--data-dir".to_owned(), data]);
        if let Some(listen) = launch.listen {
            words.extend(["--listen".to_owned(), listen.to_string()]);
        }
        let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        let (process, ready) =
            Process::start::<ServeReady>(Path::new(&words[0]), &arguments, &path("server.log")).await?;
        let address = ready.server;
        // It may have ended meanwhile: then its log says why.
        let client = connect(address)
            .await
            .with_context(|| fs::read_to_string(path("server.log")).unwrap_or_default())?;
        let keys = ready.applications.into_iter().map(|of| (of.name, of.application_server_key)).collect();
        Ok(Server { address, client, keys, admin: ready.admin, process })
    }

    /// Copies a program to where nobody builds another one in its place.
    pub(crate) fn keep(&self, program: &Path) -> anyhow::Result<PathBuf> {
        let kept = self.directory.path().join("program");
        fs::copy(program, &kept)?;
        Ok(kept)
    }

    /// The program, for what it does without a server.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Where everything of the stage is.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where the server keeps everything.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Waits until the sandbox has no request open: what a server that died had begun is over.
    pub(crate) async fn sandbox_is_quiet(&self) -> anyhow::Result<()> {
        loop {
            let counts = self.call("GET", "/counts", None).await?;
            if counts.pointer("/requests/open").and_then(Value::as_u64) == Some(0) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// A call of the sandbox's control API; null for an empty answer.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let text = self.call_text(method, path, body).await?;
        if text.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&text)?) }
    }

    /// The same for any text.
    pub(crate) async fn call_text(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<String> {
        let url = format!("http://{}{path}", self.control_address);
        let mut request = self.http.request(method.parse()?, url);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.context("the sandbox does not answer")?;
        let (status, text) = (response.status(), response.text().await?);
        ensure!(status.is_success(), "{method} {path}: the sandbox answered {status}: {text}");
        Ok(text)
    }

    /// Ends the sandbox. The directory goes with it.
    pub(crate) async fn clear(self) -> anyhow::Result<()> {
        self.sandbox.stop().await
    }
}

/// The section of the configuration that lets the server post to one port of the sandbox.
fn exception(host: &str, port: u16, certificate: &str) -> String {
    format!(
        "[[push_services.exceptions]]\nname = \"sandbox {port}\"\nhost = \"{host}\"\nport = {port}\n\
         cidrs = [\"127.0.0.0/8\", \"::1/128\"]\nroot_certificate = '{certificate}'\n"
    )
}

fn text(path: &Path) -> anyhow::Result<String> {
    path.to_str().map(str::to_owned).context("the temporary directory's path is not UTF-8 text")
}

//! What drills are played on: the program, a sandbox, and a server that can be ended and started again.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use fanfare::cli::demo::control::Control;
use fanfare::cli::process::Process;
use fanfare::cli::{SandboxReady, ServeReady};
use fanfare::proto::v1::push_service_client::PushServiceClient;
use fanfare::proto::v1::{
    ListSubscriptionsRequest, PushSubscription, PushSubscriptionKeys, SubscribeRequest,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use tempfile::TempDir;
use tonic::transport::Channel;

/// Calls of the server.
pub(crate) type Client = PushServiceClient<Channel>;

/// Calls in flight while subscribing.
const CONCURRENCY: usize = 64;
/// Subscribers read from the sandbox at once.
const CHUNK: u32 = 1_000;
/// The variable that names a program to drill instead of the release build, which is built otherwise.
const PROGRAM: &str = "DRILL_PROGRAM";
/// How often something is looked at that nobody tells of.
const LOOK: Duration = Duration::from_millis(20);

/// How a server is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// SIGTERM, and waiting for its end.
    Terminate,
    /// SIGKILL.
    Kill,
}

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

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    /// Calls of it.
    pub(crate) client: Client,
    /// The VAPID public keys of its applications, by name.
    pub(crate) keys: Vec<(String, String)>,
    /// Where it is called.
    address: SocketAddr,
    /// Where its metrics are.
    pub(crate) admin: SocketAddr,
    /// The program itself.
    pub(crate) process: Process,
}

/// Which build of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// What users run.
    Release,
    /// A debug build with the feature `failpoints`: built fast beside the release.
    Failpoints,
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

    /// Makes origins in the sandbox beside its first, all with these settings, and lets the server post to them from its
    /// next start on. Gives the number of the first.
    pub(crate) async fn make_origins(&mut self, count: u32, settings: Value) -> anyhow::Result<u32> {
        let body = json!({"count": count, "settings": settings});
        let lines = self.call_text("POST", "/origins", Some(body)).await?;
        let mut first = None;
        for line in lines.lines() {
            let origin: Value = serde_json::from_str(line)?;
            let number = origin["origin"].as_u64().context("an origin without a number")?;
            first.get_or_insert(u32::try_from(number)?);
            let url = url::Url::parse(origin["url"].as_str().context("an origin without a URL")?)?;
            let port = url.port().context("an origin without a port")?;
            self.exceptions.push_str(&exception(&self.host, port, &self.certificate));
        }
        first.context("no origin was made")
    }

    /// Makes a group in the sandbox for an application of the server; gives its number.
    pub(crate) async fn make_group(
        &self,
        server: &Server,
        application: &str,
        mut group: Value,
    ) -> anyhow::Result<u32> {
        group["application_server_key"] = server.key(application)?.into();
        let made = self.call("POST", "/groups", Some(group)).await?;
        Ok(u32::try_from(made["group"].as_u64().context("a group without a number")?)?)
    }

    /// Makes subscribers in the sandbox and subscribes them at the default application, each with this topic. Gives the
    /// group's number, and their names by index.
    pub(crate) async fn subscribe(
        &self,
        server: &Server,
        count: u32,
        topic: &str,
        user_of: impl Fn(u32) -> String,
    ) -> anyhow::Result<(u32, Vec<String>)> {
        let group = self.make_group(server, "default", json!({"count": count})).await?;
        let enlist = |index, request: &mut SubscribeRequest| {
            request.user_id = user_of(index);
            request.topics = vec![topic.to_owned()];
        };
        Ok((group, self.enlist(server, group, 0..count, enlist).await?))
    }

    /// Subscribes some of a group; what is asked for beside the browser's part says `describe`, by index. Gives their names.
    pub(crate) async fn enlist(
        &self,
        server: &Server,
        group: u32,
        indices: Range<u32>,
        describe: impl Fn(u32, &mut SubscribeRequest),
    ) -> anyhow::Result<Vec<String>> {
        let bar = progress_bar(u64::from(indices.end - indices.start), "subscribed");
        let describe = &describe;
        let chunks = stream::iter(indices.clone().step_by(CHUNK as usize)).map(|from| async move {
            let count = CHUNK.min(indices.end - from);
            let lines = self.control.subscriptions(group, from, count).await?;
            let requests = (from..).zip(lines.lines()).map(|(index, line)| {
                let browser = push_subscription(line)?;
                let mut request =
                    SubscribeRequest { push_subscription: Some(browser), ..SubscribeRequest::default() };
                describe(index, &mut request);
                Ok(request)
            });
            anyhow::Ok(stream::iter(requests.collect::<Vec<anyhow::Result<_>>>()))
        });
        let calls = chunks.buffered(2).try_flatten().map(|request| {
            let mut client = server.client.clone();
            async move { anyhow::Ok(client.subscribe(request?).await?.into_inner()) }
        });
        let names: Vec<String> = calls
            .buffered(CONCURRENCY)
            .map_ok(|response| {
                bar.inc(1);
                response.subscription.unwrap_or_default().name
            })
            .try_collect()
            .await?;
        bar.finish_and_clear();
        ensure!(names.len() == indices.len(), "{} of {} were subscribed", names.len(), indices.len());
        Ok(names)
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

impl Server {
    /// Where it is called.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Another connection, for who would be in the way of others on the same.
    pub(crate) async fn connect(&self) -> anyhow::Result<Client> {
        connect(self.address).await
    }

    /// The VAPID public key of an application.
    pub(crate) fn key(&self, application: &str) -> anyhow::Result<&str> {
        let key = self.keys.iter().find(|(name, _)| name == application);
        Ok(&key.with_context(|| format!("the server has no application {application}"))?.1)
    }

    /// Ends it.
    pub(crate) async fn end(self, how: End) -> anyhow::Result<()> {
        match how {
            End::Terminate => {
                let id = self.process.id().context("the server had ended by itself")?;
                let signalled =
                    tokio::process::Command::new("kill").args(["-TERM", &id.to_string()]).status();
                ensure!(signalled.await?.success(), "the server cannot be signalled");
                self.process.stop().await
            }
            End::Kill => {
                let status = self.process.kill().await?;
                ensure!(!status.success(), "the server had ended before it was killed");
                Ok(())
            }
        }
    }

    /// Its resident set, in octets.
    pub(crate) fn resident_octets(&self) -> anyhow::Result<u64> {
        status_octets(self.process.id().context("it has ended")?, "VmRSS")
    }

    /// From here on [`Server::resident_peak_octets`] counts.
    pub(crate) fn forget_resident_peak(&self) -> anyhow::Result<()> {
        let process = self.process.id().context("it has ended")?;
        Ok(fs::write(format!("/proc/{process}/clear_refs"), "5")?)
    }

    /// The most that its resident set has been, as the kernel kept it.
    pub(crate) fn resident_peak_octets(&self) -> anyhow::Result<u64> {
        status_octets(self.process.id().context("it has ended")?, "VmHWM")
    }

    /// The names of all subscriptions of the default application.
    pub(crate) async fn subscriptions(&mut self) -> anyhow::Result<BTreeSet<String>> {
        let mut request =
            ListSubscriptionsRequest { page_size: 1_000, ..ListSubscriptionsRequest::default() };
        let mut names = BTreeSet::new();
        loop {
            let page = self.client.list_subscriptions(request.clone()).await?.into_inner();
            names.extend(page.subscriptions.into_iter().map(|subscription| subscription.name));
            if page.next_page_token.is_empty() {
                return Ok(names);
            }
            request.page_token = page.next_page_token;
        }
    }
}

/// The section of the configuration that lets the server post to one port of the sandbox.
fn exception(host: &str, port: u16, certificate: &str) -> String {
    format!(
        "[[push_services.exceptions]]\nname = \"sandbox {port}\"\nhost = \"{host}\"\nport = {port}\n\
         cidrs = [\"127.0.0.0/8\", \"::1/128\"]\nroot_certificate = '{certificate}'\n"
    )
}

/// Builds the program, whatever this drill was built for; gives where it is.
pub(crate) fn build(which: Build) -> anyhow::Result<PathBuf> {
    if let (Build::Release, Some(program)) = (which, std::env::var_os(PROGRAM)) {
        return Ok(program.into());
    }
    let cargo = std::env::var_os("CARGO").context("run drills by cargo: cargo drill NAME")?;
    let mut build = std::process::Command::new(cargo);
    build.args(["build", "--quiet", "--locked", "--bin", "fanfare"]);
    let profile = match which {
        Build::Release => {
            build.arg("--release");
            "release"
        }
        Build::Failpoints => {
            build.args(["--features", "failpoints"]);
            "debug"
        }
    };
    ensure!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status()?.success(), "the program does not build");
    // This drill is target/debug/examples/drill.
    let here = std::env::current_exe()?;
    let target = here.ancestors().nth(3).context("this drill is in an unusual place")?;
    Ok(target.join(profile).join("fanfare"))
}

async fn connect(address: SocketAddr) -> anyhow::Result<Client> {
    let client = PushServiceClient::connect(format!("http://{address}")).await?;
    Ok(client.max_decoding_message_size(64 * 1024 * 1024))
}

/// What the kernel tells of a process in kibibytes, in octets.
pub(crate) fn status_octets(process: u32, field: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kibibytes.with_context(|| format!("no {field}"))?.trim().parse::<u64>()? * 1024)
}

/// What the files of a directory take.
pub(crate) fn directory_octets(directory: &Path) -> std::io::Result<u64> {
    let mut octets = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let about = entry.metadata()?;
        octets += if about.is_dir() { directory_octets(&entry.path())? } else { about.len() };
    }
    Ok(octets)
}

/// The size of a directory's largest file.
pub(crate) fn largest_file_octets(directory: &Path) -> std::io::Result<u64> {
    let mut largest = 0;
    for entry in fs::read_dir(directory)? {
        largest = largest.max(entry?.metadata()?.len());
    }
    Ok(largest)
}

/// Progress on stderr; nothing where that is no terminal.
pub(crate) fn progress_bar(length: u64, unit: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    if let Ok(style) =
        ProgressStyle::with_template(&format!("{{wide_bar}} {{pos}}/{{len}} {unit} {{per_sec}} {{eta}}"))
    {
        bar.set_style(style);
    }
    bar
}

/// Of the JSON that a browser gives.
pub(crate) fn push_subscription(json: &str) -> anyhow::Result<PushSubscription> {
    let value: Value = serde_json::from_str(json)?;
    let member =
        |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned).unwrap_or_default();
    Ok(PushSubscription {
        endpoint: member("/endpoint"),
        keys: Some(PushSubscriptionKeys { p256dh: member("/keys/p256dh"), auth: member("/keys/auth") }),
        ..PushSubscription::default()
    })
}

fn text(path: &Path) -> anyhow::Result<String> {
    path.to_str().map(str::to_owned).context("the temporary directory's path is not UTF-8 text")
}

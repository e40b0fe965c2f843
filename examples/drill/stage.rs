//! What drills are played on: the program, a sandbox, and a server that can be ended and started again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use fanfare::cli::demo::control::Control;
use fanfare::cli::process::Process;
use fanfare::cli::{SandboxReady, ServeReady};
use fanfare::proto::v1::push_service_client::PushServiceClient;
use fanfare::proto::v1::{
    ListSubscriptionsRequest, PushSubscription, PushSubscriptionKeys, SubscribeRequest,
};
use fanfare::sandbox::control_json::NewGroup;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;
use tempfile::TempDir;
use tonic::transport::Channel;

/// Calls of the server.
pub(crate) type Client = PushServiceClient<Channel>;

/// Calls in flight while subscribing.
const CONCURRENCY: usize = 64;
/// Subscribers read from the sandbox at once.
const CHUNK: u32 = 1_000;

/// How a server is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// SIGTERM, and waiting for its end.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// A sandbox, and a directory for a server.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Calls of the sandbox.
    pub(crate) control: Control,
    program: PathBuf,
    sandbox: Process,
    directory: TempDir,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    /// Calls of it.
    pub(crate) client: Client,
    /// The VAPID public key of its default application.
    pub(crate) key: String,
    process: Process,
}

impl Stage {
    /// Builds the program, starts the sandbox and writes the server's configuration.
    pub(crate) async fn set(max_unsettled: usize) -> anyhow::Result<Self> {
        let program = build()?;
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
            "--ca-out",
            &certificate,
        ];
        let (sandbox, ready) =
            Process::start::<SandboxReady>(&program, &arguments, &directory.path().join("sandbox.log"))
                .await?;
        let port = ready.push.port();
        let config = format!(
            "[server]\nlisten = \"{any}\"\n[admin]\nlisten = \"{any}\"\n[engine]\nmax_unsettled = {max_unsettled}\n\
             [[push_services.exceptions]]\nname = \"sandbox\"\nhost = \"localhost\"\nport = {port}\n\
             cidrs = [\"127.0.0.0/8\", \"::1/128\"]\nroot_certificate = '{certificate}'\n"
        );
        fs::write(directory.path().join("fanfare.toml"), config)?;
        Ok(Self { control: Control::new(ready.control)?, program, sandbox, directory })
    }

    /// Starts the server, on the data that the one before left.
    pub(crate) async fn start_server(&self) -> anyhow::Result<Server> {
        let path = |name: &str| self.directory.path().join(name);
        let (config, data) = (text(&path("fanfare.toml"))?, text(&path("data"))?);
        // Not --exit-with-stdin: only a signal ends it.
        let arguments = ["serve", "--json", "--config", &config, "--data-dir", &data];
        let (process, ready) =
            Process::start::<ServeReady>(&self.program, &arguments, &path("server.log")).await?;
        let client = PushServiceClient::connect(format!("http://{}", ready.server)).await?;
        let key = ready.applications.into_iter().find(|application| application.name == "default");
        let key = key.context("the server has no default application")?.application_server_key;
        Ok(Server { client: client.max_decoding_message_size(64 * 1024 * 1024), key, process })
    }

    /// Makes subscribers in the sandbox and subscribes them. Gives the group's number, and their names by index.
    pub(crate) async fn subscribe(
        &self,
        server: &Server,
        count: u32,
        topic: &str,
        user_of: impl Fn(u32) -> String,
    ) -> anyhow::Result<(u32, Vec<String>)> {
        let new = NewGroup { count, application_server_key: Some(server.key.clone()), ..NewGroup::default() };
        let group = self.control.make_group(&new).await?.group;
        let mut names = Vec::with_capacity(count as usize);
        for from in (0..count).step_by(CHUNK as usize) {
            let lines = self.control.subscriptions(group, from, CHUNK.min(count - from)).await?;
            let requests = (from..).zip(lines.lines()).map(|(index, line)| {
                Ok(SubscribeRequest {
                    push_subscription: Some(push_subscription(line)?),
                    user_id: user_of(index),
                    topics: vec![topic.to_owned()],
                    ..SubscribeRequest::default()
                })
            });
            let requests = requests.collect::<anyhow::Result<Vec<_>>>()?;
            let calls = stream::iter(requests).map(|request| {
                let mut client = server.client.clone();
                async move { client.subscribe(request).await }
            });
            let responses: Vec<_> = calls.buffered(CONCURRENCY).try_collect().await?;
            let subscriptions =
                responses.into_iter().filter_map(|response| response.into_inner().subscription);
            names.extend(subscriptions.map(|subscription| subscription.name));
        }
        ensure!(names.len() == count as usize, "{} of {count} were subscribed", names.len());
        Ok((group, names))
    }

    /// Ends the sandbox. The directory goes with it.
    pub(crate) async fn clear(self) -> anyhow::Result<()> {
        self.sandbox.stop().await
    }
}

impl Server {
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

    /// The names of all subscriptions.
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

/// Builds the program for release, whatever this drill was built for; gives where it is.
fn build() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").context("run drills by cargo: cargo drill NAME")?;
    let mut build = std::process::Command::new(cargo);
    build.args(["build", "--quiet", "--release", "--locked", "--bin", "fanfare"]);
    ensure!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status()?.success(), "the program does not build");
    // This drill is target/debug/examples/drill.
    let here = std::env::current_exe()?;
    let target = here.ancestors().nth(3).context("this drill is in an unusual place")?;
    Ok(target.join("release").join("fanfare"))
}

/// Of the JSON that a browser gives.
fn push_subscription(json: &str) -> anyhow::Result<PushSubscription> {
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

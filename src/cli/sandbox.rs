//! `fanfare sandbox`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::browser::{Browser, ended};
use super::connection::{DEFAULT_SERVER, open_lazily};
use super::failure::Failure;
use super::site::Site;
use super::stop::StopArgs;
use crate::config::listen_address;
use crate::domain::SystemClock;
use crate::sandbox::{AUTOPUSH_PATH, Profile, Sandbox, SandboxSettings};

/// Runs a push service on this machine, for development and tests
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(
    after_help = "It is strict about RFC 8030 and RFC 8292, makes synthetic subscribers that really decrypt what they are sent, \
                        and fails on order: answers, delays, resets, black holes, limits, dead origins. All that is ordered of \
                        it by HTTP and JSON on the control address, also while it runs; docs/sandbox.md describes it.

  A million subscribers, of which 1 % are gone and 2 % answer 503 three times:
    curl -H 'Content-Type: application/json' http://127.0.0.1:8033/groups -d '{\"count\": 1000000,
      \"faults\": {\"gone\": 0.01, \"answer\": {\"share\": 0.02, \"status\": 503, \"when\": {\"times\": 3}}}}'
  Two of their subscriptions, as JSON.stringify(subscription) gives them:
    curl 'http://127.0.0.1:8033/groups/1/subscriptions?from=0&count=2'
  At most 50 requests at once and 500 a second:
    curl -X PUT -H 'Content-Type: application/json' http://127.0.0.1:8033/origins/0 \\
      -d '{\"concurrency\": {\"max\": 50}, \"rate\": {\"per_second\": 500}}'
  What happened:
    curl http://127.0.0.1:8033/counts

The server must be told of it, like of any self-hosted push service:
  [[push_services.exceptions]]
  name = \"sandbox\"
  host = \"localhost\"
  port = 8032
  cidrs = [\"127.0.0.0/8\", \"::1/128\"]
  root_certificate = \"sandbox-ca.pem\"

Browsers use it as their push service: --firefox and --chromium start one with what that takes. The hosts of Chromium's
endpoints are compiled into it, so the server must be told where they are: as above, with that host, port 443 and
connect_to instead of cidrs.

It uses as many threads as there are processors, or TOKIO_WORKER_THREADS.

Examples:
  fanfare sandbox --ca-out sandbox-ca.pem
  fanfare sandbox --ca-out sandbox-ca.pem --firefox
  fanfare sandbox --listen 127.0.0.1:0 --control 127.0.0.1:0 --origins 100 --json"
)]
pub(super) struct SandboxArgs {
    /// Where push messages are posted to; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8032", value_parser = listen_address)]
    listen: SocketAddr,
    /// Where the control API listens, by plain HTTP; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8033", value_parser = listen_address)]
    control: SocketAddr,
    /// Where browsers connect, by plain WebSocket, with a page that subscribes; the port after --control's unless given
    #[arg(long, value_name = "ADDRESS", value_parser = listen_address)]
    browser: Option<SocketAddr>,
    /// Stand in for Chromium's push back end too
    #[arg(long, conflicts_with = "http")]
    fcm: bool,
    /// The Fanfare that the page at --browser works with, once it runs
    #[arg(long, value_name = "URL", env = "FANFARE_SERVER", default_value = DEFAULT_SERVER)]
    server: String,
    /// Where that Fanfare takes receipts, if it does
    #[arg(long, value_name = "URL")]
    receipts: Option<String>,
    /// Start an installed Firefox on a fresh profile, with this page; else with the one at --browser
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "", conflicts_with = "chromium")]
    firefox: Option<String>,
    /// The same with Chromium or Chrome; with --fcm
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "", conflicts_with = "http")]
    chromium: Option<String>,
    /// The host in endpoints, for which the certificate is
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    public_host: String,
    /// Origins in all: the one at --listen, and others on free ports; GET /origins on the control address lists them
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    origins: u32,
    /// Makes the chance in faults and delays repeatable
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// How strict it is
    #[arg(long, default_value = "strict")]
    profile: ProfileName,
    /// Plain HTTP instead of HTTPS
    #[arg(long)]
    http: bool,
    /// Write the certificate of its authority, made at each start, to this file (also at GET /ca.pem)
    #[arg(long, value_name = "FILE", conflicts_with = "http")]
    ca_out: Option<PathBuf>,
    /// Take other than loopback addresses, although nothing protects the control API
    #[arg(long)]
    allow_non_loopback: bool,
    /// Say where it listens in one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stop: StopArgs,
}

/// [`Profile`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProfileName {
    /// To the letter of the RFCs
    Strict,
    /// As lenient as Mozilla's
    Mozilla,
}

/// What the sandbox says once it is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxReady {
    /// `scheme://host:port` of all endpoints.
    pub push_origin: String,
    /// Where push messages are posted to.
    pub push: SocketAddr,
    /// Where the control API listens.
    pub control: SocketAddr,
    /// Where browsers connect: Firefox's `dom.push.serverURL`.
    pub browser: String,
    /// What Chromium is to be told of, where the sandbox stands in for its push back end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chromium: Option<ChromiumReady>,
    /// The file with the certificate of its authority, if one was asked for.
    pub certificate: Option<PathBuf>,
}

/// Where the sandbox stands in for Chromium's push back end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChromiumReady {
    /// Arguments that Chromium must be started with.
    pub arguments: Vec<String>,
    /// The hosts of its endpoints, each with the address that it is to be dialled at: `connect_to` of an exception.
    pub hosts: BTreeMap<String, SocketAddr>,
}

impl SandboxArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let settings = SandboxSettings {
            push_address: self.listen,
            control_address: self.control,
            browser_address: self.browser.unwrap_or_else(|| after(self.control)),
            chromium: self.fcm || self.chromium.is_some(),
            https: !self.http,
            public_host: self.public_host,
            allow_non_loopback: self.allow_non_loopback,
            profile: match self.profile {
                ProfileName::Strict => Profile::Strict,
                ProfileName::Mozilla => Profile::Mozilla,
            },
            origins: self.origins,
            seed: self.seed,
            ..SandboxSettings::default()
        };
        let site = Site::new(open_lazily(&self.server)?.push(), self.receipts)?;
        let sandbox = Sandbox::start_with_site(settings, Arc::new(SystemClock), site.clone().router())
            .await
            .context("the sandbox does not start")?;
        if let (Some(path), Some(pem)) = (&self.ca_out, sandbox.authority_pem()) {
            std::fs::write(path, pem).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let addresses = sandbox.addresses();
        let ready = SandboxReady {
            push_origin: addresses.push_origin.to_string(),
            push: addresses.push,
            control: addresses.control,
            browser: format!("ws://{}{AUTOPUSH_PATH}", addresses.browser),
            chromium: addresses.chromium.as_ref().map(|chromium| ChromiumReady {
                arguments: chromium.arguments(addresses.browser),
                hosts: chromium.origins.iter().map(|it| (it.host.to_owned(), it.address)).collect(),
            }),
            certificate: self.ca_out,
        };
        site.tell_of(&ready);
        let browser = match (self.firefox, self.chromium, &ready.chromium) {
            (Some(page), _, _) => Some((Browser::Firefox(ready.browser.clone()), page)),
            (None, Some(page), Some(chromium)) => Some((Browser::Chromium(chromium.arguments.clone()), page)),
            (None, Some(_) | None, _) => None,
        };
        let page = format!("http://localhost:{}/", addresses.browser.port());
        let mut running = match browser {
            Some((browser, given)) => {
                Some(browser.start(if given.is_empty() { &page } else { &given }).await?)
            }
            None => None,
        };
        if self.json {
            println!("{}", serde_json::to_string(&ready).map_err(anyhow::Error::from)?);
        } else {
            tell(&ready);
        }
        let mut asked = pin!(self.stop.asked());
        let asked = tokio::select! {
            asked = &mut asked => asked,
            told = ended(running.as_mut(), "the sandbox goes on") => {
                eprintln!("fanfare: {told}");
                asked.await
            }
        };
        asked.context("cannot listen for signals")?;
        // First: its open page would keep the sandbox waiting.
        drop(running);
        sandbox.shutdown().await;
        Ok(())
    }
}

/// The next port of an address; a free one after a free one.
fn after(address: SocketAddr) -> SocketAddr {
    let port = if address.port() == 0 { 0 } else { address.port().saturating_add(1) };
    SocketAddr::new(address.ip(), port)
}

fn tell(ready: &SandboxReady) {
    println!("push service  {} on {}", ready.push_origin, ready.push);
    println!("control API   http://{}", ready.control);
    println!("browsers      {}", ready.browser);
    if let Some(chromium) = &ready.chromium {
        println!("chromium      {}", chromium.arguments.join(" "));
        for (host, address) in &chromium.hosts {
            println!("              {host} on {address}");
        }
    }
    if let Some(path) = &ready.certificate {
        println!("certificate   {}", path.display());
    }
}

//! `fanfare bench floor`: what one push costs at least, each half alone and in a process of its own: encryption with
//! aws-lc-rs, and an HTTP/2 POST with reqwest.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use clap::{Args, Subcommand, ValueEnum};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use reqwest::{Client, Method, Request, Url};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;

use super::PAYLOAD_OCTETS;
use super::subscriptions::Synthetic;
use super::usage::{Usage, number};
use crate::cli::failure::Failure;
use crate::domain::{ContentEncoding, Padding};
use crate::webpush::encryption::{body_octets_max, encrypted_len};
use crate::webpush::{Ephemeral, encrypt, request};

/// Distinct subscriptions: more than any cache of a processor holds.
const SUBSCRIPTIONS: usize = 2_000;
/// A VAPID header is about so long.
const AUTHORIZATION_OCTETS: usize = 330;

#[derive(Args, Clone, Debug)]
pub(super) struct FloorArgs {
    /// How often
    #[arg(long)]
    count: usize,
    #[command(subcommand)]
    half: Half,
}

/// One half of the floor.
#[derive(Subcommand, Clone, Debug)]
enum Half {
    /// Encrypt for distinct subscriptions
    Encrypt,
    /// Post to distinct endpoints
    Post {
        #[arg(long)]
        sink: String,
        #[arg(long)]
        ca: Option<PathBuf>,
        /// Requests in flight in all
        #[arg(long)]
        in_flight: usize,
        #[arg(long)]
        runtime: Runtime,
    },
}

/// What requests run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Runtime {
    /// One current-thread runtime
    One,
    /// A current-thread runtime with a client of its own for each core
    EachCore,
    /// One runtime with a worker thread for each core
    Shared,
}

impl Runtime {
    pub(super) const ALL: [Self; 3] = [Self::One, Self::EachCore, Self::Shared];

    /// As the command line spells it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::EachCore => "each-core",
            Self::Shared => "shared",
        }
    }
}

/// What it came to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct FloorFigures {
    /// CPU time of the whole process for each, in microseconds.
    pub(super) cpu_us: f64,
    pub(super) per_second: f64,
}

impl FloorArgs {
    /// Not on the runtime of the command line, which idles meanwhile.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let figures = tokio::task::spawn_blocking(move || match self.half {
            Half::Encrypt => encrypt_alone(self.count),
            Half::Post { sink, ca, in_flight, runtime } => {
                let ca = ca.map(std::fs::read).transpose().context("cannot read the certificate")?;
                post_alone(&Post { sink, ca, in_flight, runtime }, self.count)
            }
        });
        let figures = figures.await.context("the floor panicked")??;
        println!("{}", serde_json::to_string(&figures).map_err(anyhow::Error::from)?);
        Ok(())
    }
}

/// Counts what `work` makes this process use, for each of `count`.
fn measured(count: usize, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<FloorFigures> {
    let process = std::process::id();
    let (before, start) = (Usage::of(process)?, Instant::now());
    work()?;
    let (used, took) = (Usage::of(process)?.since(&before), start.elapsed());
    Ok(FloorFigures {
        cpu_us: micros(used.cpu.total()) / number(count),
        per_second: number(count) / took.as_secs_f64(),
    })
}

pub(super) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Runs it once on each core.
fn on_each(threads: usize, work: impl Fn() -> anyhow::Result<()> + Sync) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("it panicked")))
    })
}

fn encrypt_alone(count: usize) -> anyhow::Result<FloorFigures> {
    let subscriptions =
        (0..SUBSCRIPTIONS).map(|_| Synthetic::new("https://localhost")).collect::<Result<Vec<_>, _>>()?;
    let payload = [b'x'; PAYLOAD_OCTETS];
    let done = AtomicUsize::new(0);
    measured(count, || {
        on_each(cores(), || {
            loop {
                let number = done.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok(());
                }
                let keys = &subscriptions[number % SUBSCRIPTIONS].keys;
                let (encoding, max) = (ContentEncoding::Aes128Gcm, body_octets_max(0));
                let body = encrypt(keys, encoding, &payload, Padding::None, max, Ephemeral::fresh()?)?;
                std::hint::black_box(body);
            }
        })
    })
}

/// Posts to make.
struct Post {
    sink: String,
    ca: Option<Vec<u8>>,
    in_flight: usize,
    runtime: Runtime,
}

fn post_alone(post: &Post, count: usize) -> anyhow::Result<FloorFigures> {
    let urls = (0..SUBSCRIPTIONS)
        .map(|_| Ok(Url::parse(&Synthetic::new(&post.sink)?.endpoint)?))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let octets =
        encrypted_len(ContentEncoding::Aes128Gcm, PAYLOAD_OCTETS, Padding::None, body_octets_max(0))?;
    let work = Arc::new(Work {
        urls,
        headers: headers()?,
        body: vec![b'x'; octets].into(),
        done: AtomicUsize::new(0),
        count,
    });
    let (threads, workers) = match post.runtime {
        Runtime::One => (1, 1),
        Runtime::EachCore => (cores(), 1),
        Runtime::Shared => (1, cores()),
    };
    // Runtimes and connections are there before the clock starts.
    let mut ready = Vec::new();
    for _ in 0..threads {
        let runtime = match post.runtime {
            Runtime::One | Runtime::EachCore => Builder::new_current_thread().enable_all().build()?,
            Runtime::Shared => Builder::new_multi_thread().worker_threads(workers).enable_all().build()?,
        };
        let client = client(post.ca.as_deref())?;
        runtime.block_on(work.post(&client, 0))?;
        ready.push((runtime, client));
    }
    measured(count, || {
        std::thread::scope(|scope| {
            let threads: Vec<_> = ready
                .into_iter()
                .map(|(runtime, client)| {
                    let (work, in_flight) = (Arc::clone(&work), (post.in_flight / threads).max(1));
                    scope.spawn(move || runtime.block_on(work.run(&client, in_flight)))
                })
                .collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("it panicked")))
        })
    })
}

fn client(ca: Option<&[u8]>) -> anyhow::Result<Client> {
    let mut builder = Client::builder().no_proxy().http2_prior_knowledge();
    if let Some(pem) = ca {
        builder = builder.tls_certs_only([reqwest::Certificate::from_pem(pem)?]);
    }
    Ok(builder.build()?)
}

/// Those of a push message.
fn headers() -> anyhow::Result<HeaderMap> {
    let mut authorization = HeaderValue::from_str(&"x".repeat(AUTHORIZATION_OCTETS))?;
    authorization.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(request::TTL, HeaderValue::from(super::TTL_SECONDS));
    headers.insert(AUTHORIZATION, authorization);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("aes128gcm"));
    Ok(headers)
}

/// What all requests share.
struct Work {
    urls: Vec<Url>,
    headers: HeaderMap,
    body: Bytes,
    done: AtomicUsize,
    count: usize,
}

impl Work {
    async fn run(self: Arc<Self>, client: &Client, in_flight: usize) -> anyhow::Result<()> {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..in_flight {
            let (work, client) = (Arc::clone(&self), client.clone());
            tasks.spawn(async move {
                loop {
                    let number = work.done.fetch_add(1, Ordering::Relaxed);
                    if number >= work.count {
                        return anyhow::Ok(());
                    }
                    work.post(&client, number).await?;
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    }

    async fn post(&self, client: &Client, number: usize) -> anyhow::Result<()> {
        let mut request = Request::new(Method::POST, self.urls[number % SUBSCRIPTIONS].clone());
        *request.headers_mut() = self.headers.clone();
        *request.body_mut() = Some(self.body.clone().into());
        let response = client.execute(request).await?;
        let status = response.status();
        response.bytes().await?;
        ensure!(status == StatusCode::CREATED, "the sink answers {status}");
        Ok(())
    }
}

//! `fanfare demo --browser`: server, sandbox, and a site with the browser library, for a real browser.

use std::pin::pin;

use anyhow::Context as _;
use clap::ValueEnum;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::DemoArgs;
use super::stage::Stage;
use crate::cli::browser::{Browser, RunningBrowser, ended, is_installed};
use crate::cli::failure::Failure;
use crate::cli::site::Site;

/// Where the demo's page is unless that is set: always the same, so that the browser's permission stays.
pub(super) const PAGE_ADDRESS: &str = "127.0.0.1:8036";

/// Which browser is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Choice {
    /// Firefox if it is installed, else Chromium, else none
    Any,
    /// Firefox
    Firefox,
    /// Chromium or Chrome
    Chromium,
    /// None
    None,
}

impl Choice {
    /// With what is installed.
    fn resolved(self) -> Self {
        match self {
            Self::Any if is_installed(&Browser::FIREFOX) => Self::Firefox,
            Self::Any if is_installed(&Browser::CHROMIUM) => Self::Chromium,
            Self::Any => Self::None,
            Self::Firefox | Self::Chromium | Self::None => self,
        }
    }

    async fn start(self, stage: &Stage, url: &str) -> Result<Option<RunningBrowser>, Failure> {
        let sandbox = stage.sandbox();
        let browser = match (self, &sandbox.chromium) {
            (Self::Firefox, _) => Browser::Firefox(sandbox.browser.clone()),
            (Self::Chromium, Some(chromium)) => Browser::Chromium(chromium.arguments.clone()),
            (Self::Chromium | Self::Any | Self::None, _) => return Ok(None),
        };
        browser.start(url).await.map(Some)
    }
}

/// Serves until it is asked to stop.
pub(super) async fn run(demo: &DemoArgs, choice: Choice) -> Result<(), Failure> {
    let DemoArgs { page, json, keep, stop, .. } = demo;
    let choice = choice.resolved();
    let listener = TcpListener::bind(page).await.with_context(|| format!("cannot listen on {page}"))?;
    let address = listener.local_addr().context("cannot tell the page's address")?;
    // Only for a Chromium that is started here: any other has its endpoints at the real hosts.
    let sandbox_arguments: &[&str] = if choice == Choice::Chromium { &["--fcm"] } else { &[] };
    let stage = Stage::set(*keep, sandbox_arguments).await?;
    let site = Site::new(stage.client.push(), Some(stage.receipts_url()?))?;
    site.tell_of(stage.sandbox());
    // Not 127.0.0.1: browsers have push on localhost.
    let url = format!("http://localhost:{}/", address.port());
    let stopped = CancellationToken::new();
    // Open streams of the page would keep a graceful end waiting.
    let serving = tokio::spawn(
        stopped.clone().run_until_cancelled_owned(async move { axum::serve(listener, site.router()).await }),
    );
    let mut running = choice.start(&stage, &url).await?;
    if *json {
        println!("{}", serde_json::json!({ "page": url, "server": stage.server_url() }));
    } else {
        println!("page        {url}");
        println!("gRPC        {}", stage.server_url());
        println!(
            "{} Ctrl-C ends the demo.",
            match &running {
                Some(browser) =>
                    format!("{} opens the page; its push service is the sandbox.", browser.name()),
                None =>
                    "Open the page in a browser; its push service is its own, on the internet.".to_owned(),
            }
        );
    }
    let goes_on = format!("the page is still at {url}");
    let mut asked = pin!(stop.asked());
    let asked = tokio::select! {
        asked = &mut asked => asked,
        told = ended(running.as_mut(), &goes_on) => {
            eprintln!("fanfare: {told}");
            asked.await
        }
    };
    asked.context("cannot listen for signals")?;
    drop(running);
    stopped.cancel();
    serving.await.context("the site failed")?;
    if let Some(directory) = stage.clear().await? {
        println!("data and logs are in {}", directory.display());
    }
    Ok(())
}

//! `fanfare demo --browser`: server, sandbox, and a site with the browser library, for a real browser.

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::DemoArgs;
use super::site::Site;
use super::stage::Stage;
use crate::cli::failure::Failure;

/// Where the demo's page is unless that is set: always the same, so that the browser's permission stays.
pub(super) const PAGE_ADDRESS: &str = "127.0.0.1:8036";

/// Serves until it is asked to stop.
pub(super) async fn run(demo: &DemoArgs) -> Result<(), Failure> {
    let DemoArgs { page, json, keep, stop, push_service, .. } = demo;
    let listener = TcpListener::bind(page).await.with_context(|| format!("cannot listen on {page}"))?;
    let address = listener.local_addr().context("cannot tell the page's address")?;
    let stage = Stage::set(*keep, push_service.as_deref()).await?;
    let site = Site::new(stage.client.clone(), stage.application_server_key()?, stage.receipts_url()?)?;
    // Not 127.0.0.1: browsers have push on localhost.
    let url = format!("http://localhost:{}/", address.port());
    if *json {
        println!("{}", serde_json::json!({ "page": url, "server": stage.server_url() }));
    } else {
        println!("page        {url}");
        println!("gRPC        {}", stage.server_url());
        println!("Open the page in a browser. Ctrl-C ends the demo.");
    }
    let stopped = CancellationToken::new();
    // Open streams of the page would keep a graceful end waiting.
    let serving = tokio::spawn(
        stopped.clone().run_until_cancelled_owned(async move { axum::serve(listener, site.router()).await }),
    );
    stop.asked().await.context("cannot listen for signals")?;
    stopped.cancel();
    serving.await.context("the site failed")?;
    if let Some(directory) = stage.clear().await? {
        println!("data and logs are in {}", directory.display());
    }
    Ok(())
}

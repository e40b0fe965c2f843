//! Every client against the real program: each is built from clean, installed as its users would, and passes the same
//! scenarios (`clients/conformance`); then its examples do what their README says. `--short`: without the scenarios that
//! need 100,000 events in the log, and without the examples.

use std::path::Path;

use anyhow::Context as _;
use tokio::process::Command;

use crate::stage::{Build, build};

pub(crate) async fn drill(short: bool) -> anyhow::Result<Vec<String>> {
    let mut run = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/run"));
    run.env("FANFARE", build(Build::Release)?).args(short.then_some("--short"));
    // Its last line is the one of this drill.
    let status = run.status().await.context("tests/clients/run")?;
    Ok(if status.success() { Vec::new() } else { vec![format!("the clients: {status}")] })
}

//! Some endpoints of an origin always fail, in every way there is, beside others that do not.

mod cases;
mod cell;
mod ledger;
mod measure;

use std::time::Duration;

use serde::Serialize;

use crate::checks::Checks;

#[derive(Debug, Serialize)]
struct Figures {
    seed: u64,
    cases: Vec<cases::Figures>,
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill(
    short: bool,
    seed: u64,
    share: Option<f64>,
    kind: Option<&str>,
) -> anyhow::Result<Vec<String>> {
    eprintln!("seed {seed}");
    let _ = share;
    let mut checks = Checks::default();
    let length = if short {
        cases::Length { rounds: 3, interval: Duration::from_secs(6) }
    } else {
        cases::Length { rounds: 5, interval: Duration::from_secs(12) }
    };
    let cases = cases::measure(&length, seed, kind, &mut checks).await?;
    println!("{}", serde_json::to_string(&Figures { seed, cases })?);
    Ok(checks.problems())
}

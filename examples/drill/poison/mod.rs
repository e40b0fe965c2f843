//! Some endpoints of an origin always fail, in every way there is, beside others that do not.
//!
//! What must hold, once each bad endpoint has failed once: the healthy ones of its origin have 95 % of what those of a clean
//! origin have, with a p99 from accept to outcome of at most 1.5 times; so do those of another application at that origin.
//! Before that they have their messages some seconds later, at most. Bad endpoints are left alone for longer and longer,
//! whatever Retry-After says, and come back when they are good again. A true limit is found among them, and used. What takes
//! whole connections with it is told, and not judged.
//!
//! Rates differ from run to run, and with what else a machine does; so everything is paced, and compared with what clean
//! origins have at the same time.

mod cases;
mod cell;
mod kinds;
mod ledger;
mod limit;
mod measure;
mod share;
mod verdict;

use std::time::Duration;

use anyhow::ensure;
use serde::Serialize;

use self::share::Size;
use crate::checks::Checks;

/// What the healthy ones must keep.
const KEPT_MIN: f64 = 0.95;
/// Within this a message has arrived that is not late, in seconds.
const WITHIN_SECONDS: f64 = 2.0;
/// Their p99, of that of a clean origin, and what a busy machine may add to it by chance.
const P99_MAX: f64 = 1.5;
const P99_SLACK_SECONDS: f64 = 0.05;
/// When bad endpoints are tried for the first time, the healthy ones have their message after this, at most; the
/// deadline comes on top where the bad ones never answer.
const FIRST_CONTACT_SECONDS: f64 = 5.0;

/// Shares of bad endpoints, in percent.
const LONG_SHARES: [f64; 4] = [0.1, 1.0, 5.0, 20.0];
const SHORT_SHARES: [f64; 1] = [5.0];
const SHORT: Size = Size {
    endpoints: 60,
    others: 12,
    interval: Duration::from_secs(3),
    sends: 4,
    rounds: 3,
    deadline: 4,
    retry_max: 6,
};
const LONG: Size = Size {
    endpoints: 100,
    others: 20,
    interval: Duration::from_secs(4),
    sends: 6,
    rounds: 10,
    deadline: 10,
    retry_max: 20,
};
/// Where one of a hundred is too many.
const RARE: Size = Size { endpoints: 1_000, interval: Duration::from_secs(20), sends: 30, rounds: 2, ..LONG };

#[derive(Debug, Serialize)]
struct Figures {
    seed: u64,
    shares: Vec<verdict::Figures>,
    cases: Vec<cases::Figures>,
    limit: Option<limit::Figures>,
}

/// Plays it; gives the promises that did not hold. `percent`: of bad endpoints; only this one, and nothing else. `kind`:
/// only what is bad in ways whose name begins so.
pub(crate) async fn drill(
    short: bool,
    seed: u64,
    percent: Option<f64>,
    kind: Option<&str>,
) -> anyhow::Result<Vec<String>> {
    ensure!(percent.is_none_or(|percent| percent > 0.0 && percent <= 50.0), "--share: 0 to 50 percent");
    eprintln!("seed {seed}");
    let mut checks = Checks::default();
    let mut figures = Figures { seed, shares: Vec::new(), cases: Vec::new(), limit: None };
    let shares = match &percent {
        Some(percent) => std::slice::from_ref(percent),
        None if short => &SHORT_SHARES,
        None => &LONG_SHARES,
    };
    for percent in shares {
        let size = match (f64::from(LONG.endpoints) * percent >= 100.0, short) {
            (false, _) => RARE,
            (true, false) => LONG,
            (true, true) => SHORT,
        };
        figures.shares.push(share::measure(size, percent / 100.0, seed, kind, &mut checks).await?);
    }
    if percent.is_none() {
        // The limit is tried again and again: what is measured holds several times of that, in the short version too.
        let (length, measured) = if short {
            (cases::Length { rounds: 3, interval: Duration::from_secs(6) }, Duration::from_secs(30))
        } else {
            (cases::Length { rounds: 5, interval: Duration::from_secs(12) }, Duration::from_secs(45))
        };
        let mut of_limit = Checks::default();
        let limit = async {
            // It is not among the ways to be bad.
            if kind.is_some() {
                Ok(None)
            } else {
                limit::measure(measured, seed, &mut of_limit).await.map(Some)
            }
        };
        let cases = cases::measure(&length, seed, kind, &mut checks);
        (figures.cases, figures.limit) = tokio::try_join!(cases, limit)?;
        for problem in of_limit.problems() {
            checks.check(false, || problem);
        }
    }
    println!("{}", serde_json::to_string(&figures)?);
    Ok(checks.problems())
}

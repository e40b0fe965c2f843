//! Two push services with limits that nobody told the server of: one takes 50 requests at once, one takes 500 requests a
//! second; both answer 429 to the rest. Then the limits change.
//!
//! What must hold, at first and again within 10 s after a change: each is driven at 85 % or more of what it allows, and
//! refuses less than 2 % of the requests.

use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::calls::{quiet_broadcast, start_broadcast};
use crate::checks::Checks;
use crate::stage::{Client, Configuration, End, Stage};

/// How long a limit may be looked for.
const FIND: Duration = Duration::from_secs(10);
const USED_MIN: f64 = 0.85;
const REFUSED_MAX: f64 = 0.02;
/// How long the push service with limited concurrency takes for each request, in milliseconds.
const DELAY_MS: [u32; 2] = [80, 120];

/// Requests at once, and requests a second.
type Limits = (u32, u32);

/// What one push service was driven at.
#[derive(Clone, Copy, Debug, Serialize)]
struct Driven {
    limit: u32,
    /// Share of the limit that was used.
    used: f64,
    /// Share of the requests that were refused.
    refused: f64,
}

#[derive(Debug, Default, Serialize)]
struct Figures {
    concurrency: Vec<Driven>,
    rate: Vec<Driven>,
}

/// What an origin of the sandbox has counted.
struct Counted {
    at: Instant,
    requests: f64,
    taken: f64,
    refused: f64,
    busy_seconds: f64,
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill(short: bool) -> anyhow::Result<Vec<String>> {
    let limits: &[Limits] =
        if short { &[(50, 500), (100, 250)] } else { &[(50, 500), (25, 1_000), (100, 250)] };
    let measured = Duration::from_secs(if short { 5 } else { 10 });
    let subscribers = 4_000_u32;

    let mut stage = Stage::set(&Configuration::default()).await?;
    let first = stage.make_origins(2, json!({})).await?;
    stage.configure(&Configuration::default())?;
    let server = stage.start_server().await?;
    for (place, topic) in ["concurrency", "rate"].into_iter().enumerate() {
        let origins = json!({"from": first + u32::try_from(place)?, "count": 1});
        let group = json!({"count": subscribers, "origins": origins, "log": false});
        let group = stage.make_group(&server, "default", group).await?;
        let describe = |_, request: &mut fanfare::proto::v1::SubscribeRequest| {
            request.topics = vec![topic.to_owned()];
        };
        stage.enlist(&server, group, 0..subscribers, describe).await?;
    }

    let (mut figures, mut checks) = (Figures::default(), Checks::default());
    let mut client = server.client.clone();
    let mut sent = 0;
    for (round, (concurrency, rate)) in limits.iter().copied().enumerate() {
        order(&stage, first, concurrency, rate).await?;
        // Enough to do for as long as this round takes.
        let capacity = f64::from(concurrency) / (f64::from(DELAY_MS[0] + DELAY_MS[1]) / 2_000.0);
        let posts = f64::from(rate).max(capacity) * (FIND + measured).as_secs_f64() * 1.5;
        sent += broadcasts(&mut client, posts / f64::from(subscribers), sent).await?;
        eprintln!("at most {concurrency} at once, at most {rate} a second");
        sleep_until(Instant::now() + FIND).await;
        let before = [counted(&stage, first).await?, counted(&stage, first + 1).await?];
        sleep_until(Instant::now() + measured).await;
        let after = [counted(&stage, first).await?, counted(&stage, first + 1).await?];

        let busy = (after[0].busy_seconds - before[0].busy_seconds) / seconds_between(&before[0], &after[0]);
        let taken = (after[1].taken - before[1].taken) / seconds_between(&before[1], &after[1]);
        for (place, (limit, used)) in [(concurrency, busy), (rate, taken)].into_iter().enumerate() {
            let (before, after) = (&before[place], &after[place]);
            let refused = (after.refused - before.refused) / (after.requests - before.requests).max(1.0);
            let driven = Driven { limit, used: used / f64::from(limit), refused };
            let what = ["requests at once", "requests a second"][place];
            eprintln!(
                "  {limit} {what}: {:.1} % used, {:.2} % refused",
                driven.used * 100.0,
                refused * 100.0
            );
            checks.check(driven.used >= USED_MIN, || {
                format!("round {round}: only {:.1} % of {limit} {what} are used", driven.used * 100.0)
            });
            checks.check(refused < REFUSED_MAX, || {
                format!("round {round}: {:.1} % are refused at {limit} {what}", refused * 100.0)
            });
            if place == 0 { figures.concurrency.push(driven) } else { figures.rate.push(driven) }
        }
    }
    // What is left is not waited for.
    server.end(End::Kill).await?;
    stage.clear().await?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(checks.problems())
}

async fn order(stage: &Stage, first: u32, concurrency: u32, rate: u32) -> anyhow::Result<()> {
    let settings = json!({"delay_ms": DELAY_MS, "concurrency": {"max": concurrency}});
    stage.call("PUT", &format!("/origins/{first}"), Some(settings)).await?;
    let settings = json!({"rate": {"per_second": rate}});
    stage.call("PUT", &format!("/origins/{}", first + 1), Some(settings)).await?;
    Ok(())
}

/// Starts so many broadcasts to each of the two; gives how many there are more.
async fn broadcasts(client: &mut Client, count: f64, from: usize) -> anyhow::Result<usize> {
    let mut sent = 0;
    while (sent as f64) < count {
        for topic in ["concurrency", "rate"] {
            let text = format!("{topic} {}", from + sent);
            start_broadcast(client, quiet_broadcast("", topic, &text)).await?;
        }
        sent += 1;
    }
    Ok(sent)
}

async fn counted(stage: &Stage, origin: u32) -> anyhow::Result<Counted> {
    let line = stage.call("GET", &format!("/origins/{origin}"), None).await?;
    let number = |member: &str| {
        let value: Option<f64> = line.get(member).and_then(Value::as_f64);
        value.with_context(|| format!("the sandbox does not count {member}"))
    };
    Ok(Counted {
        at: Instant::now(),
        requests: number("requests")?,
        taken: number("taken")?,
        refused: number("over_concurrency")? + number("over_rate")?,
        busy_seconds: number("busy_micros")? / 1e6,
    })
}

fn seconds_between(before: &Counted, after: &Counted) -> f64 {
    (after.at - before.at).as_secs_f64()
}

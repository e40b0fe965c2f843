//! Two applications that both have more to send than can be sent.

use std::time::Duration;

use anyhow::Context as _;
use fanfare::proto::v1::SubscribeRequest;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::calls::{quiet_broadcast, start_broadcast};
use crate::checks::Checks;
use crate::stage::{Configuration, End, Stage};

/// Both applications, with weights 1 to 3.
pub(super) const APPLICATIONS: &str =
    "[[applications]]\nname = \"default\"\nweight = 100\n[[applications]]\nname = \"other\"\nweight = 300\n";
const OTHERS_SHARE: f64 = 0.75;
const WINDOW: Duration = Duration::from_secs(5);
const DEVIATION_MAX: f64 = 0.1;
const LOOK: Duration = Duration::from_millis(250);
/// Both share the bound on unsettled deliveries, which is what makes them wait.
const ENGINE: &str = "max_unsettled = 64";
/// How long the push service takes for each request: 64 at once are about 2,100 a second.
const DELAY_MS: u32 = 30;
const SUBSCRIBERS: u32 = 3_000;

/// Measures the shares over any 5 s.
pub(super) async fn measure(
    stage: &Stage,
    sections: &str,
    short: bool,
    checks: &mut Checks,
    deviation_max: &mut f64,
) -> anyhow::Result<()> {
    let seconds = if short { 8 } else { 20 };
    stage.configure(&Configuration { engine: ENGINE.to_owned(), sections: sections.to_owned() })?;
    stage.call("PUT", "/origins/0", Some(json!({"delay_ms": DELAY_MS}))).await?;
    let server = stage.start_server().await?;
    let mut client = server.client.clone();
    let mut groups = Vec::new();
    for application in ["default", "other"] {
        let group =
            stage.make_group(&server, application, json!({"count": SUBSCRIBERS, "log": false})).await?;
        let describe = |_, request: &mut SubscribeRequest| {
            application.clone_into(&mut request.application);
            request.topics = vec!["shares".to_owned()];
        };
        stage.enlist(&server, group, 0..SUBSCRIBERS, describe).await?;
        groups.push(group);
    }
    // Of each more than both can send in that time.
    let broadcasts = (seconds + 4) * 2_500 / SUBSCRIBERS + 1;
    for number in 0..broadcasts {
        for application in ["default", "other"] {
            let request = quiet_broadcast(application, "shares", &format!("{application} {number}"));
            start_broadcast(&mut client, request).await?;
        }
    }

    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut samples: Vec<(Instant, [f64; 2])> = Vec::new();
    let began = Instant::now();
    // The first second is for connections.
    while began.elapsed() < Duration::from_secs(u64::from(seconds) + 1) {
        ticks.tick().await;
        let posts = [posts(stage, groups[0]).await?, posts(stage, groups[1]).await?];
        if began.elapsed() >= Duration::from_secs(1) {
            samples.push((Instant::now(), posts));
        }
    }
    let mut windows = 0;
    for (start, before) in &samples {
        let Some((_, after)) = samples.iter().find(|(end, _)| *end - *start >= WINDOW) else { break };
        let (one, other) = (after[0] - before[0], after[1] - before[1]);
        let of_one = one / (one + other) / (1.0 - OTHERS_SHARE) - 1.0;
        let of_other = other / (one + other) / OTHERS_SHARE - 1.0;
        *deviation_max = deviation_max.max(of_one.abs()).max(of_other.abs());
        windows += 1;
    }
    let deviation = *deviation_max;
    eprintln!("over {windows} windows of 5 s, shares deviate by {:.1} % at most", deviation * 100.0);
    checks.check(windows > 0 && deviation <= DEVIATION_MAX, || {
        format!("an application's share deviates by {:.0} % from its weight", deviation * 100.0)
    });
    server.end(End::Kill).await
}

async fn posts(stage: &Stage, group: u32) -> anyhow::Result<f64> {
    let status = stage.call("GET", &format!("/groups/{group}"), None).await?;
    status.get("posts").and_then(Value::as_f64).context("the sandbox does not count posts")
}

//! Callers who mean harm, from a process of their own: connections that say nothing, senders that are slow, calls that
//! never end their request, and calls that are cancelled, again and again. Then one of two tenants: it calls every RPC as often
//! as it can and reads no answer, and it takes all places there are for streams and imports.
//!
//! What must hold through all of it: the server stays up, its memory stays within a bound, and an honest caller on a
//! connection that it already has gets its answers, 99 % of them within 100 ms; afterwards a new connection is taken. Of the
//! other tenant no call fails, 99 % of them are answered within 50 ms, and the server takes no more than 512 MiB.
//!
//! The attacker stands for other machines, so it must not take from the honest caller the processor that all share here: it has a
//! lower priority. Where other programs keep the machine so busy that half of the 100 ms go without any attack, twice what goes
//! then is the bound; the figures tell both.

mod attack;
mod readers;
mod tenants;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fanfare::cli::process::Process;
use fanfare::proto::v1::GetVapidPublicKeyRequest;
use fanfare::proto::v1::SubscribeRequest;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(crate) use attack::{Attack, Plan, attack};

use crate::checks::Checks;
use crate::stage::{Client, Configuration, End, Server, Stage, push_subscription};

/// What the resident set may rise by, whatever is done.
const RISE_OCTETS_MAX: u64 = 512 << 20;
/// Of an honest call.
const P99_MAX: Duration = Duration::from_millis(100);
/// Of an honest call, in terms of the same before and after.
const TIMES_QUIET_MAX: u32 = 2;
/// The attacker's niceness.
const NICENESS: &str = "10";
/// Between honest calls.
const PAUSE: Duration = Duration::from_millis(10);
/// Honest calls during each attack at least.
const CALLS_MIN: usize = 200;

#[derive(Debug, Default, Serialize)]
struct Figures {
    /// Files that a process may have open: the server's and the attacker's limit.
    open_files_max: u64,
    /// The attacker's: it has less of the processor than the honest caller.
    attacker_niceness: &'static str,
    /// Of honest calls, before anything was done and after all of it.
    quiet_p99_millis: [f64; 2],
    /// What was asked of them meanwhile.
    p99_bound_millis: f64,
    attacks: Vec<AttackFigures>,
    resident_before_octets: u64,
    resident_peak_octets: u64,
    /// Two tenants, one of whom means harm.
    tenants: tenants::Figures,
}

#[derive(Debug, Serialize)]
struct AttackFigures {
    attack: Attack,
    done: Done,
    honest_calls: usize,
    honest_failures: usize,
    p50_millis: f64,
    p99_millis: f64,
    resident_peak_octets: u64,
}

/// What the attacker says at its end.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Done {
    connections: u64,
    streams: u64,
    /// Calls that the server refused.
    refused: u64,
    cancelled: u64,
    octets: u64,
    /// Connections that the server ended.
    ended_by_server: u64,
}

/// Says that the attack is under way.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Begun {
    pub(crate) begun: bool,
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill(short: bool) -> anyhow::Result<Vec<String>> {
    let configuration = Configuration { sections: tenants::sections(short), ..Configuration::default() };
    let stage = Stage::set(&configuration).await?;
    let server = stage.start_server().await?;
    let mut honest = server.client.clone();
    let group = stage.make_group(&server, "default", json!({"count": 1_000, "log": false})).await?;
    let lines = stage.control.subscriptions(group, 0, 1_000).await?;
    let browsers: Vec<&str> = lines.lines().collect();

    let (mut figures, mut checks) = (Figures::default(), Checks::default());
    figures.open_files_max = open_files_max()?;
    figures.resident_before_octets = server.resident_octets()?;
    let quiet = honest_calls(&mut honest, &browsers, || false).await?;
    server.forget_resident_peak()?;
    figures.attacker_niceness = NICENESS;
    let mut p99s = Vec::new();
    for kind in [Attack::Silent, Attack::Slow, Attack::Streams, Attack::Cancelled] {
        eprintln!("{kind:?}");
        let plan = Plan::of(kind, server.address(), short);
        let mut attacker = start_attacker(&plan).await?;
        let calls = {
            let ended = attacker.ended();
            tokio::pin!(ended);
            let mut is_over = false;
            honest_calls(&mut honest, &browsers, || {
                is_over = is_over || futures_util::FutureExt::now_or_never(&mut ended).is_some();
                !is_over
            })
            .await?
        };
        let done = attacker_done(&plan)?;
        let peak = server.resident_peak_octets()?;
        let (p50, p99) = (calls.quantile(0.5), calls.quantile(0.99));
        let name = format!("{kind:?}");
        checks.check(calls.failures == 0, || format!("{name}: {} honest calls failed", calls.failures));
        checks.check(plan.is_enough(&done), || format!("{name}: the attack was less than planned: {done:?}"));
        let rise = peak.saturating_sub(figures.resident_before_octets);
        checks.check(rise <= RISE_OCTETS_MAX, || format!("{name}: memory rose by {} MiB", rise >> 20));
        figures.resident_peak_octets = peak;
        p99s.push((name, p99));
        figures.attacks.push(AttackFigures {
            attack: kind,
            done,
            honest_calls: calls.took.len(),
            honest_failures: calls.failures,
            p50_millis: p50.as_secs_f64() * 1e3,
            p99_millis: p99.as_secs_f64() * 1e3,
            resident_peak_octets: peak,
        });
    }
    let after = honest_calls(&mut honest, &browsers, || false).await?;
    let quiet = [quiet, after].map(|calls| calls.quantile(0.99));
    let bound = P99_MAX.max(quiet[0].max(quiet[1]) * TIMES_QUIET_MAX);
    for (name, p99) in p99s {
        checks
            .check(p99 <= bound, || format!("{name}: p99 of honest calls is {p99:?}, not within {bound:?}"));
    }
    figures.quiet_p99_millis = quiet.map(|p99| p99.as_secs_f64() * 1e3);
    figures.p99_bound_millis = bound.as_secs_f64() * 1e3;
    let again = newcomer(&server).await;
    checks.check(again.is_ok(), || format!("a new connection afterwards: {again:?}"));
    figures.tenants = tenants::play(&server, browsers[0], short, &mut checks).await?;
    server.end(End::Terminate).await?;
    stage.clear().await?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(checks.problems())
}

/// A caller with a connection of its own, once the attack is over.
async fn newcomer(server: &Server) -> anyhow::Result<()> {
    let mut client = tokio::time::timeout(Duration::from_secs(30), server.connect()).await??;
    client.get_vapid_public_key(GetVapidPublicKeyRequest::default()).await?;
    Ok(())
}

#[derive(Debug, Default)]
struct Calls {
    /// Sorted.
    took: Vec<Duration>,
    failures: usize,
}

impl Calls {
    fn quantile(&self, quantile: f64) -> Duration {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
        let index = ((self.took.len() as f64 * quantile) as usize).min(self.took.len().saturating_sub(1));
        self.took.get(index).copied().unwrap_or_default()
    }
}

/// What an honest caller does meanwhile: GetVapidPublicKey and Subscribe in turn.
async fn honest_calls(
    client: &mut Client,
    browsers: &[&str],
    mut goes_on: impl FnMut() -> bool,
) -> anyhow::Result<Calls> {
    let mut calls = Calls::default();
    while calls.took.len() < CALLS_MIN || goes_on() {
        let began = Instant::now();
        let answered = if calls.took.len().is_multiple_of(2) {
            client.get_vapid_public_key(GetVapidPublicKeyRequest::default()).await.map(drop)
        } else {
            let browser = browsers[calls.took.len() / 2 % browsers.len()];
            let request = SubscribeRequest {
                push_subscription: Some(push_subscription(browser)?),
                user_id: "honest".to_owned(),
                ..SubscribeRequest::default()
            };
            client.subscribe(request).await.map(drop)
        };
        calls.took.push(began.elapsed());
        if let Err(status) = answered {
            calls.failures += 1;
            eprintln!("an honest call: {status}");
        }
        tokio::time::sleep(PAUSE).await;
    }
    calls.took.sort_unstable();
    Ok(calls)
}

/// This program again, as the attacker; it says when it has begun, and at its end what it did.
async fn start_attacker(plan: &Plan) -> anyhow::Result<Process> {
    let program = std::env::current_exe()?;
    let program = program.to_str().context("the path is no text")?;
    let plan_text = serde_json::to_string(plan)?;
    let arguments = ["-n", NICENESS, program, "flood", "--attack", plan_text.as_str()];
    let (process, begun) = Process::start::<Begun>(Path::new("nice"), &arguments, &plan.report()).await?;
    ensure!(begun.begun, "the attacker did not begin");
    Ok(process)
}

/// The last line that the attacker wrote.
fn attacker_done(plan: &Plan) -> anyhow::Result<Done> {
    let text = std::fs::read_to_string(plan.report())?;
    let done = text.lines().last().context("the attacker said nothing")?;
    let parsed = serde_json::from_str(done).with_context(|| format!("the attacker wrote: {text}"));
    std::fs::remove_file(plan.report())?;
    parsed
}

/// The soft limit of this process, which its children have too.
fn open_files_max() -> anyhow::Result<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    Ok(line.and_then(|line| line.split_whitespace().next()).context("no limit of files")?.parse()?)
}

//! Two tenants share the server. One has taken all that it may, and reads nothing of what it asked for; the other one's calls
//! are answered as ever, and its Sends are never refused.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fanfare::api::ApiSettings;
use fanfare::proto::v1;
use fanfare::proto::v1::admin_service_client::AdminServiceClient;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use tonic::transport::Endpoint;
use tonic::{Request, Status};

use super::{Attack, AttackFigures, Calls, Plan, TIMES_QUIET_MAX, attacker_done, start_attacker};
use crate::calls::send;
use crate::checks::Checks;
use crate::metrics::Metrics;
use crate::scale::{EXCEPTION, ORIGIN, P256DH};
use crate::stage::{Client, Server, push_subscription};

/// What the honest tenant's calls may take.
const P99_MAX: Duration = Duration::from_millis(50);
/// What the server may take in memory meanwhile.
const RESIDENT_OCTETS_MAX: u64 = 512 << 20;
/// The attacker's subscriptions: as many as one page of a list holds, of about two kilobytes each.
const SUBSCRIPTIONS: usize = 1_000;
const PATH_OCTETS: usize = 1_900;
/// Entries of one request of an import: within 2 MiB.
const ENTRIES: usize = 500;
/// Between the honest tenant's calls.
const PAUSE: Duration = Duration::from_millis(5);
/// Honest calls before there is an attack, and during each at least.
const CALLS_MIN: usize = 200;
/// Places for streams in the short version, where fewer are asked for.
const STREAMS_MAX_SHORT: usize = 1_000;
const MALLORY: &str = "mallory";

#[derive(Debug, Default, Serialize)]
pub(super) struct Figures {
    /// Of the honest tenant's calls, before anything was done and after all of it.
    quiet_p99_millis: [f64; 2],
    /// What was asked of them meanwhile.
    p99_bound_millis: f64,
    sends: usize,
    sends_refused: usize,
    attacks: Vec<AttackFigures>,
    resident_peak_octets: u64,
}

/// What of the server's configuration this needs.
pub(super) fn sections(short: bool) -> String {
    let streams_max = if short { STREAMS_MAX_SHORT } else { ApiSettings::default().streams_max };
    format!(
        "[server.calls]\nstreams_max = {streams_max}\n[[applications]]\nname = \"default\"\n[[applications]]\nname = \"{MALLORY}\"\n{EXCEPTION}"
    )
}

/// Plays it. From here on the server asks who calls.
pub(super) async fn play(
    server: &Server,
    browser: &str,
    short: bool,
    checks: &mut Checks,
) -> anyhow::Result<Figures> {
    let mut figures = Figures::default();
    let admin = token(server, None, None).await?;
    let mallory = token(server, Some(MALLORY), Some(&admin)).await?;
    subscribe_many(server, &mallory).await?;
    let token = token(server, Some("default"), Some(&admin)).await?;
    let mut honest = Honest { client: server.connect().await?, token, browser, subscription: String::new() };
    honest.subscribe().await?;
    let quiet = honest.calls(&mut figures, || false).await?.quantile(0.99);
    let mut p99s = Vec::new();
    server.forget_resident_peak()?;
    for kind in [Attack::SlowReaders, Attack::Places] {
        eprintln!("{kind:?}");
        let plan = Plan::of(kind, server.address(), short).by(&mallory);
        let mut attacker = start_attacker(&plan).await?;
        let calls = {
            let ended = attacker.ended();
            tokio::pin!(ended);
            let mut is_over = false;
            let goes_on = || {
                is_over = is_over || futures_util::FutureExt::now_or_never(&mut ended).is_some();
                !is_over
            };
            honest.calls(&mut figures, goes_on).await?
        };
        let done = attacker_done(&plan)?;
        let (name, p99) = (format!("{kind:?}"), calls.quantile(0.99));
        let peak = server.resident_peak_octets()?;
        checks.check(calls.failures == 0, || {
            format!("{name}: {} calls of the honest tenant failed", calls.failures)
        });
        checks.check(plan.is_enough(&done), || format!("{name}: the attack was less than planned: {done:?}"));
        checks.check(peak <= RESIDENT_OCTETS_MAX, || {
            format!("{name}: the server takes {} MiB of memory", peak >> 20)
        });
        p99s.push((name, p99));
        figures.resident_peak_octets = peak;
        figures.attacks.push(AttackFigures {
            attack: kind,
            done,
            honest_calls: calls.took.len(),
            honest_failures: calls.failures,
            p50_millis: calls.quantile(0.5).as_secs_f64() * 1e3,
            p99_millis: p99.as_secs_f64() * 1e3,
            resident_peak_octets: peak,
        });
    }
    let quiet = [quiet, honest.calls(&mut figures, || false).await?.quantile(0.99)];
    let bound = P99_MAX.max(quiet[0].max(quiet[1]) * TIMES_QUIET_MAX);
    for (name, p99) in p99s {
        checks.check(p99 <= bound, || {
            format!("{name}: p99 of the honest tenant's calls is {p99:?}, not within {bound:?}")
        });
    }
    figures.quiet_p99_millis = quiet.map(|p99| p99.as_secs_f64() * 1e3);
    figures.p99_bound_millis = bound.as_secs_f64() * 1e3;
    checks.check(is_all_written(server).await?, || {
        "octets of answers are still held after all their callers have gone".to_owned()
    });
    checks.check(figures.sends_refused == 0, || {
        format!("{} of the honest tenant's Sends were refused", figures.sends_refused)
    });
    Ok(figures)
}

/// Whether nothing is held of answers any more: soon after the attackers have gone.
async fn is_all_written(server: &Server) -> anyhow::Result<bool> {
    for _ in 0..50 {
        if Metrics::read(server.admin).await?.sum("fanfare_answers_octets", "") < 1.0 {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(false)
}

fn authorized<T>(token: &str, message: T) -> anyhow::Result<Request<T>> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse()?);
    Ok(request)
}

/// A token of an application with all that its callers need, or of an administrator of all.
async fn token(server: &Server, application: Option<&str>, by: Option<&str>) -> anyhow::Result<String> {
    let roles = match application {
        Some(_) => vec![v1::Role::Publisher, v1::Role::Subscriber, v1::Role::Reader],
        None => vec![v1::Role::Admin],
    };
    let api_token = v1::ApiToken {
        all_applications: application.is_none(),
        roles: roles.into_iter().map(Into::into).collect(),
        ..v1::ApiToken::default()
    };
    let request = v1::CreateApiTokenRequest {
        application: application.unwrap_or_default().to_owned(),
        api_token: Some(api_token),
    };
    let channel = Endpoint::from_shared(format!("http://{}", server.address()))?.connect().await?;
    let request = match by {
        Some(token) => authorized(token, request)?,
        // Nobody is asked before there is a token.
        None => Request::new(request),
    };
    Ok(AdminServiceClient::new(channel).create_api_token(request).await?.into_inner().token)
}

/// Subscriptions whose list is as large as lists get.
async fn subscribe_many(server: &Server, token: &str) -> anyhow::Result<()> {
    let entry = |number: usize| v1::SubscribeRequest {
        user_id: if number == 0 { MALLORY.to_owned() } else { format!("{MALLORY}-{number}") },
        push_subscription: Some(v1::PushSubscription {
            endpoint: format!("{ORIGIN}/{number}-{}", "x".repeat(PATH_OCTETS)),
            keys: Some(v1::PushSubscriptionKeys {
                p256dh: P256DH.to_owned(),
                auth: "TPsY_eG9dSsleK1NN3eE-Q".to_owned(),
            }),
            ..v1::PushSubscription::default()
        }),
        ..v1::SubscribeRequest::default()
    };
    let requests: Vec<_> = (0..SUBSCRIPTIONS)
        .step_by(ENTRIES)
        .map(|from| v1::ImportSubscriptionsRequest {
            subscriptions: (from..from + ENTRIES).map(entry).collect(),
        })
        .collect();
    let mut client = server.connect().await?;
    let request = authorized(token, stream::iter(requests))?;
    let mut answers = client.import_subscriptions(request).await?.into_inner();
    let mut stored = 0;
    while let Some(answer) = answers.next().await {
        let names = answer?
            .answers
            .into_iter()
            .filter(|answer| matches!(answer.answer, Some(v1::import_answer::Answer::Name(_))));
        stored += names.count();
    }
    ensure!(stored == SUBSCRIPTIONS, "{stored} were stored");
    Ok(())
}

/// The tenant who means no harm.
struct Honest<'a> {
    client: Client,
    token: String,
    browser: &'a str,
    /// Whom it sends to.
    subscription: String,
}

impl Honest<'_> {
    async fn subscribe(&mut self) -> anyhow::Result<()> {
        let request = v1::SubscribeRequest {
            push_subscription: Some(push_subscription(self.browser)?),
            user_id: "tenant".to_owned(),
            ..v1::SubscribeRequest::default()
        };
        let request = authorized(&self.token, request)?;
        let subscribed = self.client.subscribe(request).await?.into_inner();
        self.subscription = subscribed.subscription.context("no subscription")?.name;
        Ok(())
    }

    /// One of each kind in turn, and how long it took to its answer, or to its first frame.
    async fn calls(
        &mut self,
        figures: &mut Figures,
        mut goes_on: impl FnMut() -> bool,
    ) -> anyhow::Result<Calls> {
        let mut calls = Calls::default();
        while calls.took.len() < CALLS_MIN || goes_on() {
            let began = Instant::now();
            let turn = calls.took.len();
            let answered = self.call(turn).await?;
            calls.took.push(began.elapsed());
            let is_send = turn.is_multiple_of(2);
            figures.sends += usize::from(is_send);
            if let Err(status) = answered {
                calls.failures += 1;
                figures.sends_refused += usize::from(is_send);
                eprintln!("the honest tenant's call {turn}: {status}");
            }
            tokio::time::sleep(PAUSE).await;
        }
        calls.took.sort_unstable();
        Ok(calls)
    }

    async fn call(&mut self, turn: usize) -> anyhow::Result<Result<(), Status>> {
        let Self { client, token, .. } = self;
        if turn.is_multiple_of(2) {
            let request = authorized(token, send(&self.subscription, "honest", ""))?;
            let frames = client.send(request).await;
            return Ok(first(frames).await);
        }
        Ok(match turn / 2 % 4 {
            0 => {
                let request = authorized(token, v1::GetVapidPublicKeyRequest::default())?;
                client.get_vapid_public_key(request).await.map(drop)
            }
            1 => {
                let request =
                    v1::WatchDeliveriesRequest { parent: "messages/-".into(), ..Default::default() };
                let frames = client.watch_deliveries(authorized(token, request)?).await;
                first(frames).await
            }
            2 => {
                let request = v1::ListSubscriptionsRequest { page_size: 10, ..Default::default() };
                client.list_subscriptions(authorized(token, request)?).await.map(drop)
            }
            _ => {
                // It is refused as an entry, which is an answer: nothing need be written to disk for it.
                let entries = vec![v1::SubscribeRequest::default()];
                let requests = stream::iter([v1::ImportSubscriptionsRequest { subscriptions: entries }]);
                let answers = client.import_subscriptions(authorized(token, requests)?).await;
                first(answers).await
            }
        })
    }
}

/// Waits for the first frame of a stream, and leaves it.
async fn first<T>(frames: Result<tonic::Response<tonic::Streaming<T>>, Status>) -> Result<(), Status> {
    match frames?.into_inner().next().await {
        Some(frame) => frame.map(drop),
        None => Err(Status::unknown("it ended without a frame")),
    }
}

//! `fanfare demo`: the whole way on one machine. A server and a sandbox run as processes of their own; subscribers are
//! made in the sandbox and subscribed at the server; one Send and one Broadcast go out; and what each subscriber decrypted
//! is compared with what was sent and with the event that its delivery got.
//!
//! ```text
//! stage (processes) ─► control (the sandbox's API) ─► enlist (Subscribe) ─► recording (Send, Broadcast) ─► check ─► report
//! ```

mod browser;
mod check;
pub mod control;
mod enlist;
mod faults;
mod recording;
mod report;
mod stage;

use std::net::SocketAddr;

use anyhow::Context as _;
use clap::Args;
use sha2::{Digest as _, Sha256};

use super::failure::Failure;
use super::follow::Opening;
use super::stop::StopArgs;
use super::view::progress_bar;
use crate::observe::CpuTime;
use crate::proto::v1::audience::Selector;
use crate::proto::v1::message::Payload;
use crate::proto::v1::send_request::Recipient;
use crate::proto::v1::{Audience, BroadcastRequest, Message, ReportLevel, SendRequest, TopicList};
use crate::sandbox::FaultShares;
use crate::sandbox::control_json::NewGroup;
use check::{Arrivals, Checked, check};
use recording::Recording;
use report::{Played, Report};
use stage::Stage;

/// What all of the demo's subscribers want to hear of.
const TOPIC: &str = "demo";
/// The user whom the Send is for.
const SEND_USER: &str = "demo-user";
const SEND_PAYLOAD: &str = r#"{"web_push":8030,"notification":{"title":"Only for you","body":"One message to one subscriber","navigate":"https://app.example.com/you"}}"#;
const BROADCAST_PAYLOAD: &str = r#"{"web_push":8030,"notification":{"title":"For everyone","body":"The same message to each subscriber, encrypted for each alone","navigate":"https://app.example.com/"}}"#;

/// Shows the whole way at work: server, sandbox, subscribers that decrypt, and the status of each
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Everything happens on this machine, on free loopback ports, in a temporary directory. The last line is one \
                        JSON object with the figures.

Exit code 0: each subscriber got exactly the octets that were sent, and each delivery has exactly one terminal event.

Examples:
  fanfare demo
  fanfare demo --subscribers 1000 --faults
  fanfare demo --json | jq .broadcast.deliveries_per_second
  fanfare demo --browser
  fanfare demo --browser=chromium"
)]
pub(super) struct DemoArgs {
    /// How many subscribers get the broadcast
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    subscribers: u32,
    /// Let some of them be gone, throttled or failing, and check what becomes of each
    #[arg(long)]
    faults: bool,
    /// Show a page on which a real browser subscribes, sends to itself and sees what becomes of it, until Ctrl-C. An
    /// installed Firefox or else Chromium is started for it, on a fresh profile, with the sandbox as its push service; or
    /// the one that is named here; or none, and the page waits for a browser of yours with its own push service
    #[arg(long, value_name = "BROWSER", num_args = 0..=1, require_equals = true, default_missing_value = "any",
        conflicts_with_all = ["subscribers", "faults"])]
    browser: Option<browser::Choice>,
    /// Address and port of that page; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = browser::PAGE_ADDRESS, requires = "browser")]
    page: SocketAddr,
    /// Print nothing but the JSON object with the figures, or with the page's address
    #[arg(long)]
    json: bool,
    /// Keep the temporary directory with data and logs
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    stop: StopArgs,
}

impl DemoArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        if let Some(choice) = self.browser {
            return browser::run(&self, choice).await;
        }
        let report = tokio::select! {
            report = self.play() => report?,
            asked = self.stop.asked() => {
                asked.context("cannot listen for signals")?;
                return Err(Failure::failed("interrupted"));
            }
        };
        if !self.json {
            print!("{}", report.table());
        }
        println!("{}", report.json());
        match report.problems() {
            [] => Ok(()),
            problems => Err(Failure::failed(format!(
                "{} thing(s) are not as they must be:\n  {}",
                problems.len(),
                problems[..problems.len().min(PROBLEMS_SHOWN)].join("\n  ")
            ))),
        }
    }

    async fn play(&self) -> anyhow::Result<Report> {
        let mut stage = Stage::set(self.keep, &[]).await?;
        let report = self.perform(&mut stage).await.with_context(|| stage.log_tail())?;
        if let Some(directory) = stage.clear().await? {
            self.say(&format!("data and logs are in {}", directory.display()));
        }
        Ok(report)
    }

    async fn perform(&self, stage: &mut Stage) -> anyhow::Result<Report> {
        self.say(&format!("server on {}, push service at {}", stage.server_url(), stage.push_origin()));
        let group = stage
            .control
            .make_group(&NewGroup {
                count: self.subscribers,
                application_server_key: Some(stage.application_server_key()?),
                faults: if self.faults { faults::shares()? } else { FaultShares::default() },
                seed: Some("fanfare demo".to_owned()),
                ..NewGroup::default()
            })
            .await?
            .group;
        let faults = stage.control.faults(group).await?;
        let chosen = (0..self.subscribers)
            .find(|index| !faults.contains_key(index))
            .context("every subscriber has a fault: take more of them")?;
        let bar = self.bar("subscriptions", u64::from(self.subscribers));
        let names = enlist::subscribe_all(
            &stage.client.push(),
            &stage.control,
            group,
            self.subscribers,
            chosen,
            &bar,
        )
        .await?;

        let send = self.record(stage, 1, Opening::Send(send_request())).await?;
        let cpu = CpuTime::of(stage.server_id());
        let broadcast =
            self.record(stage, u64::from(self.subscribers), Opening::Broadcast(broadcast_request())).await?;
        let cpu = cpu.and_then(|before| Some(CpuTime::of(stage.server_id())?.since(before).total()));

        let gone: Vec<_> = faults
            .iter()
            .filter(|(_, fault)| faults::expected(Some(*fault)).is_some_and(|expected| expected.removed))
            .filter_map(|(index, _)| names.get(*index as usize).cloned())
            .collect();
        let mut problems = enlist::check_removed(&stage.client.push(), &gone, names.len()).await?;
        let arrivals = Arrivals::of(stage.control.received(group).await?);
        let mut checked = |recording: &Recording, payload: &str, indices: &[u32]| {
            let sha256 = hex(&Sha256::digest(payload));
            let expected = indices.iter().map(|&index| (index, faults.get(&index).cloned())).collect();
            let mut checked: Checked = check(recording, &names, expected, &arrivals, &sha256);
            problems.append(&mut checked.problems);
            checked
        };
        let everyone: Vec<u32> = (0..self.subscribers).collect();
        let send = Played { checked: checked(&send, SEND_PAYLOAD, &[chosen]), recording: send, cpu: None };
        let broadcast =
            Played { checked: checked(&broadcast, BROADCAST_PAYLOAD, &everyone), recording: broadcast, cpu };
        problems.extend(arrivals.unexpected(send.checked.identical + broadcast.checked.identical));
        Ok(Report::new(self.faults.then_some(faults), send, broadcast, problems))
    }

    async fn record(&self, stage: &Stage, targets: u64, opening: Opening) -> anyhow::Result<Recording> {
        let bar = self.bar("deliveries", targets);
        let recording = Recording::of(&stage.client, opening, &bar).await;
        bar.finish_and_clear();
        recording
    }

    fn bar(&self, unit: &str, length: u64) -> indicatif::ProgressBar {
        if self.json {
            return indicatif::ProgressBar::hidden();
        }
        let bar = progress_bar(unit);
        bar.set_length(length);
        bar
    }

    fn say(&self, line: &str) {
        if !self.json {
            println!("{line}");
        }
    }
}

/// How many problems are told one by one.
const PROBLEMS_SHOWN: usize = 20;

fn message(payload: &'static str) -> Message {
    Message { payload: Some(Payload::Data(payload.as_bytes().into())), ..Message::default() }
}

fn send_request() -> SendRequest {
    SendRequest {
        recipient: Some(Recipient::UserId(SEND_USER.to_owned())),
        message: Some(message(SEND_PAYLOAD)),
        request_id: crate::unique_id(),
        report_level: ReportLevel::Attempts.into(),
        ..SendRequest::default()
    }
}

fn broadcast_request() -> BroadcastRequest {
    let topics = TopicList { topics: vec![TOPIC.to_owned()] };
    BroadcastRequest {
        audience: Some(Audience { selector: Some(Selector::Topics(topics)) }),
        message: Some(message(BROADCAST_PAYLOAD)),
        request_id: crate::unique_id(),
        report_level: ReportLevel::Attempts.into(),
        ..BroadcastRequest::default()
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().concat()
}

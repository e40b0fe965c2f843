//! How a status stream is shown: as JSON for programs, or as lines and a progress bar for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::json::ProtoJson;
use super::output;
use crate::domain::text::escaped;
use crate::proto::v1::delivery_frame::Kind;
use crate::proto::v1::{
    DeliveryEvent, DeliveryFrame, DeliveryState, MessageAccepted, MessageState, MessageStatus, Outcome,
    ReceiptEvent, ReportLevel,
};

/// Shows the frames of a status stream.
#[derive(Debug)]
pub(super) enum View {
    /// One `DeliveryFrame` a line, on stdout.
    Json(ProtoJson),
    /// Events as lines on stdout; progress on stderr, if that is a terminal.
    People(Progress),
}

impl View {
    /// For programs, or for people.
    pub(super) fn new(json: bool) -> anyhow::Result<Self> {
        Ok(if json {
            Self::Json(ProtoJson::of("fanfare.v1.DeliveryFrame")?)
        } else {
            Self::People(Progress::new())
        })
    }

    /// Shows a frame.
    pub(super) fn frame(&mut self, frame: &DeliveryFrame) -> anyhow::Result<()> {
        match self {
            Self::Json(writer) => output::line(writer.write(frame)?),
            Self::People(progress) => progress.frame(frame),
        }
    }

    /// Takes the bar off the screen.
    pub(super) fn close(&self) {
        match self {
            Self::Json(_) => {}
            Self::People(progress) => progress.bar.finish_and_clear(),
        }
    }
}

/// A bar that is drawn on stderr while that is a terminal.
pub(super) fn progress_bar(unit: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let template = format!("{{msg}} {{wide_bar}} {{pos}}/{{len}} {unit} {{per_sec}} {{eta}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar
}

/// What people see.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    ended: u64,
}

impl Progress {
    fn new() -> Self {
        Self { bar: progress_bar("deliveries"), ended: 0 }
    }

    fn frame(&mut self, frame: &DeliveryFrame) -> anyhow::Result<()> {
        match &frame.kind {
            Some(Kind::Accepted(accepted)) => self.say(&accepted_line(accepted))?,
            Some(Kind::Events(events)) => {
                for event in &events.events {
                    self.say(&event_line(event))?;
                }
                let terminal = events.events.iter().filter(|event| is_terminal(event.state())).count();
                self.ended += terminal as u64;
                self.bar.set_position(self.bar.position().max(self.ended));
            }
            Some(Kind::Progress(status)) => self.counts(status),
            Some(Kind::Summary(status)) => {
                self.counts(status);
                self.say(&summary_line(status))?;
            }
            Some(Kind::Receipts(receipts)) => {
                for receipt in &receipts.events {
                    self.say(&receipt_line(receipt))?;
                }
            }
            None => {}
        }
        Ok(())
    }

    fn counts(&mut self, status: &MessageStatus) {
        let Some(counts) = &status.counts else { return };
        let ended = counts.accepted + counts.failed + counts.expired + counts.cancelled;
        self.bar.set_length(u64::try_from(counts.targets).unwrap_or(0));
        self.bar.set_position(self.bar.position().max(u64::try_from(ended).unwrap_or(0)));
        self.bar.set_message(format!(
            "{} accepted, {} failed, {} retrying",
            counts.accepted, counts.failed, counts.retrying
        ));
    }

    fn say(&self, line: &str) -> anyhow::Result<()> {
        self.bar.suspend(|| output::line(line))
    }
}

/// Whether nothing can follow.
pub(super) fn is_terminal(state: DeliveryState) -> bool {
    match state {
        DeliveryState::Unspecified | DeliveryState::Pending | DeliveryState::Retrying => false,
        DeliveryState::Accepted
        | DeliveryState::Failed
        | DeliveryState::Expired
        | DeliveryState::Cancelled => true,
    }
}

fn accepted_line(accepted: &MessageAccepted) -> String {
    let status = accepted.message.clone().unwrap_or_default();
    let counts = status.counts.unwrap_or_default();
    let about = if counts.targets_estimated { "about " } else { "" };
    let targets = format!("{about}{} target(s)", counts.targets);
    match (status.name.is_empty(), accepted.replayed) {
        (true, _) => format!("valid: {targets}; nothing was sent"),
        (false, true) => format!("{} was accepted earlier, {targets}", status.name),
        (false, false) => format!("{} accepted, {targets}", status.name),
    }
}

/// Whom something is about: the subscription, or the user of one that is not known by name.
fn who<'a>(subscription: &'a str, user: &'a str) -> &'a str {
    [subscription, user].into_iter().find(|name| !name.is_empty()).unwrap_or("(inline)")
}

fn event_line(event: &DeliveryEvent) -> String {
    let (state, outcome) = (state_name(event.state()), outcome_name(event.outcome()));
    let mut line = format!("{} {state}", escaped(who(&event.subscription, &event.user_id)));
    if outcome != state {
        let _ = write!(line, " {outcome}");
    }
    if let Some(status) = event.http_status {
        let _ = write!(line, " {status}");
    }
    if event.attempt > 1 {
        let _ = write!(line, " attempt {}", event.attempt);
    }
    for text in [&event.endpoint_origin, &event.detail].into_iter().filter(|text| !text.is_empty()) {
        let _ = write!(line, " {}", escaped(text));
    }
    if let Some(next) = event.next_attempt_time {
        let _ = write!(line, ", next attempt at {next}");
    }
    line
}

fn receipt_line(receipt: &ReceiptEvent) -> String {
    let kind = receipt.kind().as_str_name();
    let kind = kind.strip_prefix("RECEIPT_KIND_").unwrap_or(kind);
    let line = format!("{} {kind}", escaped(who(&receipt.subscription, &receipt.user_id)));
    if receipt.action.is_empty() { line } else { format!("{line} {}", escaped(&receipt.action)) }
}

fn summary_line(status: &MessageStatus) -> String {
    let counts = status.counts.unwrap_or_default();
    let outcomes: BTreeMap<_, _> =
        status.outcomes.iter().map(|entry| (outcome_name(entry.outcome()), entry.count)).collect();
    let outcomes: Vec<_> = outcomes.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let receipts = status.receipts.map(|receipts| {
        format!(
            "; {} displayed, {} clicked, {} closed",
            receipts.displayed, receipts.clicked, receipts.closed
        )
    });
    format!(
        "{} ended: {} targets, {} accepted, {} failed, {} expired, {} cancelled ({}){}",
        status.name,
        counts.targets,
        counts.accepted,
        counts.failed,
        counts.expired,
        counts.cancelled,
        outcomes.join(", "),
        receipts.unwrap_or_default()
    )
}

/// A state without its prefix, for example `ACCEPTED`.
pub(super) fn state_name(state: DeliveryState) -> &'static str {
    let name = state.as_str_name();
    name.strip_prefix("DELIVERY_STATE_").unwrap_or(name)
}

/// A message's state without its prefix, for example `CANCELLING`.
pub(super) fn message_state_name(state: MessageState) -> &'static str {
    let name = state.as_str_name();
    name.strip_prefix("MESSAGE_STATE_").unwrap_or(name)
}

/// An outcome without its prefix, for example `GONE`.
pub(super) fn outcome_name(outcome: Outcome) -> &'static str {
    let name = outcome.as_str_name();
    name.strip_prefix("OUTCOME_").unwrap_or(name)
}

/// [`ReportLevel`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ReportLevelName {
    /// That it was accepted, nothing more
    Accepted,
    /// Progress and the summary
    Progress,
    /// And each endpoint that did not get it
    Failures,
    /// And each endpoint
    Terminal,
    /// And each attempt
    Attempts,
}

impl From<ReportLevelName> for ReportLevel {
    fn from(name: ReportLevelName) -> Self {
        match name {
            ReportLevelName::Accepted => Self::Accepted,
            ReportLevelName::Progress => Self::Progress,
            ReportLevelName::Failures => Self::Failures,
            ReportLevelName::Terminal => Self::Terminal,
            ReportLevelName::Attempts => Self::Attempts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_and_push_services_say_is_one_line_of_text() {
        let detail = "said\u{1b}[2J\nfanfare: forged".to_owned();
        let event = DeliveryEvent { subscription: "subscriptions/1".into(), detail, ..Default::default() };
        let line = event_line(&event);
        assert!(line.ends_with(r" said\u001b[2J\u000afanfare: forged"), "{line}");
        let user_id = "a\u{202e}b".to_owned();
        let receipt = ReceiptEvent { user_id, action: "open\r\u{9b}1A".into(), ..Default::default() };
        assert_eq!(receipt_line(&receipt), r"a\u202eb UNSPECIFIED open\u000d\u009b1A");
    }
}

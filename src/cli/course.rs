//! The course of one message, as its stream told it: what its caller is told beside the events when it waits, when the
//! caller leaves, and when there was nobody to send to.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::connection::{Connection, DEFAULT_SERVER};
use super::failure::{EXIT_INTERRUPTED, EXIT_NOBODY, Failure};
use super::output;
use super::view::{is_terminal, outcome_name};
use crate::client::Client;
use crate::proto::v1::delivery_frame::Kind;
use crate::proto::v1::{
    DeliveryFrame, ListOriginsRequest, MessageState, MessageStatus, Origin, OriginState, Outcome,
};

/// A message of which nothing ended for so long may wait for something that can be told.
const QUIET: Duration = Duration::from_secs(3);
/// How often is looked what it waits for, after the first time.
const LOOKS_EVERY: Duration = Duration::from_secs(30);
/// Origins that are told at once.
const TOLD_AT_ONCE: usize = 5;

/// What a stream told.
#[derive(Debug, Default)]
struct Told {
    status: MessageStatus,
    /// As it was accepted.
    expected: i32,
    ended: i32,
    is_over: bool,
    changed: Option<Instant>,
}

/// See the [module's documentation](self).
#[derive(Debug)]
pub(super) struct Course<'a> {
    connection: &'a Connection,
    /// Whom a broadcast goes to, in words.
    audience: Option<String>,
    told: RefCell<Told>,
}

impl<'a> Course<'a> {
    /// Before the call. `audience`: of a broadcast, for example `topic news`.
    pub(super) fn new(connection: &'a Connection, audience: Option<String>) -> Self {
        Self { connection, audience, told: RefCell::default() }
    }

    /// Takes note of a frame.
    pub(super) fn frame(&self, frame: &DeliveryFrame) {
        let mut told = self.told.borrow_mut();
        let before = told.ended;
        match &frame.kind {
            Some(Kind::Accepted(accepted)) => {
                told.status = accepted.message.clone().unwrap_or_default();
                told.expected = told.status.counts.map_or(0, |counts| counts.targets);
                told.changed = Some(Instant::now());
                if let Some(audience) = self.audience.as_ref().filter(|_| told.expected == 0) {
                    output::note(format!("warning: there is no active subscription with {audience}"));
                }
            }
            Some(Kind::Events(events)) => {
                let ended = events.events.iter().filter(|event| is_terminal(event.state())).count();
                told.ended = told.ended.saturating_add(i32::try_from(ended).unwrap_or(i32::MAX));
            }
            Some(Kind::Progress(status)) => told.counts(status),
            Some(Kind::Summary(status)) => {
                told.counts(status);
                told.is_over = true;
            }
            Some(Kind::Receipts(_)) | None => {}
        }
        if told.ended > before {
            told.changed = Some(Instant::now());
        }
    }

    /// Says what it waits for whenever nothing of it ends for a while; does not end.
    pub(super) async fn tell_of_waits(&self, client: &Client) {
        let mut said = BTreeSet::new();
        loop {
            let waited = self.told.borrow().waits_since().map(|since| since.elapsed());
            match waited {
                Some(waited) if waited >= QUIET => {}
                Some(waited) => {
                    sleep(QUIET.saturating_sub(waited)).await;
                    continue;
                }
                None => {
                    sleep(QUIET).await;
                    continue;
                }
            }
            // Not everybody may see origins: then the events must do.
            if let Ok(listed) = client.admin().list_origins(ListOriginsRequest::default()).await {
                let origins = listed.into_inner().origins;
                let reasons = origins.iter().flat_map(|origin| reasons(origin, &self.connection.application));
                for reason in reasons.filter(|reason| said.insert(reason.clone())).take(TOLD_AT_ONCE) {
                    output::note(reason);
                }
            }
            sleep(LOOKS_EVERY).await;
        }
    }

    /// What to say to a caller who leaves.
    pub(super) fn interrupted(&self) -> Failure {
        let told = self.told.borrow();
        let name = &told.status.name;
        let said = if name.is_empty() {
            "left before the server had accepted it: it may have been accepted all the same".to_owned()
        } else if told.is_over {
            format!(
                "left; it has been delivered, and browsers may report on:\n  fanfare watch {name} --receipts{}",
                self.flags()
            )
        } else {
            let flags = self.flags();
            format!(
                "left; delivery goes on at the server:\n  fanfare watch {name}{flags}\n      follows it\n  fanfare cancel \
                 {name}{flags}\n      stops what has not been sent"
            )
        };
        Failure::Ended { said, code: EXIT_INTERRUPTED }
    }

    /// Whether there was somebody to send to, of a message that has ended.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let told = self.told.borrow();
        let targets = told.status.counts.map_or(0, |counts| counts.targets);
        let of = |outcome: Outcome| -> i32 {
            told.status.outcomes.iter().filter(|of| of.outcome() == outcome).map(|of| of.count).sum()
        };
        let (disabled, missing) = (of(Outcome::Disabled), of(Outcome::NotFound));
        if !told.is_over || targets > disabled.saturating_add(missing) {
            return Ok(());
        }
        let said = if targets > 0 {
            format!(
                "nobody was sent to: of {targets} target(s) {disabled} are disabled and {missing} are not there"
            )
        } else if told.expected > 0 {
            format!(
                "nobody was sent to: about {} subscription(s) were expected, and none of them is active. Disabled ones \
                 are not sent to (fanfare subscriptions list)",
                told.expected
            )
        } else {
            "nobody was sent to: the audience is empty".to_owned()
        };
        Err(Failure::Ended { said, code: EXIT_NOBODY })
    }

    /// Those of the connection that another command needs as well, without anything secret.
    fn flags(&self) -> String {
        let mut flags = String::new();
        if self.connection.server != DEFAULT_SERVER {
            let _ = write!(flags, " --server {}", self.connection.server);
        }
        if !self.connection.application.is_empty() {
            let _ = write!(flags, " --application {}", self.connection.application);
        }
        flags
    }
}

impl Told {
    fn counts(&mut self, status: &MessageStatus) {
        if let Some(counts) = status.counts {
            self.ended = self.ended.max(counts.accepted + counts.failed + counts.expired + counts.cancelled);
        }
        self.status.clone_from(status);
    }

    /// Since when nothing of it has ended, while something is to.
    fn waits_since(&self) -> Option<Instant> {
        let is_under_way = !self.is_over && self.status.state() == MessageState::Sending;
        self.changed.filter(|_| is_under_way)
    }
}

/// Why deliveries to an origin wait, for this application or, if it is empty, for any.
fn reasons(origin: &Origin, application: &str) -> Vec<String> {
    let name = &origin.origin;
    let concerns = |of: &str| application.is_empty() || of == application;
    let stopped = origin.stopped_applications.iter().filter(|of| concerns(&of.application));
    let mut reasons: Vec<_> = stopped
        .filter_map(|of| {
            let stop = of.stop.as_ref()?;
            let mut reason = format!("{name} refuses the credentials of {}", of.application);
            if !stop.detail.is_empty() {
                let _ = write!(reason, " ({:?})", stop.detail);
            }
            if let Some(next) = stop.next_attempt_time {
                let _ = write!(reason, "; it waits until {next}");
            }
            let _ = write!(reason, ". {}", stop.remedy);
            Some(reason)
        })
        .collect();
    let is_closed = match origin.state() {
        OriginState::Unspecified | OriginState::Open | OriginState::Stopped => false,
        OriginState::Paused | OriginState::Broken | OriginState::Probing => true,
    };
    if is_closed {
        let state = origin.state().as_str_name();
        let state = state.strip_prefix("ORIGIN_STATE_").unwrap_or(state);
        let mut reason = format!("what goes to {name} waits: it is {state}");
        if let Some(until) = origin.paused_until {
            let _ = write!(reason, " until {until}");
        }
        if origin.last_problem() != Outcome::Unspecified {
            let _ = write!(reason, ", last problem {}", outcome_name(origin.last_problem()));
        }
        reasons.push(reason);
    }
    reasons
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::proto::v1::{
        DeliveryCounts, MessageAccepted, OutcomeCount, StoppedApplication, StoppedOrigin,
    };

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        connection: Connection,
    }

    fn status(targets: i32, outcomes: &[(Outcome, i32)]) -> MessageStatus {
        let entry =
            |(outcome, count): &(Outcome, i32)| OutcomeCount { outcome: (*outcome).into(), count: *count };
        MessageStatus {
            name: "messages/1".to_owned(),
            state: MessageState::Sending.into(),
            counts: Some(DeliveryCounts { targets, ..DeliveryCounts::default() }),
            outcomes: outcomes.iter().map(entry).collect(),
            ..MessageStatus::default()
        }
    }

    fn frame(kind: Kind) -> DeliveryFrame {
        DeliveryFrame { kind: Some(kind), ..DeliveryFrame::default() }
    }

    #[test]
    fn who_sent_to_nobody_is_told_so() {
        let line = Line::parse_from(["x", "--application", "shop"]);
        let verdict = |expected: i32, end: MessageStatus| {
            let course = Course::new(&line.connection, Some("topic news".to_owned()));
            let accepted = MessageAccepted { message: Some(status(expected, &[])), replayed: false };
            course.frame(&frame(Kind::Accepted(accepted)));
            assert!(course.verdict().is_ok(), "it has not ended");
            course.frame(&frame(Kind::Summary(end)));
            match course.verdict() {
                Ok(()) => None,
                Err(Failure::Ended { said, code }) => Some((said, code)),
                Err(other @ (Failure::Usage(_) | Failure::Failed(_))) => panic!("{other:?}"),
            }
        };
        assert_eq!(verdict(2, status(2, &[(Outcome::Accepted, 1), (Outcome::Disabled, 1)])), None);
        for (expected, end, says) in [
            (200, status(0, &[]), "about 200 subscription(s) were expected, and none of them is active"),
            (2, status(2, &[(Outcome::Disabled, 2)]), "of 2 target(s) 2 are disabled"),
            (0, status(0, &[]), "the audience is empty"),
        ] {
            let (said, code) = verdict(expected, end).expect("a verdict");
            assert!(said.contains(says) && code == EXIT_NOBODY, "{said}");
        }
    }

    #[test]
    fn who_leaves_is_told_how_it_goes_on() {
        let line = Line::parse_from(["x", "--application", "shop"]);
        let course = Course::new(&line.connection, None);
        let said = |course: &Course<'_>| course.interrupted().into_error().to_string();
        assert!(said(&course).contains("before the server had accepted it"));
        let accepted = MessageAccepted { message: Some(status(1, &[])), replayed: false };
        course.frame(&frame(Kind::Accepted(accepted)));
        let left = said(&course);
        assert!(
            left.contains("delivery goes on")
                && left.contains("fanfare cancel messages/1 --application shop"),
            "{left}"
        );
        course.frame(&frame(Kind::Summary(status(1, &[]))));
        assert!(said(&course).contains("fanfare watch messages/1 --receipts"));
    }

    #[test]
    fn only_what_keeps_a_message_waiting_is_a_reason() {
        let mut origin =
            Origin { origin: "https://a".to_owned(), state: OriginState::Open.into(), ..Origin::default() };
        assert_eq!(reasons(&origin, ""), Vec::<String>::new());
        origin.state = OriginState::Broken.into();
        origin.last_problem = Outcome::TimedOut.into();
        assert_eq!(
            reasons(&origin, ""),
            ["what goes to https://a waits: it is BROKEN, last problem TIMED_OUT"]
        );
        origin.state = OriginState::Stopped.into();
        let stop =
            StoppedOrigin { detail: "bad JWT".into(), remedy: "Look.".into(), ..StoppedOrigin::default() };
        origin.stopped_applications =
            vec![StoppedApplication { application: "shop".into(), stop: Some(stop) }];
        assert_eq!(reasons(&origin, "other"), Vec::<String>::new());
        assert_eq!(
            reasons(&origin, "shop"),
            ["https://a refuses the credentials of shop (\"bad JWT\"). Look."]
        );
    }
}

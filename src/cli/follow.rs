//! Following a status stream to its end, over lost connections and restarts of the server.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::connection::Client;
use crate::proto::v1::delivery_frame::Kind;
use crate::proto::v1::{BroadcastRequest, DeliveryFrame, ReportLevel, SendRequest, WatchDeliveriesRequest};

/// How long a lost stream is taken up again, without a frame, before it is given up.
const RECONNECT_FOR: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The call that a stream begins with.
#[derive(Clone, Debug)]
pub(crate) enum Opening {
    /// A message to one recipient. Its `request_id` must be set: it makes a repetition harmless.
    Send(SendRequest),
    /// A message to an audience. As for `Send`.
    Broadcast(BroadcastRequest),
    /// A message that was accepted earlier, or all.
    Watch(WatchDeliveriesRequest),
}

type FrameStream = Pin<Box<dyn Stream<Item = Result<DeliveryFrame, Status>> + Send>>;

/// Opens the stream and hands out its frames until the server ends it. A stream that breaks off, because the server stops
/// or the connection is lost, is taken up from its last token.
///
/// # Errors
/// The status of a call that was refused, or of the last attempt to take it up again.
pub(crate) async fn follow(
    client: &mut Client,
    mut opening: Opening,
    mut on_frame: impl FnMut(&DeliveryFrame) -> anyhow::Result<()>,
) -> Result<(), Status> {
    let mut pause = Pause::new();
    loop {
        let mut resume = opening.clone();
        let mut step = |frame: DeliveryFrame| {
            pause = Pause::new();
            resume.advance(&frame);
            on_frame(&frame).map_err(|error| Status::aborted(format!("{error:#}")))
        };
        let ended = match open(client, opening.clone()).await {
            Ok(frames) => drain(frames, &mut step).await,
            Err(status) => Err(status),
        };
        let Err(lost) = ended else { return Ok(()) };
        if !is_lost_connection(&lost) {
            return Err(lost);
        }
        opening = resume;
        if opening.is_told() {
            return Ok(());
        }
        eprintln!("fanfare: the stream broke off ({:?}); going on from where it was", lost.code());
        pause.wait(lost).await?;
    }
}

async fn drain(
    mut frames: FrameStream,
    step: &mut impl FnMut(DeliveryFrame) -> Result<(), Status>,
) -> Result<(), Status> {
    while let Some(frame) = frames.next().await {
        step(frame?)?;
    }
    Ok(())
}

async fn open(client: &mut Client, opening: Opening) -> Result<FrameStream, Status> {
    let missing = || Status::internal("the server sent a response without a frame");
    Ok(match opening {
        Opening::Send(request) => {
            let responses = client.send(request).await?.into_inner();
            Box::pin(responses.map(move |response| response?.frame.ok_or_else(missing)))
        }
        Opening::Broadcast(request) => {
            let responses = client.broadcast(request).await?.into_inner();
            Box::pin(responses.map(move |response| response?.frame.ok_or_else(missing)))
        }
        Opening::Watch(request) => {
            let responses = client.watch_deliveries(request).await?.into_inner();
            Box::pin(responses.map(move |response| response?.frame.ok_or_else(missing)))
        }
    })
}

impl Opening {
    /// Notes that a frame came: what is opened next goes on behind it.
    fn advance(&mut self, frame: &DeliveryFrame) {
        let watch = |application: &str, report_level: i32, include_receipts: bool| WatchDeliveriesRequest {
            application: application.to_owned(),
            report_level,
            include_receipts,
            ..WatchDeliveriesRequest::default()
        };
        let mut watch = match self {
            Self::Send(SendRequest { application, report_level, include_receipts, .. })
            | Self::Broadcast(BroadcastRequest { application, report_level, include_receipts, .. }) => {
                watch(application, *report_level, *include_receipts)
            }
            Self::Watch(request) => std::mem::take(request),
        };
        if watch.parent.is_empty() {
            let Some(Kind::Accepted(accepted)) = &frame.kind else { return };
            watch.parent = accepted.message.as_ref().map(|message| message.name.clone()).unwrap_or_default();
        }
        watch.resume_token.clone_from(&frame.resume_token);
        *self = Self::Watch(watch);
    }

    /// Whether everything that was asked for has been told, although the call did not end.
    fn is_told(&self) -> bool {
        match self {
            Self::Send(_) | Self::Broadcast(_) => false,
            // No name: a dry run. WatchDeliveries itself does not take this level.
            Self::Watch(watch) => {
                watch.parent.is_empty() || watch.report_level == i32::from(ReportLevel::Accepted)
            }
        }
    }
}

/// Whether the server may answer if asked again: it said so, or the status was made here because the connection broke.
pub(super) fn is_lost_connection(status: &Status) -> bool {
    status.code() == Code::Unavailable || std::error::Error::source(status).is_some()
}

/// Grows while no frame comes.
pub(super) struct Pause {
    since: Instant,
    next: Duration,
}

impl Pause {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), next: FIRST_PAUSE }
    }

    /// Waits, as long as the server asked for if it did; gives the reason back when it has gone on for too long.
    pub(super) async fn wait(&mut self, lost: Status) -> Result<(), Status> {
        if self.since.elapsed() > RECONNECT_FOR {
            return Err(lost);
        }
        let asked = lost.get_details_retry_info().and_then(|info| info.retry_delay).unwrap_or_default();
        sleep(self.next.max(asked).min(LONGEST_PAUSE)).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{MessageAccepted, MessageStatus};

    fn accepted(name: &str) -> DeliveryFrame {
        let message = Some(MessageStatus { name: name.to_owned(), ..MessageStatus::default() });
        let kind = Some(Kind::Accepted(MessageAccepted { message, replayed: false }));
        DeliveryFrame { kind, resume_token: "first".to_owned() }
    }

    fn progress(token: &str) -> DeliveryFrame {
        DeliveryFrame { kind: Some(Kind::Progress(MessageStatus::default())), resume_token: token.to_owned() }
    }

    fn send(report_level: ReportLevel) -> Opening {
        Opening::Send(SendRequest {
            application: "shop".to_owned(),
            report_level: report_level.into(),
            include_receipts: true,
            ..SendRequest::default()
        })
    }

    #[test]
    fn an_accepted_message_is_watched_from_the_last_token() {
        let mut opening = send(ReportLevel::Attempts);
        opening.advance(&accepted("messages/1"));
        opening.advance(&progress("second"));
        let Opening::Watch(watch) = &opening else { panic!("{opening:?}") };
        assert_eq!((watch.application.as_str(), watch.parent.as_str()), ("shop", "messages/1"));
        assert_eq!((watch.resume_token.as_str(), watch.report_level()), ("second", ReportLevel::Attempts));
        assert!(watch.include_receipts && !opening.is_told());
    }

    #[test]
    fn a_watch_of_everything_stays_one_whatever_is_accepted() {
        let parent = "messages/-".to_owned();
        let mut opening = Opening::Watch(WatchDeliveriesRequest { parent, ..Default::default() });
        opening.advance(&accepted("messages/1"));
        let Opening::Watch(watch) = &opening else { panic!("{opening:?}") };
        assert_eq!((watch.parent.as_str(), watch.resume_token.as_str()), ("messages/-", "first"));
    }

    #[test]
    fn what_has_been_told_in_full_is_not_asked_for_again() {
        let mut fire_and_forget = send(ReportLevel::Accepted);
        assert!(!fire_and_forget.is_told(), "the same request_id makes repeating it harmless");
        fire_and_forget.advance(&accepted("messages/1"));
        assert!(fire_and_forget.is_told());
        let mut dry_run = send(ReportLevel::Terminal);
        dry_run.advance(&accepted(""));
        assert!(dry_run.is_told());
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert!(is_lost_connection(&Status::unavailable("draining")));
        let broken = Status::from_error(Box::new(std::io::Error::other("broken")));
        assert!(is_lost_connection(&broken));
        for refused in [Status::not_found(""), Status::invalid_argument(""), Status::internal("")] {
            assert!(!is_lost_connection(&refused));
        }
    }
}

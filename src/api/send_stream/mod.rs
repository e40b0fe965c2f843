//! SendStream: requests up, answers and events down. Requests are accepted concurrently, so that the store makes many of
//! them durable with one sync, and answered in their order. Events come from the reader of all messages, narrowed to the
//! messages of this call: so its tokens are those of `messages/-`.

mod call;
mod row;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::time::{sleep_until, timeout};
use tonic::Status;

use super::lifetime::{Ended, Lifetime};
use super::status::ApiError;
use super::{Api, ApiFor, quotas};
use crate::domain::{Application, ReportLevel};
use crate::engine::feed::{FeedError, Frame, FrameStream, Scope, Start, Watch};
use crate::proto::v1;
use call::{Answer, Call};
use v1::send_stream_response::Content;

/// Requests of one call that wait for their acceptance; also the most answers of one response.
const IN_FLIGHT_MAX: usize = 256;
/// Messages of one call that have not ended: no request is read beyond it.
const OPEN_MAX: usize = 4_096;
/// Messages of one call whose receipts are told, ended ones included: more are refused.
const RECEIVING_MAX: usize = 65_536;
/// Frames of the log that are looked at in a row before the other side of the call has its turn.
const FRAMES_AT_ONCE: usize = 64;

/// How long the first frame waits for the first request, which says whose the call is.
const FIRST_REQUEST_WAIT: Duration = Duration::from_secs(1);

/// What goes down.
pub(super) type Responses = Pin<Box<dyn Stream<Item = Result<v1::SendStreamResponse, Status>> + Send>>;

/// What comes next.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, for a moment")]
enum Step {
    Request(Option<Result<v1::SendStreamRequest, Status>>),
    Answer(Answer),
    Frame(Option<Result<Frame, FeedError>>),
    ProgressDue,
    TimeOver(Ended),
}

/// Serves one call until the caller has half-closed and all its messages have ended, with their receipts where they are
/// included; or this server stops, or the stream is too old.
pub(super) fn send_stream<R>(
    api: &ApiFor<'_>,
    mut requests: R,
    lifetime: Lifetime,
) -> Result<Responses, ApiError>
where
    R: Stream<Item = Result<v1::SendStreamRequest, Status>> + Unpin + Send + 'static,
{
    // Whose the call is, its first request says. Until then it counts as that of the caller's own application.
    let mut application = api.application("")?;
    let permit = quotas::send(api, &application)?;
    let (api, principal, caller) = (Api::clone(api), Arc::clone(&api.principal), api.called_by());
    Ok(Box::pin(async_stream::try_stream! {
        let mut _permit = permit;
        // Nothing is told before it is known whose it would be, unless the caller waits to hear something first.
        let first = timeout(FIRST_REQUEST_WAIT, requests.next()).await.ok().flatten();
        let mut named = false;
        if let Some(Ok(request)) = &first {
            named = true;
            let own = application.id;
            application = api.application_of(&principal, named_by(request))?;
            if application.id != own {
                _permit = quotas::send(&api, &application)?;
            }
        }
        let mut requests = futures_util::stream::iter(first).chain(requests.fuse());
        let ended = lifetime.clone().of(&application, &api.applications).ended();
        tokio::pin!(ended);
        let mut feed = watch(&api, &application);
        let mut call = Call::new(&api, (&principal, &caller), application, feed.next().await)?;
        yield response(call.progress().await?);

        let mut answers = FuturesOrdered::new();
        // The caller has half-closed; this server stops, and takes nothing more.
        let (mut closed, mut draining) = (false, false);
        while draining || !(closed && answers.is_empty() && call.has_ended()) {
            let room = answers.len() < IN_FLIGHT_MAX && answers.len() + call.open() < OPEN_MAX;
            let step = tokio::select! {
                request = requests.next(), if room && !closed && !draining => Step::Request(request),
                Some(answer) = answers.next() => Step::Answer(answer),
                frame = feed.next(), if !call.holds_frame() => Step::Frame(frame),
                () = sleep_until(call.progress_due()) => Step::ProgressDue,
                ended = &mut ended => Step::TimeOver(ended),
            };
            match step {
                Step::Request(None) => closed = true,
                Step::Request(Some(request)) => {
                    let request = request?;
                    if !named {
                        named = true;
                        let application = api.application_of(&principal, named_by(&request))?;
                        if application.id != call.application().id {
                            _permit = quotas::send(&api, &application)?;
                            ended.set(lifetime.clone().of(&application, &api.applications).ended());
                            feed = watch(&api, &application);
                            call = Call::new(&api, (&principal, &caller), application, feed.next().await)?;
                            yield response(call.progress().await?);
                        }
                    }
                    answers.push_back(call.take_request(request.send.unwrap_or_default()));
                }
                Step::Answer(answer) => {
                    // With all that became durable together.
                    let (mut group, mut joined) = (Vec::new(), Vec::new());
                    let mut next = Some(answer);
                    while let Some(answer) = next {
                        draining |= answer.is_draining();
                        group.extend(call.answer(answer, &mut joined));
                        let room = group.len() < IN_FLIGHT_MAX;
                        next = if room { answers.next().now_or_never().flatten() } else { None };
                    }
                    if !group.is_empty() {
                        let content = Content::Answers(v1::SendStreamAnswers { answers: group });
                        yield v1::SendStreamResponse { content: Some(content) };
                    }
                    for joined in joined {
                        let mut from = Some(joined.from);
                        while let Some(seq) = from {
                            let (frames, next) = call.replay(&joined, seq).await?;
                            for frame in frames {
                                yield response(frame);
                            }
                            from = next;
                        }
                    }
                    for frame in call.let_go() {
                        yield response(frame);
                    }
                }
                Step::Frame(frame) => {
                    // With all that the log holds at once.
                    let mut next = Some(frame);
                    let (mut looked_at, mut ended) = (0, None);
                    while let Some(frame) = next.take() {
                        match frame {
                            Some(Ok(frame)) => {
                                if let Some(full) = call.take_frame(frame) {
                                    yield response(full);
                                }
                            }
                            Some(Err(error)) => ended = Some(ApiError::from_feed(error, "messages/-")),
                            None => ended = Some(ApiError::Draining),
                        }
                        looked_at += 1;
                        if ended.is_none() && !call.holds_frame() && looked_at < FRAMES_AT_ONCE {
                            next = feed.next().now_or_never();
                        }
                    }
                    if let Some(frame) = call.take_batch() {
                        yield response(frame);
                    }
                    if let Some(error) = ended {
                        Err(call.fail(error))?;
                    }
                }
                Step::ProgressDue => yield response(call.progress().await?),
                Step::TimeOver(Ended::Deadline) => Err(Ended::Deadline)?,
                Step::TimeOver(ended) => {
                    call.end_by_server();
                    Err(ended)?;
                }
            }
        }
        yield response(call.progress().await?);
    }))
}

/// The application that a request names.
fn named_by(request: &v1::SendStreamRequest) -> &str {
    request.send.as_ref().map_or("", |send| &send.application)
}

/// The log from now on, with every event and receipt: which of them are told, each request says.
fn watch(api: &Api, application: &Application) -> FrameStream {
    let level = ReportLevel::Attempts;
    api.engine.watch(Watch {
        application: application.id,
        scope: Scope::All,
        start: Start::Now,
        level,
        receipts: true,
    })
}

fn response(frame: v1::DeliveryFrame) -> v1::SendStreamResponse {
    v1::SendStreamResponse { content: Some(Content::Frame(frame)) }
}

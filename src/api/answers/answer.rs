//! One answer: what of it waits here, and its body as HTTP takes it.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use http::HeaderMap;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use super::super::connections::ConnectionHandle;
use super::super::rate::Caller;
use super::super::status::ApiError;
use super::ledger::{Cause, Ledger, Verdict};

/// Octets that HTTP is handed at once: as many as a frame of HTTP/2 has. It keeps what it was handed until there is a
/// window for it, so this bounds what only the end of the connection frees.
const PART_OCTETS: usize = 16 * 1024;

/// One answer that is being written.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) caller: Caller,
    /// Where it goes; not known in tests of parts.
    pub(super) connection: Option<ConnectionHandle>,
    ledger: Arc<Ledger>,
    /// Its number in the ledger, which alone changes it; 0 while it holds nothing.
    place: AtomicU64,
    content: Mutex<Content>,
    /// The task that waits for the next frame.
    waiting: AtomicWaker,
}

/// What is still to be written.
#[derive(Debug)]
enum Content {
    Body {
        body: Body,
        /// Of a frame that is handed on in parts: the rest, and its size as a whole.
        rest: Bytes,
        frame_octets: usize,
        /// It is gRPC, which may end with a status between two frames.
        is_grpc: bool,
    },
    /// Given up, which is still to be said: with a status, or else by breaking off.
    GivenUp { cause: Cause, with_status: bool },
    /// All is said.
    Ended,
}

impl Answer {
    pub(super) fn new(
        ledger: Arc<Ledger>,
        caller: Caller,
        connection: Option<ConnectionHandle>,
        body: Body,
        is_grpc: bool,
    ) -> Self {
        let content = Content::Body { body, rest: Bytes::new(), frame_octets: 0, is_grpc };
        Self {
            caller,
            connection,
            ledger,
            place: AtomicU64::new(0),
            content: Mutex::new(content),
            waiting: AtomicWaker::new(),
        }
    }

    pub(super) fn connection_id(&self) -> Option<u64> {
        self.connection.as_ref().map(ConnectionHandle::id)
    }

    pub(super) fn place(&self) -> u64 {
        self.place.load(Ordering::Relaxed)
    }

    /// Only by the ledger, under its lock.
    pub(super) fn set_place(&self, place: u64) {
        self.place.store(place, Ordering::Relaxed);
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what is here, and with it whatever makes the answer: a stream gives its place back.
    pub(super) fn give_up(&self, cause: Cause) {
        let mut content = self.content();
        if let Content::Body { rest, is_grpc, .. } = &*content {
            let with_status = *is_grpc && rest.is_empty();
            let dropped = std::mem::replace(&mut *content, Content::GivenUp { cause, with_status });
            drop(content);
            drop(dropped);
            self.waiting.wake();
        }
    }
}

/// What HTTP was handed. Dropped, it is written.
struct Part {
    octets: Bytes,
    answer: Arc<Answer>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.answer.ledger.written(&self.answer, self.octets.len());
    }
}

/// An answer's body.
#[derive(Debug)]
pub(super) struct AnswerBody(pub(super) Arc<Answer>);

type Polled = Poll<Option<Result<Frame<Bytes>, Status>>>;

impl AnswerBody {
    /// The next frame, and who gives way for it.
    fn next(&self, cx: &mut Context<'_>) -> (Polled, Vec<Verdict>) {
        let Self(answer) = self;
        let mut verdicts = Vec::new();
        let mut content = answer.content();
        let polled = match &mut *content {
            Content::Body { body, rest, frame_octets, .. } => {
                if rest.is_empty() {
                    match Pin::new(body).poll_frame(cx) {
                        Poll::Pending => {
                            answer.waiting.register(cx.waker());
                            return (Poll::Pending, verdicts);
                        }
                        Poll::Ready(Some(Ok(frame))) if frame.is_data() => {
                            *rest = frame.into_data().unwrap_or_default();
                            *frame_octets = rest.len();
                            if rest.len() > PART_OCTETS {
                                verdicts.extend(answer.ledger.begin_frame(answer, rest.len()));
                            }
                        }
                        Poll::Ready(end) => {
                            // Trailers, an error, or nothing: it is over.
                            let dropped = std::mem::replace(&mut *content, Content::Ended);
                            drop(content);
                            drop(dropped);
                            return (Poll::Ready(end), verdicts);
                        }
                    }
                }
                let octets = if *frame_octets > PART_OCTETS {
                    // A copy: else each part that HTTP keeps would keep all of the frame.
                    let octets = Bytes::copy_from_slice(&rest[..rest.len().min(PART_OCTETS)]);
                    *rest = rest.split_off(octets.len());
                    if rest.is_empty() {
                        answer.ledger.end_frame(answer, *frame_octets);
                    }
                    octets
                } else {
                    std::mem::take(rest)
                };
                verdicts.extend(answer.ledger.take(answer, octets.len()));
                let part = Part { octets, answer: Arc::clone(answer) };
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(part)))))
            }
            Content::GivenUp { cause, with_status } => {
                let status = Status::from(ApiError::AnswerNotTaken(cause.setting()));
                let mut trailers = HeaderMap::new();
                let said = *with_status && status.add_header(&mut trailers).is_ok();
                *content = Content::Ended;
                Poll::Ready(Some(if said { Ok(Frame::trailers(trailers)) } else { Err(status) }))
            }
            Content::Ended => Poll::Ready(None),
        };
        (polled, verdicts)
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let (polled, verdicts) = self.next(cx);
        self.0.ledger.carry_out(verdicts);
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &*self.0.content() {
            Content::Body { body, rest, .. } => rest.is_empty() && body.is_end_stream(),
            Content::GivenUp { .. } => false,
            Content::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &*self.0.content() {
            Content::Body { body, rest, .. } if rest.is_empty() => body.size_hint(),
            Content::Body { .. } | Content::GivenUp { .. } | Content::Ended => SizeHint::default(),
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        let Self(answer) = self;
        let mut content = answer.content();
        let dropped = std::mem::replace(&mut *content, Content::Ended);
        drop(content);
        if let Content::Body { rest, frame_octets, .. } = &dropped
            && !rest.is_empty()
        {
            answer.ledger.end_frame(answer, *frame_octets);
        }
    }
}

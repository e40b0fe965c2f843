//! Bodies: of a request, which notes when it leaves, and of an answer, which is cut off.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};

/// Whether the first octet of a request may have left.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent(Arc<AtomicBool>);

impl Sent {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A request's body. Hyper looks at it first when it writes the request's header: from then on it counts as sent.
#[derive(Debug)]
pub(super) struct RequestBody {
    data: Option<Bytes>,
    sent: Sent,
}

impl RequestBody {
    pub(super) fn new(data: Bytes, sent: Sent) -> Self {
        Self { data: Some(data).filter(|data| !data.is_empty()), sent }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.sent.set();
        Poll::Ready(self.data.take().map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.sent.set();
        self.data.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
    }
}

/// Reads an answer's body up to `octets_max`. One that breaks off is what it is so far: the status has told the
/// outcome, and asking again would send the message twice.
pub(super) async fn read(response: &mut reqwest::Response, octets_max: usize, body: &mut BytesMut) {
    while body.len() < octets_max {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = octets_max - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            Ok(None) | Err(_) => return,
        }
    }
}

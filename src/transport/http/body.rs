//! Bodies: of a request, which notes when it leaves, and of an answer, which is cut off.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};

/// Nothing has left yet.
const WAITING: u8 = 0;
/// The body may have left.
const LEFT: u8 = 1;
/// It will not leave any more.
const WITHDRAWN: u8 = 2;

/// Whether one request's body has left. Without its body no push service can have taken a message, so this, and not
/// its header, is what counts as sent. Dropped, it withdraws the body: hyper may open the stream of a request long
/// after its caller has given it up.
#[derive(Debug, Default)]
pub(super) struct Departure(Arc<AtomicU8>);

impl Departure {
    /// Keeps the body from leaving. False if it may have left before.
    pub(super) fn withdraw(&self) -> bool {
        self.0.compare_exchange(WAITING, WITHDRAWN, Ordering::AcqRel, Ordering::Acquire) != Err(LEFT)
    }

    /// Whether the body may have left.
    pub(super) fn has_left(&self) -> bool {
        self.0.load(Ordering::Acquire) == LEFT
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.withdraw();
    }
}

/// The request was given up before its body left; its stream is reset.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the request was given up")]
pub(super) struct Withdrawn;

/// A request's body.
#[derive(Debug)]
pub(super) struct RequestBody {
    data: Option<Bytes>,
    departure: Arc<AtomicU8>,
}

impl RequestBody {
    pub(super) fn new(data: Bytes, departure: &Departure) -> Self {
        Self { data: Some(data).filter(|data| !data.is_empty()), departure: Arc::clone(&departure.0) }
    }

    /// False if it was withdrawn.
    fn leave(&self) -> bool {
        self.departure.compare_exchange(WAITING, LEFT, Ordering::AcqRel, Ordering::Acquire) != Err(WITHDRAWN)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Withdrawn;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Withdrawn>>> {
        if !self.leave() {
            return Poll::Ready(Some(Err(Withdrawn)));
        }
        Poll::Ready(self.data.take().map(|data| Ok(Frame::data(data))))
    }

    /// Hyper asks before it writes the header. If there is no body, the header is the whole request.
    fn is_end_stream(&self) -> bool {
        if self.data.is_none() {
            self.leave();
        }
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

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_body_leaves_or_is_withdrawn_but_not_both() {
        let departure = Departure::default();
        let mut body = RequestBody::new(Bytes::from_static(b"ciphertext"), &departure);
        assert!(!body.is_end_stream());
        assert!(!departure.has_left(), "the header alone is no message");
        assert!(body.frame().await.unwrap().is_ok());
        assert!(departure.has_left());
        assert!(!departure.withdraw());

        let departure = Departure::default();
        let mut body = RequestBody::new(Bytes::from_static(b"ciphertext"), &departure);
        assert!(departure.withdraw());
        assert!(body.frame().await.unwrap().is_err());
        assert!(!departure.has_left());

        let departure = Departure::default();
        let mut body = RequestBody::new(Bytes::from_static(b"ciphertext"), &departure);
        drop(departure);
        assert!(body.frame().await.unwrap().is_err());
    }

    #[test]
    fn a_message_without_a_body_leaves_with_its_header() {
        let departure = Departure::default();
        assert!(RequestBody::new(Bytes::new(), &departure).is_end_stream());
        assert!(departure.has_left());
    }
}

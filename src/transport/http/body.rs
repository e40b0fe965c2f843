//! Bodies: of a request, which notes when it leaves, and of an answer, which is cut off.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};

use crate::transport::tls::Protocol;

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

/// h2 (0.4) copies frames below 256 octets into its buffer, and makes a write to the connection of its own of each that is
/// larger. In small ones, the requests of a batch leave together: a write costs more than a few frames.
const SMALL_FRAME_OCTETS: usize = 255;
/// Larger bodies are not worth it: they would be too many frames.
const IN_SMALL_FRAMES_OCTETS_MAX: usize = 8 * SMALL_FRAME_OCTETS;

/// A request's body.
#[derive(Debug)]
pub(super) struct RequestBody {
    data: Option<Bytes>,
    frame_octets_max: usize,
    departure: Arc<AtomicU8>,
}

impl RequestBody {
    pub(super) fn new(data: Bytes, protocol: Protocol, departure: &Departure) -> Self {
        let small = protocol == Protocol::Http2 && data.len() <= IN_SMALL_FRAMES_OCTETS_MAX;
        Self {
            data: Some(data).filter(|data| !data.is_empty()),
            frame_octets_max: if small { SMALL_FRAME_OCTETS } else { usize::MAX },
            departure: Arc::clone(&departure.0),
        }
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
        let most = self.frame_octets_max;
        if let Some(data) = self.data.as_mut()
            && data.len() > most
        {
            return Poll::Ready(Some(Ok(Frame::data(data.split_to(most)))));
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
        let mut body = RequestBody::new(Bytes::from_static(b"ciphertext"), Protocol::Http2, &departure);
        assert!(!body.is_end_stream());
        assert!(!departure.has_left(), "the header alone is no message");
        assert!(body.frame().await.unwrap().is_ok());
        assert!(departure.has_left());
        assert!(!departure.withdraw());

        let departure = Departure::default();
        let mut body = RequestBody::new(Bytes::from_static(b"ciphertext"), Protocol::Http2, &departure);
        assert!(departure.withdraw());
        assert!(body.frame().await.unwrap().is_err());
        assert!(!departure.has_left());

        let departure = Departure::default();
        let mut body = RequestBody::new(Bytes::from_static(b"ciphertext"), Protocol::Http2, &departure);
        drop(departure);
        assert!(body.frame().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn over_http2_a_body_leaves_in_small_frames_if_they_are_few() {
        for (octets, protocol, frames) in [
            (255, Protocol::Http2, 1),
            (256, Protocol::Http2, 2),
            (IN_SMALL_FRAMES_OCTETS_MAX, Protocol::Http2, 8),
            (IN_SMALL_FRAMES_OCTETS_MAX + 1, Protocol::Http2, 1),
            (1_103, Protocol::Http1, 1),
        ] {
            let whole: Bytes = (0..octets).map(|octet| octet as u8).collect();
            let departure = Departure::default();
            let mut body = RequestBody::new(whole.clone(), protocol, &departure);
            let (mut left, mut count) = (BytesMut::new(), 0);
            while let Some(frame) = body.frame().await {
                left.extend_from_slice(&frame.unwrap().into_data().unwrap());
                count += 1;
                assert_eq!(body.size_hint().exact(), Some((octets - left.len()) as u64));
                assert_eq!(body.is_end_stream(), left.len() == octets);
                assert!(!departure.withdraw(), "its first frame has left");
            }
            assert_eq!((left.freeze(), count), (whole, frames), "{octets}");
        }
    }

    #[test]
    fn a_message_without_a_body_leaves_with_its_header() {
        let departure = Departure::default();
        assert!(RequestBody::new(Bytes::new(), Protocol::Http2, &departure).is_end_stream());
        assert!(departure.has_left());
    }
}

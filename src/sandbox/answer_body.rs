//! The body of an answer: a text, zeros after it, and an end that may not be the one that was promised.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::connection::Connection;

/// Sent again and again for a long body.
static ZEROS: [u8; 64 * 1_024] = [0; 64 * 1_024];

/// A body.
#[derive(Debug, Default)]
pub(crate) struct AnswerBody {
    text: Bytes,
    zeros: u64,
    end: End,
}

/// How a body ends.
#[derive(Debug, Default)]
pub(crate) enum End {
    /// After all of it.
    #[default]
    Whole,
    /// Although the headers promise more.
    Short,
    /// With its connection, although the headers promise more.
    Close(Arc<Connection>),
}

impl AnswerBody {
    /// A text with so many zeros after it.
    pub(crate) fn new(text: Bytes, zeros: u64) -> Self {
        Self { text, zeros, end: End::Whole }
    }

    /// The same with another end.
    pub(crate) fn ending(self, end: End) -> Self {
        Self { end, ..self }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if !self.text.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.text)))));
        }
        if self.zeros > 0 {
            let len = self.zeros.min(ZEROS.len() as u64);
            self.zeros -= len;
            let len = usize::try_from(len).unwrap_or(ZEROS.len());
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&ZEROS[..len])))));
        }
        match &self.end {
            End::Whole | End::Short => Poll::Ready(None),
            End::Close(connection) => {
                // The connection sends what it has, then ends; nobody needs to be woken.
                connection.close();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.end, End::Whole | End::Short) && self.text.is_empty() && self.zeros == 0
    }

    fn size_hint(&self) -> SizeHint {
        match self.end {
            End::Whole => SizeHint::with_exact(self.text.len() as u64 + self.zeros),
            End::Short | End::Close(_) => SizeHint::default(),
        }
    }
}

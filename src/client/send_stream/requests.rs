//! The requests of a SendStream, which outlive the calls that carry them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::stream::BoxStream;

use super::ledger::Ledger;
use crate::client::error::Error;
use crate::proto::v1::{SendRequest, SendStreamRequest, SendStreamResponse};

/// What is sent, shared by the call that sends it and by the caller who reads the results.
pub(super) struct Requests(Mutex<State>);

struct State {
    input: BoxStream<'static, SendRequest>,
    /// Nothing more comes of the input.
    exhausted: bool,
    /// Which call may take from the input: one that was lost may live on for a moment.
    call: u64,
    ledger: Ledger,
}

impl Requests {
    pub(super) fn new(input: BoxStream<'static, SendRequest>) -> Self {
        Self(Mutex::new(State { input, exhausted: false, call: 0, ledger: Ledger::default() }))
    }

    /// Nothing that is done under the lock leaves the state half changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a new call sends: what had not ended, then what comes. It ends those of earlier calls.
    pub(super) fn begin_call(this: &Arc<Self>) -> Outgoing {
        let mut state = this.lock();
        state.call += 1;
        let (call, repeated) = (state.call, state.ledger.carry_over());
        drop(state);
        Outgoing { requests: Arc::clone(this), call, repeated }
    }

    /// Leaves out what was told before the call was lost; none: nothing is left.
    pub(super) fn news(&self, response: SendStreamResponse) -> Result<Option<SendStreamResponse>, Error> {
        self.lock().ledger.news(response)
    }

    /// Whether receipts were asked for: they come after a message has ended, of which nothing is kept here.
    pub(super) fn receipts(&self) -> bool {
        self.lock().ledger.receipts()
    }

    /// Whether everything was sent and has ended.
    pub(super) fn are_complete(&self) -> bool {
        let state = self.lock();
        state.exhausted && state.ledger.is_empty()
    }
}

/// The requests of one call.
pub(super) struct Outgoing {
    requests: Arc<Requests>,
    call: u64,
    repeated: VecDeque<SendRequest>,
}

impl Stream for Outgoing {
    type Item = SendStreamRequest;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(request) = self.repeated.pop_front() {
            return Poll::Ready(Some(SendStreamRequest { send: Some(request) }));
        }
        let mut state = self.requests.lock();
        if state.exhausted || state.call != self.call {
            return Poll::Ready(None);
        }
        match state.input.as_mut().poll_next(context) {
            Poll::Ready(Some(request)) => {
                let request = state.ledger.add(request);
                Poll::Ready(Some(SendStreamRequest { send: Some(request) }))
            }
            Poll::Ready(None) => {
                state.exhausted = true;
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _, stream};

    use super::*;

    fn next(outgoing: &mut Outgoing) -> Option<String> {
        let sent = outgoing.next().now_or_never().expect("the input is there");
        sent.map(|sent| sent.send.expect("set").request_id)
    }

    #[test]
    fn a_call_that_was_lost_takes_nothing_more_from_the_input() {
        let request = |id: &str| SendRequest { request_id: id.to_owned(), ..SendRequest::default() };
        let input = [request("a"), request("b"), request("c")];
        let requests = Arc::new(Requests::new(stream::iter(input).boxed()));
        let mut first = Requests::begin_call(&requests);
        assert_eq!(next(&mut first).as_deref(), Some("a"));
        let mut second = Requests::begin_call(&requests);
        assert_eq!(next(&mut first), None);
        assert_eq!(next(&mut second).as_deref(), Some("a"));
        assert_eq!(next(&mut second).as_deref(), Some("b"));
        assert!(!requests.are_complete());
        let mut third = Requests::begin_call(&requests);
        let sent: Vec<_> = std::iter::from_fn(|| next(&mut third)).collect();
        assert_eq!(sent, ["a", "b", "c"]);
    }
}

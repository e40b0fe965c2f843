//! A transport for tests: it answers as a script says, at once or when the test lets it, and keeps what was posted.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::{oneshot, watch};

use super::{Transport, TransportError};
use crate::domain::Origin;
use crate::webpush::request::{PushRequest, PushResponse};

/// What a request comes to.
pub type Answered = Result<PushResponse, TransportError>;

/// What a script says to one request.
#[derive(Debug)]
pub enum Answer {
    /// This, at once.
    Now(Answered),
    /// What the [`Release`] is given, or [`TransportError::TimedOut`] once that is dropped.
    Held(oneshot::Receiver<Answered>),
    /// Nothing, ever. Ends when the caller gives up.
    Never,
}

impl Answer {
    /// A status at once, without header fields or body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Now(Ok(response(status)))
    }

    /// An answer that waits for its [`Release`].
    #[must_use]
    pub fn held() -> (Self, Release) {
        let (release, answer) = oneshot::channel();
        (Self::Held(answer), Release(release))
    }
}

/// Lets one held request go.
#[derive(Debug)]
pub struct Release(oneshot::Sender<Answered>);

impl Release {
    /// Answers. Nothing happens if the caller has given up.
    pub fn answer(self, answer: Answered) {
        let _ = self.0.send(answer);
    }

    /// Answers with a status, without header fields or body.
    pub fn status(self, status: u16) {
        self.answer(Ok(response(status)));
    }
}

/// An answer with this status, without header fields or body.
#[must_use]
pub fn response(status: u16) -> PushResponse {
    PushResponse { status, headers: HeaderMap::new(), body: Bytes::new() }
}

type Script = Box<dyn FnMut(&PushRequest) -> Answer + Send>;

/// See the [module's documentation](self). Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct ScriptedTransport {
    shared: Arc<Shared>,
}

struct Shared {
    script: Mutex<Script>,
    requests: Mutex<Vec<PushRequest>>,
    counts: watch::Sender<Counts>,
}

/// How many requests there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// So far.
    pub started: usize,
    /// Without an answer yet.
    pub in_flight: usize,
    /// At once, at most.
    pub in_flight_max: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ScriptedTransport {
    /// Asks the script for each request, in the order in which they are posted.
    pub fn new(script: impl FnMut(&PushRequest) -> Answer + Send + 'static) -> Self {
        Self {
            shared: Arc::new(Shared {
                script: Mutex::new(Box::new(script)),
                requests: Mutex::default(),
                counts: watch::Sender::default(),
            }),
        }
    }

    /// Answers every request with this status.
    #[must_use]
    pub fn always(status: u16) -> Self {
        Self::new(move |_| Answer::status(status))
    }

    /// Answers the first requests from a list and all others with 201.
    #[must_use]
    pub fn queue(answers: impl IntoIterator<Item = Answer, IntoIter: Send + 'static>) -> Self {
        let mut answers = answers.into_iter();
        Self::new(move |_| answers.next().unwrap_or_else(|| Answer::status(201)))
    }

    /// Changes the script for the requests from now on.
    pub fn set_script(&self, script: impl FnMut(&PushRequest) -> Answer + Send + 'static) {
        *lock(&self.shared.script) = Box::new(script);
    }

    /// What was posted so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<PushRequest> {
        lock(&self.shared.requests).clone()
    }

    /// How many there were.
    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.shared.counts.borrow()
    }

    /// Waits until so many have been posted.
    pub async fn wait_for_started(&self, started: usize) {
        self.wait_for(|counts| counts.started >= started).await;
    }

    /// Waits until the counts are so.
    pub async fn wait_for(&self, condition: impl Fn(&Counts) -> bool) {
        let mut counts = self.shared.counts.subscribe();
        // The sender lives as long as `self`.
        let _ = counts.wait_for(condition).await;
    }
}

impl fmt::Debug for ScriptedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedTransport").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

/// One request in flight; counted off when dropped.
struct InFlight<'a>(&'a watch::Sender<Counts>);

impl<'a> InFlight<'a> {
    fn start(counts: &'a watch::Sender<Counts>) -> Self {
        counts.send_modify(|counts| {
            counts.started += 1;
            counts.in_flight += 1;
            counts.in_flight_max = counts.in_flight_max.max(counts.in_flight);
        });
        Self(counts)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|counts| counts.in_flight -= 1);
    }
}

#[async_trait]
impl Transport for ScriptedTransport {
    async fn post(&self, request: PushRequest) -> Answered {
        let answer = (lock(&self.shared.script))(&request);
        lock(&self.shared.requests).push(request);
        let _in_flight = InFlight::start(&self.shared.counts);
        match answer {
            Answer::Now(answer) => answer,
            Answer::Held(answer) => answer.await.unwrap_or(Err(TransportError::TimedOut { sent: true })),
            Answer::Never => std::future::pending().await,
        }
    }

    /// It has none.
    fn connections(&self, _origin: &Origin) -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Endpoint;

    fn request() -> PushRequest {
        PushRequest {
            endpoint: Endpoint::parse("https://push.example.net/p/1", false).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            policy: None,
        }
    }

    #[tokio::test]
    async fn holds_an_answer_until_it_is_released() {
        let (held, release) = Answer::held();
        let transport = ScriptedTransport::queue([held]);
        let post = tokio::spawn({
            let transport = transport.clone();
            async move { transport.post(request()).await }
        });
        transport.wait_for_started(1).await;
        assert_eq!(transport.post(request()).await.unwrap().status, 201);
        assert_eq!(transport.counts(), Counts { started: 2, in_flight: 1, in_flight_max: 2 });
        release.status(410);
        assert_eq!(post.await.unwrap().unwrap().status, 410);
        assert_eq!(transport.requests().len(), 2);
        transport.wait_for(|counts| counts.in_flight == 0).await;
    }
}

//! Many messages over one call.

mod ledger;
mod requests;

use std::fmt;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};
use tonic::Streaming;

use self::requests::Requests;
use super::connect::Client;
use super::error::Error;
use super::pause::Pause;
use crate::proto::v1::{SendRequest, SendStreamResponse};

impl Client {
    /// Sends many messages over one call, flow-controlled both ways, and tells what becomes of them: requests are taken
    /// from the stream as the server takes them. One that is refused is an answer with `rejected`, and the call goes on.
    /// A lost call is taken up again: what had not ended is sent once more, with its `request_id`, and what had been told
    /// is not told again. If receipts were asked for, a lost call ends with an error instead: watch "messages/-" from the
    /// last token.
    ///
    /// For requests that are there already: `futures_util::stream::iter(requests)`.
    pub fn send_stream(&self, requests: impl Stream<Item = SendRequest> + Send + 'static) -> Results {
        Results {
            deadline: self.limit().map(|limit| Instant::now() + limit),
            client: self.clone(),
            requests: Arc::new(Requests::new(requests.boxed())),
            call: None,
            pause: Pause::new(self.accept_for),
            ended: false,
        }
    }
}

/// What becomes of the messages of [`Client::send_stream`]. Dropping it leaves the call; messages that were accepted go
/// on.
///
/// Its methods may be dropped before they are ready: nothing is lost.
pub struct Results {
    client: Client,
    deadline: Option<Instant>,
    requests: Arc<Requests>,
    call: Option<Streaming<SendStreamResponse>>,
    pause: Pause,
    ended: bool,
}

impl fmt::Debug for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Results").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Results {
    /// Waits for the next response: answers, events or progress; none at the end. Progress counts the messages of the
    /// present call, which after a reconnection are fewer.
    ///
    /// # Errors
    /// The call was refused, or could not be taken up again. There is nothing more after it.
    pub async fn next(&mut self) -> Result<Option<SendStreamResponse>, Error> {
        if self.ended {
            return Ok(None);
        }
        let next = match self.deadline {
            Some(deadline) => {
                timeout_at(deadline, self.follow()).await.unwrap_or_else(|_| Err(Error::deadline_exceeded()))
            }
            None => self.follow().await,
        };
        if !matches!(next, Ok(Some(_))) {
            self.ended = true;
            self.call = None;
        }
        next
    }

    /// The responses as a [`Stream`], which ends after an error.
    pub fn responses(&mut self) -> impl Stream<Item = Result<SendStreamResponse, Error>> + Send + Unpin + '_ {
        stream::try_unfold(self, async |results| {
            Ok(results.next().await?.map(|response| (response, results)))
        })
        .boxed()
    }

    async fn follow(&mut self) -> Result<Option<SendStreamResponse>, Error> {
        loop {
            let reason = match self.receive().await {
                Ok(Some(response)) => {
                    self.pause = Pause::new(self.client.reconnect_for);
                    match self.requests.news(response)? {
                        Some(news) => return Ok(Some(news)),
                        None => continue,
                    }
                }
                Ok(None) => return Ok(None),
                Err(reason) => reason,
            };
            self.call = None;
            if self.requests.receipts() {
                return Err(reason);
            }
            if self.requests.are_complete() {
                return Ok(None);
            }
            self.pause.wait(reason, self.client.on_lost).await?;
        }
    }

    async fn receive(&mut self) -> Result<Option<SendStreamResponse>, Error> {
        if self.call.is_none() {
            let limit = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let outgoing = Requests::begin_call(&self.requests);
            let call = self.client.limited(limit).push().send_stream(outgoing).await?;
            self.call = Some(call.into_inner());
        }
        match &mut self.call {
            Some(call) => Ok(call.message().await?),
            None => Ok(None),
        }
    }
}

//! The engine: from an accepted message to the terminal event of each of its deliveries.

pub mod feed;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::domain::{Application, Audience, MessageSpec, SubscriptionId, Target};
use crate::store::{Accepted, Store, StoreError};
use feed::{FrameStream, Watch};

/// The engine's handle: what the API calls. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    store: Arc<dyn Store>,
    stop_streams: CancellationToken,
}

/// To whom a message goes.
#[derive(Clone, Debug)]
pub enum Recipients {
    /// A Send's, looked up already: at least one.
    Targets(Vec<Target>),
    /// A Broadcast's.
    Audience(Audience),
}

/// A message to accept.
#[derive(Clone, Debug)]
pub struct Submission {
    /// What and how.
    pub spec: MessageSpec,
    /// To whom.
    pub recipients: Recipients,
    /// The caller's key for the request; empty for none.
    pub request_id: String,
    /// Of the request in canonical form.
    pub request_hash: [u8; 32],
}

impl Engine {
    /// Accepts a message: durable when this returns, and on its way. Errors: [`StoreError::RequestIdReused`],
    /// [`StoreError::Unavailable`].
    pub async fn submit(
        &self,
        application: &Application,
        submission: Submission,
    ) -> Result<Accepted, StoreError> {
        todo!("{application:?} {submission:?}")
    }

    /// A status stream; see [`feed::watch`].
    #[must_use]
    pub fn watch(&self, watch: Watch) -> FrameStream {
        feed::watch(Arc::clone(&self.store), watch, self.stop_streams.clone())
    }

    /// A stored subscription was changed or removed: attempts that have not started look it up again. Call it once the
    /// store has answered.
    pub fn subscription_changed(&self, subscription: SubscriptionId) {
        todo!("{subscription:?}")
    }
}

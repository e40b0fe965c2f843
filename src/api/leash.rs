//! `cancel_on_disconnect`: a message that lives no longer than the call that sent it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;

use super::Api;
use crate::domain::{ApplicationId, MessageId};

/// Whether this server has ended a call: then nobody has disconnected.
#[derive(Clone, Debug, Default)]
pub(super) struct CallEnd(Arc<AtomicBool>);

impl CallEnd {
    /// This server ends the call.
    pub(super) fn by_server(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Cancels its message when it is dropped: whatever holds a call's stream drops it when the caller goes away. Not when this
/// server ended the call, and not when it stops.
#[derive(Debug)]
pub(super) struct Leash {
    api: Api,
    application: ApplicationId,
    message: MessageId,
    call: CallEnd,
}

impl Leash {
    /// Ties a message to a call.
    pub(super) fn new(api: &Api, application: ApplicationId, message: MessageId, call: &CallEnd) -> Self {
        Self { api: api.clone(), application, message, call: call.clone() }
    }

    /// The message has ended, or needs the call no more.
    pub(super) fn untie(mut self) {
        self.call = CallEnd::default();
        self.call.by_server();
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        if self.call.0.load(Ordering::Relaxed) || self.api.engine.is_draining() {
            return;
        }
        // Without a runtime the process is ending.
        let Ok(runtime) = Handle::try_current() else { return };
        let (engine, application, message) = (self.api.engine.clone(), self.application, self.message);
        let cancel = async move {
            if let Err(error) = engine.cancel(application, message).await {
                tracing::warn!(%message, %error, "a message could not be cancelled although its caller left");
            }
        };
        self.api.writes.spawn_on(cancel, &runtime);
    }
}

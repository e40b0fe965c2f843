//! `cancel_on_disconnect`: a message that lives no longer than the call that sent it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;

use super::Api;
use crate::domain::{ApplicationId, CalledBy, MessageId};

/// One call, for the messages that are tied to it.
#[derive(Clone, Debug)]
pub(super) struct CallEnd(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    api: Api,
    application: ApplicationId,
    caller: CalledBy,
    /// This server has ended the call: then nobody has disconnected.
    by_server: AtomicBool,
}

impl CallEnd {
    /// Of a call that begins.
    pub(super) fn new(api: &Api, application: ApplicationId, caller: CalledBy) -> Self {
        Self(Arc::new(Inner { api: api.clone(), application, caller, by_server: AtomicBool::new(false) }))
    }

    /// Who calls.
    pub(super) fn caller(&self) -> &CalledBy {
        &self.0.caller
    }

    /// This server ends the call.
    pub(super) fn by_server(&self) {
        self.0.by_server.store(true, Ordering::Relaxed);
    }
}

/// Cancels its message when it is dropped: whatever holds a call's stream drops it when the caller goes away. Not when this
/// server ended the call, and not when it stops.
#[derive(Debug)]
pub(super) struct Leash {
    call: CallEnd,
    message: Option<MessageId>,
}

impl Leash {
    /// Ties a message to a call.
    pub(super) fn new(message: MessageId, call: &CallEnd) -> Self {
        Self { call: call.clone(), message: Some(message) }
    }

    /// The message has ended, or needs the call no more.
    pub(super) fn untie(mut self) {
        self.message = None;
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        let Inner { api, application, by_server, .. } = &*self.call.0;
        let Some(message) = self.message else { return };
        if by_server.load(Ordering::Relaxed) || api.engine.is_draining() {
            return;
        }
        // Without a runtime the process is ending.
        let Ok(runtime) = Handle::try_current() else { return };
        let (engine, application) = (api.engine.clone(), *application);
        let cancel = async move {
            if let Err(error) = engine.cancel(application, message).await {
                tracing::warn!(message_id = %message, %error, "a message could not be cancelled although its caller left");
            }
        };
        api.writes.spawn_on(cancel, &runtime);
    }
}

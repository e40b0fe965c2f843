//! Whom a push resource belongs to. Synthetic subscribers are one kind; a browser that is connected or away is another.

use bytes::Bytes;

use super::fault::Stage;
use super::push_headers::PushHeaders;
use super::refusal::Refusal;

/// A push message that passed all checks.
#[derive(Debug)]
pub(crate) struct PushMessage {
    /// Rises with every message that the sandbox takes.
    pub(crate) sequence: u64,
    pub(crate) headers: PushHeaders,
    pub(crate) body: Bytes,
}

/// The owner of a push resource.
pub(crate) trait Subscriber: Send + Sync {
    /// The VAPID public key that it was subscribed with; none takes messages of anybody.
    fn application_server_key(&self) -> Option<&[u8; 65]>;

    /// Asked at every stage of the checks: whether it has ended, or a fault acts.
    fn check(&self, stage: Stage) -> Result<(), Refusal>;

    /// Takes a message, which is answered 201 whatever becomes of it. Must not wait.
    fn deliver(&self, message: PushMessage);
}

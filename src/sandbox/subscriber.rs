//! Whom a push resource belongs to. Synthetic subscribers are one kind; a browser that is connected or away is another.

use std::sync::Arc;

use bytes::Bytes;

use super::fault::{Fault, Stage};
use super::push_headers::PushHeaders;

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

    /// Whether the subscription has ended.
    fn is_gone(&self) -> bool {
        false
    }

    /// Asked at every stage of the checks, with a chance from 0 up to 1: the fault that acts.
    fn check(&self, stage: Stage, chance: &dyn Fn() -> f64) -> Option<Arc<Fault>>;

    /// Takes a message, whatever becomes of it. Must not wait.
    fn deliver(&self, message: PushMessage);
}

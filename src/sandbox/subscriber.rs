//! Whom a push resource belongs to. Synthetic subscribers are one kind; a browser that is connected or away is another.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
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

/// What a subscription was made with: a VAPID public key, or what autopush remembers of one, its SHA-256.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ServerKey<'a> {
    /// An uncompressed point.
    Point(&'a [u8; 65]),
    /// Of whatever octets the browser gave.
    Digest(&'a [u8; 32]),
}

impl ServerKey<'_> {
    /// Whether it is the key of this sender.
    pub(crate) fn is(self, sender: &[u8; 65]) -> bool {
        match self {
            Self::Point(point) => point == sender,
            Self::Digest(of) => key_digest(sender) == *of,
        }
    }
}

/// What is remembered of an application server key.
pub(crate) fn key_digest(key: &[u8]) -> [u8; 32] {
    let mut octets = [0; 32];
    octets.copy_from_slice(digest(&SHA256, key).as_ref());
    octets
}

/// The owner of a push resource.
pub(crate) trait Subscriber: Send + Sync {
    /// What it was subscribed with; none takes messages of anybody.
    fn server_key(&self) -> Option<ServerKey<'_>>;

    /// Whether the subscription has ended.
    fn is_gone(&self) -> bool {
        false
    }

    /// Asked at every stage of the checks, with a chance from 0 up to 1: the fault that acts.
    fn check(&self, stage: Stage, chance: &dyn Fn() -> f64) -> Option<Arc<Fault>>;

    /// Takes a message, whatever becomes of it. Must not wait.
    fn deliver(&self, message: PushMessage);
}

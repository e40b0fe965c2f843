//! Applications: the tenants. Each has its own VAPID keys, contact, defaults, subscriptions and messages.

use std::fmt;
use std::time::Duration;

use super::{ApplicationId, Padding, Timestamp, Urgency, VapidKeyId};

/// The application that always exists.
pub const DEFAULT_APPLICATION: &str = "default";

/// A tenant.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its number in the store.
    pub id: ApplicationId,
    /// What callers name it by: `[a-z][a-z0-9-]*`, at most 63 octets.
    pub name: String,
    /// VAPID's `sub` (RFC 8292 section 2.1): a `mailto:` or `https:` URL.
    pub contact: String,
    /// Its share of what the server can send, beside the others that have something to send; 1 to 1,000.
    pub weight: u32,
    /// What a message leaves unset.
    pub defaults: MessageDefaults,
    /// Its VAPID keys. Exactly one is current, the one that browsers are given.
    pub vapid_keys: Vec<VapidKey>,
    /// The current one of them.
    pub current_vapid_key: VapidKeyId,
}

impl Application {
    /// One of its keys.
    #[must_use]
    pub fn vapid_key(&self, id: VapidKeyId) -> Option<&VapidKey> {
        self.vapid_keys.iter().find(|key| key.id == id)
    }

    /// The key that browsers subscribe with.
    #[must_use]
    pub fn current_key(&self) -> Option<&VapidKey> {
        self.vapid_key(self.current_vapid_key)
    }
}

/// Whether a text can name an application: `[a-z][a-z0-9-]*`, at most 63 octets.
#[must_use]
pub fn is_application_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// What a message of the application leaves unset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageDefaults {
    /// How long it is worth delivering.
    pub ttl: Duration,
    /// RFC 8030 section 5.3.
    pub urgency: Urgency,
    /// Whether its length is hidden.
    pub padding: Padding,
}

/// A VAPID key pair (RFC 8292).
#[derive(Clone)]
pub struct VapidKey {
    /// Its number within the application.
    pub id: VapidKeyId,
    /// The private half: a P-256 scalar, big-endian.
    pub private: zeroize::Zeroizing<[u8; 32]>,
    /// The public half: an uncompressed point.
    pub public: [u8; 65],
    /// When it was made or imported.
    pub created: Timestamp,
}

impl fmt::Debug for VapidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VapidKey").field("id", &self.id).finish_non_exhaustive()
    }
}

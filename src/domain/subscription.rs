//! Subscriptions: what a browser's `PushSubscription` says, and what the caller keeps beside it.

use std::collections::BTreeMap;
use std::fmt;

use super::limits::ACCEPTED_NOTED_EVERY;
use super::{Endpoint, OriginId, Outcome, SubscriptionId, Timestamp, VapidKeyId};

/// The browser's public key and its authentication secret (RFC 8291 section 2). The point has been checked to lie on
/// the curve by whoever made this: `webpush::keys` for what callers send.
#[derive(Clone, PartialEq, Eq)]
pub struct SubscriptionKeys {
    /// Uncompressed P-256 point.
    pub p256dh: [u8; 65],
    /// Authentication secret.
    pub auth: [u8; 16],
}

impl fmt::Debug for SubscriptionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubscriptionKeys(<redacted>)")
    }
}

/// How a payload is encrypted for a subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ContentEncoding {
    /// RFC 8291.
    #[default]
    Aes128Gcm,
    /// draft-ietf-webpush-encryption-04, which old browsers know.
    AesGcm,
}

impl ContentEncoding {
    /// Its name in `Content-Encoding` and in `PushManager.supportedContentEncodings`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aes128Gcm => "aes128gcm",
            Self::AesGcm => "aesgcm",
        }
    }

    /// By its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Aes128Gcm, Self::AesGcm].into_iter().find(|encoding| encoding.as_str() == name)
    }
}

/// Whether a subscription is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionState {
    /// It is.
    Active,
    /// It is not, until the browser subscribes again; for the outcome that is told.
    Disabled(Outcome),
}

/// What an attempt needs to know of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which subscription; for one given inline with a Send, an identifier that is stored nowhere else.
    pub id: SubscriptionId,
    /// True for one given inline: its events name no subscription.
    pub inline: bool,
    /// Rises whenever endpoint, keys, content encoding, VAPID key or expiry change; evidence against another generation
    /// is void.
    pub generation: u32,
    /// Where to.
    pub endpoint: Endpoint,
    /// The number of its endpoint's origin.
    pub origin: OriginId,
    /// Whom to encrypt for.
    pub keys: SubscriptionKeys,
    /// How.
    pub encoding: ContentEncoding,
    /// Which VAPID key it was made with.
    pub vapid_key: VapidKeyId,
    /// Since when this generation exists: some services refuse a new subscription for minutes.
    pub subscribed: Timestamp,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
    /// Active, or disabled and why.
    pub state: SubscriptionState,
    /// The caller's own user; empty for none.
    pub user_id: String,
    /// Largest body in octets that its service takes, where that was learned; 0 for unknown.
    pub body_octets_max: u32,
    /// On how many distinct days it was refused in a way that proves nothing once, since it was accepted last.
    pub refused_days: u32,
    /// When it was last refused so; 1970 for never.
    pub refused_last: Timestamp,
    /// When an acceptance of this generation was last noted; 1970 for never. Noted at most once a day each
    /// ([`crate::domain::limits::ACCEPTED_NOTED_EVERY`]), and not at once: what is evidence wants to know who was
    /// reached here before, no more.
    pub accepted_last: Timestamp,
}

impl Target {
    /// Whether an acceptance at `now` is worth a note: none was noted for a day.
    #[must_use]
    pub fn acceptance_is_news(&self, now: Timestamp) -> bool {
        now >= self.accepted_last.plus(ACCEPTED_NOTED_EVERY)
    }
}

/// A stored subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// What an attempt needs.
    pub target: Target,
    /// What it wants to hear of, with the time since when, in the order of the names.
    pub topics: BTreeMap<String, Timestamp>,
    /// The caller's own.
    pub labels: BTreeMap<String, String>,
    /// BCP 47; empty for none.
    pub locale: String,
    /// IANA name; empty for none.
    pub time_zone: String,
    /// When it was first stored. It has been part of "everyone" since then.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// Counts its changes; the etag.
    pub revision: u64,
}

//! How Chromium's push back end names browsers and subscriptions.

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

/// Path of a push resource at the hosts of FCM, before its token.
pub(crate) const FCM_PUSH_PATH: &str = "/fcm/send/";
/// The hosts that are compiled into Chromium: without Google's API keys, and with them.
pub(crate) const FCM_HOSTS: [&str; 2] = ["jmt17.google.com", "fcm.googleapis.com"];

/// A subscription, as a message must name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FcmNames {
    /// The application: a build of Chromium.
    pub(crate) app: String,
    /// The page's origin and the subscription.
    pub(crate) subtype: String,
    /// The application server key as the page gave it.
    pub(crate) sender: String,
}

impl FcmNames {
    /// What the subscription is called here.
    pub(crate) fn channel(subtype: &str) -> Uuid {
        let mut octets = [0; 16];
        octets.copy_from_slice(&digest(&SHA256, subtype.as_bytes()).as_ref()[..16]);
        Uuid::from_bytes(octets)
    }
}

/// Who a browser is: what check-in gave it. Only it knows the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) android_id: u64,
    pub(crate) security_token: u64,
}

impl Device {
    /// One that nobody else is.
    pub(crate) fn random() -> Self {
        // Chromium reads the id as a signed number, and takes 0 for none.
        Self { android_id: rand::random::<u64>() >> 1 | 1, security_token: rand::random::<u64>() | 1 }
    }

    /// From decimal numbers.
    pub(crate) fn parse(android_id: &str, security_token: &str) -> Option<Self> {
        Some(Self { android_id: android_id.parse().ok()?, security_token: security_token.parse().ok()? })
    }

    /// What it is called here.
    pub(crate) fn user_agent(self) -> Uuid {
        Uuid::from_u64_pair(self.android_id, self.security_token)
    }
}

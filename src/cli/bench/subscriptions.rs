//! Synthetic subscriptions: real keys that nobody has the private half of, and endpoints as long as FCM's.

use aws_lc_rs::rand::fill;

use crate::domain::SubscriptionKeys;
use crate::proto::v1::{PushSubscription, PushSubscriptionKeys};
use crate::webpush::keys::encode_base64url;
use crate::webpush::{AgreementKey as _, AwsLcKey};

/// Random octets in an endpoint's path: with their 190 characters it is as long as FCM's.
const PATH_OCTETS: usize = 142;

/// One subscription.
pub(super) struct Synthetic {
    pub(super) endpoint: String,
    pub(super) keys: SubscriptionKeys,
}

impl Synthetic {
    /// A new one at the push service with this origin.
    pub(super) fn new(origin: &str) -> anyhow::Result<Self> {
        let library = || anyhow::anyhow!("the cryptographic library has no randomness");
        let mut path = [0; PATH_OCTETS];
        let mut auth = [0; 16];
        fill(&mut path).map_err(|_| library())?;
        fill(&mut auth).map_err(|_| library())?;
        let p256dh = *AwsLcKey::generate()?.public();
        let endpoint = format!("{origin}/push/{}", encode_base64url(&path));
        Ok(Self { endpoint, keys: SubscriptionKeys { p256dh, auth } })
    }

    /// As callers give it.
    pub(super) fn into_proto(self) -> PushSubscription {
        let keys = PushSubscriptionKeys {
            p256dh: encode_base64url(&self.keys.p256dh),
            auth: encode_base64url(&self.keys.auth),
        };
        PushSubscription { endpoint: self.endpoint, keys: Some(keys), ..PushSubscription::default() }
    }
}

//! What is posted to the sandbox: header fields, who sent it, the encrypted body; and the calls of its control API.

use std::sync::LazyLock;

use super::{NOW, message};
use crate::domain::Origin;
use crate::sandbox::authorization::Authorizations;
use crate::sandbox::control_json::{NewGroup, NewOrigins, OriginRange, UserAgentSettings};
use crate::sandbox::push_headers::{Encryption, PushHeaders, TTL_SECONDS_MAX};
use crate::sandbox::{Fault, FaultShares, OriginSettings, Profile};
use crate::webpush::{AgreementKey as _, AwsLcKey};
use crate::webpush::{aes128gcm, aesgcm};

static RECEIVER: LazyLock<Option<AwsLcKey>> = LazyLock::new(|| AwsLcKey::from_private(&[9; 32]).ok());
const AUTH: [u8; 16] = [5; 16];

/// What it is (even: a POST to a push resource, odd: JSON for the control API); then header lines, an empty one and the
/// body, or the JSON.
///
/// # Panics
/// When a promise does not hold.
pub fn sandbox_posts(data: &[u8]) {
    let Some((what, rest)) = super::choice(data) else { return };
    if what % 2 == 1 {
        return control(rest);
    }
    let (headers, body) = message(rest);
    if let Some(origin) = Origin::parse("https://localhost:8032") {
        let authorizations = Authorizations::new(origin, 4);
        let first = authorizations.verify(&headers, NOW).ok();
        assert!(
            first == authorizations.verify(&headers, NOW).ok(),
            "what is remembered is what was verified"
        );
    }
    for profile in [Profile::Strict, Profile::Mozilla] {
        let Ok(read) = PushHeaders::read(&headers, !body.is_empty(), profile) else { continue };
        assert!(read.ttl_seconds <= TTL_SECONDS_MAX);
        let (Some(receiver), Some(encryption)) = (RECEIVER.as_ref(), read.encryption) else { continue };
        let plaintext = match &encryption {
            Encryption::Aes128Gcm => aes128gcm::decrypt(receiver, &AUTH, body),
            Encryption::AesGcm(parameters) => aesgcm::decrypt(receiver, &AUTH, parameters, body),
            Encryption::AesGcmAsSent { .. } => continue,
        };
        assert!(plaintext.is_err(), "nobody encrypted this for the receiver of {:?}", receiver.public());
    }
    // Records under a key that everybody has get further.
    if let Ok(plaintext) = aes128gcm::decrypt_with_key(&AUTH, body) {
        assert!(plaintext.len() < body.len());
    }
}

fn control(json: &[u8]) {
    if let Ok(group) = serde_json::from_slice::<NewGroup>(json) {
        let _ = format!("{group:?}");
    }
    let _ = serde_json::from_slice::<NewOrigins>(json);
    let _ = serde_json::from_slice::<OriginRange>(json);
    let _ = serde_json::from_slice::<UserAgentSettings>(json);
    let _ = serde_json::from_slice::<FaultShares>(json);
    if let Ok(fault) = serde_json::from_slice::<Fault>(json) {
        let _ = (fault.check(), fault.takes(), fault.delay(), fault.stage(), fault.when(), fault.refusal());
    }
    if let Ok(settings) = serde_json::from_slice::<OriginSettings>(json) {
        let _ = settings.check();
    }
}

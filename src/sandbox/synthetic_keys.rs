//! What follows from a group's seed: its subscribers' keys, the tokens in their endpoints, and chance.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::webpush::agreement::SCALAR_OCTETS;
use crate::webpush::keys::AUTH_OCTETS;
use crate::webpush::{AgreementKey, AwsLcKey};

/// Octets of a token's authentication code.
const TOKEN_MAC_OCTETS: usize = 16;
/// Octets of a token: group, index, authentication code. In base64url 32 characters.
const TOKEN_OCTETS: usize = 4 + 4 + TOKEN_MAC_OCTETS;

/// The last part of an endpoint's path. It can be made only with the group's seed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct EndpointToken {
    pub(crate) group: u32,
    pub(crate) index: u32,
    mac: [u8; TOKEN_MAC_OCTETS],
}

impl EndpointToken {
    /// Reads a token, whoever made it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut octets = [0; TOKEN_OCTETS];
        let len =
            URL_SAFE_NO_PAD.decode_slice_unchecked(text.get(..32).filter(|all| *all == text)?, &mut octets);
        if len != Ok(TOKEN_OCTETS) {
            return None;
        }
        let (group, rest) = octets.split_first_chunk()?;
        let (index, mac) = rest.split_first_chunk()?;
        Some(Self {
            group: u32::from_be_bytes(*group),
            index: u32::from_be_bytes(*index),
            mac: mac.try_into().ok()?,
        })
    }

    /// As it stands in the endpoint.
    pub(crate) fn text(&self) -> String {
        let mut octets = [0; TOKEN_OCTETS];
        octets[..4].copy_from_slice(&self.group.to_be_bytes());
        octets[4..8].copy_from_slice(&self.index.to_be_bytes());
        octets[8..].copy_from_slice(&self.mac);
        URL_SAFE_NO_PAD.encode(octets)
    }
}

impl fmt::Debug for EndpointToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointToken(group {}, index {})", self.group, self.index)
    }
}

/// A subscriber's keys.
pub(crate) struct Receiver {
    pub(crate) key: AwsLcKey,
    pub(crate) auth: [u8; AUTH_OCTETS],
}

/// Derives everything by HMAC-SHA-256 under the seed: of a purpose, the subscriber's index and a counter.
pub(crate) struct SyntheticKeys(hmac::Key);

impl SyntheticKeys {
    /// From any seed; a long random one keeps the private keys private.
    pub(crate) fn new(seed: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, seed))
    }

    /// The token of a subscriber's endpoint.
    pub(crate) fn token(&self, group: u32, index: u32) -> EndpointToken {
        let mut mac = [0; TOKEN_MAC_OCTETS];
        mac.copy_from_slice(&self.derive(b"token", index, group)[..TOKEN_MAC_OCTETS]);
        EndpointToken { group, index, mac }
    }

    /// Whether a token was made with this seed.
    pub(crate) fn made(&self, token: &EndpointToken) -> bool {
        use subtle::ConstantTimeEq;
        self.token(token.group, token.index).mac.ct_eq(&token.mac).into()
    }

    /// The keys of a subscriber. There are none with a probability of 2^-512.
    pub(crate) fn receiver(&self, index: u32) -> Option<Receiver> {
        // One scalar in 2^32 is not below the order of the curve; the next one is.
        let key = (0..16).find_map(|counter| {
            let scalar: Zeroizing<[u8; SCALAR_OCTETS]> = Zeroizing::new(self.derive(b"p256", index, counter));
            AwsLcKey::from_private(&scalar).ok()
        })?;
        let mut auth = [0; AUTH_OCTETS];
        auth.copy_from_slice(&self.derive(b"auth", index, 0)[..AUTH_OCTETS]);
        Some(Receiver { key, auth })
    }

    /// A number from 0 up to 1 that is the subscriber's own: where it falls among shares.
    pub(crate) fn position(&self, index: u32) -> f64 {
        let [a, b, c, d, ..] = self.derive(b"position", index, 0);
        f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
    }

    fn derive(&self, purpose: &[u8], index: u32, counter: u32) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(purpose);
        context.update(&index.to_be_bytes());
        context.update(&counter.to_be_bytes());
        let mut derived = [0; 32];
        // The tag has as many octets as that.
        derived.copy_from_slice(context.sign().as_ref());
        derived
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_round_trip_and_cannot_be_made_up() {
        let keys = SyntheticKeys::new(b"seed");
        let token = keys.token(3, 1_000_000);
        let text = token.text();
        assert_eq!(text.len(), 32);
        assert_eq!(EndpointToken::parse(&text), Some(token));
        assert!(keys.made(&token));
        assert!(!SyntheticKeys::new(b"another").made(&token));
        assert!(!keys.made(&EndpointToken { index: 1, ..token }));
        assert!(!keys.made(&EndpointToken { group: 1, ..token }));
        for bad in
            ["", "x", &text[1..], &format!("{text}A"), &text.replacen('A', "*", 1), "ééééééééééééééééé"]
        {
            assert_eq!(EndpointToken::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn keys_are_repeatable_and_differ_between_subscribers_and_seeds() {
        let keys = SyntheticKeys::new(b"seed");
        let of = |keys: &SyntheticKeys, index| {
            let receiver = keys.receiver(index).unwrap();
            (*receiver.key.public(), receiver.auth)
        };
        assert_eq!(of(&keys, 7), of(&SyntheticKeys::new(b"seed"), 7));
        assert_ne!(of(&keys, 7).0, of(&keys, 8).0);
        assert_ne!(of(&keys, 7).1, of(&keys, 8).1);
        assert_ne!(of(&keys, 7).0, of(&SyntheticKeys::new(b"other"), 7).0);
    }

    #[test]
    fn positions_are_spread_evenly() {
        let keys = SyntheticKeys::new(b"seed");
        let below: usize = (0..10_000).filter(|index| keys.position(*index) < 0.1).count();
        assert!((900..1_100).contains(&below), "{below}");
    }

    proptest! {
        #[test]
        fn any_text_is_a_token_in_its_one_notation_or_none(text in "[A-Za-z0-9_=-]{30,34}|.{0,40}") {
            if let Some(token) = EndpointToken::parse(&text) {
                prop_assert_eq!(token.text(), text);
                prop_assert!(!SyntheticKeys::new(b"seed").made(&token));
            }
        }
    }
}

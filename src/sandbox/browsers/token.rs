//! The last part of the path of a browser's endpoint: whose it is, and with which key it was made, as its SHA-256. So a wrong key is told
//! apart from a subscription that has ended without that anything is kept of the latter.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// Octets of the authentication code.
const MAC_OCTETS: usize = 16;
/// Octets of an identifier.
const ID_OCTETS: usize = 16;
/// Octets of what is remembered of a VAPID public key.
const KEY_OCTETS: usize = 32;
/// Octets of a token of a subscription without a key.
const TOKEN_OCTETS: usize = 2 * ID_OCTETS + MAC_OCTETS;

/// What an endpoint says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChannelToken {
    pub(crate) user_agent: Uuid,
    pub(crate) channel: Uuid,
    /// SHA-256 of the VAPID public key that it was subscribed with, or of whatever was given as one.
    pub(crate) key_digest: Option<[u8; KEY_OCTETS]>,
}

/// Makes tokens, and knows its own again.
pub(crate) struct TokenKey(hmac::Key);

impl TokenKey {
    /// A key that nobody else has.
    pub(crate) fn random() -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>()))
    }

    /// As it stands in the endpoint.
    pub(crate) fn write(&self, token: &ChannelToken) -> String {
        let mut octets = Vec::with_capacity(TOKEN_OCTETS + KEY_OCTETS);
        octets.extend_from_slice(token.user_agent.as_bytes());
        octets.extend_from_slice(token.channel.as_bytes());
        octets.extend_from_slice(token.key_digest.as_ref().map_or(&[], |key| key));
        let mac = self.mac(&octets);
        octets.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(octets)
    }

    /// Reads a token, if it was made with this key.
    pub(crate) fn read(&self, text: &str) -> Option<ChannelToken> {
        // Longer ones are none, and need not be decoded.
        if text.len() > (TOKEN_OCTETS + KEY_OCTETS).div_ceil(3) * 4 {
            return None;
        }
        let octets = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (content, mac) = octets.split_last_chunk::<MAC_OCTETS>()?;
        if !bool::from(self.mac(content).ct_eq(mac)) {
            return None;
        }
        let (user_agent, rest) = content.split_first_chunk::<ID_OCTETS>()?;
        let (channel, key) = rest.split_first_chunk::<ID_OCTETS>()?;
        Some(ChannelToken {
            user_agent: Uuid::from_bytes(*user_agent),
            channel: Uuid::from_bytes(*channel),
            key_digest: if key.is_empty() { None } else { Some(key.try_into().ok()?) },
        })
    }

    fn mac(&self, content: &[u8]) -> [u8; MAC_OCTETS] {
        let mut mac = [0; MAC_OCTETS];
        mac.copy_from_slice(&hmac::sign(&self.0, content).as_ref()[..MAC_OCTETS]);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_tokens_are_read_and_only_whole() {
        let (key, other) = (TokenKey::random(), TokenKey::random());
        for key_digest in [None, Some([4; KEY_OCTETS])] {
            let token =
                ChannelToken { user_agent: Uuid::from_u128(1), channel: Uuid::from_u128(2), key_digest };
            let text = key.write(&token);
            assert!(key.read(&text).is_some_and(|read| read == token));
            assert!(other.read(&text).is_none());
            assert!(key.read(&text[1..]).is_none());
            assert!(key.read(&format!("{text}AAAA")).is_none());
            let changed = if &text[4..5] == "A" { "Q" } else { "A" };
            assert!(key.read(&format!("{}{changed}{}", &text[..4], &text[5..])).is_none());
        }
        assert!(key.read("").is_none());
    }
}

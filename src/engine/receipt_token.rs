//! What a receipt is made out to: the token in a payload. It says of which delivery, encrypted and authenticated under a
//! secret of the store's own, so that nobody can make one or read it, and nothing has to be looked up.
//!
//! Layout: version, nonce, ciphertext, tag; in base64url. The nonce is a MAC of the content, so that it never comes twice
//! with different content, whatever the number of tokens.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce, Tag};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};

use crate::domain::limits::RECEIPT_TOKEN_CHARS;
use crate::domain::{ApplicationId, MessageId, SubscriptionId, Timestamp};
use crate::store::{Store, StoreError};

const VERSION: u8 = 1;
const NONCE_OCTETS: usize = 12;
const TAG_OCTETS: usize = 16;
/// Application, message, delivery, inline, user, expiry.
const CONTENT_OCTETS: usize = 4 + 16 + 16 + 1 + 4 + 8;
const CONTENT_AT: usize = 1 + NONCE_OCTETS;
const TAG_AT: usize = CONTENT_AT + CONTENT_OCTETS;
const TOKEN_OCTETS: usize = TAG_AT + TAG_OCTETS;
const _: () = assert!(TOKEN_OCTETS / 3 * 4 == RECEIPT_TOKEN_CHARS && TOKEN_OCTETS.is_multiple_of(3));

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) application: ApplicationId,
    pub(crate) message: MessageId,
    pub(crate) delivery: SubscriptionId,
    pub(crate) inline: bool,
    /// Tells whether the subscription still has the user it was sent to.
    pub(crate) user: UserMark,
    /// Receipts after it are worthless.
    pub(crate) expires: Timestamp,
}

/// A few octets of a user's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserMark([u8; 4]);

impl UserMark {
    pub(crate) fn of(user_id: &str) -> Self {
        let hash: [u8; 32] = Sha256::digest(user_id.as_bytes()).into();
        let [a, b, c, d, ..] = hash;
        Self([a, b, c, d])
    }
}

/// Makes and reads tokens.
#[derive(Clone)]
pub(crate) struct ReceiptTokens {
    cipher: Aes256Gcm,
    nonce: Hmac<Sha256>,
}

impl std::fmt::Debug for ReceiptTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReceiptTokens(<redacted>)")
    }
}

impl ReceiptTokens {
    /// With the secrets of this store.
    pub(crate) async fn of(store: &dyn Store) -> Result<Self, StoreError> {
        Self::new(store.secret("receipt").await?, store.secret("receipt-nonce").await?)
    }

    /// With these secrets.
    pub(crate) fn new(key: [u8; 32], nonce: [u8; 32]) -> Result<Self, StoreError> {
        let nonce = Hmac::new_from_slice(&nonce).map_err(|_| StoreError::Corrupt("secret"))?;
        Ok(Self { cipher: Aes256Gcm::new(&key.into()), nonce })
    }

    /// The token of a delivery, always the same; `None` only if the cipher fails.
    pub(crate) fn make(&self, ticket: &Ticket) -> Option<String> {
        let mut token = vec![VERSION];
        let mut content = Vec::with_capacity(CONTENT_OCTETS);
        content.extend(ticket.application.0.to_be_bytes());
        content.extend(ticket.message.0);
        content.extend(ticket.delivery.0);
        content.push(u8::from(ticket.inline));
        content.extend(ticket.user.0);
        content.extend(ticket.expires.as_micros().to_be_bytes());
        let nonce = self.nonce_of(&content);
        let tag = self
            .cipher
            .encrypt_inout_detached(&Nonce::from(nonce), &[], content.as_mut_slice().into())
            .ok()?;
        token.extend(nonce);
        token.extend(content);
        token.extend(&*tag);
        Some(URL_SAFE_NO_PAD.encode(token))
    }

    /// What a token of ours says; `None` for any other.
    pub(crate) fn read(&self, token: &str) -> Option<Ticket> {
        if token.len() != RECEIPT_TOKEN_CHARS {
            return None;
        }
        let token: [u8; TOKEN_OCTETS] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
        let nonce: [u8; NONCE_OCTETS] = token[1..CONTENT_AT].try_into().ok()?;
        let mut content: [u8; CONTENT_OCTETS] = token[CONTENT_AT..TAG_AT].try_into().ok()?;
        let tag = Tag::try_from(&token[TAG_AT..]).ok()?;
        let opened =
            self.cipher.decrypt_inout_detached(&Nonce::from(nonce), &[], content.as_mut_slice().into(), &tag);
        if token[0] != VERSION || opened.is_err() {
            return None;
        }
        let (application, rest) = content.split_first_chunk()?;
        let (message, rest) = rest.split_first_chunk()?;
        let (delivery, rest) = rest.split_first_chunk()?;
        let (&inline, rest) = rest.split_first()?;
        let (user, expires) = rest.split_first_chunk()?;
        Some(Ticket {
            application: ApplicationId(u32::from_be_bytes(*application)),
            message: MessageId(*message),
            delivery: SubscriptionId(*delivery),
            inline: inline != 0,
            user: UserMark(*user),
            expires: Timestamp::from_micros(u64::from_be_bytes(expires.try_into().ok()?)),
        })
    }

    fn nonce_of(&self, content: &[u8]) -> [u8; NONCE_OCTETS] {
        let mut mac = self.nonce.clone();
        mac.update(content);
        let mac: [u8; 32] = mac.finalize().into_bytes().into();
        let mut nonce = [0; NONCE_OCTETS];
        nonce.copy_from_slice(&mac[..NONCE_OCTETS]);
        nonce
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> Ticket {
        Ticket {
            application: ApplicationId(7),
            message: MessageId([1; 16]),
            delivery: SubscriptionId([2; 16]),
            inline: true,
            user: UserMark::of("anna"),
            expires: Timestamp::from_secs(1_800_000_000),
        }
    }

    #[test]
    fn tell_what_they_were_made_of_and_have_their_length() {
        let tokens = ReceiptTokens::new([1; 32], [2; 32]).unwrap();
        let token = tokens.make(&ticket()).unwrap();
        assert_eq!(token.len(), RECEIPT_TOKEN_CHARS);
        assert_eq!(tokens.read(&token), Some(ticket()));
        assert_eq!(tokens.make(&ticket()), Some(token.clone()));
        let other = tokens.make(&Ticket { inline: false, ..ticket() }).unwrap();
        assert_ne!(other[..16], token[..16], "another nonce");
        assert_ne!(UserMark::of("anna"), UserMark::of("anne"));
    }

    #[test]
    fn cannot_be_made_or_changed_by_others() {
        let tokens = ReceiptTokens::new([1; 32], [2; 32]).unwrap();
        let token = tokens.make(&ticket()).unwrap();
        assert_eq!(ReceiptTokens::new([3; 32], [2; 32]).unwrap().read(&token), None);
        for place in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(tokens.read(&String::from_utf8(forged).unwrap()), None, "{place}");
        }
        for bad in ["", &token[1..], &format!("{token}A"), &"A".repeat(RECEIPT_TOKEN_CHARS), &"ä".repeat(52)]
        {
            assert_eq!(tokens.read(bad), None);
        }
    }
}

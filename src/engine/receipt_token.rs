//! What a receipt is made out to: the token in a payload. It says of which delivery, encrypted and authenticated under a
//! secret of the store's own, so that nobody can make one or read it, and nothing has to be looked up.
//!
//! Layout: version, nonce, ciphertext, tag; in base64url. Version 2 is AES-256-GCM-SIV (RFC 8452), with the version as
//! associated data. Its nonce comes of which delivery it is, so that a delivery has one token however often it is attempted;
//! should two deliveries ever share a nonce, nothing is lost by it. Version 1 was AES-256-GCM under another secret, with a MAC
//! of the content as nonce. It is not made any more, and read as long as tokens of it may be worth something.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use aes_gcm_siv::Aes256GcmSiv;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::domain::limits::RECEIPT_TOKEN_CHARS;
use crate::domain::{ApplicationId, MessageId, SubscriptionId, Timestamp};
use crate::store::{Store, StoreError};

const VERSION: u8 = 2;
/// Of tokens that were made by the releases before.
const VERSION_GCM: u8 = 1;
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

impl Ticket {
    /// The nonce of its token: a hash of which delivery it is.
    fn nonce(&self) -> [u8; NONCE_OCTETS] {
        let hash = Sha256::new().chain_update(self.message.0).chain_update(self.delivery.0).finalize();
        let mut nonce = [0; NONCE_OCTETS];
        nonce.copy_from_slice(&hash[..NONCE_OCTETS]);
        nonce
    }

    fn write(&self) -> Vec<u8> {
        let mut content = Vec::with_capacity(CONTENT_OCTETS);
        content.extend(self.application.0.to_be_bytes());
        content.extend(self.message.0);
        content.extend(self.delivery.0);
        content.push(u8::from(self.inline));
        content.extend(self.user.0);
        content.extend(self.expires.as_micros().to_be_bytes());
        content
    }

    fn read(content: [u8; CONTENT_OCTETS]) -> Option<Self> {
        let (application, rest) = content.split_first_chunk()?;
        let (message, rest) = rest.split_first_chunk()?;
        let (delivery, rest) = rest.split_first_chunk()?;
        let (&inline, rest) = rest.split_first()?;
        let (user, expires) = rest.split_first_chunk()?;
        Some(Self {
            application: ApplicationId(u32::from_be_bytes(*application)),
            message: MessageId(*message),
            delivery: SubscriptionId(*delivery),
            inline: inline != 0,
            user: UserMark(*user),
            expires: Timestamp::from_micros(u64::from_be_bytes(expires.try_into().ok()?)),
        })
    }
}

/// Makes and reads tokens.
#[derive(Clone)]
pub(crate) struct ReceiptTokens {
    cipher: Aes256GcmSiv,
    /// Of [`VERSION_GCM`].
    earlier: Aes256Gcm,
}

impl std::fmt::Debug for ReceiptTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReceiptTokens(<redacted>)")
    }
}

impl ReceiptTokens {
    /// With the secrets of this store.
    pub(crate) async fn of(store: &dyn Store) -> Result<Self, StoreError> {
        Ok(Self::new(store.secret("receipt-siv").await?, store.secret("receipt").await?))
    }

    /// With these secrets: the second is for tokens of [`VERSION_GCM`].
    pub(crate) fn new(key: [u8; 32], earlier: [u8; 32]) -> Self {
        Self { cipher: Aes256GcmSiv::new(&key.into()), earlier: Aes256Gcm::new(&earlier.into()) }
    }

    /// The token of a delivery, always the same; `None` only if the cipher fails.
    pub(crate) fn make(&self, ticket: &Ticket) -> Option<String> {
        let (nonce, mut content) = (ticket.nonce(), ticket.write());
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce.into(), &[VERSION], content.as_mut_slice().into())
            .ok()?;
        let mut token = Vec::with_capacity(TOKEN_OCTETS);
        token.push(VERSION);
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
        let tag: [u8; TAG_OCTETS] = token[TAG_AT..].try_into().ok()?;
        let (nonce, tag, inout) = (nonce.into(), tag.into(), content.as_mut_slice().into());
        match token[0] {
            VERSION => self.cipher.decrypt_inout_detached(&nonce, &[VERSION], inout, &tag),
            VERSION_GCM => self.earlier.decrypt_inout_detached(&nonce, &[], inout, &tag),
            _ => return None,
        }
        .ok()?;
        Ticket::read(content)
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
        let tokens = ReceiptTokens::new([3; 32], [1; 32]);
        let token = tokens.make(&ticket()).unwrap();
        assert_eq!(token.len(), RECEIPT_TOKEN_CHARS);
        assert_eq!(tokens.read(&token), Some(ticket()));
        assert_eq!(tokens.make(&ticket()), Some(token.clone()));
        let other = tokens.make(&Ticket { delivery: SubscriptionId([3; 16]), ..ticket() }).unwrap();
        assert_ne!(other[..16], token[..16], "another nonce");
        assert_ne!(UserMark::of("anna"), UserMark::of("anne"));
    }

    /// As another implementation of RFC 8452 makes it: PyPI `cryptography` 48.0.0, which has OpenSSL's.
    #[test]
    fn are_aes_256_gcm_siv() {
        let token = "AvA_cC1gFqGcFv8BHnsp4-_D0ctRx3N36_ZjvCy1e7nIgT1QjI9LSaJPI2sdEttwCweJi9W7VanqCDs8WEAPOQhEhGRNhpOxMCwdVokF";
        assert_eq!(ReceiptTokens::new([3; 32], [1; 32]).make(&ticket()).as_deref(), Some(token));
    }

    #[test]
    fn of_the_version_before_are_read() {
        let token = "AY_Jev2vcgAvqoAhUXVIfINcsISAA758MWWgDiP6cSPHWRwej9ILkV63nAo531Dc9OI0pxW4r1atEnqsXA1xk6clSTnXM8h2LGosTIrL";
        let tokens = ReceiptTokens::new([3; 32], [1; 32]);
        assert_eq!(tokens.read(token), Some(ticket()));
        assert_eq!(tokens.read(&token.replacen("AY", "Ao", 1)), None, "told apart by its version");
        assert_eq!(ReceiptTokens::new([3; 32], [4; 32]).read(token), None);
    }

    #[test]
    fn cannot_be_made_or_changed_by_others() {
        let tokens = ReceiptTokens::new([3; 32], [1; 32]);
        let token = tokens.make(&ticket()).unwrap();
        assert_eq!(ReceiptTokens::new([1; 32], [3; 32]).read(&token), None);
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

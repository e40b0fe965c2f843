//! What both content encodings share: a content encryption key and a base nonce from HKDF-SHA-256, and records of
//! AES-128-GCM whose nonce counts (RFC 8188 section 2).

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, KeyInit, Tag};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Octets that AES-GCM adds to a record.
pub(super) const TAG_OCTETS: usize = 16;
/// Octets of a salt.
pub(super) const SALT_OCTETS: usize = 16;

/// Input keying material, or a pseudorandom key.
pub(super) type KeyMaterial = Zeroizing<[u8; 32]>;

/// The cryptographic library refused; lengths are fixed, so it has no reason to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failed;

/// HKDF with an output of 32 octets; `info` is given in pieces.
pub(super) fn derive(salt: &[u8], ikm: &[u8], info: &[&[u8]]) -> Result<KeyMaterial, Failed> {
    let mut output = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), ikm).expand_multi_info(info, &mut *output).map_err(|_| Failed)?;
    Ok(output)
}

/// Encrypts and decrypts the records of one message.
pub(super) struct Records {
    cipher: Aes128Gcm,
    nonce: [u8; 12],
}

impl Records {
    pub(super) fn new(
        salt: &[u8; SALT_OCTETS],
        ikm: &[u8],
        key_info: &[&[u8]],
        nonce_info: &[&[u8]],
    ) -> Result<Self, Failed> {
        let hkdf = Hkdf::<Sha256>::new(Some(salt), ikm);
        let mut key = Zeroizing::new([0; 16]);
        hkdf.expand_multi_info(key_info, &mut *key).map_err(|_| Failed)?;
        let mut nonce = [0; 12];
        hkdf.expand_multi_info(nonce_info, &mut nonce).map_err(|_| Failed)?;
        Ok(Self { cipher: Aes128Gcm::new((&*key).into()), nonce })
    }

    /// The base nonce with the record's number, big-endian, xored into its end.
    fn nonce(&self, record: usize) -> [u8; 12] {
        let mut nonce = self.nonce;
        for (octet, number) in nonce[4..].iter_mut().zip((record as u64).to_be_bytes()) {
            *octet ^= number;
        }
        nonce
    }

    /// Encrypts a record in place; the tag goes behind it.
    pub(super) fn seal(&self, record: usize, text: &mut [u8]) -> Result<[u8; TAG_OCTETS], Failed> {
        self.cipher
            .encrypt_inout_detached(&self.nonce(record).into(), b"", text.into())
            .map(Into::into)
            .map_err(|_| Failed)
    }

    /// Decrypts a record in place and returns it without its tag.
    pub(super) fn open<'a>(&self, record: usize, text: &'a mut [u8]) -> Result<&'a [u8], Failed> {
        let (text, tag) = text.split_last_chunk_mut::<TAG_OCTETS>().ok_or(Failed)?;
        let tag: Tag = (*tag).into();
        self.cipher
            .decrypt_inout_detached(&self.nonce(record).into(), b"", (&mut *text).into(), &tag)
            .map_err(|_| Failed)?;
        Ok(text)
    }
}

//! Collapse keys: what callers may write, mapped to what every push service takes as `Topic`.

use sha2::{Digest, Sha256};

use crate::domain::limits::COLLAPSE_KEY_OCTETS_MAX;

/// Characters of a `Topic` header that is made of a collapse key: the most that RFC 8030 section 5.4 allows, and a length
/// that decodes as base64url, on which Apple insists.
pub const TOPIC_CHARS: usize = 32;

/// No `-` and no `_`, which RFC 8030 allows but Apple has been seen to refuse.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Why a text is no collapse key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CollapseKeyError {
    /// There is none.
    #[error("must not be empty")]
    Empty,
    /// See [`COLLAPSE_KEY_OCTETS_MAX`].
    #[error("must have at most {COLLAPSE_KEY_OCTETS_MAX} octets")]
    TooLong,
}

/// Maps a collapse key to the 32 characters of its `Topic` header (RFC 8030 section 5.4).
///
/// Every key is mapped, also one that would pass as it is, so that two different keys never meet. The mapping never
/// changes, else a message could not replace one sent by an older version: SHA-256 of the key's octets as a big-endian
/// number, of which the 32 lowest digits to the base of 62 are written, lowest first, as `0-9A-Za-z`.
///
/// # Errors
/// [`CollapseKeyError`].
pub fn topic_header(collapse_key: &str) -> Result<String, CollapseKeyError> {
    if collapse_key.is_empty() {
        return Err(CollapseKeyError::Empty);
    }
    if collapse_key.len() > COLLAPSE_KEY_OCTETS_MAX {
        return Err(CollapseKeyError::TooLong);
    }
    let mut number: [u8; 32] = Sha256::digest(collapse_key).into();
    Ok((0..TOPIC_CHARS).map(|_| char::from(ALPHABET[divide(&mut number)])).collect())
}

/// Divides a big-endian number by 62 and returns the remainder.
fn divide(number: &mut [u8; 32]) -> usize {
    const BASE: u32 = ALPHABET.len() as u32;
    number.iter_mut().fold(0, |remainder, octet| {
        let dividend = remainder << 8 | u32::from(*octet);
        *octet = (dividend / BASE) as u8;
        dividend % BASE
    }) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Computed by another program: `int(sha256(key).hexdigest(), 16)`, then `divmod` by 62.
    #[test]
    fn the_mapping_never_changes() {
        for (key, topic) in [
            ("score", "dhxB584pXvglEfFBWp6Z354gHJpsIk2s"),
            ("a", "Dhp9Oi1pF604VklfLTW6VtBSmykxfxPO"),
            ("Zähler/übersicht 🎺", "sZVKVZQWY5tzX3sRz0T0mStEOPPGShDx"),
        ] {
            assert_eq!(topic_header(key).unwrap(), topic, "{key}");
        }
    }

    #[test]
    fn keys_have_limits() {
        assert_eq!(topic_header(""), Err(CollapseKeyError::Empty));
        assert!(topic_header(&"x".repeat(256)).is_ok());
        assert_eq!(topic_header(&"x".repeat(257)), Err(CollapseKeyError::TooLong));
    }

    proptest! {
        #[test]
        fn every_service_takes_the_result(a in ".{1,60}", b in ".{1,60}") {
            let (mapped_a, mapped_b) = (topic_header(&a).unwrap(), topic_header(&b).unwrap());
            prop_assert_eq!(mapped_a.len(), TOPIC_CHARS);
            prop_assert!(mapped_a.bytes().all(|octet| octet.is_ascii_alphanumeric()));
            prop_assert_eq!(a == b, mapped_a == mapped_b);
        }
    }
}

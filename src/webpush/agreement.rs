//! Key pairs on P-256 and their Diffie-Hellman agreement: all that a push message needs of the curve, as a seam with two
//! implementations. [`AwsLcKey`] sends; [`P256Key`] is five times slower and is what the first is tested against.

use std::fmt;

use aws_lc_rs::agreement::{self, ECDH_P256};
use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use elliptic_curve::sec1::ToSec1Point;
use zeroize::Zeroizing;

/// Octets of an uncompressed P-256 point.
pub const POINT_OCTETS: usize = 65;
/// Octets of a P-256 private key and of a shared secret.
pub const SCALAR_OCTETS: usize = 32;

/// The x coordinate of the agreed point.
pub type SharedSecret = Zeroizing<[u8; SCALAR_OCTETS]>;

/// Why there is no key or no agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgreementError {
    /// The private key is zero or not below the order of the curve.
    #[error("the private key is out of range")]
    PrivateKey,
    /// The other side's key is no point of the curve.
    #[error("the public key is not a point of the curve")]
    PeerKey,
    /// The library could not make a key.
    #[error("no key could be made")]
    Generate,
}

/// A P-256 key pair that can agree on a secret with another.
pub trait AgreementKey: Sized + fmt::Debug {
    /// A new one, from the operating system's randomness.
    fn generate() -> Result<Self, AgreementError>;

    /// The pair of a given private key, big-endian.
    fn from_private(private: &[u8; SCALAR_OCTETS]) -> Result<Self, AgreementError>;

    /// The private half, big-endian.
    fn private(&self) -> Result<Zeroizing<[u8; SCALAR_OCTETS]>, AgreementError>;

    /// The public half, an uncompressed point.
    fn public(&self) -> &[u8; POINT_OCTETS];

    /// The secret shared with the holder of `peer`, which is checked to lie on the curve (RFC 8291 section 7).
    fn agree(&self, peer: &[u8; POINT_OCTETS]) -> Result<SharedSecret, AgreementError>;
}

/// aws-lc-rs, which rustls brings anyway.
pub struct AwsLcKey {
    private: agreement::PrivateKey,
    public: [u8; POINT_OCTETS],
}

impl AwsLcKey {
    fn new(private: agreement::PrivateKey, error: AgreementError) -> Result<Self, AgreementError> {
        let public = private.compute_public_key().map_err(|_| error)?;
        let public = public.as_ref().try_into().map_err(|_| error)?;
        Ok(Self { private, public })
    }
}

impl AgreementKey for AwsLcKey {
    fn generate() -> Result<Self, AgreementError> {
        let private = agreement::PrivateKey::generate(&ECDH_P256).map_err(|_| AgreementError::Generate)?;
        Self::new(private, AgreementError::Generate)
    }

    fn from_private(private: &[u8; SCALAR_OCTETS]) -> Result<Self, AgreementError> {
        let private = agreement::PrivateKey::from_private_key(&ECDH_P256, private)
            .map_err(|_| AgreementError::PrivateKey)?;
        Self::new(private, AgreementError::PrivateKey)
    }

    fn private(&self) -> Result<Zeroizing<[u8; SCALAR_OCTETS]>, AgreementError> {
        let private: EcPrivateKeyBin<'_> =
            self.private.as_be_bytes().map_err(|_| AgreementError::PrivateKey)?;
        private.as_ref().try_into().map(Zeroizing::new).map_err(|_| AgreementError::PrivateKey)
    }

    fn public(&self) -> &[u8; POINT_OCTETS] {
        &self.public
    }

    fn agree(&self, peer: &[u8; POINT_OCTETS]) -> Result<SharedSecret, AgreementError> {
        let peer = agreement::UnparsedPublicKey::new(&ECDH_P256, peer);
        agreement::agree(&self.private, peer, AgreementError::PeerKey, |secret| {
            secret.try_into().map(Zeroizing::new).map_err(|_| AgreementError::PeerKey)
        })
    }
}

impl fmt::Debug for AwsLcKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwsLcKey(<redacted>)")
    }
}

/// `elliptic-curve` and `p256`, in plain Rust.
pub struct P256Key {
    private: p256::SecretKey,
    public: [u8; POINT_OCTETS],
}

impl P256Key {
    fn new(private: p256::SecretKey) -> Result<Self, AgreementError> {
        let public = uncompressed(&private.public_key()).ok_or(AgreementError::PrivateKey)?;
        Ok(Self { private, public })
    }
}

impl AgreementKey for P256Key {
    fn generate() -> Result<Self, AgreementError> {
        use elliptic_curve::Generate;
        Self::new(p256::SecretKey::generate_from_rng(&mut rand::rng()))
    }

    fn from_private(private: &[u8; SCALAR_OCTETS]) -> Result<Self, AgreementError> {
        Self::new(p256::SecretKey::from_slice(private).map_err(|_| AgreementError::PrivateKey)?)
    }

    fn private(&self) -> Result<Zeroizing<[u8; SCALAR_OCTETS]>, AgreementError> {
        Ok(Zeroizing::new(self.private.to_bytes().into()))
    }

    fn public(&self) -> &[u8; POINT_OCTETS] {
        &self.public
    }

    fn agree(&self, peer: &[u8; POINT_OCTETS]) -> Result<SharedSecret, AgreementError> {
        let peer = p256::PublicKey::from_sec1_bytes(peer).map_err(|_| AgreementError::PeerKey)?;
        let secret = self.private.diffie_hellman(&peer);
        Ok(Zeroizing::new((*secret.raw_secret_bytes()).into()))
    }
}

impl fmt::Debug for P256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P256Key(<redacted>)")
    }
}

/// The point as 65 octets; `None` never happens for a point of P-256.
pub(super) fn uncompressed(key: &p256::PublicKey) -> Option<[u8; POINT_OCTETS]> {
    key.to_sec1_point(false).as_bytes().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Enough to meet leading zeros in keys and secrets: each pair has eight numbers, and one in 256 has them.
    const PAIRS: usize = 256;

    #[test]
    fn both_implementations_agree_on_random_pairs() {
        for _ in 0..PAIRS {
            let (ours, theirs) = (AwsLcKey::generate().unwrap(), P256Key::generate().unwrap());
            let secret = ours.agree(theirs.public()).unwrap();
            assert_eq!(secret, theirs.agree(ours.public()).unwrap());

            let again = P256Key::from_private(&ours.private().unwrap()).unwrap();
            assert_eq!(again.public(), ours.public());
            assert_eq!(secret, again.agree(theirs.public()).unwrap());

            let again = AwsLcKey::from_private(&theirs.private().unwrap()).unwrap();
            assert_eq!(again.public(), theirs.public());
            assert_eq!(secret, again.agree(ours.public()).unwrap());
        }
    }

    fn refuses<K: AgreementKey>() {
        const ORDER: [u8; 32] = [
            0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
            0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
        ];
        for private in [[0; 32], ORDER, [0xff; 32]] {
            assert_eq!(K::from_private(&private).unwrap_err(), AgreementError::PrivateKey);
        }
        let key = K::generate().unwrap();
        let mut off_curve = *K::generate().unwrap().public();
        off_curve[64] ^= 1;
        let mut infinity = [0; 65];
        let mut outside_field = [0xff; 65];
        outside_field[0] = 4;
        for peer in [off_curve, infinity, outside_field] {
            assert_eq!(key.agree(&peer).unwrap_err(), AgreementError::PeerKey);
        }
        infinity[0] = 4;
        assert_eq!(key.agree(&infinity).unwrap_err(), AgreementError::PeerKey);
    }

    #[test]
    fn both_refuse_the_same_keys() {
        refuses::<AwsLcKey>();
        refuses::<P256Key>();
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", AwsLcKey::generate().unwrap()), "AwsLcKey(<redacted>)");
        assert_eq!(format!("{:?}", P256Key::generate().unwrap()), "P256Key(<redacted>)");
    }
}

//! The Web Push protocol, pure: no input or output, no clock, no async. Times are arguments; randomness is an argument
//! whose default comes from the operating system.
//!
//! - [`keys`]: what browsers and libraries give as keys · [`agreement`]: P-256 behind one small seam
//! - [`encryption`]: [`aes128gcm`] (RFC 8291) and [`aesgcm`] (its predecessor) behind one entry
//! - [`vapid`]: tokens that say who sends (RFC 8292), their age, and their verification

pub mod aes128gcm;
pub mod aesgcm;
pub mod agreement;
pub mod encryption;
pub mod keys;
mod parameters;
mod record;
pub mod vapid;

pub use agreement::{AgreementError, AgreementKey, AwsLcKey, P256Key};
pub use encryption::{
    DecryptError, EncryptError, Encrypted, Ephemeral, TooLarge, encrypt, encrypted_len, fits,
};
pub use keys::{KeyError, VapidKeyPair};
pub use vapid::{TokenTimes, VapidToken};

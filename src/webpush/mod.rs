//! The Web Push protocol, pure: no input or output, no clock, no async. Times are arguments; randomness is an argument
//! whose default comes from the operating system.
//!
//! A delivery walks through these files:
//!
//! - [`keys`]: what browsers and libraries give, checked · [`agreement`]: P-256 behind one small seam
//! - [`encryption`]: the one entry to [`aes128gcm`] (RFC 8291) and [`aesgcm`] (its predecessor)
//! - [`vapid`]: who sends (RFC 8292): signing, verifying, and when a token is renewed
//! - [`push_service`]: whose manners to follow · [`request`]: the POST of RFC 8030
//! - [`outcome`]: what the answer means · [`retry_after`]: how long to wait
//!
//! Beside the way, [`collapse`] makes `Topic` headers of collapse keys and [`notification`] JSON of notifications.

pub mod aes128gcm;
pub mod aesgcm;
pub mod agreement;
pub mod collapse;
pub mod encryption;
pub mod keys;
pub mod notification;
pub mod outcome;
mod parameters;
pub mod push_service;
mod record;
pub mod request;
pub mod retry_after;
pub mod vapid;

pub use agreement::{AgreementError, AgreementKey, AwsLcKey, P256Key};
pub use encryption::{
    DecryptError, EncryptError, Encrypted, Ephemeral, TooLarge, encrypt, encrypted_len, fits,
};
pub use keys::{KeyError, VapidKeyPair};
pub use outcome::{Circumstances, Scope, Signal, Verdict, classify};
pub use push_service::PushService;
pub use request::{Authorization, GcmKey, MessageHeaders, PushRequest, PushResponse};
pub use vapid::{TokenTimes, VapidToken};

//! The Web Push protocol, pure: no input or output, no clock, no async. Times are arguments; randomness is an argument
//! whose default comes from the operating system.
//!
//! A delivery walks through these files: [`keys`] (what browsers and libraries give) · [`agreement`] (P-256 behind one
//! small seam) · [`encryption`] (one entry to [`aes128gcm`], RFC 8291, and [`aesgcm`], its predecessor) · [`vapid`] (who
//! sends: RFC 8292) · [`push_service`] (whose manners to follow) · [`request`] (the POST of RFC 8030)
//!
//! and its answer ([`outcome`], [`retry_after`]). Beside the way: [`collapse`] makes `Topic` headers of collapse keys,
//! [`notification`] makes JSON of structured notifications.

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

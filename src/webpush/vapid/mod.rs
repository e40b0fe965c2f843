//! VAPID (RFC 8292): the token that tells a push service who sends. [`sign`] makes one, [`verify()`] reads one as a push
//! service does, [`TokenTimes`] says when to make the next, [`check_contact`] what may stand in `sub`.

mod contact;
mod times;
mod token;
mod verify;

pub use contact::{CONTACT_OCTETS_MAX, ContactError, check_contact};
pub use times::{AfterRefusal, RENEWED_BEFORE_END, SIGNED_AT_MOST_EVERY, TOKEN_LIFETIME, TokenTimes};
pub use token::{SignError, VapidToken, sign};
pub use verify::{EXPIRY_LEEWAY, Scheme, TOKEN_OCTETS_MAX, Verified, VerifyError, verify};

use std::time::Duration;

/// How far ahead of the request a token's `exp` may lie (RFC 8292 section 2).
pub const TOKEN_LIFETIME_MAX: Duration = Duration::from_secs(24 * 3_600);

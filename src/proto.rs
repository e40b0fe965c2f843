//! The contract, as generated from `proto/fanfare/v1/`, and its descriptors.

use std::fmt;

/// Package `fanfare.v1`.
#[allow(clippy::all, clippy::pedantic, missing_docs, missing_debug_implementations, unreachable_pub)]
pub mod v1 {
    tonic::include_proto!("fanfare.v1");
}

/// For server reflection: the contract, what it imports, and the types of error details.
pub const REFLECTION_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/fanfare_descriptor.bin"));

/// The contract alone.
pub const OWN_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/fanfare_own_descriptor.bin"));

macro_rules! redacted_debug {
    ($($name:ident),+) => {$(
        impl fmt::Debug for v1::$name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(<redacted>)"))
            }
        }
    )+};
}
redacted_debug!(
    PushSubscription,
    PushSubscriptionKeys,
    SubscribeRequest,
    UnsubscribeRequest,
    GetSubscriptionRequest,
    UpdateSubscriptionRequest,
    Message,
    CreateSubscriberTokenResponse,
    CreateApiTokenResponse,
    CreateVapidKeyRequest
);

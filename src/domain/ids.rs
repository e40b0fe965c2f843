//! Identifiers. Those that callers see are 16 octets, written as 32 lower-case hexadecimal digits behind the name of
//! their collection, and say nothing about an endpoint.

use std::fmt;

use super::Timestamp;

/// An application's number in the store; callers see its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApplicationId(pub u32);

/// A VAPID key's number within its application. 0 is never given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VapidKeyId(pub u16);

/// An origin's number in the store (see [`super::Origin`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OriginId(pub u32);

/// How many slices the subscriptions of an application, and of each topic, are divided into: a big broadcast can be
/// planned as that many jobs.
pub const SLICES: u8 = 64;

/// A stored subscription. The first octet is its slice (below [`SLICES`]), so that the order of names is the order of
/// slices; time and randomness follow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(pub [u8; 16]);

impl SubscriptionId {
    /// What stands before the digits in a name.
    pub const COLLECTION: &'static str = "subscriptions/";

    /// A new identifier from the time and ten octets of randomness.
    #[must_use]
    pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
        let mut id = [0; 16];
        id[0] = random[0] % SLICES;
        id[1..7].copy_from_slice(&now.as_millis().to_be_bytes()[2..]);
        id[7..].copy_from_slice(&random[1..]);
        Self(id)
    }

    /// The slice it lies in.
    #[must_use]
    pub fn slice(self) -> u8 {
        self.0[0]
    }

    /// `subscriptions/{id}`.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}{self}", Self::COLLECTION)
    }

    /// Reads `subscriptions/{id}`; `None` when it is not of that form.
    #[must_use]
    pub fn parse_name(name: &str) -> Option<Self> {
        parse_hex(name.strip_prefix(Self::COLLECTION)?).map(Self)
    }
}

/// An accepted Send or Broadcast. Ordered by the time of acceptance.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub [u8; 16]);

impl MessageId {
    /// What stands before the digits in a name.
    pub const COLLECTION: &'static str = "messages/";

    /// A new identifier from the time and ten octets of randomness.
    #[must_use]
    pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
        let mut id = [0; 16];
        id[..6].copy_from_slice(&now.as_millis().to_be_bytes()[2..]);
        id[6..].copy_from_slice(&random);
        Self(id)
    }

    /// When it was made, to the millisecond.
    #[must_use]
    pub fn time(self) -> Timestamp {
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(&self.0[..6]);
        Timestamp::from_millis(u64::from_be_bytes(millis))
    }

    /// `messages/{id}`.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}{self}", Self::COLLECTION)
    }

    /// Reads `messages/{id}`; `None` when it is not of that form.
    #[must_use]
    pub fn parse_name(name: &str) -> Option<Self> {
        parse_hex(name.strip_prefix(Self::COLLECTION)?).map(Self)
    }
}

/// An API token. Ordered by the time of creation; not a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiTokenId(pub [u8; 16]);

impl ApiTokenId {
    /// What stands before the digits in a name.
    pub const COLLECTION: &'static str = "apiTokens/";

    /// A new identifier from the time and ten octets of randomness.
    #[must_use]
    pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
        Self(MessageId::new(now, random).0)
    }

    /// `apiTokens/{id}`.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}{self}", Self::COLLECTION)
    }

    /// Reads `apiTokens/{id}`; `None` when it is not of that form.
    #[must_use]
    pub fn parse_name(name: &str) -> Option<Self> {
        parse_hex(name.strip_prefix(Self::COLLECTION)?).map(Self)
    }
}

macro_rules! hex_display {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(hex(&self.0, &mut [0; 32]))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}
hex_display!(SubscriptionId);
hex_display!(MessageId);
hex_display!(ApiTokenId);

/// Written once for each event that is streamed, twice as often as anything else: so without the formatter's machinery.
fn hex<'a>(octets: &[u8; 16], digits: &'a mut [u8; 32]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, octet) in digits.chunks_exact_mut(2).zip(octets) {
        pair[0] = DIGITS[usize::from(octet >> 4)];
        pair[1] = DIGITS[usize::from(octet & 15)];
    }
    std::str::from_utf8(digits).unwrap_or_default()
}

fn parse_hex(digits: &str) -> Option<[u8; 16]> {
    let digits = digits.as_bytes();
    if digits.len() != 32 {
        return None;
    }
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut id = [0; 16];
    for (octet, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        *octet = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        let now = Timestamp::from_millis(1_800_000_000_123);
        let subscription = SubscriptionId::new(now, [200, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert!(subscription.slice() < SLICES);
        assert_eq!(SubscriptionId::parse_name(&subscription.name()), Some(subscription));
        let message = MessageId::new(now, [255; 10]);
        assert_eq!(MessageId::parse_name(&message.name()), Some(message));
        for bad in ["", "messages/", "messages/-", "messages/00", &message.name().to_uppercase()] {
            assert_eq!(MessageId::parse_name(bad), None, "{bad}");
        }
    }

    #[test]
    fn messages_are_ordered_by_time() {
        let at = |ms| MessageId::new(Timestamp::from_millis(ms), [7; 10]);
        assert!(at(1_800_000_000_000) < at(1_800_000_000_001));
        assert_eq!(at(1_800_000_000_001).time(), Timestamp::from_millis(1_800_000_000_001));
    }
}

//! Who called, and for whom a message is.

use std::net::IpAddr;

use super::array;
use crate::domain::{Addressed, ApiTokenId, CalledBy, Listed, SubscriptionId};
use crate::store::StoreError;

/// Who called: of an API token its number only, which is a third of its name.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct CallerValue {
    /// An API token's 16 octets; empty for others.
    #[prost(bytes = "vec", tag = "1")]
    token: Vec<u8>,
    /// The name of others.
    #[prost(string, tag = "2")]
    name: String,
    /// 4 octets or 16; empty when it is not known.
    #[prost(bytes = "vec", tag = "3")]
    address: Vec<u8>,
}

impl CallerValue {
    pub(crate) fn new(caller: &CalledBy) -> Self {
        let address = match caller.address {
            Some(IpAddr::V4(address)) => address.octets().to_vec(),
            Some(IpAddr::V6(address)) => address.octets().to_vec(),
            None => Vec::new(),
        };
        match ApiTokenId::parse_name(&caller.name) {
            Some(id) => Self { token: id.0.to_vec(), name: String::new(), address },
            None => Self { token: Vec::new(), name: caller.name.as_ref().to_owned(), address },
        }
    }

    /// `kind` is that of the record that it is part of.
    pub(crate) fn into_caller(self, kind: &'static str) -> Result<CalledBy, StoreError> {
        let name = match self.token.as_slice() {
            [] => self.name,
            token => ApiTokenId(array(token, kind)?).name(),
        };
        let address = match self.address.as_slice() {
            [] => None,
            octets if octets.len() == 4 => Some(IpAddr::from(array::<4>(octets, kind)?)),
            octets => Some(IpAddr::from(array::<16>(octets, kind)?)),
        };
        Ok(CalledBy { name: name.into(), address })
    }
}

/// For whom a message is.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct AddressedValue {
    #[prost(enumeration = "AddressedKind", tag = "1")]
    kind: i32,
    /// 16 octets, of a Send to one.
    #[prost(bytes = "vec", tag = "2")]
    subscription: Vec<u8>,
    /// The user of a Send; the first of a list.
    #[prost(string, repeated, tag = "3")]
    names: Vec<String>,
    /// How many a list has.
    #[prost(uint32, tag = "4")]
    count: u32,
}

/// The numbers of [`Addressed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum AddressedKind {
    Unknown = 0,
    Subscription = 1,
    User = 2,
    Inline = 3,
    Subscriptions = 4,
    Users = 5,
    Topics = 6,
    All = 7,
}

impl AddressedValue {
    pub(crate) fn new(addressed: &Addressed) -> Self {
        let of = |kind: AddressedKind| Self { kind: kind.into(), ..Self::default() };
        let list =
            |kind, Listed { first, count }: &Listed| Self { names: first.clone(), count: *count, ..of(kind) };
        match addressed {
            Addressed::Subscription { id, user_id } => Self {
                subscription: id.0.to_vec(),
                names: Some(user_id.clone()).filter(|user| !user.is_empty()).into_iter().collect(),
                ..of(AddressedKind::Subscription)
            },
            Addressed::User(user_id) => Self { names: vec![user_id.clone()], ..of(AddressedKind::User) },
            Addressed::Inline => of(AddressedKind::Inline),
            Addressed::Subscriptions(count) => Self { count: *count, ..of(AddressedKind::Subscriptions) },
            Addressed::Users(listed) => list(AddressedKind::Users, listed),
            Addressed::Topics(listed) => list(AddressedKind::Topics, listed),
            Addressed::All => of(AddressedKind::All),
        }
    }

    /// `kind` is that of the record that it is part of.
    pub(crate) fn into_addressed(self, kind: &'static str) -> Result<Addressed, StoreError> {
        let corrupt = || StoreError::Corrupt(kind);
        let Self { kind: number, subscription, mut names, count } = self;
        Ok(match AddressedKind::try_from(number).map_err(|_| corrupt())? {
            AddressedKind::Unknown => return Err(corrupt()),
            AddressedKind::Subscription => Addressed::Subscription {
                id: SubscriptionId(array(&subscription, kind)?),
                user_id: names.pop().unwrap_or_default(),
            },
            AddressedKind::User => Addressed::User(names.pop().ok_or_else(corrupt)?),
            AddressedKind::Inline => Addressed::Inline,
            AddressedKind::Subscriptions => Addressed::Subscriptions(count),
            AddressedKind::Users => Addressed::Users(Listed { first: names, count }),
            AddressedKind::Topics => Addressed::Topics(Listed { first: names, count }),
            AddressedKind::All => Addressed::All,
        })
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn callers_round_trip_and_are_small() {
        let token = ApiTokenId([9; 16]).name();
        for (name, address, octets) in [
            (token.as_str(), Some(IpAddr::from([127, 0, 0, 1])), 24),
            ("certificate dns:orders.internal", Some(IpAddr::from([7_u8; 16])), 51),
            ("anonymous", None, 11),
        ] {
            let caller = CalledBy { name: name.into(), address };
            let value = CallerValue::new(&caller);
            assert_eq!(value.encoded_len(), octets, "{name}");
            assert_eq!(value.into_caller("test").unwrap(), caller);
        }
        let short = CallerValue { address: vec![1; 5], ..CallerValue::default() };
        assert!(short.into_caller("test").is_err());
    }

    #[test]
    fn whom_a_message_is_for_round_trips() {
        let listed = || Listed::of(&["a".to_owned(), "b".to_owned()]);
        for addressed in [
            Addressed::Subscription { id: SubscriptionId([3; 16]), user_id: String::new() },
            Addressed::Subscription { id: SubscriptionId([3; 16]), user_id: "alice".to_owned() },
            Addressed::User("alice".to_owned()),
            Addressed::Inline,
            Addressed::Subscriptions(12),
            Addressed::Users(listed()),
            Addressed::Topics(listed()),
            Addressed::All,
        ] {
            assert_eq!(AddressedValue::new(&addressed).into_addressed("test").unwrap(), addressed);
        }
        assert!(AddressedValue::default().into_addressed("test").is_err());
    }
}

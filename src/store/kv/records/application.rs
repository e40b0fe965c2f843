//! Applications, VAPID keys and tokens, origins.

use zeroize::Zeroizing;

use super::{Record, array};
use crate::domain::{ApplicationId, Origin, OriginId, Timestamp, VapidKey, VapidKeyId};
use crate::store::{GroupId, OriginInfo, StoreError, StoredToken};

/// An application.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ApplicationValue {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// 0 for none.
    #[prost(uint32, tag = "2")]
    pub(crate) current_vapid_key: u32,
}

impl Record for ApplicationValue {
    const KIND: &'static str = "application";
}

/// A VAPID key pair.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct VapidKeyValue {
    #[prost(bytes = "vec", tag = "1")]
    private: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    public: Vec<u8>,
    #[prost(uint64, tag = "3")]
    created: u64,
}

impl Record for VapidKeyValue {
    const KIND: &'static str = "VAPID key";
}

impl VapidKeyValue {
    pub(crate) fn new(key: &VapidKey) -> Self {
        Self { private: key.private.to_vec(), public: key.public.to_vec(), created: key.created.as_micros() }
    }

    pub(crate) fn into_key(self, id: VapidKeyId) -> Result<VapidKey, StoreError> {
        let private = Zeroizing::new(self.private);
        Ok(VapidKey {
            id,
            private: Zeroizing::new(array(&private, Self::KIND)?),
            public: array(&self.public, Self::KIND)?,
            created: Timestamp::from_micros(self.created),
        })
    }
}

/// A signed VAPID token.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct VapidTokenValue {
    #[prost(string, tag = "1")]
    origin: String,
    #[prost(uint64, tag = "2")]
    issued: u64,
    #[prost(uint64, tag = "3")]
    expires: u64,
    #[prost(string, tag = "4")]
    jwt: String,
    #[prost(bool, tag = "5")]
    extra: bool,
}

impl Record for VapidTokenValue {
    const KIND: &'static str = "VAPID token";
}

impl VapidTokenValue {
    pub(crate) fn new(token: StoredToken) -> Self {
        Self {
            origin: token.origin,
            issued: token.issued.as_micros(),
            expires: token.expires.as_micros(),
            jwt: token.jwt,
            extra: token.extra,
        }
    }

    pub(crate) fn into_token(self, application: ApplicationId, key: VapidKeyId) -> StoredToken {
        StoredToken {
            application,
            key,
            origin: self.origin,
            issued: Timestamp::from_micros(self.issued),
            expires: Timestamp::from_micros(self.expires),
            jwt: self.jwt,
            extra: self.extra,
        }
    }
}

/// Octets that are kept secret.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct SecretValue {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) octets: Vec<u8>,
}

impl Record for SecretValue {
    const KIND: &'static str = "secret";
}

/// An origin.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct OriginValue {
    #[prost(string, tag = "1")]
    text: String,
    #[prost(uint32, tag = "2")]
    group: u32,
}

impl Record for OriginValue {
    const KIND: &'static str = "origin";
}

impl OriginValue {
    pub(crate) fn new(origin: &Origin, group: GroupId) -> Self {
        Self { text: origin.as_str().to_owned(), group: u32::from(group.0) }
    }

    pub(crate) fn into_info(self, id: OriginId) -> Result<OriginInfo, StoreError> {
        let origin = Origin::parse(&self.text).ok_or(StoreError::Corrupt(Self::KIND))?;
        let group = u16::try_from(self.group).map_err(|_| StoreError::Corrupt(Self::KIND))?;
        Ok(OriginInfo { id, origin, group: GroupId(group) })
    }
}

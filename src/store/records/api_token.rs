//! API tokens.

use super::{Record, array};
use crate::domain::{ApiToken, ApiTokenId, ApplicationId, Role, Timestamp};
use crate::store::StoreError;

/// An API token.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct ApiTokenValue {
    #[prost(uint32, optional, tag = "1")]
    application: Option<u32>,
    /// The numbers of [`role_number`].
    #[prost(uint32, repeated, tag = "2")]
    roles: Vec<u32>,
    #[prost(string, tag = "3")]
    display_name: String,
    #[prost(bytes = "vec", tag = "4")]
    secret_hash: Vec<u8>,
    #[prost(uint64, optional, tag = "5")]
    expires: Option<u64>,
    #[prost(uint64, tag = "6")]
    created: u64,
    #[prost(uint64, optional, tag = "7")]
    pub(crate) last_used: Option<u64>,
}

impl Record for ApiTokenValue {
    const KIND: &'static str = "API token";
}

fn role_number(role: Role) -> u32 {
    match role {
        Role::Admin => 1,
        Role::Publisher => 2,
        Role::Subscriber => 3,
        Role::Reader => 4,
    }
}

impl ApiTokenValue {
    pub(crate) fn new(token: &ApiToken) -> Self {
        Self {
            application: token.application.map(|application| application.0),
            roles: token.roles.iter().map(role_number).collect(),
            display_name: token.display_name.clone(),
            secret_hash: token.secret_hash.to_vec(),
            expires: token.expires.map(Timestamp::as_micros),
            created: token.created.as_micros(),
            last_used: token.last_used.map(Timestamp::as_micros),
        }
    }

    pub(crate) fn into_token(self, id: ApiTokenId) -> Result<ApiToken, StoreError> {
        let role = |number: &u32| {
            let known = Role::ALL.into_iter().find(|role| role_number(*role) == *number);
            known.ok_or(StoreError::Corrupt(Self::KIND))
        };
        Ok(ApiToken {
            id,
            application: self.application.map(ApplicationId),
            roles: self.roles.iter().map(role).collect::<Result<_, _>>()?,
            display_name: self.display_name,
            secret_hash: array(&self.secret_hash, Self::KIND)?,
            expires: self.expires.map(Timestamp::from_micros),
            created: Timestamp::from_micros(self.created),
            last_used: self.last_used.map(Timestamp::from_micros),
        })
    }
}

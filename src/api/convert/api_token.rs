//! API tokens.

use super::time::timestamp;
use crate::api::access::Scope;
use crate::api::callers::hint;
use crate::domain::{ApiToken, Role};
use crate::proto::v1;

/// A role as the contract has it.
#[must_use]
pub fn role(role: Role) -> v1::Role {
    match role {
        Role::Admin => v1::Role::Admin,
        Role::Publisher => v1::Role::Publisher,
        Role::Subscriber => v1::Role::Subscriber,
        Role::Reader => v1::Role::Reader,
    }
}

/// `None` for the unspecified one.
pub(crate) fn read_role(role: v1::Role) -> Option<Role> {
    match role {
        v1::Role::Unspecified => None,
        v1::Role::Admin => Some(Role::Admin),
        v1::Role::Publisher => Some(Role::Publisher),
        v1::Role::Subscriber => Some(Role::Subscriber),
        v1::Role::Reader => Some(Role::Reader),
    }
}

pub(crate) fn api_token(token: &ApiToken, scope: Option<&Scope>) -> v1::ApiToken {
    let application = match scope {
        Some(Scope::Application(name)) => name.clone(),
        Some(Scope::All) | None => String::new(),
    };
    v1::ApiToken {
        name: token.id.name(),
        application,
        all_applications: token.application.is_none(),
        roles: token.roles.iter().map(|one| role(one).into()).collect(),
        display_name: token.display_name.clone(),
        hint: hint(token.id),
        expire_time: token.expires.map(timestamp),
        create_time: Some(timestamp(token.created)),
        last_used_time: token.last_used.map(timestamp),
    }
}

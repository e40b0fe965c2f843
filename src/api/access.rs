//! Who may call what: one table of all RPCs, and the caller that is judged by it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::status::ApiError;
use crate::domain::{ApplicationId, Role, Roles, Timestamp};

/// One RPC of the contract, and who may call it.
#[derive(Clone, Copy, Debug)]
pub struct Rpc {
    /// Its service, by the full name.
    pub service: &'static str,
    /// Its name, under which it is observed: no two services have one in common.
    pub name: &'static str,
    /// The roles that may call it, beside [`Role::Admin`].
    pub roles: &'static [Role],
    /// Whether it tells of all applications: credentials of one do not reach it.
    pub server_wide: bool,
    /// Whether a page may call it with a subscriber token.
    pub subscriber_token: bool,
    /// Whether requests or answers of one call come one after the other.
    pub streams: bool,
}

/// The name of whoever was not asked for one.
const ANONYMOUS: &str = "anonymous";
const PUSH: &str = "fanfare.v1.PushService";
const ADMIN: &str = "fanfare.v1.AdminService";

const fn rpc(service: &'static str, name: &'static str, roles: &'static [Role]) -> Rpc {
    Rpc { service, name, roles, server_wide: false, subscriber_token: false, streams: false }
}

impl Rpc {
    const fn server_wide(self) -> Self {
        Self { server_wide: true, ..self }
    }

    const fn streaming(self) -> Self {
        Self { streams: true, ..self }
    }

    const fn and_pages(self) -> Self {
        Self { subscriber_token: true, ..self }
    }
}

use Role::{Publisher, Reader, Subscriber};

/// Every RPC, in the order of the contract.
pub const RPCS: [Rpc; 38] = [
    rpc(PUSH, "Subscribe", &[Subscriber]).and_pages(),
    rpc(PUSH, "Unsubscribe", &[Subscriber]).and_pages(),
    rpc(PUSH, "GetSubscription", &[Subscriber, Reader]),
    rpc(PUSH, "UpdateSubscription", &[Subscriber]),
    rpc(PUSH, "ListSubscriptions", &[Reader]),
    rpc(PUSH, "WatchSubscriptions", &[Reader]).streaming(),
    rpc(PUSH, "ImportSubscriptions", &[Subscriber]).streaming(),
    rpc(PUSH, "Send", &[Publisher]).streaming(),
    rpc(PUSH, "Broadcast", &[Publisher]).streaming(),
    rpc(PUSH, "SendStream", &[Publisher]).streaming(),
    rpc(PUSH, "WatchDeliveries", &[Publisher, Reader]).streaming(),
    rpc(PUSH, "GetMessage", &[Publisher, Reader]),
    rpc(PUSH, "ListMessages", &[Publisher, Reader]),
    rpc(PUSH, "ListDeliveries", &[Publisher, Reader]),
    rpc(PUSH, "CancelMessage", &[Publisher]),
    rpc(PUSH, "GetVapidPublicKey", &[Publisher, Subscriber, Reader]).and_pages(),
    rpc(PUSH, "CreateSubscriberToken", &[Subscriber]),
    rpc(ADMIN, "CreateApplication", &[]).server_wide(),
    rpc(ADMIN, "GetApplication", &[Reader]),
    rpc(ADMIN, "ListApplications", &[Reader]),
    rpc(ADMIN, "UpdateApplication", &[]),
    rpc(ADMIN, "DeleteApplication", &[]).server_wide(),
    rpc(ADMIN, "CreateVapidKey", &[]),
    rpc(ADMIN, "ListVapidKeys", &[Reader]),
    rpc(ADMIN, "SetCurrentVapidKey", &[]),
    rpc(ADMIN, "RetireVapidKey", &[]),
    rpc(ADMIN, "CreateApiToken", &[]),
    rpc(ADMIN, "ListApiTokens", &[Reader]),
    rpc(ADMIN, "RevokeApiToken", &[]),
    rpc(ADMIN, "ListOrigins", &[Reader]).server_wide(),
    rpc(ADMIN, "WatchOrigins", &[Reader]).server_wide().streaming(),
    rpc(ADMIN, "ResumeOrigin", &[]),
    rpc(ADMIN, "ReleaseHeldSubscriptions", &[]),
    rpc(ADMIN, "DiscardHeldSubscriptions", &[]),
    rpc(ADMIN, "RestoreSubscriptions", &[]),
    rpc(ADMIN, "EnableSubscriptions", &[]),
    rpc(ADMIN, "ListAuditEntries", &[]),
    rpc(ADMIN, "Backup", &[]).server_wide().streaming(),
];

/// The RPC at the path of a call.
pub(super) fn rpc_at(path: &str) -> Option<&'static Rpc> {
    let (service, name) = path.strip_prefix('/')?.split_once('/')?;
    RPCS.iter().find(|rpc| rpc.name == name && rpc.service == service)
}

/// Whether a call that is observed by this name may last for long: health and reflection do too.
pub(super) fn streams(name: &str) -> bool {
    RPCS.iter().find(|rpc| rpc.name == name).is_none_or(|rpc| rpc.streams)
}

/// Whose things a caller reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of all applications.
    All,
    /// Those of the application of this name.
    Application(String),
}

/// What a page may do with its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The user whose subscriptions it may touch.
    pub user_id: String,
    /// The topics that it may ask for.
    pub topics: BTreeSet<String>,
}

/// Somebody who calls, as far as it is proved.
#[derive(Clone, Debug)]
pub struct Principal {
    /// For logs: never a secret.
    pub name: Arc<str>,
    /// Whose things it reaches.
    pub scope: Scope,
    /// The number of the application that its credentials were made for, which may be gone when another one has its name.
    /// `None`: they are good for whichever has it, or for all.
    pub application: Option<ApplicationId>,
    /// What it may do there.
    pub roles: Roles,
    /// Set for a page with a subscriber token, which has no role.
    pub grant: Option<Grant>,
    /// When its credentials end.
    pub expires: Option<Timestamp>,
    /// Cancelled when its credentials are revoked.
    pub revoked: CancellationToken,
}

impl Principal {
    /// Somebody of whom nothing was asked.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new(ANONYMOUS, Scope::All, Roles::all())
    }

    /// Whether its name tells it from all others. Pages and those of whom nothing was asked have none.
    pub(super) fn is_named(&self) -> bool {
        self.grant.is_none() && &*self.name != ANONYMOUS
    }

    /// Somebody whose credentials neither expire nor can be revoked.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, scope: Scope, roles: Roles) -> Self {
        let name = name.into();
        Self {
            name,
            scope,
            application: None,
            roles,
            grant: None,
            expires: None,
            revoked: CancellationToken::new(),
        }
    }

    /// Whether it may call this RPC at all.
    pub(super) fn may_call(&self, rpc: &Rpc) -> Result<(), ApiError> {
        let role = rpc.roles.iter().any(|role| self.roles.has(*role)) || self.roles.has(Role::Admin);
        let page = self.grant.is_some() && rpc.subscriber_token;
        let needed = rpc.roles.first().copied().unwrap_or(Role::Admin);
        if !role && !page {
            return Err(ApiError::RoleMissing { role: needed, server_wide: rpc.server_wide });
        }
        if rpc.server_wide && self.scope != Scope::All {
            return Err(ApiError::RoleMissing { role: needed, server_wide: true });
        }
        Ok(())
    }

    /// How long its credentials are good still.
    pub(super) fn remaining(&self, now: Timestamp) -> Option<Duration> {
        self.expires.map(|expires| expires.since(now))
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn the_table_has_every_rpc_of_the_contract() {
        let files = prost_types::FileDescriptorSet::decode(crate::proto::OWN_DESCRIPTOR_SET).unwrap();
        let mut contract = Vec::new();
        for file in &files.file {
            for service in &file.service {
                let name = format!("{}.{}", file.package(), service.name());
                contract.extend(service.method.iter().map(|rpc| {
                    let streams = rpc.client_streaming() || rpc.server_streaming();
                    (name.clone(), rpc.name().to_owned(), streams)
                }));
            }
        }
        let row = |rpc: &Rpc| (rpc.service.to_owned(), rpc.name.to_owned(), rpc.streams);
        let table: Vec<_> = RPCS.iter().map(row).collect();
        assert_eq!(table, contract);
        let names: BTreeSet<_> = RPCS.iter().map(|rpc| rpc.name).collect();
        assert_eq!(names.len(), RPCS.len());
    }

    #[test]
    fn paths_lead_to_rpcs() {
        assert_eq!(rpc_at("/fanfare.v1.PushService/Send").unwrap().name, "Send");
        assert_eq!(rpc_at("/fanfare.v1.AdminService/ResumeOrigin").unwrap().name, "ResumeOrigin");
        for other in [
            "/fanfare.v1.AdminService/Send",
            "/fanfare.v1.PushService/Sendx",
            "fanfare.v1.PushService/Send",
            "/fanfare.v1.PushService/Send/",
            "/grpc.health.v1.Health/Check",
            "/",
            "",
        ] {
            assert!(rpc_at(other).is_none(), "{other}");
        }
    }

    #[test]
    fn only_admins_of_everything_reach_everything() {
        let may = |scope: &Scope, roles: &[Role]| {
            let principal = Principal::new("test", scope.clone(), roles.iter().copied().collect());
            RPCS.iter().filter(|rpc| principal.may_call(rpc).is_ok()).count()
        };
        let shop = Scope::Application("shop".to_owned());
        assert_eq!(may(&Scope::All, &[Role::Admin]), RPCS.len());
        assert_eq!(may(&shop, &[Role::Admin]), RPCS.len() - 5);
        assert_eq!(may(&Scope::All, &[]), 0);
        assert!(may(&shop, &[Role::Publisher, Role::Subscriber, Role::Reader]) < may(&shop, &[Role::Admin]));
    }
}

//! The audit log: what was done by whom to what. An entry is written in the store right behind its change, as part of the
//! same task, which runs to its end also when the caller leaves; and before the caller is answered. So what a caller knows to
//! be done is in the log. Not in the same batch: a change may take several, and what came of it (the number of a key, how many
//! subscriptions it was) is known at its end only. A crash between the two leaves a change whose caller got no answer. Only
//! a Broadcast has its entry in the batch that accepts it, since that is all there is to tell of it: see
//! [`crate::store::Store::accept`].
//!
//! Each is a line of the log too, under the target `fanfare::audit`. Never a secret.

use std::future::Future;
use std::sync::Arc;

use super::ApiFor;
use super::access::{Principal, Rpc, Scope};
use super::convert::time::timestamp;
use super::status::ApiError;
use crate::domain::{
    ApiToken, Application, ApplicationId, ApplicationSettings, AuditEntry, FieldChange, HostChoice,
    HostProfile, Padding, Quotas, Role, Timestamp, Urgency,
};
use crate::store::Store;

/// The target of its lines, for `log.filter`.
const TARGET: &str = "fanfare::audit";
/// Begins the object of an entry that is about a user.
pub(super) const USER: &str = "user ";

fn reach(scope: &Scope) -> &str {
    match scope {
        Scope::All => "*",
        Scope::Application(name) => name,
    }
}

/// A caller tried what it may not do.
pub(super) fn refused(principal: &Principal, rpc: &Rpc) {
    let application = reach(&principal.scope);
    tracing::warn!(target: TARGET, caller = %principal.name, action = rpc.name, application, "refused");
}

/// What was done to what.
#[derive(Debug)]
pub(super) struct Done {
    application: ApplicationId,
    application_name: String,
    object: String,
    count: Option<u32>,
    changes: Vec<FieldChange>,
}

impl Done {
    /// Something of an application.
    pub(super) fn to(application: &Application, object: impl Into<String>) -> Self {
        Self::of(application.id, application.name.clone(), object)
    }

    /// Something of an application, or of none: 0 and no name.
    pub(super) fn of(application: ApplicationId, name: String, object: impl Into<String>) -> Self {
        let object = object.into();
        Self { application, application_name: name, object, count: None, changes: Vec::new() }
    }

    /// It concerned so many subscriptions.
    pub(super) fn counted(self, count: usize) -> Self {
        Self { count: Some(u32::try_from(count).unwrap_or(u32::MAX)), ..self }
    }

    /// These fields are other than they were.
    pub(super) fn changed(self, changes: Vec<FieldChange>) -> Self {
        Self { changes, ..self }
    }
}

impl ApiFor<'_> {
    /// Makes a change and then writes what was done, if anything was, into the audit log: to its end, also when the caller
    /// goes away in the middle.
    pub(super) async fn audited<T, W>(&self, action: &'static str, change: W) -> Result<T, ApiError>
    where
        T: Send + 'static,
        W: Future<Output = Result<(T, Option<Done>), ApiError>> + Send + 'static,
    {
        let (store, caller) = (Arc::clone(&self.store), self.called_by());
        self.finish(async move {
            let (changed, done) = change.await?;
            if let Some(done) = done {
                let Done { application, application_name, object, count, changes } = done;
                let action = action.to_owned();
                let time = Timestamp::default();
                let entry = AuditEntry {
                    time,
                    caller,
                    action,
                    application,
                    application_name,
                    object,
                    count,
                    changes,
                };
                write(&*store, entry).await;
            }
            Ok(changed)
        })
        .await
    }
}

/// What was done stays done when it cannot be written down; then the log is what tells.
async fn write(store: &dyn Store, entry: AuditEntry) {
    let AuditEntry { caller, action, application_name, object, .. } = &entry;
    let (action, application) = (action.as_str(), application_name.as_str());
    // Of users the log says nothing; the entry does.
    let object = if object.starts_with(USER) { "a user" } else { object };
    tracing::info!(target: TARGET, caller = %caller.name, action, application, object, "done");
    if let Err(error) = store.audit(entry).await {
        tracing::error!(target: TARGET, %error, "the entry before this is missing in the audit log of the store");
    }
}

/// What is other in settings than it was.
pub(super) fn changes(before: &ApplicationSettings, after: &ApplicationSettings) -> Vec<FieldChange> {
    let pairs = facts(before).into_iter().zip(facts(after));
    let changed = pairs.filter(|((_, before), (_, after))| before != after);
    changed.map(|((field, before), (_, after))| FieldChange::new(field, before, after)).collect()
}

/// What is set of an application, by the contract's paths; what is not is empty.
fn facts(settings: &ApplicationSettings) -> Vec<(&'static str, String)> {
    let ApplicationSettings { display_name, contact, ttl, urgency, padding, quotas, hosts, suspended } =
        settings;
    let Quotas {
        max_subscriptions,
        max_messages_per_second,
        max_broadcast_targets,
        max_pending_deliveries,
        max_streams,
        weight,
    } = quotas;
    let HostChoice { profile, extra_hosts, exceptions } = hosts.clone().unwrap_or_default();
    let number = |number: &Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    vec![
        ("display_name", display_name.clone()),
        ("contact", contact.clone().unwrap_or_default()),
        ("defaults.ttl", ttl.map(|ttl| humantime::format_duration(ttl).to_string()).unwrap_or_default()),
        ("defaults.urgency", urgency.map_or("", Urgency::as_str).to_owned()),
        ("defaults.padding", padding.map_or("", padding_name).to_owned()),
        ("quotas.max_subscriptions", number(max_subscriptions)),
        (
            "quotas.max_messages_per_second",
            max_messages_per_second.map(|rate| rate.to_string()).unwrap_or_default(),
        ),
        ("quotas.max_broadcast_targets", number(max_broadcast_targets)),
        ("quotas.max_pending_deliveries", number(max_pending_deliveries)),
        ("quotas.max_streams", number(max_streams)),
        ("quotas.weight", number(weight)),
        ("host_policy.profile", profile.map_or("", profile_name).to_owned()),
        ("host_policy.extra_hosts", extra_hosts.join(", ")),
        ("host_policy.exceptions", exceptions.join(", ")),
        ("suspended", if *suspended { "true".to_owned() } else { String::new() }),
    ]
}

fn padding_name(padding: Padding) -> &'static str {
    match padding {
        Padding::None => "none",
        Padding::PowerOfTwo => "power-of-two",
        Padding::Maximum => "maximum",
    }
}

fn profile_name(profile: HostProfile) -> &'static str {
    match profile {
        HostProfile::KnownPushServices => "known-push-services",
        HostProfile::AnyPublicHost => "any-public-host",
        HostProfile::ListedOnly => "listed-only",
    }
}

/// What a token says, by the contract's paths: of one that is made, or of one that goes.
pub(super) fn token_facts(token: &ApiToken) -> Vec<(&'static str, String)> {
    let roles: Vec<_> = token.roles.iter().map(Role::name).collect();
    let expires = token.expires.map(|expires| timestamp(expires).to_string());
    vec![
        ("roles", roles.join(", ")),
        ("display_name", token.display_name.clone()),
        ("all_applications", if token.application.is_none() { "true".to_owned() } else { String::new() }),
        ("expire_time", expires.unwrap_or_default()),
    ]
}

/// What is set of something that is new.
pub(super) fn made(facts: Vec<(&'static str, String)>) -> Vec<FieldChange> {
    let set = facts.into_iter().filter(|(_, value)| !value.is_empty());
    set.map(|(field, value)| FieldChange::new(field, "", value)).collect()
}

/// What was set of something that is gone.
pub(super) fn gone(facts: Vec<(&'static str, String)>) -> Vec<FieldChange> {
    let set = facts.into_iter().filter(|(_, value)| !value.is_empty());
    set.map(|(field, value)| FieldChange::new(field, value, "")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_told() {
        let before =
            ApplicationSettings { display_name: "Shop".to_owned(), ..ApplicationSettings::default() };
        let mut after = before.clone();
        assert_eq!(changes(&before, &after), []);
        after.quotas.weight = Some(3);
        after.suspended = true;
        after.hosts =
            Some(HostChoice { extra_hosts: vec!["push.example.org".to_owned()], ..HostChoice::default() });
        let told = changes(&before, &after);
        assert_eq!(
            told,
            [
                FieldChange::new("quotas.weight", "", "3"),
                FieldChange::new("host_policy.extra_hosts", "", "push.example.org"),
                FieldChange::new("suspended", "", "true"),
            ]
        );
        assert_eq!(made(facts(&before)), [FieldChange::new("display_name", "", "Shop")]);
    }
}

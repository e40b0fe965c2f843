//! Applications and VAPID keys.

use super::{known, text};
use crate::api::convert::application::read_vapid_key_name;
use crate::api::convert::subscription::read_etag;
use crate::api::convert::time::read_duration;
use crate::api::status::ApiError;
use crate::domain::application::{DEFAULT_APPLICATION, is_application_name};
use crate::domain::limits::{APPLICATION_WEIGHT_MAX, DISPLAY_NAME_OCTETS_MAX, EXTRA_HOSTS_MAX, TTL_MAX};
use crate::domain::{
    ApplicationSettings, EndpointPolicy, HostChoice, HostProfile, Padding, Urgency, VapidKeyId, Violations,
};
use crate::proto::v1;
use crate::webpush::keys::VapidKeyPair;
use crate::webpush::vapid::check_contact;

/// The fields that an update mask may name as a whole.
const FIELDS: [&str; 6] = ["display_name", "contact", "defaults", "quotas", "host_policy", "suspended"];
/// Those of them that only callers of all applications may change.
const SERVER_WIDE: [&str; 3] = ["quotas", "host_policy", "suspended"];

/// Reads CreateApplication: its name, and what is set.
pub(crate) fn create(
    request: &v1::CreateApplicationRequest,
    policy: &dyn EndpointPolicy,
) -> Result<(String, ApplicationSettings), ApiError> {
    let mut violations = Violations::new();
    let Some(application) = &request.application else {
        violations.add("application", "is required");
        return Err(violations.into());
    };
    if !is_application_name(&application.id) {
        violations.add(
            "application.id",
            "must have a to z, 0 to 9 and -, begin with a letter, and have at most 63 octets",
        );
    }
    let mut settings = ApplicationSettings::default();
    for field in FIELDS {
        take(&mut violations, &mut settings, field, application);
    }
    check_hosts(&mut violations, &settings, policy);
    Ok(violations.or(Some((application.id.clone(), settings)))?)
}

/// What UpdateApplication asks for.
#[derive(Debug)]
pub(crate) struct Update {
    /// What is set from now on.
    pub(crate) settings: ApplicationSettings,
    /// The revision that the caller has read, if it matters.
    pub(crate) revision: Option<u64>,
    /// A field is changed that only callers of all applications may change.
    pub(crate) server_wide: bool,
}

/// Reads UpdateApplication over what is set now.
pub(crate) fn update(
    request: &v1::UpdateApplicationRequest,
    now: &ApplicationSettings,
    policy: &dyn EndpointPolicy,
) -> Result<Update, ApiError> {
    let mut violations = Violations::new();
    let Some(application) = &request.application else {
        violations.add("application", "is required");
        return Err(violations.into());
    };
    let mut update = Update { settings: now.clone(), revision: None, server_wide: false };
    if !application.etag.is_empty() {
        update.revision = read_etag(&application.etag);
        if update.revision.is_none() {
            violations.add("application.etag", "must be the etag that this server gave");
        }
    }
    let paths = request.update_mask.as_ref().map(|mask| &mask.paths[..]).unwrap_or_default();
    if paths.is_empty() {
        violations.add("update_mask", "must name a field");
    }
    for (index, path) in paths.iter().enumerate() {
        if !take(&mut violations, &mut update.settings, path, application) {
            violations.add(
                format!("update_mask.paths[{index}]"),
                "must be display_name, contact, defaults, quotas, host_policy, suspended, or a field in one of them",
            );
        }
        let field = path.split('.').next().unwrap_or_default();
        update.server_wide |= SERVER_WIDE.contains(&field);
    }
    if paths.iter().any(|path| path.starts_with("host_policy")) {
        check_hosts(&mut violations, &update.settings, policy);
    }
    Ok(violations.or(Some(update))?)
}

/// Takes one field of what was given; false when it is none that can change.
fn take(
    violations: &mut Violations,
    settings: &mut ApplicationSettings,
    path: &str,
    given: &v1::Application,
) -> bool {
    let (field, inner) = path.split_once('.').map_or((path, None), |(field, inner)| (field, Some(inner)));
    match (field, inner) {
        ("display_name", None) => {
            text::plain(violations, "application.display_name", &given.display_name, DISPLAY_NAME_OCTETS_MAX);
            settings.display_name.clone_from(&given.display_name);
        }
        ("contact", None) => {
            if violations.check("application.contact", check_contact(&given.contact)).is_some() {
                settings.contact = Some(given.contact.clone());
            }
        }
        ("suspended", None) => settings.suspended = given.suspended,
        ("defaults", inner) => {
            let defaults = given.defaults.unwrap_or_default();
            return take_each(&["ttl", "urgency", "padding"], inner, |name| {
                take_default(violations, settings, name, &defaults);
            });
        }
        ("quotas", inner) => {
            let quotas = given.quotas.unwrap_or_default();
            let names = [
                "max_subscriptions",
                "max_messages_per_second",
                "max_broadcast_targets",
                "max_pending_deliveries",
                "max_streams",
                "weight",
            ];
            return take_each(&names, inner, |name| take_quota(violations, settings, name, &quotas));
        }
        ("host_policy", None) => {
            settings.hosts = given.host_policy.as_ref().map(|_| HostChoice::default());
            if let Some(policy) = &given.host_policy {
                return take_each(&["profile", "extra_hosts", "exceptions"], None, |name| {
                    take_hosts(violations, settings, name, policy);
                });
            }
        }
        ("host_policy", inner) => {
            let policy = given.host_policy.clone().unwrap_or_default();
            return take_each(&["profile", "extra_hosts", "exceptions"], inner, |name| {
                take_hosts(violations, settings, name, &policy);
            });
        }
        _ => return false,
    }
    true
}

/// Takes the field that is named, or all of them; false when it is none of them.
fn take_each(names: &[&str], named: Option<&str>, mut take: impl FnMut(&str)) -> bool {
    let Some(named) = named else {
        for name in names {
            take(name);
        }
        return true;
    };
    let known = names.contains(&named);
    if known {
        take(named);
    }
    known
}

fn take_default(
    violations: &mut Violations,
    settings: &mut ApplicationSettings,
    name: &str,
    given: &v1::MessageDefaults,
) {
    match name {
        "ttl" => {
            let field = "application.defaults.ttl";
            settings.ttl = given.ttl.and_then(|ttl| violations.check(field, read_duration(ttl)));
            if settings.ttl.is_some_and(|ttl| ttl > TTL_MAX) {
                violations.add(field, "must be at most 28 days");
            }
        }
        "urgency" => {
            let urgency = known(violations, "application.defaults.urgency", given.urgency, |urgency| {
                Some(match urgency {
                    v1::Urgency::Unspecified => None,
                    v1::Urgency::VeryLow => Some(Urgency::VeryLow),
                    v1::Urgency::Low => Some(Urgency::Low),
                    v1::Urgency::Normal => Some(Urgency::Normal),
                    v1::Urgency::High => Some(Urgency::High),
                })
            });
            settings.urgency = urgency.flatten();
        }
        _ => {
            let padding = known(violations, "application.defaults.padding", given.padding, |padding| {
                Some(match padding {
                    v1::Padding::Unspecified => None,
                    v1::Padding::None => Some(Padding::None),
                    v1::Padding::PowerOfTwo => Some(Padding::PowerOfTwo),
                    v1::Padding::Maximum => Some(Padding::Maximum),
                })
            });
            settings.padding = padding.flatten();
        }
    }
}

fn take_quota(
    violations: &mut Violations,
    settings: &mut ApplicationSettings,
    name: &str,
    given: &v1::Quotas,
) {
    let field = format!("application.quotas.{name}");
    let quotas = &mut settings.quotas;
    let (to, value) = match name {
        "max_messages_per_second" => {
            quotas.max_messages_per_second = given.max_messages_per_second;
            if given.max_messages_per_second.is_some_and(|rate| !rate.is_finite() || rate < 0.0) {
                violations.add(field, "must be a number of at least 0");
            }
            return;
        }
        "max_subscriptions" => (&mut quotas.max_subscriptions, given.max_subscriptions),
        "max_broadcast_targets" => (&mut quotas.max_broadcast_targets, given.max_broadcast_targets),
        "max_pending_deliveries" => (&mut quotas.max_pending_deliveries, given.max_pending_deliveries),
        "max_streams" => (&mut quotas.max_streams, given.max_streams),
        _ => (&mut quotas.weight, given.weight),
    };
    *to = value
        .and_then(|value| violations.check(&field, u32::try_from(value).map_err(|_| "must not be negative")));
    if name == "weight" && to.is_some_and(|weight| !(1..=APPLICATION_WEIGHT_MAX).contains(&weight)) {
        violations.add(field, format!("must be 1 to {APPLICATION_WEIGHT_MAX}"));
    }
}

fn take_hosts(
    violations: &mut Violations,
    settings: &mut ApplicationSettings,
    name: &str,
    given: &v1::HostPolicy,
) {
    let hosts = settings.hosts.get_or_insert_default();
    match name {
        "profile" => {
            let profile = known(violations, "application.host_policy.profile", given.profile, |profile| {
                Some(match profile {
                    v1::HostProfile::Unspecified => None,
                    v1::HostProfile::KnownPushServices => Some(HostProfile::KnownPushServices),
                    v1::HostProfile::AnyPublicHost => Some(HostProfile::AnyPublicHost),
                    v1::HostProfile::ListedOnly => Some(HostProfile::ListedOnly),
                })
            });
            hosts.profile = profile.flatten();
        }
        "extra_hosts" => {
            hosts.extra_hosts.clone_from(&given.extra_hosts);
            at_most(violations, "application.host_policy.extra_hosts", given.extra_hosts.len());
        }
        _ => {
            hosts.exceptions.clone_from(&given.exceptions);
            at_most(violations, "application.host_policy.exceptions", given.exceptions.len());
        }
    }
}

fn at_most(violations: &mut Violations, field: &str, entries: usize) {
    if entries > EXTRA_HOSTS_MAX {
        violations.add(field, format!("must have at most {EXTRA_HOSTS_MAX} entries"));
    }
}

/// Whether the server's policy lets it choose so.
fn check_hosts(violations: &mut Violations, settings: &ApplicationSettings, policy: &dyn EndpointPolicy) {
    if let Some(Err(wrong)) = settings.hosts.as_ref().map(|choice| policy.chosen(choice)) {
        for violation in wrong.as_slice() {
            violations
                .add(format!("application.host_policy.{}", violation.field), violation.description.clone());
        }
    }
}

/// Reads DeleteApplication: what is not to be deleted is refused. `configured` are those that would come again.
pub(crate) fn delete(name: &str, configured: bool) -> Result<(), ApiError> {
    let mut violations = Violations::new();
    if name.is_empty() {
        violations.add("application", "is required");
    } else if name == DEFAULT_APPLICATION {
        violations.add("application", "must not be default, which always exists");
    } else if configured {
        violations.add("application", "is named in the server's configuration, which would make it again");
    }
    Ok(violations.or(Some(()))?)
}

/// Reads CreateVapidKey: the pair, made here if none is given.
pub(crate) fn create_vapid_key(request: &v1::CreateVapidKeyRequest) -> Result<VapidKeyPair, ApiError> {
    let text = request.private_key.trim();
    if text.is_empty() {
        return VapidKeyPair::generate().map_err(|error| ApiError::Internal(error.to_string()));
    }
    let mut violations = Violations::new();
    let pair = if text.contains("-----BEGIN") {
        VapidKeyPair::from_pem(text)
    } else {
        VapidKeyPair::import(text, None)
    };
    let pair = violations.check("private_key", pair);
    Ok(violations.or(pair)?)
}

/// Reads `vapidKeys/{id}`.
pub(crate) fn vapid_key_name(name: &str) -> Result<VapidKeyId, ApiError> {
    let mut violations = Violations::new();
    let id = read_vapid_key_name(name);
    if id.is_none() {
        violations.add("name", if name.is_empty() { "is required" } else { "must be vapidKeys/{id}" });
    }
    Ok(violations.or(id)?)
}

//! What a configuration may not say. All problems are reported together.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::Config;
use crate::domain::application::is_application_name;
use crate::domain::{Origin, limits};
use crate::transport::{HostPolicy, PushServicesSettings};
use crate::webpush::vapid::check_contact;

/// Checks everything. The problems with their keys, in no order.
pub(super) fn problems(config: &Config) -> Vec<(String, String)> {
    let mut problems = Problems::default();
    listeners(config, &mut problems);
    for (key, why) in config.server.tls.problems() {
        problems.add(format!("server.tls.{key}"), why);
    }
    for (index, caller) in config.server.tls.callers.iter().enumerate() {
        let known = |name: &String| config.applications.iter().any(|application| application.name == *name);
        let key = format!("server.tls.callers[{index}].application");
        problems.unless(caller.application.as_ref().is_none_or(known), &key, "there is no such application");
    }
    shutdown(config, &mut problems);
    push_services(config, &mut problems);
    bounds(config, &mut problems);
    sealing(config, &mut problems);
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&config.log.filter) {
        problems.add("log.filter", error.to_string());
    }
    applications(config, &mut problems);
    problems.0
}

#[derive(Default)]
struct Problems(Vec<(String, String)>);

impl Problems {
    fn add(&mut self, key: impl Into<String>, description: impl Into<String>) {
        self.0.push((key.into(), description.into()));
    }

    fn unless(&mut self, holds: bool, key: &str, description: &str) {
        if !holds {
            self.add(key, description);
        }
    }
}

fn listeners(config: &Config, problems: &mut Problems) {
    let addresses = [("server.listen", config.server.listen), ("admin.listen", config.admin.listen)];
    let asked = config.server.asks_who_calls();
    problems.unless(
        asked || config.server.insecure || config.server.listen.ip().is_loopback(),
        "server.listen",
        "is not a loopback address, and whoever reaches it may do everything: let callers need credentials \
         (--credentials-required, server.credentials_required = true, or server.tls.client_ca), or say --insecure",
    );
    problems.unless(
        asked || config.server.insecure || config.admin.listen.ip().is_loopback(),
        "admin.listen",
        "is not a loopback address, and nobody is asked who reads metrics. If that is meant, say --insecure or \
         server.insecure = true",
    );
    let [(_, server), (_, admin)] = addresses;
    problems.unless(!collide(server, admin), "admin.listen", "must differ from server.listen");
    if let Some(receipts) = config.receipts.listen {
        // Everybody may reach it: it needs no --insecure.
        let differs = !collide(receipts, server) && !collide(receipts, admin);
        problems.unless(differs, "receipts.listen", "must differ from server.listen and admin.listen");
    }
    problems.unless(config.receipts.max_per_second >= 1, "receipts.max_per_second", "must be at least 1");
}

fn shutdown(config: &Config, problems: &mut Problems) {
    let parts = [
        ("engine.shutdown_grace", config.engine.shutdown_grace),
        ("server.http.drain_timeout", config.server.http.drain_timeout),
    ];
    for (key, part) in parts {
        problems.unless(
            part < config.server.shutdown_timeout,
            key,
            "must be shorter than server.shutdown_timeout",
        );
    }
}

fn push_services(config: &Config, problems: &mut Problems) {
    // One by one, so that each is told.
    let mut check = |key: String, settings: PushServicesSettings| {
        if let Err(error) = HostPolicy::new(&settings) {
            problems.add(key, error.problem());
        }
    };
    for (index, host) in config.push_services.hosts.iter().enumerate() {
        let hosts = vec![host.clone()];
        check(
            format!("push_services.hosts[{index}]"),
            PushServicesSettings { hosts, ..PushServicesSettings::default() },
        );
    }
    for (index, exception) in config.push_services.exceptions.iter().enumerate() {
        let exceptions = vec![exception.clone()];
        check(
            format!("push_services.exceptions[{index}]"),
            PushServicesSettings { exceptions, ..PushServicesSettings::default() },
        );
    }
    for (key, why) in config.transport.problems() {
        problems.add(format!("transport.{key}"), why);
    }
}

fn sealing(config: &Config, problems: &mut Problems) {
    let sealing = &config.store.sealing;
    let sources = sealing.sources();
    if let [first, second, ..] = sources[..] {
        problems.add(
            format!("store.sealing.{second}"),
            format!("cannot be set with {first}: the master key comes from one place"),
        );
    }
    for (key, is_set) in [("subscriptions", sealing.subscriptions), ("payloads", sealing.payloads)] {
        problems.unless(
            !is_set || !sources.is_empty(),
            &format!("store.sealing.{key}"),
            "needs a master key: master_key, master_key_file or master_key_command",
        );
    }
}

/// The longest [`crate::engine::EngineSettings::removal_window`].
const REMOVAL_WINDOW_MAX: Duration = Duration::from_secs(3_600);

/// Bounds that would stop everything.
fn bounds(config: &Config, problems: &mut Problems) {
    let Config { engine, store, server: super::ServerConfig { http, calls, .. }, .. } = config;
    // One answer, and the part of it that HTTP was handed.
    let answers_min = http.answer_octets_max.saturating_mul(2);
    let at_least = [
        ("engine.max_unsettled", engine.max_unsettled, 1),
        ("engine.max_targets_in_memory", engine.max_targets_in_memory, limits::PAGE_DELIVERIES_MAX),
        ("engine.max_pages_per_group", engine.max_pages_per_group, 1),
        ("engine.lane_concurrency", engine.lane_concurrency, 1),
        ("engine.commit_outcomes", engine.commit_outcomes, 1),
        ("engine.plan_chunk", engine.plan_chunk, 1),
        ("engine.removal_count_min", engine.removal_count_min, 1),
        ("store.queue_commands", store.queue_commands, 1),
        ("store.group_commands", store.group_commands, 1),
        ("store.group_rows", store.group_rows, 1),
        ("store.reads", store.reads, 1),
        ("server.http.connections_max", http.connections_max, 1),
        ("server.http.calls_max", http.calls_max, 1),
        ("server.http.answer_octets_max", http.answer_octets_max, limits::REQUEST_OCTETS_MAX),
        ("server.http.arriving_calls_max", http.arriving_calls_max, 1),
        ("server.http.calls_per_second_max", http.calls_per_second_max as usize, 1),
        ("server.calls.streams_max", calls.streams_max, 1),
        ("server.calls.sends_max", calls.sends_max, 1),
        ("server.calls.imports_max", calls.imports_max, 1),
        ("server.http.caller_lists_max", http.caller_lists_max, 1),
        ("server.http.connection_answers_octets_max", http.connection_answers_octets_max, answers_min),
        ("server.http.caller_answers_octets_max", http.caller_answers_octets_max, answers_min),
        ("server.http.answers_octets_max", http.answers_octets_max, answers_min),
        ("server.calls.user_targets_max", calls.user_targets_max, 1),
    ];
    problems.unless(
        engine.max_waiting_deliveries >= 1,
        "engine.max_waiting_deliveries",
        "must be at least 1",
    );
    for (key, value, least) in at_least {
        problems.unless(value >= least, key, &format!("must be at least {least}"));
    }
    problems.unless(
        http.connection_age_grace >= calls.stream_age_max,
        "server.http.connection_age_grace",
        "must be at least server.calls.stream_age_max",
    );
    problems.unless(
        (1..=100).contains(&calls.share_percent_max),
        "server.calls.share_percent_max",
        "must be 1 to 100",
    );
    problems.unless(
        (1..=100).contains(&http.address_share_percent_max),
        "server.http.address_share_percent_max",
        "must be 1 to 100",
    );
    problems.unless(!calls.import_idle_max.is_zero(), "server.calls.import_idle_max", "must be above 0s");
    problems.unless(!http.answer_timeout.is_zero(), "server.http.answer_timeout", "must be above 0s");
    let retention = &config.retention;
    problems.unless(
        retention.events <= retention.messages,
        "retention.events",
        "must not exceed retention.messages",
    );
    problems.unless(!retention.interval.is_zero(), "retention.interval", "must be above 0s");
    problems.unless(retention.audit_octets_max >= 1, "retention.audit_octets_max", "must be at least 1");
    problems.unless(retention.log_octets_max >= 1, "retention.log_octets_max", "must be at least 1");
    problems.unless(
        engine.retry_base <= engine.retry_max,
        "engine.retry_base",
        "must not exceed engine.retry_max",
    );
    problems.unless(!engine.retry_base.is_zero(), "engine.retry_base", "must be above 0s");
    problems.unless(
        engine.removal_window <= REMOVAL_WINDOW_MAX,
        "engine.removal_window",
        "must be at most 1h: what waits is in memory, and is read again after a restart",
    );
    problems.unless(
        engine.removal_share_max > 0.0 && engine.removal_share_max <= 1.0,
        "engine.removal_share_max",
        "must be above 0, and at most 1 (then nothing is ever held)",
    );
    problems.unless(
        engine.stopped_retry_min <= engine.stopped_retry_max,
        "engine.stopped_retry_min",
        "must not exceed engine.stopped_retry_max",
    );
    problems.unless(!engine.stopped_retry_min.is_zero(), "engine.stopped_retry_min", "must be above 0s");
    for (index, origin) in http.cors_origins.iter().enumerate() {
        problems.unless(
            Origin::parse(origin).is_some_and(|parsed| parsed.as_str() == origin),
            &format!("server.http.cors_origins[{index}]"),
            "must be an origin such as https://app.example.com",
        );
    }
}

fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let same_address = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && same_address
}

fn applications(config: &Config, problems: &mut Problems) {
    let mut seen = HashSet::new();
    for (index, application) in config.applications.iter().enumerate() {
        let key = format!("applications[{index}].name");
        problems.unless(
            is_application_name(&application.name),
            &key,
            "must have a to z, 0 to 9 and -, begin with a letter, and have at most 63 characters",
        );
        problems.unless(seen.insert(&application.name), &key, "is there twice");
    }
    for (index, application) in config.effective_applications().iter().enumerate() {
        let key = |field: &str| match &config.applications[index] {
            stated if is_stated(stated, field) => format!("applications[{index}].{field}"),
            _ => format!("application_defaults.{field}"),
        };
        if let Err(error) = check_contact(&application.contact) {
            problems.add(key("contact"), error.to_string());
        }
        problems.unless((1..=1_000).contains(&application.weight), &key("weight"), "must be 1 to 1000");
        problems.unless(application.defaults.ttl <= limits::TTL_MAX, &key("ttl"), "must be at most 28days");
    }
    let mut told = HashSet::new();
    problems.0.retain(|problem| told.insert(problem.clone()));
}

fn is_stated(application: &super::ApplicationConfig, field: &str) -> bool {
    match field {
        "contact" => application.contact.is_some(),
        "weight" => application.weight.is_some(),
        "ttl" => application.ttl.is_some(),
        _ => false,
    }
}

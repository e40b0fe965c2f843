//! What the configuration says.

use super::finding::Finding;
use super::finding::Severity::{Hint, Serious, Warning};
use crate::config::{Config, PLACEHOLDER_CONTACT};
use crate::open_files;
use crate::transport::Profile;

/// `has_tokens`: whether there are API tokens, as far as is known.
pub(super) fn look(config: &Config, has_tokens: Option<bool>) -> Vec<Finding> {
    let mut findings = Vec::new();
    callers(config, has_tokens, &mut findings);
    sending(config, &mut findings);
    sealing(config, &mut findings);
    if config.log.filter.to_lowercase().contains("debug")
        || config.log.filter.to_lowercase().contains("trace")
    {
        findings.push(Finding::new(
            Warning,
            "log-verbose",
            format!("log.filter is {:?}", config.log.filter),
            "Every call and every delivery is written down, with the names of users' subscriptions: the log grows \
             quickly and tells much, though no secrets.",
            "Set log.filter = \"info\".",
        ));
    }
    let needed = config.open_files_needed();
    if let Some(limit) = open_files::limit().filter(|limit| *limit < needed) {
        findings.push(Finding::new(
            Warning,
            "open-files",
            format!(
                "{limit} files may be open, and server.http.connections_max and transport.dns_lookups_max let {needed} be needed"
            ),
            "Before there are as many connections as the server takes, it can accept none and open none to push services.",
            format!("Raise the limit (LimitNOFILE={needed} for systemd, ulimit -n {needed}), or lower \
                     server.http.connections_max."),
        ));
    }
    findings
}

fn callers(config: &Config, has_tokens: Option<bool>, findings: &mut Vec<Finding>) {
    let server = &config.server;
    let is_public = !server.listen.ip().is_loopback();
    let asks = server.asks_who_calls();
    if !asks && has_tokens != Some(true) {
        let mend = "Make a token (`fanfare tokens create --data-dir DIR --role admin --all-applications`, while the server is \
                    stopped), and set server.credentials_required = true.";
        if is_public {
            findings.push(Finding::new(
                Serious,
                "no-credentials",
                format!("{} is not a loopback address, and nobody is asked who calls", server.listen),
                "Whoever reaches the port may send to all your subscribers, read and remove them, and make tokens.",
                mend,
            ));
        } else {
            findings.push(Finding::new(
                Hint,
                "no-credentials",
                "nobody is asked who calls, on a loopback address",
                "Every user and program of this machine may send to your subscribers.",
                mend,
            ));
        }
    } else if is_public && !asks {
        findings.push(Finding::new(
            Warning,
            "credentials-by-chance",
            "that callers need credentials hangs on there being a token",
            "A start on an empty data directory, or after the last token was revoked, lets everybody in.",
            "Set server.credentials_required = true.",
        ));
    }
    if server.insecure {
        findings.push(Finding::new(
            if is_public || !config.admin.listen.ip().is_loopback() { Warning } else { Hint },
            "insecure",
            "server.insecure is set",
            "The server does not refuse to listen where strangers reach it while nobody is asked who calls.",
            "Remove it, and --insecure; use server.credentials_required = true.",
        ));
    }
    if is_public && server.tls.certificate.is_none() {
        findings.push(Finding::new(
            Warning,
            "no-tls",
            format!("{} is served without TLS", server.listen),
            "Tokens, endpoints and messages can be read on the way, unless a proxy before the server has TLS.",
            "Set server.tls.certificate and server.tls.private_key, or listen where only your proxy reaches.",
        ));
    }
    if !config.admin.listen.ip().is_loopback() {
        findings.push(Finding::new(
            Warning,
            "admin-public",
            format!("metrics and health are at {}, which is not a loopback address", config.admin.listen),
            "Nobody is asked who reads them: they tell how much is sent, to which push services, and how it goes.",
            "Let only your monitoring reach the port, or set admin.listen to a loopback address.",
        ));
    }
    if server.http.reflection && server.http.public_reflection {
        findings.push(Finding::new(
            Hint,
            "public-reflection",
            "server reflection answers without credentials",
            "Strangers learn which version of the contract is served.",
            "Set server.http.public_reflection = false.",
        ));
    }
}

fn sending(config: &Config, findings: &mut Vec<Finding>) {
    let placeholder: Vec<_> = config
        .effective_applications()
        .into_iter()
        .filter(|application| application.contact == PLACEHOLDER_CONTACT)
        .map(|application| application.name)
        .collect();
    if !placeholder.is_empty() {
        findings.push(Finding::new(
            Warning,
            "placeholder-contact",
            format!("the contact of {} is the built-in one", placeholder.join(", ")),
            "Push services write to it when something is wrong, and may refuse or block a sender who cannot be reached.",
            "Set application_defaults.contact to a mailto: or https: URL of yours.",
        ));
    }
    if config.push_services.profile == Profile::AnyPublicHost {
        findings.push(Finding::new(
            Warning,
            "any-public-host",
            "push_services.profile is any_public_host",
            "Whoever may subscribe lets this machine post to any public web server, also to public addresses inside your \
             network.",
            "Set push_services.profile = \"known_push_services\" and name others in push_services.hosts, or block your own \
             addresses at the firewall.",
        ));
    }
}

fn sealing(config: &Config, findings: &mut Vec<Finding>) {
    let sealing = &config.store.sealing;
    if !sealing.is_on() {
        findings.push(Finding::new(
            Warning,
            "not-sealed",
            "there is no master key: VAPID private keys stand on the disk in the clear",
            "Whoever gets the disk or a backup can send to your subscribers in your name.",
            "Make a key (`fanfare store key --out FILE`) and set store.sealing.master_key_file, or \
             FANFARE_STORE__SEALING__MASTER_KEY.",
        ));
        return;
    }
    let open: Vec<_> = [("subscriptions", sealing.subscriptions), ("payloads", sealing.payloads)]
        .into_iter()
        .filter(|(_, sealed)| !sealed)
        .map(|(name, _)| name)
        .collect();
    if !open.is_empty() {
        findings.push(Finding::new(
            Hint,
            "partly-sealed",
            format!("there is a master key, and {} are not sealed with it", open.join(" and ")),
            "Whoever gets the disk or a backup reads them: endpoints with their secrets, users, what messages say.",
            "Set store.sealing.subscriptions and store.sealing.payloads to true.",
        ));
    }
}

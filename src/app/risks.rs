//! What a server says at its start that works, but had better not stay so.

use crate::config::{Config, PLACEHOLDER_CONTACT, mode_open_to_others};
use crate::open_files;

/// Says it in the log.
pub(super) fn warn(config: &Config) {
    if config.effective_applications().iter().any(|application| application.contact == PLACEHOLDER_CONTACT) {
        tracing::warn!(
            "application_defaults.contact is still the built-in one: set your own before sending to real push services"
        );
    }
    let needed = config.open_files_needed();
    if let Some(limit) = open_files::limit().filter(|limit| *limit < needed) {
        tracing::warn!(
            limit,
            needed,
            "fewer files may be open than server.http.connections_max and transport.dns_lookups_max let be needed: raise the limit \
             (ulimit -n)"
        );
    }
    let key_files = [&config.store.sealing.master_key_file, &config.server.tls.private_key];
    for file in key_files.into_iter().flatten() {
        if let Some(mode) = mode_open_to_others(file) {
            let mode = format!("{mode:04o}");
            tracing::warn!(file = %file.display(), mode, "others may read this key file: chmod 600");
        }
    }
    let server = &config.server;
    let address = server.listen;
    if !address.ip().is_loopback() {
        if !server.asks_who_calls() {
            tracing::warn!(
                %address,
                "server.listen is not a loopback address: while there is no API token, whoever reaches it may do everything"
            );
        }
        if server.tls.certificate.is_none() {
            tracing::warn!(%address, "callers are served without TLS: their tokens and messages can be read on the way");
        }
    }
}

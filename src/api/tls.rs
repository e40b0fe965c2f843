//! TLS for callers: certificates from PEM files, taken anew when the files change, and who a client certificate stands
//! for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::domain::Role;
use crate::tls_time;

/// Settings of TLS for callers. Without a certificate the server speaks plain HTTP/2.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// PEM file with the server's certificate, and those between it and the root.
    pub certificate: Option<PathBuf>,
    /// PEM file with its private key.
    pub private_key: Option<PathBuf>,
    /// PEM file with the certificates that callers' certificates must be signed by. Then callers need credentials.
    pub client_ca: Option<PathBuf>,
    /// How often the files are looked at for changes. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub reload_interval: Duration,
    /// Whom client certificates stand for.
    pub callers: Vec<CertificateCaller>,
}

impl Default for TlsSettings {
    fn default() -> Self {
        let reload_interval = Duration::from_secs(30);
        Self { certificate: None, private_key: None, client_ca: None, reload_interval, callers: Vec::new() }
    }
}

/// Whom a client certificate stands for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateCaller {
    /// The subject alternative name that it has: `dns:orders.internal` or `uri:spiffe://example.org/orders`.
    pub san: String,
    /// Whose things it reaches; without it, those of all applications.
    #[serde(default)]
    pub application: Option<String>,
    /// Set instead of `application`, so that nobody reaches everything by an omission.
    #[serde(default)]
    pub all_applications: bool,
    /// What it may do there.
    pub roles: Vec<Role>,
}

impl TlsSettings {
    /// What does not belong together: each with its key and why.
    #[must_use]
    pub fn problems(&self) -> Vec<(String, &'static str)> {
        let mut problems = Vec::new();
        let mut unless = |holds: bool, key: String, why| {
            if !holds {
                problems.push((key, why));
            }
        };
        let both = self.certificate.is_some() == self.private_key.is_some();
        unless(both, "private_key".to_owned(), "must be set together with certificate");
        let served = self.certificate.is_some();
        unless(
            served || self.client_ca.is_none(),
            "client_ca".to_owned(),
            "needs certificate and private_key",
        );
        let asked = self.client_ca.is_some();
        unless(asked || self.callers.is_empty(), "callers".to_owned(), "needs client_ca");
        unless(!self.reload_interval.is_zero(), "reload_interval".to_owned(), "must be above 0s");
        for (index, caller) in self.callers.iter().enumerate() {
            let key = |member: &str| format!("callers[{index}].{member}");
            let name = caller.san.strip_prefix("dns:").or_else(|| caller.san.strip_prefix("uri:"));
            let named = name.is_some_and(|name| !name.is_empty());
            unless(named, key("san"), "must be dns:<name> or uri:<URI>");
            let once = self.callers.iter().filter(|other| other.san == caller.san).count() == 1;
            unless(once, key("san"), "must be listed once");
            let whose = caller.application.is_some() != caller.all_applications;
            unless(whose, key("application"), "either it or all_applications = true must be set");
            unless(!caller.roles.is_empty(), key("roles"), "must not be empty");
        }
        problems
    }

    /// Reads the files, as a start would.
    ///
    /// # Errors
    /// What cannot be used, and why.
    pub fn check(&self) -> Result<(), TlsError> {
        ServerTls::open(self).map(|_| ())
    }

    fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.certificate, &self.private_key, &self.client_ca].into_iter().flatten().map(PathBuf::as_path)
    }
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be used.
    #[error("{}: {why}", .file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// Certificate and key do not belong together, or the library does not work.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// The TLS of a server, which follows its files.
#[derive(Debug)]
pub(super) struct ServerTls {
    settings: TlsSettings,
    seen: Vec<Vec<u8>>,
    current: watch::Sender<Arc<ServerConfig>>,
}

/// Settings of TLS that come while the server runs: its files, and how often they are looked at. What else they say is
/// passed over.
#[derive(Debug)]
pub struct TlsChanges(watch::Receiver<TlsSettings>);

impl TlsChanges {
    /// Those that come by a channel.
    #[must_use]
    pub fn new(changes: watch::Receiver<TlsSettings>) -> Self {
        Self(changes)
    }

    /// None ever.
    #[must_use]
    pub fn none() -> Self {
        Self(watch::channel(TlsSettings::default()).1)
    }

    /// The next ones.
    async fn next(&mut self) -> TlsSettings {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.0.borrow_and_update().clone()
    }
}

impl ServerTls {
    /// Reads the files; `None` when none are set.
    pub(super) fn open(settings: &TlsSettings) -> Result<Option<Self>, TlsError> {
        if settings.certificate.is_none() {
            return Ok(None);
        }
        let seen = read(settings)?;
        let current = watch::Sender::new(Arc::new(server_config(settings)?));
        Ok(Some(Self { settings: settings.clone(), seen, current }))
    }

    /// What new connections are to use.
    pub(super) fn current(&self) -> watch::Receiver<Arc<ServerConfig>> {
        self.current.subscribe()
    }

    /// Follows the files until `stop`, and which files they are. Files that cannot be used, which may be half written, leave
    /// things as they were.
    pub(super) async fn follow(mut self, mut changes: TlsChanges, stop: CancellationToken) {
        let mut ticks = self.ticks();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
                changed = changes.next() => {
                    // With client certificates or without is for the start to decide, as is whom they stand for.
                    let client_ca = changed.client_ca.filter(|_| self.settings.client_ca.is_some());
                    self.settings = TlsSettings {
                        certificate: changed.certificate.or(self.settings.certificate.take()),
                        private_key: changed.private_key.or(self.settings.private_key.take()),
                        client_ca: client_ca.or(self.settings.client_ca.take()),
                        reload_interval: changed.reload_interval,
                        callers: Vec::new(),
                    };
                    ticks = self.ticks();
                    // The first tick is at once.
                    continue;
                }
            }
            let (settings, seen) = (self.settings.clone(), self.seen.clone());
            let looked = tokio::task::spawn_blocking(move || {
                let files = read(&settings)?;
                let changed = (files != seen).then(|| (files, server_config(&settings)));
                Ok::<_, TlsError>(changed)
            });
            let Ok(looked) = looked.await else { continue };
            match looked {
                Ok(None) => {}
                Ok(Some((files, Ok(config)))) => {
                    self.seen = files;
                    self.current.send_replace(Arc::new(config));
                    tracing::info!("new connections use the changed certificates");
                }
                Ok(Some((files, Err(error)))) => {
                    self.seen = files;
                    tracing::error!(%error, "the changed certificates cannot be used: the former stay");
                }
                Err(error) => tracing::warn!(%error, "certificates cannot be read: the former stay"),
            }
        }
    }

    fn ticks(&self) -> Interval {
        let mut ticks = interval(self.settings.reload_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }
}

fn read(settings: &TlsSettings) -> Result<Vec<Vec<u8>>, TlsError> {
    settings.files().map(|file| std::fs::read(file).map_err(|error| unusable(file, &error))).collect()
}

fn unusable(file: &Path, why: &impl ToString) -> TlsError {
    TlsError::File { file: file.to_owned(), why: why.to_string() }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(file, &error))?;
    if certificates.is_empty() {
        return Err(unusable(file, &"has no certificate"));
    }
    Ok(certificates)
}

fn server_config(settings: &TlsSettings) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_details(Arc::clone(&provider), tls_time::provider())
        .with_safe_default_protocol_versions()?;
    let builder = match &settings.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|error| unusable(file, &error))?;
            }
            // Who shows none may have a token instead.
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| unusable(file, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let (Some(certificate), Some(key)) = (&settings.certificate, &settings.private_key) else {
        return Err(TlsError::Tls(rustls::Error::General("no certificate".to_owned())));
    };
    let private_key = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
    let mut config = builder.with_single_cert(certificates(certificate)?, private_key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The subject alternative names of a certificate, as [`CertificateCaller::san`] writes them.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else { return Vec::new() };
    let dns = certificate.valid_dns_names().map(|name| format!("dns:{}", name.to_ascii_lowercase()));
    let uri = certificate.valid_uri_names().map(|name| format!("uri:{name}"));
    dns.chain(uri).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_stand_for_somebody_who_is_named_once() {
        let caller = |san: &str| CertificateCaller {
            san: san.to_owned(),
            application: Some("shop".to_owned()),
            all_applications: false,
            roles: vec![Role::Reader],
        };
        let file = || Some(PathBuf::from("x.pem"));
        let good = TlsSettings {
            certificate: file(),
            private_key: file(),
            client_ca: file(),
            callers: vec![caller("dns:orders.internal"), caller("uri:spiffe://example.org/orders")],
            ..TlsSettings::default()
        };
        assert_eq!(good.problems(), []);
        let keys = |settings: TlsSettings| -> Vec<_> {
            settings.problems().into_iter().map(|(key, _)| key).collect()
        };
        assert_eq!(keys(TlsSettings { private_key: None, ..good.clone() }), ["private_key"]);
        assert_eq!(keys(TlsSettings { client_ca: None, ..good.clone() }), ["callers"]);
        let none = TlsSettings { certificate: None, private_key: None, ..good.clone() };
        assert_eq!(keys(none), ["client_ca"]);
        let twice = vec![caller("dns:a"), caller("dns:a")];
        assert_eq!(
            keys(TlsSettings { callers: twice, ..good.clone() }),
            ["callers[0].san", "callers[1].san"]
        );
        let bad = CertificateCaller { application: None, roles: Vec::new(), ..caller("orders") };
        let bad = TlsSettings { callers: vec![bad], ..good };
        assert_eq!(keys(bad), ["callers[0].san", "callers[0].application", "callers[0].roles"]);
    }

    #[test]
    fn names_of_certificates_are_read() {
        let mut parameters = rcgen::CertificateParams::new(vec!["Orders.internal".to_owned()]).unwrap();
        let uri = rcgen::string::Ia5String::try_from("spiffe://example.org/orders").unwrap();
        parameters.subject_alt_names.push(rcgen::SanType::URI(uri));
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        assert_eq!(names(certificate.der()), ["dns:orders.internal", "uri:spiffe://example.org/orders"]);
        assert!(names(&CertificateDer::from(vec![1, 2, 3])).is_empty());
    }
}

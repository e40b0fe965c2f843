//! TLS towards push services: whom to trust, and which protocols to offer (RFC 7301).

use std::path::Path;
use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};

use super::exceptions::Exception;
use crate::tls_time;

/// The version of HTTP that is spoken with an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// One connection carries many requests.
    Http2,
    /// One connection carries one request at a time.
    Http1,
}

/// The certificates in a PEM file, in DER: at least one.
pub(crate) fn read_certificates(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| error.to_string())?;
    if certificates.is_empty() {
        return Err("has no certificate".into());
    }
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|error| error.to_string())?;
    }
    Ok(certificates.into_iter().map(|certificate| certificate.as_ref().to_vec()).collect())
}

/// The certificate that this server shows a push service, with its private key.
#[derive(Clone)]
pub(crate) struct Identity(Arc<SingleCertAndKey>);

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(<redacted>)")
    }
}

impl Identity {
    /// Reads PEM files: the certificate with those that lead to its root, and its private key.
    pub(crate) fn read(certificate: &Path, key: &Path) -> Result<Self, String> {
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| format!("client_certificate {}: {error}", certificate.display()))?;
        let private = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| format!("client_key {}: {error}", key.display()))?;
        let certified = CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider())
            .map_err(|error| format!("client_certificate and client_key: {error}"))?;
        Ok(Self(Arc::new(SingleCertAndKey::from(certified))))
    }
}

/// Servers with the system's certificates whose TLS sessions are remembered, so that another connection to them costs
/// no signature.
const SESSIONS_MAX: usize = 1_024;
/// The same for the one server of an exception with roots or a client certificate of its own.
const OWN_SESSIONS_MAX: usize = 1;
/// Tickets that rustls keeps of one server.
const TICKETS_PER_SERVER: usize = 8;

/// Makes the TLS configuration of connections. The system's certificates are read once, when it is made.
#[derive(Debug)]
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    system_roots: Arc<RootCertStore>,
    system: ClientConfig,
}

impl Tls {
    /// Reads the system's root certificates. A machine without any reaches only exceptions that bring their own.
    ///
    /// # Errors
    /// The library does not work.
    pub(crate) fn new() -> Result<Self, rustls::Error> {
        let mut system = RootCertStore::empty();
        // What does not parse is passed over, as every browser does: some systems carry a few such certificates.
        system.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if system.is_empty() {
            tracing::warn!("no root certificates: only push services with their own can be reached");
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let system_roots = Arc::new(system);
        let system = client_config(&provider, Arc::clone(&system_roots), None, SESSIONS_MAX)?;
        Ok(Self { provider, system_roots, system })
    }

    /// For all connections of one origin: of an exception with roots or a client certificate of its own, or like all
    /// others. What the latter need is shared: one of them costs no more than a few pointers.
    pub(crate) fn of_origin(&self, exception: Option<&Exception>) -> Result<ClientConfig, rustls::Error> {
        let own = exception.filter(|exception| exception.roots().is_some() || exception.identity().is_some());
        let Some(own) = own else { return Ok(self.system.clone()) };
        let roots = match own.roots() {
            None => Arc::clone(&self.system_roots),
            Some(certificates) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates {
                    roots.add(CertificateDer::from_slice(certificate))?;
                }
                Arc::new(roots)
            }
        };
        // Not the sessions of others: they are found by a server's name, and prove what other roots have proved.
        client_config(&self.provider, roots, own.identity(), OWN_SESSIONS_MAX)
    }
}

/// The configuration for one connection. Sessions are shared with the one it is made from.
pub(crate) fn offer(config: &ClientConfig, protocol: Protocol) -> ClientConfig {
    let mut config = config.clone();
    config.alpn_protocols = match protocol {
        Protocol::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
    };
    config
}

fn client_config(
    provider: &Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    identity: Option<&Identity>,
    sessions: usize,
) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_details(Arc::clone(provider), tls_time::provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match identity {
        Some(Identity(certified)) => {
            builder.with_client_cert_resolver(Arc::clone(certified) as Arc<dyn ResolvesClientCert>)
        }
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::in_memory_sessions(sessions * TICKETS_PER_SERVER);
    Ok(config)
}

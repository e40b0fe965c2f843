//! TLS towards push services: whom to trust, and which protocols to offer (RFC 7301).

use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

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

/// Servers with the system's certificates whose TLS sessions are remembered, so that another connection to them costs
/// no signature.
const SESSIONS_MAX: usize = 1_024;
/// The same for the one server of an exception with roots of its own.
const OWN_SESSIONS_MAX: usize = 1;
/// Tickets that rustls keeps of one server.
const TICKETS_PER_SERVER: usize = 8;

/// Makes the TLS configuration of connections. The system's certificates are read once, when it is made.
#[derive(Debug)]
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
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
        let system = client_config(&provider, system, SESSIONS_MAX)?;
        Ok(Self { provider, system })
    }

    /// For all connections of one origin, which trust these roots (in DER), or those of the system. What the latter
    /// need is shared by all origins: one of them costs no more than a few pointers.
    pub(crate) fn of_origin(&self, roots: Option<&[Vec<u8>]>) -> Result<ClientConfig, rustls::Error> {
        let Some(certificates) = roots else { return Ok(self.system.clone()) };
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(CertificateDer::from_slice(certificate))?;
        }
        // Not the sessions of others: they are found by a server's name, and prove what other roots have proved.
        client_config(&self.provider, roots, OWN_SESSIONS_MAX)
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
    roots: RootCertStore,
    sessions: usize,
) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::in_memory_sessions(sessions * TICKETS_PER_SERVER);
    Ok(config)
}

//! TLS towards push services: whom to trust, and which protocols to offer (RFC 7301).

use std::path::Path;
use std::sync::Arc;

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

/// Makes the TLS configuration of connections. The system's certificates are read once, when it is made.
#[derive(Debug)]
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    system: Arc<RootCertStore>,
}

impl Tls {
    /// Reads the system's root certificates. A machine without any reaches only exceptions that bring their own.
    pub(crate) fn new() -> Self {
        let mut system = RootCertStore::empty();
        // What does not parse is passed over, as every browser does: some systems carry a few such certificates.
        system.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if system.is_empty() {
            tracing::warn!("no root certificates: only push services with their own can be reached");
        }
        Self { provider: Arc::new(aws_lc_rs::default_provider()), system: Arc::new(system) }
    }

    /// For connections that trust these roots (in DER), or those of the system.
    pub(crate) fn client_config(
        &self,
        roots: Option<&[Vec<u8>]>,
        protocol: Protocol,
    ) -> Result<ClientConfig, rustls::Error> {
        let roots = match roots {
            Some(certificates) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates {
                    roots.add(CertificateDer::from_slice(certificate))?;
                }
                Arc::new(roots)
            }
            None => Arc::clone(&self.system),
        };
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = match protocol {
            Protocol::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Protocol::Http1 => vec![b"http/1.1".to_vec()],
        };
        Ok(config)
    }
}

//! The certificate authority that a sandbox makes at its start. Its private key is used once and thrown away, so nobody
//! who trusts it needs to fear it.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};

use super::SandboxError;
use crate::domain::Timestamp;

/// How long the certificates are valid.
const VALIDITY: Duration = Duration::from_secs(365 * 24 * 3_600);
/// How much earlier than now they begin, for clients whose clock is slow.
const BACKDATED: Duration = Duration::from_secs(24 * 3_600);
/// What the certificate is always for.
const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// What the push listener shows its clients, and what they must trust.
pub(crate) struct Certificates {
    /// The authority's certificate.
    pub(crate) authority_pem: String,
    /// The server's certificate with its key, HTTP/2 and HTTP/1.1 by ALPN.
    pub(crate) server: Arc<ServerConfig>,
    /// SHA-256 of the server's public key (SubjectPublicKeyInfo), by which Chromium can be told to trust it.
    pub(crate) spki_sha256: [u8; 32],
}

impl Certificates {
    /// Makes an authority and a server certificate for loopback and for `hosts`.
    pub(crate) fn make(hosts: &[&str], now: Timestamp) -> Result<Self, SandboxError> {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::default();
        limit_to_now(&mut authority, now);
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        authority.distinguished_name = common_name("Fanfare sandbox authority");
        let authority_pem = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);

        let mut names = LOOPBACK_NAMES.map(str::to_owned).to_vec();
        for host in hosts {
            if !names.iter().any(|name| name == host) {
                names.push((*host).to_owned());
            }
        }
        let server_key = KeyPair::generate()?;
        let mut server = CertificateParams::new(names)?;
        limit_to_now(&mut server, now);
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.distinguished_name = common_name("Fanfare sandbox");
        server.use_authority_key_identifier_extension = true;
        let certificate = server.signed_by(&server_key, &issuer)?;

        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let mut server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], key)?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let spki_sha256 = Sha256::digest(server_key.subject_public_key_info()).into();
        Ok(Self { authority_pem, server: Arc::new(server), spki_sha256 })
    }
}

fn limit_to_now(certificate: &mut CertificateParams, now: Timestamp) {
    let epoch = date_time_ymd(1970, 1, 1);
    certificate.not_before = epoch + Duration::from_secs(now.minus(BACKDATED).as_secs());
    certificate.not_after = epoch + Duration::from_secs(now.plus(VALIDITY).as_secs());
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

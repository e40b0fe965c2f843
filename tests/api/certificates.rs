//! TLS for callers: who a client certificate stands for, and certificates that change.

use std::fs;
use std::path::Path;
use std::time::Duration;

use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::api::tls::{CertificateCaller, TlsSettings};
use fanfare::domain::Role;
use fanfare::transport::scripted::ScriptedTransport;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use tempfile::TempDir;
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

use crate::callers::raw;
use crate::harness::Server;

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = authority.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(authority, key) }
    }

    /// Certificate and key in PEM, for a name or a URI.
    fn issue(&self, san: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut of = CertificateParams::default();
        of.subject_alt_names = vec![if san.contains("://") {
            SanType::URI(san.try_into().unwrap())
        } else {
            SanType::DnsName(san.try_into().unwrap())
        }];
        (of.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn serve(&self, directory: &Path) {
        let (certificate, key) = self.issue("localhost");
        fs::write(directory.join("server-key.pem"), key).unwrap();
        fs::write(directory.join("server.pem"), certificate).unwrap();
    }
}

async fn connect(
    server: &Server,
    trusted: &Authority,
    shown: Option<(String, String)>,
) -> Result<Channel, tonic::transport::Error> {
    let mut tls =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&trusted.pem)).domain_name("localhost");
    if let Some((certificate, key)) = shown {
        tls = tls.identity(Identity::from_pem(certificate, key));
    }
    let endpoint = Channel::from_shared(format!("https://{}", server.address)).unwrap();
    endpoint.tls_config(tls).unwrap().connect().await
}

/// How a call ends: what the server says, or UNAVAILABLE when there is no connection.
async fn ends(
    server: &Server,
    trusted: &Authority,
    shown: Option<(String, String)>,
    authorization: &[String],
    method: &str,
) -> Code {
    let Ok(channel) = connect(server, trusted, shown).await else { return Code::Unavailable };
    match raw(&channel, &format!("/fanfare.v1.{method}"), authorization, &[]).await {
        Ok(()) => Code::Ok,
        Err(status) if status.message().contains("transport") => Code::Unavailable,
        Err(status) => status.code(),
    }
}

#[tokio::test]
async fn certificates_say_who_calls_and_change_while_the_server_runs() {
    let directory = TempDir::new().unwrap();
    let (authority, stranger) = (Authority::new(), Authority::new());
    authority.serve(directory.path());
    fs::write(directory.path().join("ca.pem"), &authority.pem).unwrap();
    let caller = |san: &str, application: Option<&str>, role| CertificateCaller {
        san: san.to_owned(),
        application: application.map(str::to_owned),
        all_applications: application.is_none(),
        roles: vec![role],
    };
    let file = |name: &str| Some(directory.path().join(name));
    let tls = TlsSettings {
        certificate: file("server.pem"),
        private_key: file("server-key.pem"),
        client_ca: file("ca.pem"),
        reload_interval: Duration::from_millis(20),
        callers: vec![
            caller("dns:orders.internal", Some("shop"), Role::Reader),
            caller("uri:spiffe://example.org/ops", None, Role::Admin),
        ],
    };
    let settings = ApiSettings { credentials_required: true, ..ApiSettings::default() };
    let server_settings = ServerSettings { tls, ..ServerSettings::default() };
    let server = Server::start_with(ScriptedTransport::always(201), settings, server_settings).await;
    let (key, origins) = ("PushService/GetVapidPublicKey", "AdminService/ListOrigins");
    let (orders, ops) = ("orders.internal", "spiffe://example.org/ops");
    for (shown, method, code) in [
        (Some(authority.issue(orders)), key, Code::Ok),
        (Some(authority.issue(orders)), origins, Code::PermissionDenied),
        (Some(authority.issue(orders)), "PushService/Send", Code::PermissionDenied),
        (Some(authority.issue(ops)), origins, Code::Ok),
        (Some(authority.issue("somebody.internal")), key, Code::Unauthenticated),
        (None, key, Code::Unauthenticated),
        (Some(stranger.issue(ops)), key, Code::Unavailable),
    ] {
        assert_eq!(ends(&server, &authority, shown, &[], method).await, code, "{method}");
    }
    // Who does not trust the server, and who speaks without TLS, gets nothing.
    let shown = authority.issue(ops);
    assert_eq!(ends(&server, &stranger, Some(shown.clone()), &[], key).await, Code::Unavailable);
    assert!(raw(&server.channel, "/fanfare.v1.PushService/GetVapidPublicKey", &[], &[]).await.is_err());
    // A token goes before the certificate; a bad one is not passed over.
    let bad = ["Bearer nonsense".to_owned()];
    assert_eq!(ends(&server, &authority, Some(shown.clone()), &bad, key).await, Code::Unauthenticated);

    let kept = connect(&server, &authority, Some(shown.clone())).await.unwrap();
    let next = Authority::new();
    next.serve(directory.path());
    let changed = async { while ends(&server, &next, Some(shown.clone()), &[], key).await != Code::Ok {} };
    tokio::time::timeout(Duration::from_secs(20), changed).await.expect("the new certificate is served");
    assert_eq!(ends(&server, &authority, Some(shown.clone()), &[], key).await, Code::Unavailable);
    // Connections that are there stay; what cannot be used changes nothing.
    let path = "/fanfare.v1.PushService/GetVapidPublicKey";
    assert!(raw(&kept, path, &[], &[]).await.is_ok());
    fs::write(directory.path().join("server.pem"), "no certificate").unwrap();
    assert_eq!(ends(&server, &next, Some(shown), &[], key).await, Code::Ok);
    drop(kept);
    server.stop().await;
}

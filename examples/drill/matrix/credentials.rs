//! What callers show: certificates and tokens, of every kind.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use fanfare::domain::{Clock as _, SystemClock};
use fanfare::proto::v1::admin_service_client::AdminServiceClient;
use fanfare::proto::v1::push_service_client::PushServiceClient;
use fanfare::proto::v1::{
    ApiToken, CreateApiTokenRequest, CreateSubscriberTokenRequest, RevokeApiTokenRequest, Role,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use tonic::Request;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// How long the token lasts that is to have ended.
const SHORT: Duration = Duration::from_secs(1);

/// Signs certificates.
pub(super) struct Authority {
    pub(super) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = authority.self_signed(&key)?.pem();
        Ok(Self { pem, issuer: Issuer::new(authority, key) })
    }

    /// Certificate and key in PEM.
    fn issue(&self, san: SanType) -> anyhow::Result<(String, String)> {
        let key = KeyPair::generate()?;
        let mut of = CertificateParams::default();
        of.subject_alt_names = vec![san];
        Ok((of.signed_by(&key, &self.issuer)?.pem(), key.serialize_pem()))
    }

    /// For a server on localhost, into files.
    pub(super) fn serve(&self, directory: &Path) -> anyhow::Result<()> {
        let (certificate, key) = self.issue(SanType::DnsName("localhost".try_into()?))?;
        fs::write(directory.join("server.pem"), certificate)?;
        fs::write(directory.join("server-key.pem"), key)?;
        Ok(fs::write(directory.join("ca.pem"), &self.pem)?)
    }

    /// For a caller of this name.
    pub(super) fn identity(&self, name: &str) -> anyhow::Result<Identity> {
        let (certificate, key) = self.issue(SanType::URI(san(name).as_str().try_into()?))?;
        Ok(Identity::from_pem(certificate, key))
    }
}

/// The subject alternative name of a caller.
pub(super) fn san(name: &str) -> String {
    format!("spiffe://drill.example/{name}")
}

/// A connection, with a certificate or without.
pub(super) async fn connect(
    port: u16,
    trusted: &str,
    identity: Option<&Identity>,
) -> anyhow::Result<Channel> {
    let mut tls =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(trusted)).domain_name("localhost");
    if let Some(identity) = identity {
        tls = tls.identity(identity.clone());
    }
    Ok(Endpoint::from_shared(format!("https://127.0.0.1:{port}"))?.tls_config(tls)?.connect().await?)
}

pub(super) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn authorized<T>(token: &str, message: T) -> anyhow::Result<Request<T>> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", bearer(token).parse()?);
    Ok(request)
}

/// Makes tokens by the server, as an admin of everything.
pub(super) struct Office {
    admin: String,
    channel: Channel,
}

impl Office {
    pub(super) fn new(admin: String, channel: Channel) -> Self {
        Self { admin, channel }
    }

    /// A token for one application, or for all; its text and its name.
    pub(super) async fn token(
        &self,
        application: Option<&str>,
        role: Role,
        lasts: Option<Duration>,
    ) -> anyhow::Result<(String, String)> {
        let api_token = ApiToken {
            all_applications: application.is_none(),
            roles: vec![role.into()],
            expire_time: lasts.map(|lasts| {
                let end = SystemClock.now().plus(lasts);
                (SystemTime::UNIX_EPOCH + Duration::from_micros(end.as_micros())).into()
            }),
            ..ApiToken::default()
        };
        let request = CreateApiTokenRequest {
            application: application.unwrap_or_default().to_owned(),
            api_token: Some(api_token),
        };
        let mut client = AdminServiceClient::new(self.channel.clone());
        let made = client.create_api_token(authorized(&self.admin, request)?).await?.into_inner();
        Ok((made.token, made.api_token.context("no token")?.name))
    }

    pub(super) async fn revoked(&self) -> anyhow::Result<String> {
        let (text, name) = self.token(None, Role::Admin, None).await?;
        let mut client = AdminServiceClient::new(self.channel.clone());
        client
            .revoke_api_token(authorized(&self.admin, RevokeApiTokenRequest { name, allow_missing: false })?)
            .await?;
        Ok(text)
    }

    pub(super) async fn expired(&self) -> anyhow::Result<String> {
        let (text, _) = self.token(None, Role::Admin, Some(SHORT)).await?;
        tokio::time::sleep(SHORT).await;
        Ok(text)
    }

    /// A token for a page, that lasts for minutes or is over at once.
    pub(super) async fn page(&self, lasts: Option<Duration>) -> anyhow::Result<String> {
        let ttl = lasts.map(prost_types::Duration::try_from).transpose()?;
        let request = CreateSubscriberTokenRequest {
            application: "default".to_owned(),
            user_id: "anna".to_owned(),
            topics: vec!["news".to_owned()],
            ttl,
        };
        let mut client = PushServiceClient::new(self.channel.clone());
        Ok(client.create_subscriber_token(authorized(&self.admin, request)?).await?.into_inner().token)
    }
}

//! Every RPC with every kind of caller, against the real program with TLS and client certificates.
//!
//! Who may call what is the table of `tests/api/matrix.rs`, which is written apart from the server's own. The contract's
//! descriptor says which RPCs there are, so none can be missing. What must hold: whom the table lets in gets past the gate, and
//! all others are refused with the right status and reason; of another application's things not even the existence is told; a
//! certificate of another authority does not even connect. Everything again after a restart.

mod credentials;
#[path = "../../../tests/api/matrix.rs"]
mod table;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use fanfare::cli::ServeReady;
use fanfare::cli::process::Process;
use fanfare::proto::REFLECTION_DESCRIPTOR_SET;
use fanfare::proto::v1::Role;
use http_body_util::Full;
use prost_reflect::DescriptorPool;
use serde::Serialize;
use tempfile::TempDir;
use tonic::body::Body;
use tonic::transport::{Channel, Identity};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::ServiceExt as _;

use self::credentials::{Authority, Office, bearer, connect, san};
use self::table::MATRIX;
use crate::checks::Checks;
use crate::stage::{Build, build};

/// Roles, as the table and the configuration name them.
const ROLES: [(&str, Role); 4] = [
    ("admin", Role::Admin),
    ("publisher", Role::Publisher),
    ("subscriber", Role::Subscriber),
    ("reader", Role::Reader),
];
/// More than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Default, Serialize)]
struct Figures {
    rpcs: usize,
    callers: usize,
    calls: usize,
    let_in: usize,
    refused: BTreeMap<String, usize>,
    /// Calls that asked for another application's things.
    foreign: usize,
    /// Connections that were not taken.
    unconnected: usize,
}

/// An RPC of the contract.
#[derive(Clone, Debug)]
struct Rpc {
    path: String,
    name: String,
    /// Its request names an application first.
    names_application: bool,
}

/// What is to become of a caller's call.
#[derive(Clone, Copy, Debug)]
enum Expected {
    /// As the table says of this one.
    As(&'static str),
    /// Everything is let in.
    All,
    /// What only reads.
    Reads,
    /// Refused, for this reason.
    Refused(&'static str),
}

#[derive(Clone, Debug)]
struct Caller {
    name: String,
    authorization: Vec<String>,
    identity: Option<Identity>,
    expected: Expected,
}

impl Caller {
    fn new(name: impl Into<String>, authorization: Vec<String>, expected: Expected) -> Self {
        Self { name: name.into(), authorization, identity: None, expected }
    }

    fn with(mut self, identity: &Identity) -> Self {
        self.identity = Some(identity.clone());
        self
    }
}

/// Where everything is.
struct Place {
    directory: TempDir,
    authority: Authority,
}

impl Place {
    fn new() -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("fanfare-drill-").tempdir()?;
        let authority = Authority::new()?;
        authority.serve(directory.path())?;
        std::fs::create_dir(directory.path().join("data"))?;
        let here = directory.path().display();
        let callers = ROLES.map(|(role, _)| {
            let san = san(role);
            format!("[[server.tls.callers]]\nsan = \"uri:{san}\"\napplication = \"default\"\nroles = [\"{role}\"]\n")
        });
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[server.tls]\n\
             certificate = \"{here}/server.pem\"\nprivate_key = \"{here}/server-key.pem\"\nclient_ca = \"{here}/ca.pem\"\n{}\
             [[applications]]\nname = \"default\"\n[[applications]]\nname = \"shop\"\n",
            callers.concat()
        );
        std::fs::write(directory.path().join("fanfare.toml"), config)?;
        Ok(Self { directory, authority })
    }

    fn text(&self, name: &str) -> anyhow::Result<String> {
        self.directory.path().join(name).to_str().map(str::to_owned).context("the path is no text")
    }

    async fn serve(&self, program: &Path) -> anyhow::Result<(Process, u16)> {
        let (config, data) = (self.text("fanfare.toml")?, self.text("data")?);
        let arguments = ["serve", "--json", "--exit-with-stdin", "--config", &config, "--data-dir", &data];
        let log = self.directory.path().join("server.log");
        let (process, ready) = Process::start::<ServeReady>(program, &arguments, &log).await?;
        Ok((process, ready.server.port()))
    }

    /// The first token, which is made beside a server that is stopped.
    async fn first_token(&self, program: &Path) -> anyhow::Result<String> {
        let data = self.text("data")?;
        let arguments = ["tokens", "create", "--data-dir", &data, "--role", "admin", "--all-applications"];
        let output = tokio::process::Command::new(program).args(arguments).output().await?;
        ensure!(output.status.success(), "no token: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill(short: bool) -> anyhow::Result<Vec<String>> {
    let program = build(Build::Release)?;
    let place = Place::new()?;
    let admin = place.first_token(&program).await?;
    let rpcs = rpcs()?;
    let mut checks = Checks::default();
    for (name, _) in MATRIX {
        checks.check(rpcs.iter().any(|rpc| rpc.name == *name), || format!("{name} is in the table only"));
    }
    let mut figures = Figures { rpcs: rpcs.len(), ..Figures::default() };
    let (mut server, mut port) = place.serve(&program).await?;
    let callers = callers(&place, &admin, port).await?;
    figures.callers = callers.len();
    for round in 0..if short { 1 } else { 2 } {
        if round > 0 {
            eprintln!("after a restart");
            server.stop().await?;
            (server, port) = place.serve(&program).await?;
        }
        for caller in &callers {
            let channel = connect(port, &place.authority.pem, caller.identity.as_ref()).await?;
            for rpc in &rpcs {
                judge(&channel, caller, rpc, &mut figures, &mut checks).await?;
            }
        }
        let foreigner = connect(port, &place.authority.pem, None).await?;
        for caller in &callers {
            foreign(&foreigner, caller, &rpcs, &mut figures, &mut checks).await?;
        }
        unconnected(&place, port, &admin, &rpcs, &mut figures, &mut checks).await?;
    }
    server.stop().await?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(checks.problems())
}

/// Every RPC of the contract.
fn rpcs() -> anyhow::Result<Vec<Rpc>> {
    let pool = DescriptorPool::decode(REFLECTION_DESCRIPTOR_SET)?;
    let own = pool.services().filter(|service| service.package_name() == "fanfare.v1");
    let methods = own.flat_map(|service| service.methods().collect::<Vec<_>>());
    let rpcs: Vec<_> = methods
        .map(|method| Rpc {
            path: format!("/{}/{}", method.parent_service().full_name(), method.name()),
            name: method.name().to_owned(),
            names_application: method.input().get_field(1).is_some_and(|field| {
                field.name() == "application" && matches!(field.kind(), prost_reflect::Kind::String)
            }),
        })
        .collect();
    ensure!(!rpcs.is_empty(), "the descriptor has no RPC");
    Ok(rpcs)
}

/// Every kind of caller.
async fn callers(place: &Place, admin: &str, port: u16) -> anyhow::Result<Vec<Caller>> {
    let office = Office::new(admin.to_owned(), connect(port, &place.authority.pem, None).await?);
    let invalid = Expected::Refused("CREDENTIALS_INVALID");
    let expired = Expected::Refused("CREDENTIALS_EXPIRED");
    let mut forged = admin.to_owned();
    let end = forged.len() - 4;
    forged.replace_range(end.., if forged.ends_with("AAAA") { "BBBB" } else { "AAAA" });
    let unknown = place.authority.identity("nobody")?;
    let mut callers = vec![
        Caller::new("none", vec![], invalid),
        Caller::new("an unknown token", vec![bearer("fft_AAAA")], invalid),
        Caller::new("a forged token", vec![bearer(&forged)], invalid),
        Caller::new("another scheme", vec![format!("Basic {admin}")], invalid),
        Caller::new("two tokens", vec![bearer(admin), bearer(admin)], invalid),
        Caller::new("a revoked token", vec![bearer(&office.revoked().await?)], invalid),
        Caller::new("an expired token", vec![bearer(&office.expired().await?)], expired),
        Caller::new(
            "a page's expired token",
            vec![bearer(&office.page(Some(Duration::from_nanos(1))).await?)],
            expired,
        ),
        Caller::new("a page", vec![bearer(&office.page(None).await?)], Expected::As("page")),
        Caller::new("an admin of all", vec![bearer(admin)], Expected::All),
        Caller::new(
            "a reader of all",
            vec![bearer(&office.token(None, Role::Reader, None).await?.0)],
            Expected::Reads,
        ),
        Caller::new("a certificate that is not listed", vec![], invalid).with(&unknown),
        Caller::new("a forged token beside a certificate", vec![bearer(&forged)], invalid)
            .with(&place.authority.identity("admin")?),
    ];
    for (name, role) in ROLES {
        let token = office.token(Some("default"), role, None).await?.0;
        let identity = place.authority.identity(name)?;
        callers.push(Caller::new(format!("token {name}"), vec![bearer(&token)], Expected::As(name)));
        callers.push(Caller::new(format!("certificate {name}"), vec![], Expected::As(name)).with(&identity));
        // A token goes before a certificate.
        let both =
            Caller::new(format!("token {name}, certificate admin"), vec![bearer(&token)], Expected::As(name));
        callers.push(both.with(&place.authority.identity("admin")?));
    }
    Ok(callers)
}

/// Makes a call with the octets of a request: what it is refused with, or nothing if it begins to answer.
async fn call(
    channel: &Channel,
    path: &str,
    authorization: &[String],
    request: &[u8],
) -> anyhow::Result<Result<(), Status>> {
    let length = u32::try_from(request.len())?.to_be_bytes();
    let body = [&[0], &length[..], request].concat();
    let mut call = http::Request::post(format!("https://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for value in authorization {
        call = call.header("authorization", value);
    }
    let call = call.body(Body::new(Full::new(bytes::Bytes::from(body))))?;
    let answer = tokio::time::timeout(PATIENCE, channel.clone().oneshot(call)).await??;
    Ok(match Status::from_header_map(answer.headers()) {
        Some(status) if status.code() != Code::Ok => Err(status),
        Some(_) | None => Ok(()),
    })
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// Whether the table lets a caller in.
fn is_allowed(rpc: &Rpc, who: &str) -> bool {
    MATRIX.iter().any(|(name, allowed)| *name == rpc.name && allowed.split(' ').any(|allowed| allowed == who))
}

async fn judge(
    channel: &Channel,
    caller: &Caller,
    rpc: &Rpc,
    figures: &mut Figures,
    checks: &mut Checks,
) -> anyhow::Result<()> {
    let in_table = MATRIX.iter().any(|(name, _)| *name == rpc.name);
    checks.check(in_table, || format!("{} is not in the table", rpc.name));
    let answer = call(channel, &rpc.path, &caller.authorization, &[]).await?;
    figures.calls += 1;
    // What a handler says of an empty request is not the gate's.
    let is_gate = |status: &&Status| [Code::Unauthenticated, Code::PermissionDenied].contains(&status.code());
    let refused = answer.as_ref().err().filter(is_gate).map(|status| (status.code(), reason(status)));
    match &refused {
        None => figures.let_in += 1,
        Some((_, reason)) => *figures.refused.entry(reason.clone()).or_default() += 1,
    }
    let role_missing = Some((Code::PermissionDenied, "ROLE_MISSING".to_owned()));
    let reads = ["Get", "List", "Watch"].iter().any(|begin| rpc.name.starts_with(begin));
    // What administrators did is for administrators.
    let reads = reads && rpc.name != "ListAuditEntries";
    let expected = match caller.expected {
        Expected::As(who) if is_allowed(rpc, who) => None,
        Expected::Reads if reads => None,
        Expected::All => None,
        Expected::As(_) | Expected::Reads => role_missing,
        Expected::Refused(reason) => Some((Code::Unauthenticated, reason.to_owned())),
    };
    checks.check(refused == expected, || {
        format!("{} calls {}: {refused:?} instead of {expected:?}", caller.name, rpc.name)
    });
    Ok(())
}

/// Asks for the things of another application, and of one that there is not: the answers are the same.
async fn foreign(
    channel: &Channel,
    caller: &Caller,
    rpcs: &[Rpc],
    figures: &mut Figures,
    checks: &mut Checks,
) -> anyhow::Result<()> {
    let Expected::As(who) = caller.expected else { return Ok(()) };
    if caller.identity.is_some() {
        return Ok(());
    }
    for rpc in rpcs.iter().filter(|rpc| rpc.names_application && is_allowed(rpc, who)) {
        let mut answers = Vec::new();
        for application in ["shop", "nope"] {
            let request = [&[10, u8::try_from(application.len())?], application.as_bytes()].concat();
            let answer = call(channel, &rpc.path, &caller.authorization, &request).await?;
            figures.foreign += 1;
            let told = answer.err().map(|status| {
                let metadata = status.get_details_error_info().map(|info| info.metadata).unwrap_or_default();
                let metadata = format!("{metadata:?}").replace(application, "…");
                (status.code(), reason(&status), status.message().replace(application, "…"), metadata)
            });
            answers.push(told);
        }
        let is_unknown = answers[0].as_ref().is_some_and(|told| {
            told.0 == Code::NotFound && told.1 == "APPLICATION_NOT_FOUND" && answers[0] == answers[1]
        });
        checks.check(is_unknown, || {
            format!("{} calls {} for another application: {answers:?}", caller.name, rpc.name)
        });
    }
    Ok(())
}

/// A certificate of another authority, even with the best of tokens.
async fn unconnected(
    place: &Place,
    port: u16,
    admin: &str,
    rpcs: &[Rpc],
    figures: &mut Figures,
    checks: &mut Checks,
) -> anyhow::Result<()> {
    let other = Authority::new()?;
    let identity = other.identity("admin")?;
    for rpc in rpcs {
        let answered = async {
            // With TLS 1.3 the caller hears of it with its first call.
            let channel = connect(port, &place.authority.pem, Some(&identity)).await?;
            call(&channel, &rpc.path, &[bearer(admin)], &[]).await
        };
        let answered = answered.await;
        figures.unconnected += usize::from(answered.is_err());
        checks.check(answered.is_err(), || {
            format!("a certificate of another authority calls {}: {answered:?}", rpc.name)
        });
    }
    // And a server of another authority is nobody's.
    let fooled = connect(port, &other.pem, None).await;
    checks.check(fooled.is_err(), || "a caller trusts a server of another authority".to_owned());
    Ok(())
}

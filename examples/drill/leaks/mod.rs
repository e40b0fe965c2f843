//! Nothing secret is in what is logged, measured, answered or told as an error: neither the path of an endpoint, nor the
//! authentication secret of a browser, a private key, a token or a payload, as it is or in base64, hexadecimal or as `Debug`
//! writes octets.
//!
//! The server runs with everything logged, as text and as JSON; every kind of call is made, rightly and wrongly, with secrets
//! where they belong and where they do not; push services answer whatever a service can answer, and repeat what they were
//! sent; API tokens and pages' tokens are made, used, misused and revoked; the disk gets full; the program's other commands
//! are made to fail. Everything is sealed, so all files of the data directory are searched too: also for users, labels, topics
//! and whatever else is said of people and messages, and for the hashes that keys could be made of. Then all that was written is
//! searched. The search is proved by planting each form of each secret in the same texts.

mod calls;
mod disk;
mod needles;
mod tokens;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use fanfare::webpush::VapidKeyPair;
use fanfare::webpush::keys::encode_base64url;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::process::Command;

use self::needles::{Kind, Needles};
use crate::checks::Checks;
use crate::stage::{Configuration, End, Server, Stage};

const SUBSCRIBERS: u32 = 24;
/// What the operator tells the server.
const GCM_KEY: &str = "AIzaSyD-operators-key-of-gcm-0123456789";
const PROXY_PASSWORD: &str = "password-of-the-egress-proxy";
/// Where an excerpt begins and ends, around what was found.
const EXCERPT: usize = 60;

#[derive(Debug, Default, Serialize)]
struct Figures {
    /// Octets that were searched, by where they were written.
    searched: BTreeMap<String, usize>,
    /// Lines of the log, by level.
    log_lines: BTreeMap<&'static str, usize>,
    /// Statuses of calls that were provoked, by code.
    statuses: BTreeMap<String, usize>,
    /// Outcomes of deliveries that were provoked.
    outcomes: BTreeMap<String, usize>,
    forms: usize,
    planted: usize,
    planted_found: usize,
    found: usize,
}

/// All that was written.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    texts: BTreeMap<String, Vec<u8>>,
}

impl Captured {
    /// Notes what was written somewhere.
    pub(crate) fn add(&mut self, place: &str, text: impl AsRef<[u8]>) {
        let place = self.texts.entry(place.to_owned()).or_default();
        place.extend_from_slice(text.as_ref());
        place.push(b'\n');
    }
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill() -> anyhow::Result<Vec<String>> {
    let (mut figures, mut checks) = (Figures::default(), Checks::default());
    let (mut captured, mut needles) = (Captured::default(), Needles::default());
    let stage = Stage::set(&Configuration::default()).await?;
    // Of them the second is a former one.
    let master_keys = [(); 2].map(|()| rand::random::<[u8; 32]>());
    for key in &master_keys {
        needles.add(Kind::MasterKey, key);
    }
    let master_keys = master_keys.map(|key| encode_base64url(&key)).join(" ");
    let sealing =
        format!("[store.sealing]\nmaster_key = \"{master_keys}\"\nsubscriptions = true\npayloads = true\n");
    stage.configure(&Configuration { sections: sealing.clone(), ..Configuration::default() })?;
    import_key(&stage, &mut needles, &mut captured).await?;
    needles.add_text(Kind::Token, GCM_KEY);
    needles.add_text(Kind::Token, PROXY_PASSWORD);
    // How every token of VAPID begins.
    needles.add_text(Kind::Token, "eyJ0eXAiOiJK");
    needles.add_text(Kind::Token, "eyJhbGciOiJFUz");
    for format in ["text", "json"] {
        eprintln!("everything logged as {format}");
        // Through the proxy nothing is dialled here, so only one of the runs has it.
        let proxy = format!("egress_proxy = \"http://operator:{PROXY_PASSWORD}@127.0.0.1:9\"");
        let proxy = if format == "json" { proxy.as_str() } else { "" };
        let sections = format!(
            "[log]\nfilter = \"trace\"\nformat = \"{format}\"\n[gcm]\napi_key = \"{GCM_KEY}\"\n\
             {sealing}[transport]\ndeadline = \"2s\"\n{proxy}\n[receipts]\nlisten = \"127.0.0.1:0\"\n\
             [push_services]\nhosts = [\"127.0.0.1:1\", \"unreachable.example\", \"localhost:1\"]\n"
        );
        stage.configure(&Configuration { engine: "retry_base = \"100ms\"".to_owned(), sections })?;
        let server = stage.start_server().await?;
        let group = subscribers(&stage, &server, &mut needles).await?;
        let told = calls::play(&stage, &server, &group, &mut needles, &mut captured).await?;
        for (figure, more) in [(&mut figures.statuses, told.statuses), (&mut figures.outcomes, told.outcomes)]
        {
            for (name, count) in more {
                *figure.entry(name).or_default() += count;
            }
        }
        tokens::play(&server, &group, &mut needles, &mut captured, &mut figures).await?;
        for path in ["metrics", "readyz", "healthz", "no-such-path"] {
            let answer = reqwest::get(format!("http://{}/{path}", server.admin)).await?;
            captured.add("admin port", format!("{:?}", answer.headers()));
            captured.add("admin port", answer.bytes().await?);
        }
        server.end(End::Terminate).await?;
        let log = std::fs::read(stage.directory().join("server.log"))?;
        count_levels(&String::from_utf8_lossy(&log), &mut figures.log_lines);
        captured.add(&format!("log as {format}"), log);
    }
    disk::play(&stage, &mut needles, &mut captured, &mut figures).await?;
    commands(&stage, &mut captured).await?;
    let mut paths = vec![stage.data()];
    while let Some(path) = paths.pop() {
        if path.is_file() {
            captured.add("data directory", std::fs::read(path)?);
        } else {
            for entry in std::fs::read_dir(path)? {
                paths.push(entry?.path());
            }
        }
    }
    stage.clear().await?;

    judge(&captured, &needles, &mut figures, &mut checks);
    println!("{}", serde_json::to_string(&figures)?);
    Ok(checks.problems())
}

/// A VAPID key that is known here too.
async fn import_key(stage: &Stage, needles: &mut Needles, captured: &mut Captured) -> anyhow::Result<()> {
    let pair = VapidKeyPair::generate()?;
    needles.add(Kind::PrivateKey, pair.private());
    let file = stage.directory().join("vapid.pem");
    std::fs::write(&file, pair.to_pem()?.as_bytes())?;
    let data = stage.data();
    let arguments = ["vapid", "import", "--data-dir", path(&data)?, "--make-current", path(&file)?];
    let config = stage.directory().join("fanfare.toml");
    let output =
        Command::new(stage.program()).args(arguments).env("FANFARE_CONFIG", &config).output().await?;
    ensure!(output.status.success(), "the key was not imported: {}", String::from_utf8_lossy(&output.stderr));
    captured.add("commands", output.stdout);
    captured.add("commands", output.stderr);
    Ok(())
}

/// What the browsers of a group say, with the number of the group.
pub(crate) struct Group {
    pub(crate) number: u32,
    pub(crate) browsers: Vec<Value>,
}

async fn subscribers(stage: &Stage, server: &Server, needles: &mut Needles) -> anyhow::Result<Group> {
    let number = stage.make_group(server, "default", json!({"count": SUBSCRIBERS})).await?;
    let lines = stage.control.subscriptions(number, 0, SUBSCRIBERS).await?;
    let browsers = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    for browser in &browsers {
        let endpoint = url::Url::parse(browser["endpoint"].as_str().context("no endpoint")?)?;
        needles.add_text(Kind::EndpointPath, endpoint.path().trim_start_matches("/push/"));
        let auth = browser["keys"]["auth"].as_str().context("no auth")?;
        needles.add(Kind::AuthSecret, &fanfare::webpush::keys::parse_auth(auth)?);
    }
    Ok(Group { number, browsers })
}

/// The program's other commands, which fail.
async fn commands(stage: &Stage, captured: &mut Captured) -> anyhow::Result<()> {
    let file = stage.directory().join("fanfare.toml");
    let config = path(&file)?.to_owned();
    let data = stage.data();
    let key = stage.directory().join("vapid.pem");
    let commands: [&[&str]; 14] = [
        &["config", "show", "--config", &config],
        &["config", "check", "--config", &config],
        &["vapid", "show", "--data-dir", path(&data)?],
        &["vapid", "show", path(&key)?],
        &["vapid", "import", "--data-dir", path(&data)?, &config],
        &["subscriptions", "list", "--server", "http://127.0.0.1:1"],
        &["store", "--data-dir", path(&data)?],
        &["store", "stats", "--data-dir", path(&data)?],
        &["store", "reseal", "--config", &config, "--data-dir", path(&data)?],
        &["doctor", "--config", &config, "--data-dir", path(&data)?],
        &["doctor", "--json", "--config", &config, "--data-dir", path(&data)?],
        &["tokens", "list", "--server", "http://127.0.0.1:1", "--token", "fft_nonsense"],
        &["vapid", "show", &config],
        &["serve", "--config", &config, "--data-dir", path(&data)?, "--listen", "192.0.2.1:1"],
    ];
    for arguments in commands {
        // As they are, with a master key that is not the one, with what is none, and with the right ones.
        let other = encode_base64url(&[9; 32]);
        for (variable, value) in [
            ("FANFARE_LOG__FORMAT", "text"),
            ("FANFARE_STORE__SEALING__MASTER_KEY", &other),
            ("FANFARE_STORE__SEALING__MASTER_KEY", "no key at all"),
            ("FANFARE_CONFIG", &config),
        ] {
            let output = Command::new(stage.program()).args(arguments).env(variable, value).output().await?;
            captured.add("commands", output.stdout);
            captured.add("commands", output.stderr);
        }
    }
    Ok(())
}

fn path(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("the path is no text")
}

fn count_levels(log: &str, lines: &mut BTreeMap<&'static str, usize>) {
    for level in ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"] {
        let has = |line: &&str| {
            line.split_whitespace().nth(1) == Some(level) || line.contains(&format!("\"level\":\"{level}\""))
        };
        *lines.entry(level).or_default() += log.lines().filter(has).count();
    }
}

fn judge(captured: &Captured, needles: &Needles, figures: &mut Figures, checks: &mut Checks) {
    figures.forms = needles.forms().len();
    for (place, text) in &captured.texts {
        figures.searched.insert(place.clone(), text.len());
        for (kind, at) in needles.find(text) {
            // Callers are given their positions, and told what they said.
            let callers = match kind {
                Kind::Position => place == "answers",
                Kind::Person => place == "answers" || place == "errors",
                Kind::EndpointPath
                | Kind::AuthSecret
                | Kind::PrivateKey
                | Kind::MasterKey
                | Kind::Token
                | Kind::Payload => false,
            };
            if callers {
                continue;
            }
            figures.found += at.len();
            let first = at.first().copied().unwrap_or_default();
            let around = &text[first.saturating_sub(EXCERPT)..text.len().min(first + EXCERPT)];
            let excerpt = String::from_utf8_lossy(around).into_owned();
            checks
                .check(false, || format!("{place}: {kind:?}, {} times, for example: {excerpt:?}", at.len()));
        }
    }
    // Each form of each secret, in the middle of a text that has none.
    let base =
        captured.texts.values().map(|text| &text[..text.len().min(1_000)]).collect::<Vec<_>>().concat();
    for (kind, form) in needles.forms() {
        let middle = base.len() / 2;
        let planted = [&base[..middle], form, &base[middle..]].concat();
        figures.planted += 1;
        figures.planted_found += usize::from(needles.find(&planted).contains_key(kind));
    }
    checks.check(figures.planted == figures.planted_found, || {
        format!("of {} planted secrets {} were found", figures.planted, figures.planted_found)
    });
    for place in
        ["log as text", "log as json", "admin port", "answers", "errors", "commands", "data directory"]
    {
        let octets = figures.searched.get(place).copied().unwrap_or_default();
        checks.check(octets > 100, || format!("{place}: only {octets} octets were written"));
    }
    // Below INFO the program says hardly anything.
    for level in ["ERROR", "WARN", "INFO"] {
        let lines = figures.log_lines.get(level).copied().unwrap_or_default();
        checks.check(lines > 0, || format!("nothing was logged as {level}"));
    }
    let codes = ["InvalidArgument", "NotFound", "PermissionDenied", "AlreadyExists", "OutOfRange"];
    for code in codes.into_iter().chain(["Unauthenticated", "Unavailable"]) {
        checks.check(figures.statuses.contains_key(code), || format!("no call ended with {code}"));
    }
    for outcome in ["Accepted", "Gone", "Rejected", "Unavailable", "Throttled", "Blocked", "Unreachable"] {
        checks.check(figures.outcomes.contains_key(outcome), || format!("no delivery ended with {outcome}"));
    }
}

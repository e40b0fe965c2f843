//! Very many subscriptions are imported by the real command into the real server. The command is killed in the middle and
//! started again; later the server is, while the command waits for it.
//!
//! What must hold: in the end exactly those are stored that can be, each with its user, and exactly the others are told as
//! rejected, each once; the command goes on where it was; neither takes more than so much memory; and a Send beside the
//! import is accepted as if there were none.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use fanfare::proto::v1::send_request::Recipient;
use fanfare::proto::v1::{ReportLevel, SendRequest};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use crate::calls::{message, sha256};
use crate::checks::Checks;
use crate::scale::{EXCEPTION, ORIGIN, P256DH};
use crate::stage::{Client, Configuration, End, Launch, Server, Stage, directory_octets, status_octets};

const ALL: u64 = 1_000_000;
const ALL_SHORT: u64 = 20_000;
/// Every so manieth line is one that must be rejected.
const BAD_EVERY: u64 = 1_000;
/// How often the checkpoint is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// What the command may take: it holds a few thousand entries, however many there are.
const COMMAND_OCTETS_MAX: u64 = 96 << 20;
/// What the server may take, of which most is its store's cache (docs/storage.md).
const SERVER_OCTETS_MAX: u64 = 640 << 20;

/// A Send beside the import, from its call to its acceptance: what a group of the store's writer and a sync take.
const ACCEPTED_WITHIN: Duration = Duration::from_millis(250);
/// How often one is made.
const SEND_EVERY: Duration = Duration::from_millis(50);

#[derive(Debug, Default, Serialize)]
struct Figures {
    entries: u64,
    stored: u64,
    rejected: u64,
    /// Stored, and not to be; to be stored, and not there.
    wrong: u64,
    missing: u64,
    /// Before anything was killed.
    per_second: f64,
    /// From the first start of the command to its end, with both interruptions.
    seconds: f64,
    resumed_after: u64,
    /// Sends beside the import.
    sends: usize,
    send_accepted_p50_ms: f64,
    send_accepted_p99_ms: f64,
    command_peak_octets: u64,
    server_peak_octets: u64,
    store_octets: u64,
    export_seconds: f64,
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill(short: bool, entries: Option<u64>) -> anyhow::Result<Vec<String>> {
    let entries = entries.unwrap_or(if short { ALL_SHORT } else { ALL });
    let configuration = Configuration { sections: EXCEPTION.to_owned(), ..Configuration::default() };
    let stage = Stage::set(&configuration).await?;
    let input = stage.directory().join("subscriptions.jsonl");
    eprintln!("writing {entries} subscriptions");
    write(&input, entries)?;

    let server = stage.start_server().await?;
    let listen = Some(server.address());
    let mut drill = Drill { stage, input, figures: Figures { entries, ..Figures::default() } };
    let started = Instant::now();
    let mut command = drill.start(&server)?;
    let noted = drill.wait_for(&mut command, &server, entries / 3).await?;
    drill.figures.per_second = noted as f64 / started.elapsed().as_secs_f64();
    command.kill().await?;
    eprintln!("the command was killed after {noted}, {:.0} a second", drill.figures.per_second);

    let mut command = drill.start(&server)?;
    let (done, until) = oneshot::channel();
    let sending = tokio::spawn(send_beside(server.connect().await?, until));
    let noted = drill.wait_for(&mut command, &server, entries * 2 / 3).await?;
    // Nobody waits for it when the sender has failed, which is told below.
    let _ = done.send(());
    drill.took(sending.await??);
    server.end(End::Kill).await?;
    eprintln!("the server was killed after {noted}");
    let server = drill.stage.launch(&Launch { listen, ..Launch::default() }).await?;
    drill.wait_for(&mut command, &server, entries).await?;
    let output = command.wait_with_output().await?;
    drill.figures.seconds = started.elapsed().as_secs_f64();
    drill.look_at_server(&server)?;
    server.end(End::Terminate).await?;
    let last = String::from_utf8(output.stdout)?;
    let last = last.lines().last().with_context(|| drill.log())?;
    drill.judge(&serde_json::from_str(last)?).await
}

struct Drill {
    stage: Stage,
    input: PathBuf,
    figures: Figures,
}

impl Drill {
    fn rejected(&self) -> PathBuf {
        self.stage.directory().join("rejected.jsonl")
    }

    /// What the command wrote.
    fn log(&self) -> String {
        let log = fs::read_to_string(self.stage.directory().join("import.log"));
        format!("the command wrote: {}", log.unwrap_or_default().trim())
    }

    fn start(&self, server: &Server) -> anyhow::Result<Child> {
        let log =
            File::options().create(true).append(true).open(self.stage.directory().join("import.log"))?;
        let child = Command::new(self.stage.program())
            .args(["subscriptions", "import", "--json", "--server", &format!("http://{}", server.address())])
            .arg("--rejected")
            .arg(self.rejected())
            .arg(&self.input)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        Ok(child)
    }

    /// Waits until the checkpoint counts so many, or the command has ended; gives how many it counts.
    async fn wait_for(&mut self, command: &mut Child, server: &Server, entries: u64) -> anyhow::Result<u64> {
        let mut checkpoint = self.input.clone().into_os_string();
        checkpoint.push(".fanfare-import");
        let mut looked = Instant::now();
        loop {
            if command.try_wait()?.is_some() {
                ensure!(entries == self.figures.entries, "the command ended too early: {}", self.log());
                return Ok(entries);
            }
            if looked.elapsed() > 10 * LOOK {
                looked = Instant::now();
                self.look_at_server(server)?;
                if let Some(octets) = command.id().and_then(|id| status_octets(id, "VmHWM").ok()) {
                    self.figures.command_peak_octets = self.figures.command_peak_octets.max(octets);
                }
            }
            // It is replaced as a whole: what does not read is not there yet.
            let noted: Value = fs::read(Path::new(&checkpoint))
                .ok()
                .and_then(|text| serde_json::from_slice(&text).ok())
                .unwrap_or_default();
            let noted = noted["counts"]["entries"].as_u64().unwrap_or_default();
            if noted >= entries && entries < self.figures.entries {
                return Ok(noted);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn took(&mut self, mut took: Vec<Duration>) {
        took.sort_unstable();
        let millis = |share: usize| {
            let at = (took.len() * share / 100).min(took.len().saturating_sub(1));
            took.get(at).map_or(f64::INFINITY, |took| took.as_secs_f64() * 1_000.0)
        };
        self.figures.sends = took.len();
        self.figures.send_accepted_p50_ms = millis(50);
        self.figures.send_accepted_p99_ms = millis(99);
    }

    fn look_at_server(&mut self, server: &Server) -> anyhow::Result<()> {
        let peak = server.resident_peak_octets()?;
        self.figures.server_peak_octets = self.figures.server_peak_octets.max(peak);
        Ok(())
    }

    /// Compares what is stored with what was to be. `told`: the command's last line.
    async fn judge(mut self, told: &Value) -> anyhow::Result<Vec<String>> {
        let mut checks = Checks::default();
        let all = self.figures.entries;
        let bad = (0..all).filter(|index| is_bad(*index)).count() as u64;
        let count = |name: &str| told[name].as_u64().unwrap_or_default();
        self.figures.resumed_after = count("resumed_after");
        checks.check(count("entries") == all && count("rejected") == bad, || {
            format!("the command told {told}")
        });
        checks.check(count("created") + count("updated") == all - bad, || format!("the command told {told}"));
        checks.check(count("resumed_after") >= all / 3, || "it did not go on where it was killed".to_owned());

        let (p99, most) = (self.figures.send_accepted_p99_ms, ACCEPTED_WITHIN.as_secs_f64() * 1_000.0);
        checks
            .check(p99 <= most, || format!("a Send beside the import took {p99:.0} ms to be accepted (p99)"));

        let mut lines = BTreeSet::new();
        for line in BufReader::new(File::open(self.rejected())?).lines() {
            let line: Value = serde_json::from_str(&line?)?;
            let number = line["line"].as_u64().context("a rejection without a line")?;
            checks.check(is_bad(number - 1), || format!("line {number} was rejected: {line}"));
            checks.check(lines.insert(number), || format!("line {number} was told twice"));
        }
        self.figures.rejected = lines.len() as u64;
        checks.check(lines.len() as u64 == bad, || format!("{} of {bad} were told as rejected", lines.len()));

        self.compare(&mut checks).await?;
        self.figures.store_octets = directory_octets(&self.stage.data())?;
        let Figures { command_peak_octets, server_peak_octets, .. } = self.figures;
        for (what, octets, most) in [
            ("command", command_peak_octets, COMMAND_OCTETS_MAX),
            ("server", server_peak_octets, SERVER_OCTETS_MAX),
        ] {
            checks
                .check(octets <= most, || format!("the {what} took {octets} octets, at most {most} may be"));
        }
        self.stage.clear().await?;
        println!("{}", serde_json::to_string(&self.figures)?);
        Ok(checks.problems())
    }

    /// By way of an export.
    async fn compare(&mut self, checks: &mut Checks) -> anyhow::Result<()> {
        let exported = self.stage.directory().join("exported.jsonl");
        let started = Instant::now();
        let output = Command::new(self.stage.program())
            .args(["subscriptions", "export", "--data-dir"])
            .arg(self.stage.data())
            .arg(&exported)
            .output()
            .await?;
        if !output.status.success() {
            bail!("the export failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        self.figures.export_seconds = started.elapsed().as_secs_f64();
        let mut missing: BTreeSet<[u8; 32]> = (0..self.figures.entries)
            .filter(|index| !is_bad(*index))
            .map(|index| hash(&endpoint(index), &user(index)))
            .collect();
        for line in BufReader::new(File::open(exported)?).lines() {
            let line: Value = serde_json::from_str(&line?)?;
            let text = |pointer: &str| line.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            self.figures.stored += 1;
            if !missing.remove(&hash(text("/push_subscription/endpoint"), text("/user_id"))) {
                self.figures.wrong += 1;
            }
        }
        self.figures.missing = missing.len() as u64;
        let Figures { stored, wrong, missing, .. } = self.figures;
        checks.check(wrong == 0, || format!("{wrong} of {stored} should not be there, or twice"));
        checks.check(missing == 0, || format!("{missing} are missing"));
        Ok(())
    }
}

/// Sends to a stored user, one after the other; gives how long each took to be accepted.
async fn send_beside(mut client: Client, mut until: oneshot::Receiver<()>) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    loop {
        let request = SendRequest {
            recipient: Some(Recipient::UserId(user(0))),
            message: Some(message("beside")),
            report_level: ReportLevel::Accepted.into(),
            ..SendRequest::default()
        };
        let started = Instant::now();
        let mut frames = client.send(request).await?.into_inner();
        frames.message().await?.context("Send ended without a frame")?;
        took.push(started.elapsed());
        tokio::select! {
            _ = &mut until => return Ok(took),
            () = tokio::time::sleep(SEND_EVERY) => {}
        }
    }
}

fn is_bad(index: u64) -> bool {
    index % BAD_EVERY == BAD_EVERY / 2
}

/// As long as FCM's.
fn endpoint(index: u64) -> String {
    format!("{ORIGIN}/push/{}", sha256(&index.to_string()).repeat(3))
}

fn user(index: u64) -> String {
    format!("user-{index}")
}

fn hash(endpoint: &str, user: &str) -> [u8; 32] {
    Sha256::digest(format!("{endpoint} {user}")).into()
}

fn write(path: &Path, entries: u64) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for index in 0..entries {
        let auth = if is_bad(index) { "short" } else { "TPsY_eG9dSsleK1NN3eE-Q" };
        let line = json!({
            "subscription": {"endpoint": endpoint(index), "expirationTime": null, "keys": {"p256dh": P256DH, "auth": auth}},
            "user_id": user(index),
            "topics": ["all"],
        });
        writeln!(file, "{line}")?;
    }
    Ok(file.flush()?)
}

//! The program as people run it: its commands as processes, against a server and a sandbox that are processes too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use axum::body::Bytes;
use fanfare::cli::process::Process;
use fanfare::cli::{SandboxReady, ServeReady};
use fanfare::domain::{Clock as _, SystemClock};
use fanfare::webpush::keys::encode_base64url;
use fanfare::webpush::{AgreementKey as _, AwsLcKey, aes128gcm};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::timeout;

#[path = "cli/backup.rs"]
mod backup;
#[path = "cli/cases.rs"]
mod cases;
#[path = "cli/clock.rs"]
mod clock;
#[path = "cli/descriptors.rs"]
mod descriptors;
#[path = "cli/explain.rs"]
mod explain;
#[path = "cli/held.rs"]
mod held;
#[path = "cli/import.rs"]
mod import;
#[path = "cli/logs.rs"]
mod logs;
#[path = "cli/messages.rs"]
mod messages;
#[path = "cli/outcomes.rs"]
mod outcomes;
#[path = "cli/person.rs"]
mod person;
#[path = "cli/reload.rs"]
mod reload;
#[path = "cli/stopped.rs"]
mod stopped;
#[path = "cli/supervised.rs"]
mod supervised;

const PROGRAM: &str = env!("CARGO_BIN_EXE_fanfare");
/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory with a sandbox, and a server that may post to it.
struct Place {
    directory: TempDir,
    sandbox: SandboxReady,
    process: Process,
}

impl Place {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let certificate = directory.path().join("ca.pem");
        let arguments = ["sandbox", "--json", "--exit-with-stdin", "--listen", "127.0.0.1:0"];
        let arguments =
            [&arguments[..], &["--control", "127.0.0.1:0", "--ca-out", certificate.to_str().unwrap()]]
                .concat();
        let log = directory.path().join("sandbox.log");
        let (process, sandbox): (_, SandboxReady) =
            Process::start(Path::new(PROGRAM), &arguments, &log).await.unwrap();
        let port = sandbox.push.port();
        let config = format!(
            "[admin]\nlisten = \"127.0.0.1:0\"\n[[push_services.exceptions]]\nname = \"sandbox\"\n\
             host = \"localhost\"\nport = {port}\ncidrs = [\"127.0.0.0/8\", \"::1/128\"]\n\
             root_certificate = \"{}\"\n",
            certificate.display()
        );
        std::fs::write(directory.path().join("fanfare.toml"), config).unwrap();
        Self { directory, sandbox, process }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    async fn serve(&self, listen: &str) -> Result<(Process, ServeReady), anyhow::Error> {
        let (config, data) = (self.text("fanfare.toml"), self.text("data"));
        let arguments = ["serve", "--json", "--exit-with-stdin", "--config", &config, "--data-dir", &data];
        let arguments = [&arguments[..], &["--listen", listen]].concat();
        Process::start(Path::new(PROGRAM), &arguments, &self.path("server.log")).await
    }

    /// The same with these variables in its environment, each `NAME=value`.
    async fn serve_by(
        &self,
        variables: &[String],
        listen: &str,
    ) -> Result<(Process, ServeReady), anyhow::Error> {
        let (config, data) = (self.text("fanfare.toml"), self.text("data"));
        let mut words: Vec<&str> = variables.iter().map(String::as_str).collect();
        words.extend([PROGRAM, "serve", "--json", "--exit-with-stdin", "--config", &config]);
        words.extend(["--data-dir", &data, "--listen", listen]);
        Process::start(Path::new("/usr/bin/env"), &words, &self.path("server.log")).await
    }

    /// Orders something from the sandbox.
    async fn order(&self, method: reqwest::Method, path: &str, body: &Value) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.request(method, format!("http://{}{path}", self.sandbox.control));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{} {}", answer.status(), answer.text().await.unwrap());
    }

    /// The JSON of the push subscriptions of new synthetic subscribers.
    async fn subscriptions(&self, server: &ServeReady, count: u32) -> String {
        self.subscriptions_with(&server.applications[0].application_server_key, count).await
    }

    /// The same, made with this VAPID key.
    async fn subscriptions_with(&self, key: &str, count: u32) -> String {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let base = format!("http://{}/groups", self.sandbox.control);
        let group = json!({"count": count, "application_server_key": key}).to_string();
        let request = client.post(&base).header("content-type", "application/json").body(group);
        let group: Value =
            serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
        let lines = client.get(format!("{base}/{}/subscriptions", group["group"])).send().await.unwrap();
        lines.text().await.unwrap()
    }
}

/// A command of the program, without the variables of whoever runs the tests.
fn fanfare(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("FANFARE_") {
            command.env_remove(variable);
        }
    }
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run_with_input(arguments: &[&str], input: &str) -> Output {
    let mut child = fanfare(arguments).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn run(arguments: &[&str]) -> Output {
    run_with_input(arguments, "")
}

/// What a command that succeeds printed.
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn printed_json(output: &Output) -> Vec<Value> {
    printed(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Exit code and complaint of a command that fails.
fn failed(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

#[test]
fn wrong_arguments_end_with_64_and_say_what_is_right() {
    for (arguments, says) in [
        (&["nonsense"][..], "unrecognized subcommand"),
        (&[], "Usage: fanfare <COMMAND>"),
        (&["send", "--title", "x"], "--subscription <NAME>|--user <ID>|--push-subscription <FILE>"),
        (&["send", "--user", "a"], "Give --title, --json-payload, --data-file or --empty"),
        (&["send", "--user", "a", "--json-payload", "[1]"], "--json-payload is no JSON object"),
        (&["send", "--user", "a", "--title", "x", "--empty"], "cannot be used with"),
        (&["send", "--push-subscription", "-", "--data-file", "-"], "cannot both read standard input"),
        (&["broadcast", "--all", "--topic", "x", "--title", "x"], "cannot be used with"),
        (&["broadcast", "--all", "--title", "x", "--ttl", "soon"], "expected number"),
        (&["subscribe", "--server", "https://127.0.0.1:1", "-"], "-: is empty"),
        (&["watch", "--server", "ftp://127.0.0.1:1"], "must be an http:// or https:// URL"),
        (&["watch", "--since", "yesterday"], "--since"),
        (&["send", "--user", "a", "--title", "x", "--at", "tomorrow"], "--at"),
        (&["cancel"], "<MESSAGE>"),
        (&["origins", "--watch", "--resume", "x"], "cannot be used with"),
        (&["watch", "--ca", "ca.pem"], "need --tls or an https:// URL"),
        (&["watch", "--tls", "--cert", "cert.pem"], "--key <FILE>"),
        (&["tokens", "create"], "--role <ROLE>"),
        (&["tokens", "create", "--role", "king"], "possible values: admin, publisher, subscriber, reader"),
        (&["tokens", "create", "--role", "admin", "--data-dir", "there/is/none"], "is no directory"),
        (&["vapid", "show"], "<FILE>"),
        (&["store", "stats", "--data-dir", "there/is/none"], "is no directory"),
        (&["store", "verify", "--data-dir", "there/is/none"], "is no directory"),
        (&["vapid", "export", "--data-dir", "there/is/none", "key.pem"], "is no directory"),
        (&["backup"], "<FILE>"),
        (&["backup", "Cargo.toml"], "is there already"),
        (&["restore", "--check", "--data-dir", "x", "y"], "cannot be used with"),
        (&["config", "check", "--config", "there/is/no/such.toml"], "not found"),
        (&["serve", "--listen", "0.0.0.0:0"], "--credentials-required"),
        (&["serve", "--listen", "here"], "--listen: server.listen"),
    ] {
        let (code, complaint) = failed(&run(arguments));
        assert_eq!(code, 64, "{arguments:?}: {complaint}");
        assert!(complaint.contains(says), "{arguments:?}: {complaint}");
    }
    for arguments in [&["--help"][..], &["send", "--help"], &["demo", "--help"], &["--version"]] {
        assert!(printed(&run(arguments)).contains("fanfare"), "{arguments:?}");
    }
    // No server there: nothing is wrong with the arguments.
    let (code, complaint) = failed(&run(&["watch", "--server", "http://127.0.0.1:1"]));
    assert_eq!(code, 1, "{complaint}");
    assert!(complaint.contains("cannot connect to http://127.0.0.1:1"), "{complaint}");
}

#[test]
fn key_pairs_go_through_every_form() {
    let json = printed(&run(&["vapid", "generate", "--json"]));
    let pair: Value = serde_json::from_str(&json).unwrap();
    let public = format!("{}\n", pair["publicKey"].as_str().unwrap());
    assert_eq!(printed(&run_with_input(&["vapid", "show", "-"], &json)), public);
    for form in [&["vapid", "generate"][..], &["vapid", "generate", "--pem"]] {
        let made = printed(&run(form));
        let shown = printed(&run_with_input(&["vapid", "show", "-"], &made));
        assert_eq!(shown.trim().len(), 87, "{shown}");
        assert!(form.len() == 3 || made.contains(shown.trim()));
    }
    let (code, complaint) = failed(&run_with_input(&["vapid", "show", "-"], "no key at all"));
    assert_eq!(code, 64, "{complaint}");
}

/// The first token is made beside a server that is stopped, the others by it; all commands bring theirs, over TLS.
#[tokio::test(flavor = "multi_thread")]
async fn callers_bring_tokens_over_tls() {
    let place = Place::new().await;
    let (data, ca) = (place.text("data"), place.text("server.pem"));
    // The first token must be an administrator's; it makes the directory.
    let first = ["tokens", "create", "--data-dir", &data, "--role"];
    for other in [&["publisher"][..], &["admin"], &["publisher", "--all-applications"]] {
        let (code, complaint) = failed(&run(&[&first[..], other].concat()));
        assert!(code == 64 && complaint.contains("--without-admin"), "{complaint}");
        assert!(!Path::new(&data).exists());
    }
    let admin = printed(&run(&[&first[..], &["admin", "--all-applications"]].concat())).trim().to_owned();
    assert!(admin.starts_with("fft_"), "{}", &admin[..4]);
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);

    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&ca, made.cert.pem()).unwrap();
    std::fs::write(place.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let config = std::fs::read_to_string(place.path("fanfare.toml")).unwrap();
    let tls =
        format!("[server.tls]\ncertificate = {ca:?}\nprivate_key = {:?}\n{config}", place.text("key.pem"));
    std::fs::write(place.path("fanfare.toml"), tls).unwrap();
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    assert!(ready.tls);
    let url = format!("https://localhost:{}", ready.server.port());
    let call = |token: &str, arguments: &[&str]| {
        run(&[arguments, &["--server", &url, "--ca", &ca, "--token", token]].concat())
    };

    let created = [
        "tokens",
        "create",
        "--role",
        "reader",
        "--role",
        "publisher",
        "--name",
        "orders",
        "--expires",
        "90days",
    ];
    let orders = printed(&call(&admin, &created)).trim().to_owned();
    let listed = printed(&call(&admin, &["tokens", "list", "--all-applications"]));
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    assert!(lines[0].contains("default publisher,reader \"orders\", expires 20"), "{listed}");
    assert!(lines[1].contains("all applications admin, last used 20"), "{listed}");
    assert!(!listed.contains(&orders) && !listed.contains(&admin));
    assert_eq!(printed(&call(&orders, &["subscriptions", "list"])), "");
    let (code, complaint) = failed(&call(&orders, &["tokens", "create", "--role", "reader"]));
    assert_eq!(code, 1);
    assert!(complaint.contains("the role admin is needed"), "{complaint}");
    for token in ["", "fft_nonsense"] {
        let (code, complaint) = failed(&call(token, &["subscriptions", "list"]));
        assert_eq!(code, 1);
        assert!(
            complaint.contains("credentials are needed") && !complaint.contains("nonsense"),
            "{complaint}"
        );
    }
    let name = lines[0].split(' ').next().unwrap();
    assert_eq!(printed(&call(&admin, &["tokens", "revoke", name])), format!("{name} revoked\n"));
    assert_eq!(failed(&call(&orders, &["subscriptions", "list"])).0, 1);
    drop(server);
    let log = std::fs::read_to_string(place.path("server.log")).unwrap();
    for line in ["CreateApiToken", "RevokeApiToken"] {
        assert!(log.contains(&format!("action=\"{line}\"")), "{log}");
    }
    assert!(log.contains("fanfare::audit") && !log.contains(&admin[4..]) && !log.contains(&orders[4..]));
}

/// A running server is asked whether there is a token.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_token_locks_no_administrator_out_unasked() {
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let create = |more: &[&str]| run(&[&["tokens", "create", "--server", &url, "--role"][..], more].concat());
    let (code, complaint) = failed(&create(&["publisher"]));
    assert!(code == 64 && complaint.contains("--role admin --all-applications"), "{complaint}");
    let admin = printed(&create(&["admin", "--all-applications"])).trim().to_owned();
    assert!(printed(&create(&["publisher", "--token", &admin])).starts_with("fft_"));
    server.stop().await.unwrap();

    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let meant = ["tokens", "create", "--server", &url, "--role", "publisher", "--without-admin"];
    assert!(printed(&run(&meant)).starts_with("fft_"));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_goes_through_all_commands() {
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let with_server = |arguments: &[&str]| -> Vec<String> {
        arguments.iter().chain(&["--server", &url]).map(|argument| (*argument).to_owned()).collect()
    };
    let call = |arguments: &[&str], input: &str| {
        let arguments = with_server(arguments);
        run_with_input(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), input)
    };

    // Pasted as the browsers gave them, three at once.
    let pasted = place.subscriptions(&ready, 3).await;
    let made = printed_json(&call(&["subscribe", "--json", "--topic", "news", "--user", "alice"], &pasted));
    let names: Vec<_> =
        made.iter().map(|answer| answer["subscription"]["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names.len(), 3);
    assert!(made.iter().all(|answer| answer["created"] == true));
    let again = printed(&call(&["subscribe"], pasted.lines().next().unwrap()));
    assert_eq!(again, format!("{} updated\n", names[0]));
    let valid = printed(&call(&["subscribe", "--validate-only"], &place.subscriptions(&ready, 1).await));
    assert_eq!(valid, "valid; nothing was stored\n");

    let listed = printed_json(&call(&["subscriptions", "list", "--topic", "news", "--json"], ""));
    assert_eq!(listed.len(), 3);
    assert_eq!(printed(&call(&["subscriptions", "list", "--limit", "2"], "")).lines().count(), 2);
    let changed = printed_json(&call(
        &["subscriptions", "update", &names[0], "--user", "bob", "--add-topic", "x", "--json"],
        "",
    ));
    assert_eq!(changed[0]["userId"], "bob");
    assert_eq!(changed[0]["topics"], json!(["news", "x"]));
    let shown = printed(&call(&["subscriptions", "get", &names[0]], ""));
    assert!(
        shown.contains("user=bob topics=news,x") && shown.contains(&place.sandbox.push_origin),
        "{shown}"
    );
    // The endpoint is a secret, so it comes by file or standard input.
    let first: Value = serde_json::from_str(pasted.lines().next().unwrap()).unwrap();
    let endpoint = first["endpoint"].as_str().unwrap();
    assert_eq!(printed(&call(&["subscriptions", "get", "--endpoint-file", "-"], endpoint)), shown);

    let sent = printed_json(&call(
        &[
            "send",
            "--subscription",
            &names[0],
            "--title",
            "Hello",
            "--ttl",
            "1h",
            "--urgency",
            "high",
            "--json",
        ],
        "",
    ));
    assert_eq!(sent[0]["accepted"]["message"]["counts"]["targets"], 1, "{sent:?}");
    let event = sent.iter().find_map(|frame| frame["events"]["events"].get(0)).unwrap();
    assert_eq!((&event["state"], &event["httpStatus"]), (&json!("DELIVERY_STATE_ACCEPTED"), &json!(201)));
    assert_eq!(sent.last().unwrap()["summary"]["state"], "MESSAGE_STATE_DONE");
    let told = printed(&call(&["send", "--user", "bob", "--data-file", "-"], "some octets"));
    assert!(told.contains(&format!("{} ACCEPTED 201", names[0])), "{told}");
    let inline = printed(&call(
        &["send", "--push-subscription", "-", "--json-payload", "{\"a\": 1}"],
        &first.to_string(),
    ));
    assert!(inline.contains("(inline) ACCEPTED 201"), "{inline}");
    let nothing = printed(&call(&["send", "--user", "bob", "--empty", "--validate-only"], ""));
    assert_eq!(nothing, "valid: 1 target(s); nothing was sent\n");

    let arguments = ["broadcast", "--topic", "news", "--title", "To all", "--report-level", "terminal"];
    let broadcast = printed(&call(&arguments, ""));
    assert_eq!(broadcast.lines().filter(|line| line.contains("ACCEPTED 201")).count(), 3, "{broadcast}");
    let summary = broadcast.lines().last().unwrap();
    assert!(summary.contains("ended: 3 targets, 3 accepted, 0 failed"), "{summary}");
    let message = summary.split_whitespace().next().unwrap();
    let watched = printed(&call(&["watch", message, "--report-level", "progress"], ""));
    assert!(watched.ends_with(&format!("{summary}\n")), "{watched}");

    // Everything that is wrong with a call is told at once.
    let (code, complaint) = failed(&call(&["send", "--user", "bob", "--title", "", "--ttl", "60days"], ""));
    assert_eq!(code, 1);
    assert!(complaint.contains("InvalidArgument INVALID_FIELDS"), "{complaint}");
    assert!(
        complaint.contains("message.notification.title: ") && complaint.contains("message.ttl: "),
        "{complaint}"
    );
    let (code, complaint) = failed(&call(&["send", "--user", "nobody", "--empty"], ""));
    assert_eq!(code, 1);
    assert!(complaint.contains("NotFound USER_NOT_FOUND"), "{complaint}");

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let admin = async |path: &str| {
        let answer = client.get(format!("http://{}{path}", ready.admin)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(admin("/readyz").await.0, 200);
    let (_, metrics) = admin("/metrics").await;
    for metric in [
        "fanfare_messages_accepted_total{kind=\"broadcast\"} 1",
        "fanfare_rpc_requests_total{method=\"Subscribe\",code=\"ok\"} 5",
    ] {
        assert!(metrics.contains(metric), "{metric}: {metrics}");
    }

    assert_eq!(printed(&call(&["subscriptions", "remove", "--user", "alice"], "")), "2 removed\n");
    let (_, complaint) = failed(&call(&["subscriptions", "get", &names[1]], ""));
    assert!(complaint.contains("NotFound SUBSCRIPTION_NOT_FOUND"), "{complaint}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_scheduled_and_cancelled_and_changes_and_origins_are_shown() {
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let call = |arguments: &[&str], input: &str| {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--server", &url]).collect();
        run_with_input(&arguments, input)
    };
    let mut watcher = tokio::process::Command::from(fanfare(&["subscriptions", "watch", "--server", &url]));
    let mut watcher = watcher.args(["--since", "2001-01-01T00:00:00Z"]).kill_on_drop(true).spawn().unwrap();
    let mut changes = BufReader::new(watcher.stdout.take().unwrap()).lines();
    let pasted = place.subscriptions(&ready, 1).await;
    printed(&call(&["subscribe", "--user", "alice"], &pasted));
    let added = timeout(PATIENCE, changes.next_line()).await.expect("a change in time").unwrap().unwrap();
    assert!(added.contains(" ADDED ") && added.ends_with(" user=alice"), "{added}");
    printed(&call(&["subscriptions", "update", added.split(' ').next().unwrap(), "--add-topic", "x"], ""));
    let updated = timeout(PATIENCE, changes.next_line()).await.expect("a change in time").unwrap().unwrap();
    assert!(updated.contains(" UPDATED "), "{updated}");
    watcher.kill().await.unwrap();

    let now = Duration::from_micros(SystemClock.now().as_micros());
    let at = humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + now + Duration::from_secs(3_600));
    let at = at.to_string();
    let arguments =
        ["send", "--user", "alice", "--title", "x", "--at", &at, "--report-level", "accepted", "--json"];
    let accepted = printed_json(&call(&arguments, ""));
    let message = &accepted[0]["accepted"]["message"];
    assert_eq!((&message["state"], &message["sendTime"]), (&json!("MESSAGE_STATE_SCHEDULED"), &json!(at)));
    let name = message["name"].as_str().unwrap();
    let cancelled = printed(&call(&["cancel", name], ""));
    assert!(
        cancelled.starts_with(&format!("{name} CANCEL")) && cancelled.contains("1 targets"),
        "{cancelled}"
    );
    let (code, complaint) = failed(&call(&["cancel", "messages/00000000000000000000000000000000"], ""));
    assert!(code == 1 && complaint.contains("NotFound MESSAGE_NOT_FOUND"), "{complaint}");

    let arguments = ["broadcast", "--all", "--title", "x", "--max-per-second", "100", "--collapse-key", "k"];
    assert!(printed(&call(&arguments, "")).contains("ended: 1 targets, 1 accepted"));
    let origins = printed(&call(&["origins"], ""));
    assert!(origins.starts_with(&format!("{} OPEN 0 queued, 0 of ", place.sandbox.push_origin)), "{origins}");
    let (code, complaint) = failed(&call(&["origins", "--resume", &place.sandbox.push_origin], ""));
    assert!(code == 1 && complaint.contains("NotFound ORIGIN_NOT_FOUND"), "{complaint}");
    server.stop().await.unwrap();
}

/// An application is made, rotates its key over a restart without losing a browser, and is deleted.
#[tokio::test(flavor = "multi_thread")]
async fn an_application_comes_rotates_its_key_and_goes() {
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let listen = ready.server.to_string();
    let url = format!("http://{}", ready.server);
    let call = |arguments: &[&str]| printed(&run(&[arguments, &["--server", &url]].concat()));
    let shop = |arguments: &[&str]| call(&[arguments, &["--application", "shop"]].concat());

    let create =
        ["applications", "create", "shop", "--contact", "mailto:shop@example.com", "--exception", "sandbox"];
    let made = call(&create);
    let old = made.lines().last().unwrap().rsplit(' ').next().unwrap().to_owned();
    let group = place.subscriptions_with(&old, 1).await;
    let subscribed =
        run_with_input(&["subscribe", "--server", &url, "--application", "shop", "--user", "anna"], &group);
    printed(&subscribed);
    let send = ["send", "--user", "anna", "--title", "Hello"];
    assert!(shop(&send).contains("ACCEPTED"), "the sandbox verifies the key that the browser was given");

    let new = shop(&["vapid-keys", "create", "--make-current"]);
    assert!(new.starts_with("vapidKeys/2 ") && new.contains(" current, 0 subscriptions"), "{new}");
    call(&["applications", "update", "shop", "--weight", "7", "--display-name", "The shop"]);
    server.stop().await.unwrap();
    let (server, _) = place.serve(&listen).await.unwrap();

    assert!(shop(&send).contains("ACCEPTED"), "the old key signs for who was made with it");
    let listed = shop(&["vapid-keys", "list"]);
    assert!(listed.lines().next().unwrap().starts_with("vapidKeys/2 "), "{listed}");
    assert!(listed.contains("standby, 1 subscriptions"), "{listed}");
    let (code, complaint) =
        failed(&run(&["vapid-keys", "retire", "vapidKeys/1", "--application", "shop", "--server", &url]));
    assert_eq!(code, 1, "{complaint}");
    assert!(complaint.contains("still in use"), "{complaint}");
    let shown: Value = serde_json::from_str(&call(&["applications", "get", "shop", "--json"])).unwrap();
    assert_eq!((&shown["quotas"]["weight"], &shown["displayName"]), (&json!(7), &json!("The shop")));

    call(&["applications", "delete", "shop", "--force"]);
    assert!(!call(&["applications", "list"]).contains("shop"));
    server.stop().await.unwrap();
    let (_server, _) = place.serve(&listen).await.unwrap();
    assert!(!call(&["applications", "list"]).contains("shop"), "it does not come back");
}

/// A push service of one browser, which keeps what was posted last.
async fn push_service() -> (std::net::SocketAddr, tokio::sync::watch::Receiver<Bytes>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (posted, received) = tokio::sync::watch::channel(Bytes::new());
    let service = axum::Router::new().route(
        "/push",
        axum::routing::post(async move |body: Bytes| {
            posted.send_replace(body);
            axum::http::StatusCode::CREATED
        }),
    );
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, service).await });
    (address, received)
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_are_asked_for_and_shown() {
    let place = Place::new().await;
    let (push, mut posted) = push_service().await;
    let config = std::fs::read_to_string(place.path("fanfare.toml")).unwrap();
    let config = format!(
        "{config}[receipts]\nlisten = \"127.0.0.1:0\"\n[[push_services.exceptions]]\nname = \"own\"\nhost = \"127.0.0.1\"\n\
         port = {}\ncidrs = [\"127.0.0.0/8\"]\nallow_http = true\n",
        push.port()
    );
    std::fs::write(place.path("fanfare.toml"), config).unwrap();
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let (browser, auth) = (AwsLcKey::generate().unwrap(), [7; 16]);
    let subscription = json!({
        "endpoint": format!("http://{push}/push"),
        "keys": {"p256dh": encode_base64url(browser.public()), "auth": encode_base64url(&auth)},
    });
    printed(&run_with_input(&["subscribe", "--user", "anna", "--server", &url], &subscription.to_string()));
    let follow = |arguments: &[&str]| {
        let arguments = [arguments, &["--receipts", "--server", &url]].concat();
        let mut child =
            tokio::process::Command::from(fanfare(&arguments)).kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        (child, lines)
    };
    let (_sender, mut frames) = follow(&["send", "--user", "anna", "--title", "Hi", "--json"]);
    let accepted = next_frame(&mut frames, "accepted").await["accepted"]["message"].clone();
    next_frame(&mut frames, "events").await;

    let body = posted.wait_for(|body| !body.is_empty()).await.unwrap().clone();
    let payload: Value =
        serde_json::from_slice(&aes128gcm::decrypt(&browser, &auth, &body).unwrap()).unwrap();
    let report = async |kind: &str| {
        let report = json!({"token": payload["fanfare"], "kind": kind, "action": "open"});
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let receipts = format!("http://{}/receipts", ready.receipts.unwrap());
        assert_eq!(client.post(receipts).body(report.to_string()).send().await.unwrap().status(), 204);
    };
    report("displayed").await;
    let told = next_frame(&mut frames, "receipts").await;
    assert_eq!(told["receipts"]["events"][0]["kind"], "RECEIPT_KIND_DISPLAYED", "{told}");

    // For people, from the beginning; the stream lasts, since more may come.
    let (_watcher, mut lines) = follow(&["watch", accepted["name"].as_str().unwrap()]);
    let mut line = async || timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    assert!(line().await.ends_with(" accepted, 1 target(s)"));
    assert!(line().await.contains(" ACCEPTED 201 "));
    assert!(line().await.ends_with(" DISPLAYED"));
    report("clicked").await;
    assert!(line().await.ends_with(" CLICKED open"));

    // Who does not ask is not told of any, not even of none.
    let plain = printed_json(&run(&["send", "--user", "anna", "--title", "Hi", "--json", "--server", &url]));
    assert!(accepted["receipts"].is_object() && plain[0]["accepted"]["message"].get("receipts").is_none());
    // It ends at once: nothing is followed.
    let arguments = ["send", "--user", "anna", "--title", "Hi", "--receipts", "--report-level", "accepted"];
    assert!(printed(&run(&[&arguments[..], &["--server", &url]].concat())).ends_with("target(s)\n"));
    let (code, complaint) =
        failed(&run(&["send", "--user", "anna", "--empty", "--receipts", "--server", &url]));
    assert!(code == 1 && complaint.contains("message.request_receipts: "), "{complaint}");
    server.stop().await.unwrap();
}

/// The next frame of a kind that a `watch --json` prints.
async fn next_frame(
    lines: &mut tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
    kind: &str,
) -> Value {
    loop {
        let line = timeout(PATIENCE, lines.next_line()).await.expect("a frame in time").unwrap().unwrap();
        let frame: Value = serde_json::from_str(&line).unwrap();
        if frame.get(kind).is_some() {
            return frame;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_outlives_a_restart_of_the_server() {
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let address = ready.server.to_string();
    let url = format!("http://{address}");
    let pasted = place.subscriptions(&ready, 1).await;
    printed(&run_with_input(&["subscribe", "--user", "alice", "--server", &url], &pasted));

    let mut watcher = tokio::process::Command::from(fanfare(&["watch", "--json", "--server", &url]))
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines();
    // On everything: at once, for its token.
    timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let send =
        || printed_json(&run(&["send", "--user", "alice", "--title", "x", "--json", "--server", &url]));
    let name = |frames: &[Value]| frames[0]["accepted"]["message"]["name"].clone();
    let before = send();
    assert_eq!(next_frame(&mut lines, "summary").await["summary"]["name"], name(&before));
    server.stop().await.unwrap();

    let (server, restarted) = place.serve(&address).await.unwrap();
    assert_eq!(restarted.applications, ready.applications, "the VAPID key is kept");
    let after = send();
    assert_eq!(next_frame(&mut lines, "accepted").await["accepted"]["message"]["name"], name(&after));
    assert_eq!(next_frame(&mut lines, "summary").await["summary"]["name"], name(&after));
    watcher.kill().await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_imported_while_the_server_is_stopped() {
    let place = Place::new().await;
    let data = place.text("data");
    let (server, first) = place.serve("127.0.0.1:0").await.unwrap();
    let mode = std::fs::metadata(place.path("data")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);

    let pair = printed(&run(&["vapid", "generate", "--json"]));
    let public = serde_json::from_str::<Value>(&pair).unwrap()["publicKey"].as_str().unwrap().to_owned();
    let import = ["vapid", "import", "--data-dir", &data, "--make-current"];
    let (code, complaint) = failed(&run_with_input(&import, &pair));
    assert_eq!(code, 1);
    assert!(complaint.contains("in use by another process"), "{complaint}");
    let second = place.serve("127.0.0.1:0").await.unwrap_err();
    assert!(format!("{second:#}").contains("in use by another process"), "{second:#}");
    server.stop().await.unwrap();

    assert!(printed(&run_with_input(&import, &pair)).contains(&public));
    assert!(printed(&run_with_input(&import, &pair)).contains(&public), "once more does no harm");
    let shown = printed(&run(&["vapid", "show", "--data-dir", &data]));
    let old = &first.applications[0].application_server_key;
    assert_eq!(shown, format!("default {old}\ndefault {public} current\n"));
    let stats = &printed_json(&run(&["store", "stats", "--data-dir", &data]))[0];
    let kinds = stats["kinds"].as_array().unwrap();
    let keys = kinds.iter().find(|kind| kind["kind"] == "VAPID key").unwrap();
    assert_eq!(keys["rows"], 2);
    assert!(stats["live_octets"].as_u64().unwrap() >= 2 * 97 && stats["file_octets"].as_u64().unwrap() > 0);
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    assert_eq!(ready.applications[0].application_server_key, public);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_stops_the_server_in_order() {
    let place = Place::new().await;
    let (config, data) = (place.text("fanfare.toml"), place.text("data"));
    let arguments = ["serve", "--config", &config, "--data-dir", &data, "--listen", "127.0.0.1:0"];
    let mut server = tokio::process::Command::from(fanfare(&arguments)).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let told = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let url = told.split_whitespace().last().unwrap().to_owned();
    assert!(told.starts_with("gRPC") && url.starts_with("http://127.0.0.1:"), "{told}");
    // With a stream open, which ends with the server.
    let mut watcher = tokio::process::Command::from(fanfare(&["watch", "--json", "--server", &url]))
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut frames = BufReader::new(watcher.stdout.take().unwrap()).lines();
    timeout(PATIENCE, frames.next_line()).await.unwrap().unwrap().unwrap();

    let pid = server.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let status = timeout(PATIENCE, server.wait()).await.expect("an end in time").unwrap();
    assert!(status.success(), "{status}");
    watcher.kill().await.unwrap();
}

/// A server with an attempt under way that is not answered, told to stop; then told again.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_server_at_once() {
    let place = Place::new().await;
    let black_hole = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = black_hole.local_addr().unwrap().port();
    let config = format!(
        "[admin]\nlisten = \"127.0.0.1:0\"\n[[push_services.exceptions]]\nname = \"hole\"\n\
         host = \"localhost\"\nport = {port}\nconnect_to = \"127.0.0.1:{port}\"\nallow_http = true\n"
    );
    std::fs::write(place.path("hole.toml"), config).unwrap();
    let (config, data) = (place.text("hole.toml"), place.text("data"));
    let arguments = ["serve", "--json", "--config", &config, "--data-dir", &data, "--listen", "127.0.0.1:0"];
    let mut server = tokio::process::Command::from(fanfare(&arguments)).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let told = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let ready: ServeReady = serde_json::from_str(&told).unwrap();

    let mut to: Value =
        serde_json::from_str(place.subscriptions(&ready, 1).await.lines().next().unwrap()).unwrap();
    to["endpoint"] = json!(format!("http://localhost:{port}/p/1"));
    std::fs::write(place.path("to.json"), to.to_string()).unwrap();
    let url = format!("http://{}", ready.server);
    let send = ["send", "--server", &url, "--push-subscription", &place.text("to.json"), "--empty"];
    let mut caller = tokio::process::Command::from(fanfare(&send)).kill_on_drop(true).spawn().unwrap();
    let (_held, _) = timeout(PATIENCE, black_hole.accept()).await.expect("an attempt").unwrap();

    let pid = server.id().unwrap().to_string();
    let signal = || assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    signal();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let not_ready = async {
        while client.get(format!("http://{}/readyz", ready.admin)).send().await.unwrap().status() == 200 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, not_ready).await.expect("it says that it stops");
    assert_eq!(server.try_wait().unwrap(), None, "it waits for the attempt under way");
    signal();
    let status = timeout(PATIENCE, server.wait()).await.expect("an end").unwrap();
    assert_eq!(status.code(), Some(130));
    caller.kill().await.unwrap();
}

fn demo(arguments: &[&str]) -> Value {
    let output = run(&[&["demo", "--subscribers", "200"], arguments].concat());
    let printed = printed(&output);
    serde_json::from_str(printed.lines().last().unwrap()).unwrap()
}

#[test]
fn the_demo_delivers_to_everyone() {
    let figures = demo(&[]);
    for (message, targets) in [("send", 1), ("broadcast", 200)] {
        let of = &figures[message];
        for figure in ["targets", "accepted", "terminal_events", "identical"] {
            assert_eq!(of[figure], targets, "{message} {figure}: {figures}");
        }
    }
    assert_eq!(figures["problems"], 0);
}

#[test]
fn the_demo_finds_the_right_outcome_of_each_fault() {
    let figures = demo(&["--faults", "--json"]);
    let faults = figures["faults"].as_object().unwrap();
    for kind in ["none", "gone", "not_found", "throttled", "failing"] {
        let of = &faults[kind];
        assert!(of["subscribers"].as_u64().unwrap() > 0, "{kind}: {figures}");
        assert_eq!(of["subscribers"], of["right"], "{kind}: {figures}");
    }
    let broadcast = &figures["broadcast"];
    let gone = faults["gone"]["subscribers"].as_u64().unwrap()
        + faults["not_found"]["subscribers"].as_u64().unwrap();
    assert_eq!(broadcast["failed"], gone);
    assert_eq!(broadcast["identical"], 200 - gone);
    assert_eq!(figures["problems"], 0);
}

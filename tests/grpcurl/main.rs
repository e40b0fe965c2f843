//! What real grpcurl sees of a running server. The README's tour, which tests/readme.rs runs, is the rest of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use std::path::Path;
use std::process::Stdio;

use fanfare::cli::ServeReady;
use fanfare::cli::process::Process;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;

/// A server, and where it is.
async fn serve() -> (Process, String, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let (data, log) = (directory.path().join("data"), directory.path().join("log"));
    let data = data.to_str().unwrap().to_owned();
    let any = "127.0.0.1:0";
    let arguments =
        ["serve", "--json", "--exit-with-stdin", "--listen", any, "--admin-listen", any, "--data-dir", &data];
    let program = Path::new(env!("CARGO_BIN_EXE_fanfare"));
    let (process, ready) = Process::start::<ServeReady>(program, &arguments, &log).await.unwrap();
    (process, ready.server.to_string(), directory)
}

fn grpcurl(arguments: &[&str]) -> Command {
    let mut command = Command::new("grpcurl");
    command.arg("-plaintext").args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs it to its end; gives whether it succeeded, and what it printed.
async fn run(arguments: &[&str]) -> (bool, String) {
    let output = grpcurl(arguments).output().await.unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.success(), text)
}

#[tokio::test]
#[ignore = "needs grpcurl: .ci/run has it"]
async fn reflection_tells_the_whole_contract() {
    let (server, address, _directory) = serve().await;
    for (service, file, at_least) in [("PushService", "push", 17), ("AdminService", "admin", 3)] {
        let (listed, methods) = run(&[&address, "list", &format!("fanfare.v1.{service}")]).await;
        assert!(listed, "{methods}");
        let path = format!("{}/proto/fanfare/v1/{file}.proto", env!("CARGO_MANIFEST_DIR"));
        let contract = std::fs::read_to_string(path).unwrap();
        let rpcs: Vec<_> = contract
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("rpc ")?.split_once('('))
            .map(|(name, _)| format!("fanfare.v1.{service}.{name}"))
            .collect();
        assert!(rpcs.len() >= at_least, "{rpcs:?}");
        assert_eq!(methods.lines().count(), rpcs.len(), "{methods}");
        for rpc in rpcs {
            let (described, text) = run(&[&address, "describe", &rpc]).await;
            assert!(described && text.starts_with(&format!("{rpc} is a method:")), "{text}");
        }
    }
    // Templates need every message that it refers to.
    for message in ["SubscribeRequest", "SendRequest", "BroadcastRequest"] {
        let (described, text) =
            run(&["-msg-template", &address, "describe", &format!("fanfare.v1.{message}")]).await;
        assert!(described && text.contains("Message template:"), "{text}");
    }
    server.stop().await.unwrap();
}

#[tokio::test]
#[ignore = "needs grpcurl: .ci/run has it"]
async fn errors_are_shown_with_their_details() {
    let (server, address, _directory) = serve().await;
    let unknown = "subscriptions/00000000000000000000000000000000";
    let cases = [
        ("GetSubscription", format!(r#"{{"name": "{unknown}"}}"#), "NotFound", "SUBSCRIPTION_NOT_FOUND"),
        ("Send", "{}".to_owned(), "InvalidArgument", "BadRequest"),
        ("CancelMessage", "{}".to_owned(), "InvalidArgument", "BadRequest"),
        ("CreateSubscriberToken", "{}".to_owned(), "InvalidArgument", "BadRequest"),
        (
            "ImportSubscriptions",
            r#"{"subscriptions": [{"application": "nobody"}]}"#.to_owned(),
            "NotFound",
            "APPLICATION_NOT_FOUND",
        ),
        (
            "Broadcast",
            r#"{"audience": {"filter": "x"}, "message": {"empty": {}}}"#.to_owned(),
            "Unimplemented",
            "NOT_IMPLEMENTED",
        ),
    ];
    for (method, body, code, detail) in cases {
        let (succeeded, text) =
            run(&["-d", &body, &address, &format!("fanfare.v1.PushService/{method}")]).await;
        assert!(!succeeded, "{text}");
        assert!(text.contains(&format!("Code: {code}")) && text.contains(detail), "{text}");
        assert!(!text.contains("not recognized"), "{text}");
    }
    server.stop().await.unwrap();
}

#[tokio::test]
#[ignore = "needs grpcurl: .ci/run has it"]
async fn health_tells_the_truth_to_the_end() {
    let (server, address, _directory) = serve().await;
    for service in ["", "fanfare.v1.PushService", "fanfare.v1.AdminService"] {
        let body = format!(r#"{{"service": "{service}"}}"#);
        let (succeeded, text) = run(&["-d", &body, &address, "grpc.health.v1.Health/Check"]).await;
        assert!(succeeded && text.contains("\"SERVING\""), "{text}");
    }
    let (succeeded, text) =
        run(&["-d", r#"{"service": "nobody"}"#, &address, "grpc.health.v1.Health/Check"]).await;
    assert!(!succeeded && text.contains("Code: NotFound"), "{text}");

    let mut watch =
        grpcurl(&[&address, "grpc.health.v1.Health/Watch"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(watch.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("\"SERVING\"") {
        assert_ne!(told.read_line(&mut text).await.unwrap(), 0, "{text}");
    }
    server.stop().await.unwrap();
    told.read_to_string(&mut text).await.unwrap();
    assert!(text.contains("\"NOT_SERVING\""), "{text}");
}

//! Refused credentials as people see them: one endpoint hurts nobody, a stopped application is told of everywhere, goes on by
//! itself, and whoever waits for it or leaves knows.

use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

use super::{PATIENCE, Place, failed, fanfare, printed, printed_json, run_with_input};

/// What autopush answers to a token that it does not take.
const REFUSAL: &str = r#"{"code":401,"errno":109,"error":"Unauthorized","message":"Invalid VAPID token"}"#;

/// A command that goes on.
fn started(arguments: &[&str]) -> Child {
    let mut command = tokio::process::Command::from(fanfare(arguments));
    command.kill_on_drop(true).spawn().unwrap()
}

/// The first line that says this.
async fn line_with(
    lines: &mut tokio::io::Lines<BufReader<impl tokio::io::AsyncRead + Unpin>>,
    words: &str,
) -> String {
    let found = async {
        loop {
            let line =
                lines.next_line().await.unwrap().unwrap_or_else(|| panic!("it ends without {words:?}"));
            if line.contains(words) {
                return line;
            }
        }
    };
    timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{words:?} in time"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_application_is_seen_and_goes_on_by_itself() {
    let place = Place::new().await;
    let mut config = std::fs::OpenOptions::new().append(true).open(place.path("fanfare.toml")).unwrap();
    let engine = "[engine]\nretry_base = \"100ms\"\nstopped_retry_min = \"2s\"\nstopped_retry_max = \"3s\"\n";
    config.write_all(engine.as_bytes()).unwrap();
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let call = |arguments: &[&str]| run_with_input(&[arguments, &["--server", &url]].concat(), "");
    let pasted = place.subscriptions(&ready, 5).await;
    printed(&run_with_input(&["subscribe", "--user", "alice", "--server", &url], &pasted));
    let broadcast = ["broadcast", "--all", "--title", "x"];
    assert!(printed(&call(&broadcast)).contains("ended: 5 targets, 5 accepted"));

    // One endpoint that refuses the token hurts nobody else, however often it does.
    let fault = json!({"answer": {"status": 401, "body": REFUSAL}});
    place.order(reqwest::Method::POST, "/groups/1/subscribers/0/faults", &fault).await;
    for _ in 0..4 {
        let shown = printed(&call(&broadcast));
        assert!(
            shown.contains("FAILED CREDENTIALS_REFUSED 401 attempt 3") && shown.contains("Invalid VAPID"),
            "{shown}"
        );
        assert!(shown.contains("ended: 5 targets, 4 accepted, 1 failed"), "{shown}");
    }
    let origins = printed(&call(&["origins"]));
    assert!(
        origins.contains(" OPEN ") && origins.contains("% refused") && !origins.contains("stopped"),
        "{origins}"
    );

    // When all of them do, it is the application.
    place.order(reqwest::Method::PUT, "/origins/0", &json!({"fault": fault})).await;
    place.order(reqwest::Method::POST, "/groups/1/subscribers/0/faults", &Value::Null).await;
    let mut first =
        started(&["broadcast", "--all", "--title", "y", "--report-level", "attempts", "--server", &url]);
    let mut shown = BufReader::new(first.stdout.take().unwrap()).lines();
    line_with(&mut shown, "RETRYING CREDENTIALS_REFUSED 401").await;
    let stopped = async {
        loop {
            let origins = printed(&call(&["origins"]));
            if origins.contains(" STOPPED ") {
                return origins;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let origins = timeout(PATIENCE, stopped).await.unwrap();
    assert!(
        origins.contains("\n  default is stopped since ") && origins.contains("Invalid VAPID token"),
        "{origins}"
    );
    let application = printed(&call(&["applications", "get", "default"]));
    assert!(application.contains(", stopped at https://localhost:"), "{application}");

    // Whoever sends now is told what it waits for, and when leaving, that it goes on.
    let mut second = started(&["send", "--user", "alice", "--title", "z", "--server", &url]);
    let mut shown_too = BufReader::new(second.stdout.take().unwrap()).lines();
    let mut said = BufReader::new(second.stderr.take().unwrap()).lines();
    let message = line_with(&mut shown_too, " accepted, ").await;
    let message = message.split(' ').next().unwrap();
    let waits = line_with(&mut shown_too, "PENDING CREDENTIALS_REFUSED").await;
    assert!(waits.contains("Invalid VAPID token") && waits.contains(", next attempt at "), "{waits}");
    line_with(&mut said, "refuses the credentials of default").await;
    let interrupt = Command::new("kill").args(["-INT", &second.id().unwrap().to_string()]).status();
    assert!(interrupt.unwrap().success());
    line_with(&mut said, "delivery goes on at the server").await;
    line_with(&mut said, &format!("fanfare cancel {message} --server {url}")).await;
    let status = timeout(PATIENCE, second.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(130));

    // The cause is gone: nobody need do anything.
    place.order(reqwest::Method::PUT, "/origins/0", &json!({})).await;
    line_with(&mut shown, "ended: 5 targets, 5 accepted").await;
    let followed = printed(&call(&["watch", message, "--report-level", "progress"]));
    assert!(followed.contains("ended: 5 targets, 5 accepted"), "{followed}");
    assert!(printed(&call(&["origins"])).contains(" OPEN "));
    let log = std::fs::read_to_string(place.path("server.log")).unwrap();
    assert!(
        log.contains("until one is accepted or it is resumed") && log.contains("credentials again"),
        "{log}"
    );
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_to_nobody_is_told() {
    let place = Place::new().await;
    let mut config = std::fs::OpenOptions::new().append(true).open(place.path("fanfare.toml")).unwrap();
    config.write_all(b"[engine]\nremoval_window = \"1s\"\n").unwrap();
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let call = |arguments: &[&str]| run_with_input(&[arguments, &["--server", &url]].concat(), "");
    let (code, said) = failed(&call(&["broadcast", "--topic", "nosuch", "--title", "x"]));
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("warning: there is no active subscription with topic nosuch"), "{said}");
    assert!(said.contains("nobody was sent to: the audience is empty"), "{said}");
    // Nobody waits for the end: a warning is all.
    let accepted =
        call(&["broadcast", "--topic", "nosuch", "--title", "x", "--report-level", "accepted", "--json"]);
    assert_eq!(printed_json(&accepted).len(), 1);
    assert!(String::from_utf8_lossy(&accepted.stderr).contains("warning: there is no active subscription"));

    // Its key is another one: the service says so, and it is disabled.
    let pasted = place.subscriptions(&ready, 1).await;
    printed(&run_with_input(&["subscribe", "--user", "alice", "--server", &url], &pasted));
    let fault = json!({"answer": {"status": 401, "body": "VAPID public key mismatch"}});
    place.order(reqwest::Method::PUT, "/origins/0", &json!({"fault": fault})).await;
    let send = ["send", "--user", "alice", "--title", "x"];
    assert!(printed(&call(&send)).contains("FAILED KEY_MISMATCH"));
    let disabled = async {
        while !printed(&call(&["subscriptions", "list"])).contains("disabled") {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, disabled).await.unwrap();
    let (code, said) = failed(&call(&send));
    assert!(code == 3 && said.contains("nobody was sent to"), "{code} {said}");
    server.stop().await.unwrap();
}

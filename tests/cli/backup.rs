//! Backups as operators make them: of a server that sends, taken elsewhere, and opened there.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use fanfare::cli::ServeReady;
use fanfare::cli::process::Process;
use fanfare::domain::{Clock as _, SystemClock};

use super::{PATIENCE, PROGRAM, Place, failed, printed, printed_json, run, run_with_input};

/// Serves what is in another directory of the place.
async fn serve_in(place: &Place, data: &str) -> (Process, ServeReady) {
    let (config, data) = (place.text("fanfare.toml"), place.text(data));
    let arguments = ["serve", "--json", "--exit-with-stdin", "--config", &config, "--data-dir", &data];
    let arguments = [&arguments[..], &["--listen", "127.0.0.1:0"]].concat();
    Process::start(Path::new(PROGRAM), &arguments, &place.path("restored.log")).await.unwrap()
}

fn call(url: &str, arguments: &[&str]) -> Output {
    run(&[arguments, &["--server", url]].concat())
}

/// The names of messages in the frames that a command printed.
fn message_of(output: &Output) -> String {
    let frames = printed_json(output);
    frames[0]["accepted"]["message"]["name"].as_str().unwrap().to_owned()
}

/// Sends one after the other, and tells each that was acknowledged, until it is told to stop.
fn sender(url: String, stop: Arc<AtomicBool>) -> (std::thread::JoinHandle<()>, mpsc::Receiver<String>) {
    let (acknowledged, heard) = mpsc::channel();
    let sending = std::thread::spawn(move || {
        while !stop.load(Ordering::SeqCst) {
            let sent = call(&url, &["send", "--user", "alice", "--title", "x", "--json"]);
            let _ = acknowledged.send(message_of(&sent));
        }
    });
    (sending, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_sends_is_backed_up_and_goes_on_elsewhere() {
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let pasted = place.subscriptions(&ready, 300).await;
    let import = ["subscriptions", "import", "--topic", "news", "--server", &url, "-"];
    printed(&run_with_input(&import, &pasted));
    let one = pasted.lines().next().unwrap();
    printed(&run_with_input(&["subscribe", "--user", "alice", "--server", &url], one));
    let request = ["send", "--user", "alice", "--title", "x", "--json", "--request-id", "order-1"];
    let sent = call(&url, &request);
    let (ordered, token) = (message_of(&sent), printed_json(&sent)[0]["resumeToken"].clone());
    let hour = SystemClock.now().plus(Duration::from_secs(3_600)).as_secs();
    let hour = humantime::format_rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(hour)).to_string();
    let accepted = ["--title", "x", "--report-level", "accepted", "--json"];
    let scheduled =
        message_of(&call(&url, &[&["broadcast", "--all", "--at", &hour][..], &accepted].concat()));

    // Sends go on before, while and after it is made.
    let stop = Arc::new(AtomicBool::new(false));
    let (sending, heard) = sender(url.clone(), Arc::clone(&stop));
    let first = heard.recv_timeout(PATIENCE).unwrap();
    // This one takes six seconds, and is under way when the backup is made.
    let paced = ["broadcast", "--topic", "news", "--max-per-second", "50"];
    let broadcast = message_of(&call(&url, &[&paced[..], &accepted].concat()));
    let file = place.text("fanfare.backup");
    let acknowledged: BTreeSet<String> =
        heard.try_iter().chain([first, broadcast.clone(), ordered.clone()]).collect();
    let figures = printed_json(&call(&url, &["backup", "--json", &file]));
    heard.recv_timeout(PATIENCE).unwrap();
    stop.store(true, Ordering::SeqCst);
    sending.join().unwrap();

    let octets = std::fs::metadata(&file).unwrap();
    assert_eq!(octets.permissions().mode() & 0o777, 0o600);
    assert_eq!(figures[0]["octets"], octets.len());
    assert!(!place.path("fanfare.backup.part").exists());
    let (code, complaint) = failed(&call(&url, &["backup", &file]));
    assert!(code == 64 && complaint.contains("--force"), "{complaint}");
    // Of the running server, without another look at its data directory.
    let lines = place.text("online.jsonl");
    let figures_online =
        printed_json(&call(&url, &["subscriptions", "export", "--online", "--json", &lines]));
    assert_eq!(figures_online[0]["subscriptions"], 300);
    assert_eq!(std::fs::read_to_string(&lines).unwrap().lines().count(), 300);
    let stats = printed_json(&call(&url, &["store", "stats", "--online"]));
    let kinds = stats[0]["kinds"].as_array().unwrap();
    assert!(kinds.iter().any(|of| of["kind"] == "subscription" && of["rows"] == 300), "{kinds:?}");
    drop(server);

    let checked = printed_json(&run(&["restore", "--check", "--json", &file]));
    assert_eq!(checked[0]["sha256"], figures[0]["sha256"]);
    let restored = place.text("restored");
    let config = place.text("fanfare.toml");
    let told = printed(&run(&["restore", "--config", &config, "--data-dir", &restored, &file]));
    assert!(told.contains("restored, as of 20"), "{told}");
    assert_eq!(std::fs::metadata(&restored).unwrap().permissions().mode() & 0o777, 0o700);
    let verified = printed(&run(&["store", "verify", "--data-dir", &restored]));
    assert!(verified.ends_with("nothing is lost\n"), "{verified}");
    let (code, complaint) = failed(&run(&["restore", "--data-dir", &restored, &file]));
    assert!(code == 1 && complaint.contains("has a store already"), "{complaint}");

    let (server, ready) = serve_in(&place, "restored").await;
    let url = format!("http://{}", ready.server);
    let listed = printed_json(&call(&url, &["subscriptions", "list", "--json"]));
    assert_eq!(listed.len(), 300);
    // All that was acknowledged before it is there, and has ended once.
    for message in &acknowledged {
        let told = printed_json(&call(&url, &["watch", message, "--report-level", "progress", "--json"]));
        let summary = &told.last().unwrap()["summary"];
        assert_eq!(summary["state"], "MESSAGE_STATE_DONE", "{message}");
        assert_eq!(summary["counts"]["accepted"], if *message == broadcast { 300 } else { 1 });
    }
    assert_eq!(message_of(&call(&url, &request)), ordered, "the request_id is known");
    assert_eq!(printed(&call(&url, &["cancel", &scheduled])).lines().count(), 1);
    let resumed = ["watch", &ordered, "--resume-token", token.as_str().unwrap(), "--json"];
    let frames = printed_json(&call(&url, &resumed));
    assert!(frames.iter().all(|frame| frame.get("accepted").is_none()), "{frames:?}");
    assert_eq!(frames.last().unwrap()["summary"]["counts"]["accepted"], 1, "{frames:?}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_breaks_off_leaves_nothing() {
    let place = Place::new().await;
    let file = place.text("fanfare.backup");
    let (code, complaint) = failed(&call("http://127.0.0.1:1", &["backup", &file]));
    assert!(code == 1 && complaint.contains("cannot connect"), "{complaint}");
    let left = ["fanfare.backup", "fanfare.backup.part"].map(|name| place.path(name).exists());
    assert_eq!(left, [false, false]);
    std::fs::write(&file, "something else").unwrap();
    let (code, complaint) = failed(&run(&["restore", "--check", &file]));
    assert!(code == 1 && complaint.contains("is no backup of Fanfare"), "{complaint}");
    let (code, complaint) = failed(&run(&["restore", "--data-dir", &place.text("new"), &file]));
    assert!(code == 1 && complaint.contains("is no backup of Fanfare"), "{complaint}");
    assert!(!place.path("new/db").exists());
}

/// As docs/import.md says: a key that a server made, and its subscriptions, go to another one.
#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_move_to_another_server_with_the_key_that_serve_made() {
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let public = ready.applications[0].application_server_key.clone();
    let pasted = place.subscriptions(&ready, 20).await;
    printed(&run_with_input(&["subscriptions", "import", "--server", &url, "-"], &pasted));
    server.stop().await.unwrap();

    let (old, new) = (place.text("data"), place.text("restored"));
    let (pem, jwk, lines) = (place.text("vapid.pem"), place.text("vapid.jwk"), place.text("all.jsonl"));
    let told = printed(&run(&["vapid", "export", "--data-dir", &old, &pem]));
    assert!(told.contains("readable by you only") && told.contains(&public), "{told}");
    assert_eq!(std::fs::metadata(&pem).unwrap().permissions().mode() & 0o777, 0o600);
    printed(&run(&["vapid", "export", "--data-dir", &old, "--jwk", "--key", "vapidKeys/1", &jwk]));
    for key in [&pem, &jwk] {
        assert_eq!(printed(&run(&["vapid", "show", key])).trim(), public);
    }
    let (code, complaint) = failed(&run(&["vapid", "export", "--data-dir", &old, &pem]));
    assert!(code == 64 && complaint.contains("is there already"), "{complaint}");
    let (code, complaint) =
        failed(&run(&["vapid", "export", "--data-dir", &old, "--key", "vapidKeys/9", "x"]));
    assert!(code == 64 && complaint.contains("has no key vapidKeys/9"), "{complaint}");

    printed(&run(&["subscriptions", "export", "--data-dir", &old, &lines]));
    printed(&run(&["vapid", "import", "--data-dir", &new, "--make-current", &pem]));
    let (server, ready) = serve_in(&place, "restored").await;
    assert_eq!(ready.applications[0].application_server_key, public);
    let url = format!("http://{}", ready.server);
    printed(&call(&url, &["subscriptions", "import", &lines]));
    let told = printed(&call(&url, &["broadcast", "--all", "--title", "x"]));
    assert!(told.contains("20 targets, 20 accepted"), "{told}");
    server.stop().await.unwrap();
}

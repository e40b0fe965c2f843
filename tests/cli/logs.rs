//! What an operator reads in the server's log: that it starts and stops, what is sent and how it ends, who called, which push
//! service fails.

use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use tokio::time::timeout;

use super::{PATIENCE, Place, failed, printed, run_with_input};

/// The lines of a server's log so far that say all this.
fn lines(place: &Place, words: &[&str]) -> Vec<String> {
    let log = std::fs::read_to_string(place.path("server.log")).unwrap();
    log.lines().filter(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned).collect()
}

/// Waits until the log has such a line.
async fn appears(place: &Place, words: &[&str]) -> String {
    let found = async {
        loop {
            if let Some(line) = lines(place, words).pop() {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let log = || std::fs::read_to_string(place.path("server.log")).unwrap();
    timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{words:?} in {}", log()))
}

fn configure(place: &Place, more: &str) {
    let mut config = std::fs::OpenOptions::new().append(true).open(place.path("fanfare.toml")).unwrap();
    config.write_all(more.as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_what_was_sent_by_whom_and_how_it_ended() {
    let place = Place::new().await;
    configure(&place, "[log]\nfilter = \"info,fanfare::messages=debug,fanfare::calls=debug\"\n");
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let call = |arguments: &[&str]| run_with_input(&[arguments, &["--server", &url]].concat(), "");
    let pasted = place.subscriptions(&ready, 3).await;
    printed(&run_with_input(&["subscribe", "--user", "alice", "--server", &url], &pasted));

    printed(&call(&[
        "send",
        "--user",
        "alice",
        "--title",
        "x",
        "--note",
        "order-7",
        "--request-id",
        "order-7",
    ]));
    let accepted = appears(&place, &["fanfare::messages", "accepted", "targets=3"]).await;
    let message = accepted.split("message_id=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    appears(&place, &["fanfare::messages", "ended", &message, "accepted=3", "state=Done"]).await;
    let ended = appears(&place, &["fanfare::calls", "ended", "method=\"Send\"", "code=Ok"]).await;
    assert!(ended.contains("application=\"default\"") && ended.contains("caller=\"anonymous\""), "{ended}");

    assert_eq!(lines(&place, &["order-7"]), [""; 0], "what a sender writes for itself is its own");

    // What a caller does wrong is no error of the server.
    failed(&call(&["cancel", "messages/none"]));
    appears(&place, &["DEBUG", "fanfare::calls", "method=\"CancelMessage\""]).await;
    assert_eq!(lines(&place, &["ERROR"]), [""; 0]);

    server.stop().await.unwrap();
    let started = lines(&place, &["INFO", "starting", env!("CARGO_PKG_VERSION"), "store.data_dir="]);
    assert_eq!((started.len(), lines(&place, &["INFO", "serving"]).len()), (1, 1), "{started:?}");
    assert_eq!(
        (lines(&place, &["stopping in order"]).len(), lines(&place, &["INFO", "stopped"]).len()),
        (1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_of_broadcasts_and_of_a_push_service_that_fails() {
    let place = Place::new().await;
    configure(&place, "[engine]\nretry_base = \"100ms\"\n");
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let pasted = place.subscriptions(&ready, 8).await;
    printed(&run_with_input(&["subscribe", "--topic", "news", "--server", &url], &pasted));
    let sandbox = place.process.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-KILL", &sandbox]).status().unwrap().success());
    let broadcast = ["broadcast", "--topic", "news", "--title", "x", "--ttl", "2s", "--server", &url];
    printed(&run_with_input(&broadcast, ""));
    appears(&place, &["INFO", "fanfare::messages", "accepted", "targets=8"]).await;
    appears(&place, &["INFO", "fanfare::messages", "ended", "expired=8", "Unreachable 8"]).await;
    let broken =
        appears(&place, &["WARN", "fanfare::lanes", "cannot be reached", "https://localhost:"]).await;
    assert!(broken.contains("problem=Some(Unreachable)"), "{broken}");
    // Sends take another level, which nobody asked for.
    assert_eq!(lines(&place, &["fanfare::calls"]), [""; 0]);
    server.stop().await.unwrap();
}

//! Why a user got a message, or did not: what `fanfare explain` says.

use std::io::Write as _;
use std::process::Command;

use serde_json::json;

use super::{Place, printed, printed_json, run_with_input};

#[tokio::test(flavor = "multi_thread")]
async fn a_users_missing_message_is_explained() {
    let place = Place::new().await;
    let mut config = std::fs::OpenOptions::new().append(true).open(place.path("fanfare.toml")).unwrap();
    config.write_all(b"[engine]\nretry_base = \"100ms\"\nremoval_window = \"1s\"\n").unwrap();
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let call = |arguments: &[&str]| run_with_input(&[arguments, &["--server", &url]].concat(), "");
    let explain = |arguments: &[&str]| printed(&call(&[&["explain"], arguments].concat()));
    let message = |shown: &str| {
        let line = shown.lines().find(|line| line.contains(" accepted, ")).unwrap();
        line.split(' ').next().unwrap().to_owned()
    };

    // Never subscribed.
    assert!(explain(&["--user", "alice"]).contains("had none as far as changes are kept"));

    let pasted = place.subscriptions(&ready, 2).await;
    let (first, second) = pasted.trim().split_once('\n').unwrap();
    let subscribe = |who: &[&str], pasted: &str| {
        let shown = printed(&run_with_input(&[&["subscribe", "--server", &url], who].concat(), pasted));
        shown.split(' ').next().unwrap().to_owned()
    };
    let alice = subscribe(&["--user", "alice", "--topic", "news"], first);

    // It arrived.
    printed(&call(&["send", "--user", "alice", "--title", "x", "--note", "Order 7"]));
    let said = explain(&["--user", "alice"]);
    assert!(said.contains(&format!("{alice}: active at https://localhost:")), "{said}");
    assert!(
        said.contains("\"Order 7\", for user alice:") && said.contains("the push service took it at"),
        "{said}"
    );

    // Somebody else's topic, and one who came later.
    let sport = message(&printed(&call(&["broadcast", "--topic", "news", "--title", "x"])));
    let bob = subscribe(&["--user", "bob", "--topic", "sport"], second);
    let said = explain(&["--subscription", &bob, "--message", &sport]);
    assert!(said.contains("it subscribed only at"), "{said}");
    let news = message(&printed(&call(&["broadcast", "--topic", "news", "--title", "x"])));
    let said = explain(&["--user", "bob", "--message", &news]);
    assert!(said.contains("it has none of the topics news"), "{said}");
    let said = printed_json(&call(&["explain", "--user", "alice", "--message", &news, "--json"]));
    assert_eq!((&said[1]["subscription"], &said[1]["message"]), (&json!(alice), &json!(news)));

    // The push service says that it has ended: it fails, and is removed.
    let gone = json!({"answer": {"status": 410}});
    place.order(reqwest::Method::POST, "/groups/1/subscribers/0/faults", &gone).await;
    printed(&call(&["send", "--user", "alice", "--title", "x"]));
    let said = async {
        loop {
            let said = explain(&["--user", "alice"]);
            if said.contains("has no subscription any more") {
                return said;
            }
            assert!(said.contains("FAILED GONE 410") && said.contains("must subscribe again"), "{said}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let said = tokio::time::timeout(super::PATIENCE, said).await.unwrap();
    assert!(
        said.contains("the push service said that it has ended") && said.contains("(GONE 410, messages/"),
        "{said}"
    );

    // The push service is away: it waits.
    let sandbox = place.process.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-KILL", &sandbox]).status().unwrap().success());
    let mut sending =
        super::fanfare(&["send", "--user", "bob", "--title", "x", "--server", &url]).spawn().unwrap();
    let said = async {
        loop {
            let said = explain(&["--user", "bob"]);
            if said.contains("cannot be reached, or only fails") {
                return said;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let said = tokio::time::timeout(super::PATIENCE, said).await.unwrap();
    assert!(said.contains("came to UNREACHABLE") && said.contains("the next attempt is at"), "{said}");
    sending.kill().unwrap();
    sending.wait().unwrap();
    server.stop().await.unwrap();
}

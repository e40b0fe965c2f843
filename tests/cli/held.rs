//! A push service that answers 404 to everybody, and what an operator does then, by the program itself.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Place, printed, printed_json, run, run_with_input};

/// Within which an operator is to hear of it.
const ALARM: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(200);

/// Gives all subscribers of a group these faults.
async fn faults(place: &Place, group: u32, faults: Value) {
    let url = format!("http://{}/groups/{group}/faults", place.sandbox.control);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let put = client.put(url).header("content-type", "application/json").body(faults.to_string());
    assert!(put.send().await.unwrap().status().is_success());
}

struct Operator {
    url: String,
}

impl Operator {
    fn run(&self, arguments: &[&str]) -> std::process::Output {
        run(&[arguments, &["--server", &self.url]].concat())
    }

    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        printed_json(&self.run(&[arguments, &["--json"]].concat()))
    }

    /// What a broadcast to everybody came to.
    fn broadcast(&self) -> Value {
        let frames = self.json(&["broadcast", "--all", "--title", "hello"]);
        frames.last().expect("a summary")["summary"]["counts"].clone()
    }

    fn states(&self) -> Vec<String> {
        let listed = self.json(&["subscriptions", "list"]);
        listed.iter().map(|of| of["state"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn held(&self) -> Option<Value> {
        self.json(&["origins"]).iter().find_map(|origin| origin["held"].get(0).cloned())
    }
}

/// What `fanfare doctor` says of what is held, whatever else it finds on this machine.
fn held_by_doctor(output: &std::process::Output) -> Vec<Value> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    findings.filter(|finding| finding["name"] == "subscriptions-held").cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_lost_to_a_push_service_that_forgets_everybody() {
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let operator = Operator { url: format!("http://{}", ready.server) };
    let list = place.subscriptions(&ready, 200).await;
    printed(&run_with_input(&["subscriptions", "import", "--server", &operator.url, "-"], &list));
    assert_eq!(operator.broadcast()["accepted"], 200);

    faults(&place, 1, json!({"not_found": 1.0})).await;
    let began = Instant::now();
    assert_eq!(operator.broadcast()["failed"], 200);
    let held = loop {
        if let Some(held) = operator.held() {
            break held;
        }
        assert!(began.elapsed() < ALARM, "no alarm");
        tokio::time::sleep(LOOK).await;
    };
    assert_eq!(held["outcome"], "OUTCOME_GONE");
    assert!(held["remedy"].as_str().unwrap().contains("fanfare subscriptions release --origin"), "{held}");
    // What is held is listed as soon as it is durable, which may be before the line is in the log.
    let is_logged = || {
        let log = std::fs::read_to_string(place.path("server.log")).unwrap();
        log.contains("ERROR") && log.contains("are set aside")
    };
    while !is_logged() {
        assert!(began.elapsed() < ALARM, "no line in the log");
        tokio::time::sleep(LOOK).await;
    }
    while operator.held().is_some_and(|held| held["subscriptionCount"] != 200) {
        assert!(began.elapsed() < ALARM, "not all are set aside");
        tokio::time::sleep(LOOK).await;
    }
    assert_eq!(operator.states(), vec!["SUBSCRIPTION_STATE_HELD"; 200], "nobody is removed");
    let shown = printed(&operator.run(&["origins"]));
    assert!(shown.contains("HELD since") && shown.contains("200 subscription(s) of default"), "{shown}");
    let shown = printed(&operator.run(&["applications", "list"]));
    assert!(shown.contains("HELD since") && shown.contains("subscriptions release --origin"), "{shown}");
    assert_eq!(held_by_doctor(&operator.run(&["doctor", "--online", "--json"])).len(), 1);
    server.stop().await.unwrap();
    let told = held_by_doctor(&run(&["doctor", "--data-dir", &place.text("data"), "--json"]));
    let [told] = &told[..] else { panic!("{told:?}") };
    let (what, mend) = (told["what"].as_str().unwrap(), told["mend"].as_str().unwrap());
    assert!(what.starts_with("200 subscription(s) of default at https://localhost:"), "{what}");
    assert!(mend.contains("subscriptions release") && mend.contains("subscriptions restore"), "{mend}");

    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let operator = Operator { url: format!("http://{}", ready.server) };
    faults(&place, 1, json!({})).await;
    let origin = &place.sandbox.push_origin;
    let release = ["subscriptions", "release", "--origin", origin];
    assert_eq!(printed(&operator.run(&[&release[..], &["--dry-run"]].concat())), "200 would be released\n");
    assert_eq!(printed(&operator.run(&release)), "200 released\n");
    assert_eq!(operator.states(), vec!["SUBSCRIPTION_STATE_ACTIVE"; 200]);
    assert_eq!(operator.broadcast()["accepted"], 200);
    assert_eq!(operator.held(), None);
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_lost_to_a_wrong_key() {
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let operator = Operator { url: format!("http://{}", ready.server) };
    // What browsers subscribed with is not the key that the server has.
    let pair = printed(&run(&["vapid", "generate", "--json"]));
    let pair: Value = serde_json::from_str(&pair).unwrap();
    let theirs = pair["publicKey"].as_str().unwrap_or_else(|| panic!("{pair}"));
    let list = place.subscriptions_with(theirs, 30).await;
    printed(&run_with_input(&["subscriptions", "import", "--server", &operator.url, "-"], &list));
    let began = Instant::now();
    assert_eq!(operator.broadcast()["failed"], 30);
    while operator.held().is_none_or(|held| held["subscriptionCount"] != 30) {
        assert!(began.elapsed() < ALARM, "no alarm");
        tokio::time::sleep(LOOK).await;
    }
    assert_eq!(operator.held().unwrap()["outcome"], "OUTCOME_KEY_MISMATCH");
    assert_eq!(operator.states(), vec!["SUBSCRIPTION_STATE_HELD"; 30], "nobody is disabled");
    // The operator believes it, and thinks better of it.
    let discard = ["subscriptions", "discard", "--origin", &place.sandbox.push_origin];
    assert_eq!(printed(&operator.run(&discard)), "30 removed or disabled\n");
    assert_eq!(operator.states(), vec!["SUBSCRIPTION_STATE_DISABLED"; 30]);
    let enable = ["subscriptions", "enable", "--outcome", "key-mismatch", "--since", "2026-01-01T00:00:00Z"];
    assert_eq!(printed(&operator.run(&enable)), "30 enabled\n");
    assert_eq!(operator.states(), vec!["SUBSCRIPTION_STATE_ACTIVE"; 30]);
    drop(server);
}

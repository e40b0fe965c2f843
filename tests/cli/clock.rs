//! The program on machines whose clock is wrong: before 1970, and ten years ahead.

use std::path::PathBuf;
use std::process::Command;

use super::{PROGRAM, Place, fanfare, printed, run_with_input};

const YEAR: i64 = 365 * 24 * 3_600;

/// Builds what moves a program's clock. Whoever builds Fanfare has a C compiler.
fn shim(place: &Place) -> PathBuf {
    let library = place.path("clock.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/clock.c");
    let mut compile = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compile.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl");
    let output = compile.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    library
}

/// The variables of a program whose clock is moved by so much, once [`move_clock`] says so.
fn movable(place: &Place, seconds: i64) -> [String; 3] {
    let library = shim(place);
    [
        format!("LD_PRELOAD={}", library.display()),
        format!("CLOCK_OFFSET_SECONDS={seconds}"),
        format!("CLOCK_OFFSET_FLAG={}", place.text("moved")),
    ]
}

fn move_clock(place: &Place) {
    std::fs::write(place.path("moved"), "").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_panics_on_a_clock_before_1970() {
    let place = Place::new().await;
    let variables = movable(&place, -80 * YEAR);
    let (server, ready) = place.serve_by(&variables, "127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let pasted = place.subscriptions(&ready, 1).await;
    move_clock(&place);
    for own in [&variables[..], &[]] {
        let call = |arguments: &[&str], input: &str| {
            let mut command = Command::new("env");
            let usual = fanfare(&[arguments, &["--server", &url]].concat());
            command.args(own).arg(PROGRAM).args(usual.get_args());
            command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
            command.stderr(std::process::Stdio::piped());
            let mut child = command.spawn().unwrap();
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
            child.wait_with_output().unwrap()
        };
        printed(&call(&["subscribe", "--user", "alice"], &pasted));
        // The push service's certificate is not valid yet: the delivery waits or fails, and its call says so.
        let sent = call(&["send", "--user", "alice", "--title", "x", "--ttl", "0s"], "");
        let said =
            format!("{}{}", String::from_utf8_lossy(&sent.stdout), String::from_utf8_lossy(&sent.stderr));
        assert!(said.contains("1 target") && !said.contains("panicked"), "{said}");
        printed(&call(&["origins"], ""));
    }
    server.stop().await.unwrap();
    let log = std::fs::read_to_string(place.path("server.log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
    // It does not start so, and says why.
    let refused = format!("{:#}", place.serve_by(&variables, "127.0.0.1:0").await.unwrap_err());
    assert!(refused.contains("before 1970") && !refused.contains("panicked"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_ten_years_ahead_takes_no_history() {
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let pasted = place.subscriptions(&ready, 3).await;
    printed(&run_with_input(&["subscribe", "--user", "alice", "--server", &url], &pasted));
    let sent = printed(&run_with_input(&["send", "--user", "alice", "--title", "x", "--server", &url], ""));
    let id = |octet: char| octet.is_ascii_alphanumeric() || "/-".contains(octet);
    let name = sent.split(|octet| !id(octet)).find(|word| word.starts_with("messages/")).expect("its name");
    server.stop().await.unwrap();

    // Each start trims at once.
    move_clock(&place);
    for _ in 0..3 {
        let (server, _) = place.serve_by(&movable(&place, 10 * YEAR), "127.0.0.1:0").await.unwrap();
        let log = place.path("server.log");
        let told = async {
            while !std::fs::read_to_string(&log).unwrap().contains("far ahead") {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(super::PATIENCE, told).await.expect("it says why it waits");
        server.stop().await.unwrap();
    }
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let shown = printed(&run_with_input(&["watch", name, "--server", &url], ""));
    assert!(shown.matches("ACCEPTED").count() >= 3, "{shown}");
    server.stop().await.unwrap();
}

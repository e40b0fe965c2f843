//! SIGHUP: what a running server takes up of its configuration, and what it says of the rest.

use std::process::Command;
use std::time::Duration;

use fanfare::cli::process::Process;

use super::{PATIENCE, Place, failed, printed, run, run_with_input};

/// Sends SIGHUP and waits until the log, from what is there on, has all of this: several tasks write it. Gives back what was added.
async fn hang_up(place: &Place, server: &Process, expected: &[&str]) -> String {
    let log = || std::fs::read_to_string(place.path("server.log")).unwrap();
    let before = log().len();
    let pid = server.id().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    let told = async {
        while !expected.iter().all(|word| log()[before..].contains(word)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let told = tokio::time::timeout(PATIENCE, told).await;
    assert!(told.is_ok(), "no {expected:?} in {}", &log()[before..]);
    log()[before..].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_takes_up_what_can_be_and_ends_no_server() {
    let place = Place::new().await;
    let base = std::fs::read_to_string(place.path("fanfare.toml")).unwrap();
    let (admin, exceptions) = base.split_at(base.find("[[push_services").unwrap());
    let write = |text: &str| std::fs::write(place.path("fanfare.toml"), text).unwrap();
    write(&format!("{admin}[log]\nfilter = \"warn\"\n"));
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let pasted = place.subscriptions(&ready, 1).await;
    let subscribe = || run_with_input(&["subscribe", "--user", "alice", "--server", &url], &pasted);
    assert_eq!(failed(&subscribe()).0, 1, "the push service is not allowed");

    // Nothing of a file is taken up that has a fault.
    write(&format!("{admin}[log]\nfilter = \"info\"\nformat = \"prose\"\n{exceptions}[nonsense]\n"));
    let log =
        hang_up(&place, &server, &["nonsense: there is no such setting", "log.format: unknown variant"])
            .await;
    assert!(log.contains("fanfare.toml:5: log.format: unknown variant `prose`"), "{log}");
    assert_eq!(failed(&subscribe()).0, 1);

    write(&format!("{admin}[log]\nfilter = \"info\"\n[engine]\nmax_messages = 5\n{exceptions}"));
    let log = hang_up(
        &place,
        &server,
        &["needs a restart", "setting=\"log.filter\"", "setting=\"push_services.exceptions\""],
    )
    .await;
    for setting in ["log.filter", "push_services.exceptions"] {
        let line = log.lines().find(|line| line.contains(&format!("setting=\"{setting}\"")));
        assert!(line.is_some_and(|line| line.contains("INFO") && line.contains("has changed")), "{log}");
    }
    assert!(log.contains("setting=\"engine.max_messages\"") && log.contains("WARN"), "{log}");
    printed(&subscribe());
    let sent = printed(&run(&["send", "--user", "alice", "--title", "x", "--server", &url]));
    assert!(sent.contains("ACCEPTED 201"), "{sent}");

    // What needs a restart is told again; what was taken up is not.
    let log = hang_up(&place, &server, &["engine.max_messages"]).await;
    assert!(!log.contains("log.filter") && !log.contains("INFO"), "{log}");
    write(&format!("{admin}[log]\nfilter = \"info\"\n{exceptions}"));
    hang_up(&place, &server, &["no setting has changed"]).await;
    std::fs::remove_file(place.path("fanfare.toml")).unwrap();
    hang_up(&place, &server, &["cannot be read: all stays as it was"]).await;
    printed(&subscribe());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_renewed_by_a_hangup() {
    let place = Place::new().await;
    let base = std::fs::read_to_string(place.path("fanfare.toml")).unwrap();
    // The certificate of each, by which its clients know it.
    let certify = |name: &str| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(place.path(name), made.cert.pem()).unwrap();
        std::fs::write(place.path(&format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    };
    let configure = |name: &str| {
        let (certificate, key) = (place.text(name), place.text(&format!("{name}.key")));
        let tls = format!("certificate = {certificate:?}\nprivate_key = {key:?}\nreload_interval = \"1h\"\n");
        std::fs::write(place.path("fanfare.toml"), format!("[server.tls]\n{tls}{base}")).unwrap();
    };
    certify("first.pem");
    certify("second.pem");
    configure("first.pem");
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", ready.server.port());
    let call = |ca: &str| run(&["subscriptions", "list", "--server", &url, "--ca", &place.text(ca)]);
    printed(&call("first.pem"));
    failed(&call("second.pem"));

    configure("second.pem");
    let taken_up = "setting=\"server.tls.certificate\"";
    hang_up(&place, &server, &["new connections use the changed certificates", taken_up]).await;
    printed(&call("second.pem"));
    failed(&call("first.pem"));
    // Other files under the same names, once whole and once not.
    certify("second.pem");
    hang_up(&place, &server, &["new connections use the changed certificates"]).await;
    printed(&call("second.pem"));
    std::fs::write(place.path("second.pem.key"), "half a k").unwrap();
    let log = hang_up(&place, &server, &["all stays as it was"]).await;
    assert!(log.contains("second.pem.key"), "{log}");
    printed(&call("second.pem"));
    server.stop().await.unwrap();
}

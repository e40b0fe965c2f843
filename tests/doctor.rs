//! `fanfare doctor`, `fanfare store key` and `fanfare store reseal`, as people run them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use fanfare::cli::ServeReady;
use fanfare::cli::process::Process;
use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_fanfare");

/// A directory with a configuration and a data directory.
struct Place(TempDir);

impl Place {
    fn new(config: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.configure(config);
        place
    }

    fn configure(&self, config: &str) {
        let config = config.replace("HERE", self.0.path().to_str().unwrap());
        fs::write(self.path("fanfare.toml"), config).unwrap();
        set_mode(&self.path("fanfare.toml"), 0o600);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("FANFARE_") {
                command.env_remove(variable);
            }
        }
        command.current_dir(self.0.path()).args(arguments).stdin(Stdio::null());
        command.env("FANFARE_CONFIG", self.path("fanfare.toml"));
        command.env("FANFARE_STORE__DATA_DIR", self.path("data"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What the doctor says: the exit code, and the findings' severities and names.
    fn doctor(&self, arguments: &[&str]) -> (i32, Vec<(String, String)>) {
        let output = self.run(&[&["doctor", "--json"], arguments].concat());
        let said = String::from_utf8(output.stdout).unwrap();
        let report: Value = serde_json::from_str(&said)
            .unwrap_or_else(|_| panic!("{said} {}", String::from_utf8_lossy(&output.stderr)));
        let text = |finding: &Value, member: &str| finding[member].as_str().unwrap().to_owned();
        let findings = report["findings"].as_array().unwrap();
        for finding in findings {
            for member in ["what", "why", "mend"] {
                assert!(text(finding, member).len() > 10, "{finding}");
            }
        }
        let named = findings.iter().map(|finding| (text(finding, "severity"), text(finding, "name")));
        (output.status.code().unwrap(), named.collect())
    }

    async fn serve(&self) -> anyhow::Result<(Process, ServeReady)> {
        let (config, data) = (self.path("fanfare.toml"), self.path("data"));
        let arguments = [
            "serve",
            "--json",
            "--exit-with-stdin",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ];
        let paths = ["--config", config.to_str().unwrap(), "--data-dir", data.to_str().unwrap()];
        Process::start(Path::new(PROGRAM), &[&arguments[..], &paths].concat(), &self.path("server.log")).await
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn has(found: &[(String, String)], severity: &str, name: &str) -> bool {
    found.contains(&(severity.to_owned(), name.to_owned()))
}

const SEALED: &str = "[application_defaults]\ncontact = \"mailto:ops@example.org\"\n\
                      [store.sealing]\nmaster_key_file = \"HERE/master.key\"\nsubscriptions = true\npayloads = true\n";

#[test]
fn what_is_as_it_comes_is_fine_for_trying_out() {
    let place = Place::new("");
    let (code, found) = place.doctor(&[]);
    assert_eq!(code, 0, "{found:?}");
    assert!(
        has(&found, "warning", "placeholder-contact") && has(&found, "warning", "not-sealed"),
        "{found:?}"
    );
    assert!(has(&found, "hint", "no-credentials"), "{found:?}");
    assert!(!place.path("data").exists(), "it makes nothing");
    let said = String::from_utf8(place.run(&["doctor"]).stdout).unwrap();
    let limit = "limit    server.calls.streams_max = 10000, of which one application holds 5000 at most";
    assert!(said.lines().any(|line| line == limit), "{said}");
    assert!(
        said.contains("server.http.answers_octets_max = 134217728, of which one caller holds 50331648"),
        "{said}"
    );
    place.configure("[server.calls]\nshare_percent_max = 100\n");
    let found = place.doctor(&[]).1;
    assert!(has(&found, "warning", "no-shares") && !has(&found, "hint", "no-address-shares"), "{found:?}");
    place.configure("[server.http]\naddress_share_percent_max = 100\n");
    let found = place.doctor(&[]).1;
    assert!(!has(&found, "warning", "no-shares") && has(&found, "hint", "no-address-shares"), "{found:?}");
    let said = String::from_utf8(place.run(&["doctor"]).stdout).unwrap();
    for limit in [
        "server.http.connections_max = 10000, of which one address holds 10000 at most",
        "server.http.calls_max = 2048, of which one application holds 1024 at most",
    ] {
        assert!(said.contains(limit), "{limit}: {said}");
    }
}

#[test]
fn what_is_open_to_strangers_is_serious() {
    let place = Place::new(
        "[server]\nlisten = \"0.0.0.0:8030\"\ninsecure = true\n[server.http]\npublic_reflection = true\n\
         [admin]\nlisten = \"0.0.0.0:8031\"\n[log]\nfilter = \"debug\"\n\
         [push_services]\nprofile = \"any_public_host\"\n[gcm]\napi_key = \"a-secret-of-gcm\"\n\
         [store.sealing]\nmaster_key_file = \"HERE/master.key\"\n",
    );
    assert!(place.run(&["store", "key", "--out", "master.key"]).status.success());
    set_mode(&place.path("master.key"), 0o640);
    set_mode(&place.path("fanfare.toml"), 0o644);
    fs::create_dir(place.path("data")).unwrap();
    set_mode(&place.path("data"), 0o755);
    fs::write(place.path("environment"), "FANFARE_GCM__API_KEY=x\n").unwrap();
    set_mode(&place.path("environment"), 0o640);
    let (code, found) = place.doctor(&[]);
    assert_eq!(code, 1);
    for name in [
        "no-credentials",
        "data-directory-open",
        "key-file-open",
        "config-file-open",
        "environment-file-open",
    ] {
        assert!(has(&found, "serious", name), "{name}: {found:?}");
    }
    for name in
        ["insecure", "no-tls", "admin-public", "placeholder-contact", "any-public-host", "log-verbose"]
    {
        assert!(has(&found, "warning", name), "{name}: {found:?}");
    }
    for name in ["public-reflection", "partly-sealed"] {
        assert!(has(&found, "hint", name), "{name}: {found:?}");
    }
    // For people: the same, without the secrets.
    let said = String::from_utf8(place.run(&["doctor"]).stdout).unwrap();
    assert!(said.contains("serious  ") && said.contains("mend: chmod 600"), "{said}");
    assert!(!said.contains("a-secret-of-gcm"), "{said}");
}

#[tokio::test]
async fn a_sealed_installation_with_a_token_that_ends_has_nothing_to_mend() {
    let place = Place::new(&format!("[server]\ncredentials_required = true\n{SEALED}"));
    assert!(place.run(&["store", "key", "--out", "master.key"]).status.success());
    let (server, ready) = place.serve().await.unwrap();
    // While a server has the store, it can be asked.
    let (code, found) = place.doctor(&[]);
    assert_eq!(code, 0);
    assert!(has(&found, "hint", "in-use"), "{found:?}");
    server.stop().await.unwrap();
    let data = place.path("data").to_str().unwrap().to_owned();
    let create = ["tokens", "create", "--data-dir", &data, "--role", "admin", "--all-applications"];
    let ending = place.run(&[&create[..], &["--expires", "90days", "--name", "ending"]].concat());
    assert!(ending.status.success(), "{}", String::from_utf8_lossy(&ending.stderr));
    let (code, found) = place.doctor(&[]);
    // What depends on this machine.
    let of_machine = ["open-files", "disk", "disk-low"];
    let found: Vec<_> = found.into_iter().filter(|(_, name)| !of_machine.contains(&name.as_str())).collect();
    assert_eq!((code, found), (0, Vec::new()));

    assert!(place.run(&create).status.success());
    let (_, found) = place.doctor(&[]);
    assert!(has(&found, "warning", "token-without-end"), "{found:?}");
    let (server, running) = place.serve().await.unwrap();
    assert_eq!(ready.applications, running.applications, "the key was opened");
    let token = String::from_utf8(ending.stdout).unwrap();
    let url = format!("http://{}", running.server);
    let (_, found) = place.doctor(&["--online", "--server", &url, "--token", token.trim()]);
    assert!(has(&found, "warning", "token-without-end"), "{found:?}");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_master_key_is_changed_and_taken_away_and_its_loss_is_told() {
    let place = Place::new("[application_defaults]\ncontact = \"mailto:ops@example.org\"\n");
    let (server, first) = place.serve().await.unwrap();
    server.stop().await.unwrap();

    // Turned on.
    assert!(place.run(&["store", "key", "--out", "master.key"]).status.success());
    assert!(!place.run(&["store", "key", "--out", "master.key"]).status.success(), "never over another key");
    assert_eq!(fs::metadata(place.path("master.key")).unwrap().permissions().mode() & 0o777, 0o600);
    place.configure(SEALED);
    let (_, found) = place.doctor(&[]);
    assert!(has(&found, "warning", "reseal-due"), "{found:?}");
    let reseal = |arguments: &[&str]| -> Value {
        let output = place.run(&[&["store", "reseal"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    assert!(reseal(&[])["rewritten"].as_u64().unwrap() > 0);
    assert_eq!(reseal(&[])["rewritten"], 0);
    let (_, found) = place.doctor(&[]);
    assert!(!has(&found, "warning", "reseal-due"), "{found:?}");

    // Lost: no start, no crash loop, and told which.
    let old = fs::read_to_string(place.path("master.key")).unwrap();
    let new = String::from_utf8(place.run(&["store", "key"]).stdout).unwrap();
    fs::write(place.path("master.key"), &new).unwrap();
    let output = place.run(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(64));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("sealed under master key") && !told.contains(new.trim()), "{told}");
    let (code, found) = place.doctor(&[]);
    assert!(code == 1 && has(&found, "serious", "master-key-missing"), "{found:?}");

    // Changed, in the background of a server.
    fs::write(place.path("master.key"), format!("{new}# the former one\n{old}")).unwrap();
    let (server, second) = place.serve().await.unwrap();
    let log = place.path("server.log");
    let done = async {
        while !fs::read_to_string(&log).unwrap().contains("former master keys are needed no more") {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), done).await.unwrap();
    server.stop().await.unwrap();
    fs::write(place.path("master.key"), &new).unwrap();
    let (server, third) = place.serve().await.unwrap();
    server.stop().await.unwrap();

    // Taken away.
    assert!(reseal(&["--unseal"])["rewritten"].as_u64().unwrap() > 0);
    place.configure("");
    let (server, last) = place.serve().await.unwrap();
    server.stop().await.unwrap();
    for later in [second, third, last] {
        assert_eq!(first.applications, later.applications, "the same VAPID key");
    }
}

#[test]
fn a_master_key_comes_from_one_place_and_reads() {
    let place = Place::new("");
    let key = String::from_utf8(place.run(&["store", "key"]).stdout).unwrap();
    let key = key.trim();
    for (sealing, says) in [
        ("master_key = \"short\"", "store.sealing.master_key: key 1 is not 32 octets"),
        ("master_key_file = \"HERE/none\"", "store.sealing.master_key_file: "),
        ("master_key_command = [\"false\"]", "false: ended with exit status: 1"),
        ("master_key_command = [\"/no/such\"]", "/no/such: No such file"),
        ("subscriptions = true", "store.sealing.subscriptions: needs a master key"),
        ("master_key = \"x\"\nmaster_key_command = [\"y\"]", "cannot be set with master_key"),
    ] {
        place.configure(&format!("[store.sealing]\n{sealing}\n"));
        fs::create_dir_all(place.path("data")).unwrap();
        let output = place.run(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(64) && told.contains(says), "{sealing}: {told}");
    }
    for sealing in [format!("master_key = \"{key}\""), format!("master_key_command = [\"echo\", \"{key}\"]")]
    {
        place.configure(&format!("[store.sealing]\n{sealing}\n"));
        let shown = String::from_utf8(place.run(&["config", "show"]).stdout).unwrap();
        assert!(shown.contains("[store.sealing]"), "{shown}");
        assert!(!sealing.starts_with("master_key =") || !shown.contains(key), "{shown}");
        assert!(place.run(&["store", "reseal"]).status.success());
    }
}

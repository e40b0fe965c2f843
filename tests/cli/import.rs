//! `fanfare subscriptions import` and `export`: every format, what is rejected, interruptions, and the way back.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{PATIENCE, Place, failed, fanfare, printed, printed_json, run, run_with_input};

/// Any point of the curve: nothing is decrypted.
const P256DH: &str =
    "BDbmz9cwRiShsSoaUB_NOV4pa5rsRq9-l3ryVA1fbOIXs-VZkeSNUMLoF0bgWnMTqo4asFoewDF80UjRJP00XbE";
const AUTH: &str = "TPsY_eG9dSsleK1NN3eE-Q";
/// How often a file is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// A server, and how its commands are called.
struct Importing {
    place: Place,
    server: fanfare::cli::process::Process,
    url: String,
}

impl Importing {
    async fn new() -> Self {
        let place = Place::new().await;
        let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
        Self { place, server, url: format!("http://{}", ready.server) }
    }

    fn endpoint(&self, name: &str) -> String {
        format!("https://localhost:{}/push/{name}", self.place.sandbox.push.port())
    }

    fn browser(&self, name: &str) -> Value {
        json!({"endpoint": self.endpoint(name), "expirationTime": null, "keys": {"p256dh": P256DH, "auth": AUTH}})
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.place.path(name), text).unwrap();
        self.place.text(name)
    }

    fn import(&self, arguments: &[&str], input: &str) -> std::process::Output {
        let command = ["subscriptions", "import", "--json", "--server", &self.url];
        run_with_input(&[&command[..], arguments].concat(), input)
    }

    /// Of what is stored: topics and labels by user.
    fn stored(&self) -> BTreeMap<String, Value> {
        let listed = printed_json(&run(&["subscriptions", "list", "--json", "--server", &self.url]));
        let user = |of: &Value| of["userId"].as_str().unwrap_or_default().to_owned();
        listed.into_iter().map(|of| (user(&of), of)).collect()
    }
}

fn figures(output: &std::process::Output) -> Value {
    printed_json(output).pop().expect("figures")
}

#[tokio::test(flavor = "multi_thread")]
async fn import_reads_what_people_have() {
    let at = Importing::new().await;
    let (e, p, a) = (|name: &str| at.endpoint(name), P256DH, AUTH);
    let standard = AUTH.replace('-', "+").replace('_', "/") + "==";
    let lines = [
        at.browser("bare").to_string(),
        json!({"subscription": at.browser("lines"), "user_id": "lines", "topics": ["news"]}).to_string(),
        String::new(),
        json!({"push_subscription": at.browser("label"), "userId": "label", "labels": {"plan": "pro"}})
            .to_string(),
    ]
    .join("\n");
    let list = serde_json::to_string_pretty(&json!([
        {"_id": "x1", "endpoint": e("list"), "keys": {"p256dh": p, "auth": a}, "user": "list"},
        {"_id": "x2", "endpoint": e("list2"), "keys": {"p256dh": p, "auth": standard}, "user": 17},
    ]))
    .unwrap();
    let table = format!(
        "user_id;endpoint;p256dh;auth;topics;label.plan\ntable;{};{p};{a};\"news sport\";free\n",
        e("table")
    );
    let laravel = format!(
        "\"id\",\"subscribable_type\",\"subscribable_id\",\"endpoint\",\"public_key\",\"auth_token\",\
         \"content_encoding\",\"created_at\",\"updated_at\"\n\
         \"1\",\"App\\Models\\User\",\"laravel\",\"{}\",\"{p}\",\"{a}\",\"aesgcm\",\"2024-01-01 00:00:00\",NULL\n",
        e("laravel")
    );
    let rows = json!([{"id": 2, "subscribable_type": "App\\Models\\User", "subscribable_id": "rows",
        "endpoint": e("rows"), "public_key": p, "auth_token": a, "content_encoding": null}]);
    let django = json!([
        {"model": "webpush.group", "pk": 1, "fields": {"name": "news"}},
        {"model": "webpush.subscriptioninformation", "pk": 1,
         "fields": {"browser": "chrome", "user_agent": "x", "endpoint": e("django"), "auth": a, "p256dh": p}},
        {"model": "webpush.pushinformation", "pk": 1, "fields": {"user": 7, "subscription": 1, "group": 1}},
    ]);
    for (name, text, format, entries) in [
        ("a.jsonl", lines, "json-lines", 3),
        ("b.json", list, "json", 2),
        ("c.csv", table, "csv", 1),
        ("d.csv", laravel, "csv", 1),
        ("e.json", rows.to_string(), "json", 1),
        ("f.json", django.to_string(), "django-webpush", 1),
    ] {
        let file = at.write(name, &text);
        let seen = figures(&at.import(&["--dry-run", &file], ""));
        assert_eq!((&seen["created"], &seen["dry_run"]), (&json!(entries), &json!(true)), "{name}");
        let done = figures(&at.import(&[&file], ""));
        assert_eq!((&done["format"], &done["created"]), (&json!(format), &json!(entries)), "{name}");
        // The same from standard input, with its format said: known already.
        let again = figures(&at.import(&["--format", format, "-"], &text));
        assert_eq!((&again["updated"], &again["created"]), (&json!(entries), &json!(0)), "{name}");
        assert!(!Path::new(&format!("{file}.fanfare-import")).exists());
        assert_eq!(
            done["unread"],
            if name == "f.json" { json!(["user_agent"]) } else { json!([]) },
            "{name}"
        );
    }
    let stored = at.stored();
    let users: Vec<_> = stored.keys().map(String::as_str).collect();
    assert_eq!(users, ["", "17", "7", "label", "laravel", "lines", "list", "rows", "table"]);
    assert_eq!(stored["lines"]["topics"], json!(["news"]));
    assert_eq!(stored["label"]["labels"], json!({"plan": "pro"}));
    assert_eq!(
        (&stored["table"]["topics"], &stored["table"]["labels"]["plan"]),
        (&json!(["news", "sport"]), &json!("free"))
    );
    assert_eq!(stored["laravel"]["labels"], json!({"subscribable_type": "App\\Models\\User"}));
    assert_eq!(stored["7"]["topics"], json!(["news"]));

    let file = at.write("g.jsonl", &at.browser("bare").to_string());
    let terms = [
        "--user",
        "default",
        "--topic",
        "all",
        "--label",
        "from=old",
        "--locale",
        "de",
        "--time-zone",
        "UTC",
    ];
    assert_eq!(figures(&at.import(&[&terms[..], &[&file]].concat(), ""))["updated"], 1);
    let stored = at.stored().remove("default").unwrap();
    assert_eq!((&stored["topics"], &stored["labels"]["from"]), (&json!(["all"]), &json!("old")));
    assert_eq!((&stored["locale"], &stored["timeZone"]), (&json!("de"), &json!("UTC")));
    at.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn import_tells_of_every_rejected_entry_without_its_content() {
    let at = Importing::new().await;
    let (rejected, any) = (at.place.text("rejected.jsonl"), at.browser("secret-any"));
    let mut lines = vec![
        at.browser("good").to_string(),
        "secret, no JSON".to_owned(),
        json!({"endpoint": "https://elsewhere.example.org/secret", "keys": any["keys"]}).to_string(),
        json!({"endpoint": "secret", "keys": {"p256dh": "secret", "auth": "secret"}, "topics": ["a b"]})
            .to_string(),
    ];
    lines.push(format!("{{\"endpoint\":\"{}\"}}", "secret".repeat(50_000)));
    lines.push(at.browser("good-too").to_string());
    let file = at.write("in.jsonl", &lines.join("\n"));
    let output = at.import(&["--rejected", &rejected, &file], "");
    let (code, complaint) = failed(&output);
    assert_eq!(code, 1);
    assert!(
        complaint.contains(
            "4 of 6 entries were rejected (ENDPOINT_NOT_ALLOWED 1, INVALID_FIELDS 1, UNREADABLE 2)"
        ),
        "{complaint}"
    );
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&done["entries"], &done["created"], &done["rejected"]), (&json!(6), &json!(2), &json!(4)));
    let text = fs::read_to_string(&rejected).unwrap();
    assert!(!text.contains("secret") && !complaint.contains("secret"), "{text}{complaint}");
    assert_eq!(fs::metadata(&rejected).unwrap().permissions().mode() & 0o777, 0o600);
    let told: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lines: Vec<_> = told.iter().map(|of| of["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [2, 3, 4, 5]);
    assert_eq!(
        (&told[1]["code"], &told[1]["reason"]),
        (&json!("PERMISSION_DENIED"), &json!("ENDPOINT_NOT_ALLOWED"))
    );
    let fields: Vec<_> =
        told[2]["violations"].as_array().unwrap().iter().map(|of| of["field"].as_str().unwrap()).collect();
    let paths = ["endpoint", "keys.p256dh", "keys.auth"].map(|path| format!("push_subscription.{path}"));
    assert_eq!(fields, paths);
    // Without a file they are told on stderr.
    let (code, complaint) = failed(&at.import(&["--dry-run", &file], ""));
    assert!(code == 1 && complaint.contains("line 3: ENDPOINT_NOT_ALLOWED"), "{complaint}");
    assert!(!complaint.contains("secret"), "{complaint}");
    at.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn import_goes_on_where_it_was_killed() {
    let at = Importing::new().await;
    let line = |n: u32| match n % 10 {
        3 => "{\"endpoint\":\"x\"}\n".to_owned(),
        _ => format!("{}\n", json!({"subscription": at.browser(&n.to_string()), "user_id": n.to_string()})),
    };
    let all: String = (0..200).map(line).collect();
    let first: String = (0..100).map(line).collect();
    let (checkpoint, rejected) = (at.place.text("checkpoint"), at.place.text("rejected.jsonl"));
    let terms = ["--format", "json-lines", "--rejected", &rejected, "--checkpoint", &checkpoint];
    let command = ["subscriptions", "import", "--server", &at.url];
    let mut child = fanfare(&[&command[..], &terms[..], &["-"]].concat()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(first.as_bytes()).unwrap();
    let started = Instant::now();
    let noted = || {
        let text = fs::read(&checkpoint).unwrap_or_default();
        let noted: Value = serde_json::from_slice(&text).unwrap_or_default();
        noted["counts"]["entries"].as_u64().unwrap_or_default()
    };
    // It is still fed: nothing but what was answered is noted.
    while noted() < 100 {
        assert!(started.elapsed() < PATIENCE, "{} are noted", noted());
        std::thread::sleep(LOOK);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drop(stdin);
    assert_eq!(fs::metadata(&checkpoint).unwrap().permissions().mode() & 0o777, 0o600);

    let file = at.write("all.jsonl", &all);
    let with = |more: &[&str]| at.import(&[&terms[..], more].concat(), "");
    let (code, complaint) = failed(&with(&["--topic", "news", &file]));
    assert!(code == 64 && complaint.contains("with other options"), "{complaint}");
    let other = at.write("other.jsonl", &all.replacen("user_id\":\"0\"", "user_id\":\"O\"", 1));
    let (code, complaint) = failed(&with(&[&other]));
    assert!(code == 1 && complaint.contains("does not begin with what"), "{complaint}");
    // What had been told behind the checkpoint is told once.
    fs::OpenOptions::new().append(true).open(&rejected).unwrap().write_all(b"{\"half").unwrap();
    let output = with(&[&file]);
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&done["resumed_after"], &done["entries"]), (&json!(100), &json!(200)));
    assert_eq!((&done["created"], &done["rejected"]), (&json!(180), &json!(20)));
    let told = fs::read_to_string(&rejected).unwrap();
    let lines: Vec<_> = told
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, (0..200).filter(|n| n % 10 == 3).map(|n| n + 1).collect::<Vec<_>>());
    assert_eq!(at.stored().len(), 180);
    assert!(!Path::new(&checkpoint).exists());
    at.server.stop().await.unwrap();
}

#[test]
fn import_refuses_what_it_cannot_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        fs::write(directory.path().join(name), text).unwrap();
        directory.path().join(name).to_str().unwrap().to_owned()
    };
    let server = ["--server", "http://127.0.0.1:1"];
    for (file, says) in [
        ("there/is/none".to_owned(), "cannot read there/is/none"),
        (file("empty", ""), "is empty"),
        (file("headless.csv", "https://push.example.net/secret,a,b\n"), "cannot tell its format"),
        (file("no.csv", "my endpoint,auth\n"), "names no column endpoint"),
    ] {
        let (code, complaint) = failed(&run(&[&["subscriptions", "import", &file][..], &server].concat()));
        assert_eq!(code, 64, "{complaint}");
        assert!(complaint.contains(says) && !complaint.contains("secret"), "{complaint}");
    }
}

/// Everything that is stored comes back out, and goes in again elsewhere as the same.
#[tokio::test(flavor = "multi_thread")]
async fn export_is_the_inverse_of_import() {
    let place = Place::new().await;
    let pair = printed(&run(&["vapid", "generate", "--json"]));
    let (old, data) = (place.text("old"), place.text("data"));
    let make = || {
        fs::create_dir(&data).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
        printed(&run_with_input(&["vapid", "import", "--data-dir", &data, "--make-current"], &pair));
    };
    make();
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let at = Importing { place, server, url: format!("http://{}", ready.server) };
    let mut lines = Vec::new();
    for n in 0..2_500_u32 {
        let mut browser = at.browser(&n.to_string());
        if n % 3 == 0 {
            browser["expirationTime"] = json!(1_900_000_000_123_u64 + u64::from(n));
            browser["supportedContentEncodings"] = json!(["aesgcm"]);
        }
        let labels = if n % 2 == 0 { json!({"n": n.to_string()}) } else { json!({}) };
        lines.push(json!({"push_subscription": browser, "user_id": format!("u{}", n % 7), "topics": ["news", "sport"],
            "labels": labels, "locale": "pt-BR", "time_zone": "Asia/Shanghai"}).to_string());
    }
    let file = at.write("in.jsonl", &lines.join("\n"));
    assert_eq!(figures(&at.import(&[&file], ""))["created"], 2_500);
    let (first, second) = (at.place.text("first.jsonl"), at.place.text("second.jsonl"));
    let export = |data: &str, more: &[&str]| {
        run(&[&["subscriptions", "export", "--json", "--data-dir", data][..], more].concat())
    };
    let (code, complaint) = failed(&export(&data, &[&first]));
    assert!(code == 1 && !Path::new(&first).exists(), "the server runs: {complaint}");
    at.server.stop().await.unwrap();
    assert_eq!(figures(&export(&data, &[&first]))["subscriptions"], 2_500);
    assert_eq!(fs::metadata(&first).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(failed(&export(&data, &[&first])).1.contains("is there already"));
    assert!(failed(&export(&data, &["--application", "nobody", "x"])).1.contains("no application nobody"));
    assert!(failed(&export("there/is/none", &["x"])).1.contains("is no directory"));

    fs::rename(&data, &old).unwrap();
    make();
    let (server, ready) = at.place.serve("127.0.0.1:0").await.unwrap();
    let at = Importing { server, url: format!("http://{}", ready.server), ..at };
    let done = figures(&at.import(&[&first], ""));
    assert_eq!((&done["created"], &done["unread"]), (&json!(2_500), &json!([])));
    let of_first = at.endpoint("0");
    at.server.stop().await.unwrap();
    assert_eq!(figures(&export(&data, &[&second]))["subscriptions"], 2_500);
    assert_eq!(printed(&export(&data, &["-"])), fs::read_to_string(&second).unwrap());
    let read = |path: &str| {
        let text = fs::read_to_string(path).unwrap();
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for line in &mut lines {
            assert!(line.as_object_mut().unwrap().remove("name").is_some());
        }
        lines.sort_by_key(|line| line["push_subscription"]["endpoint"].to_string());
        lines
    };
    let (first, second) = (read(&first), read(&second));
    assert_eq!(first.len(), 2_500);
    assert!(first == second, "they differ");
    assert_eq!(first[0]["push_subscription"]["endpoint"], of_first);
}

//! Every file of tests/import-cases: what people have, after public bug reports and the tables of other senders. Each imports
//! as its owner would expect, or is refused with a text that names line, field and remedy. Keys and endpoints are invented.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use fanfare::webpush::keys::{VapidKeyPair, decode_base64};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::{Place, failed, printed, printed_json, run, run_with_input};

/// Where the endpoints of the files are.
const ORIGIN: &str = "https://localhost:21443/";

/// What becomes of a file.
enum Expect {
    /// All of it is imported, as this; and these fields are told to be left out or changed.
    Imports(Value, &'static [&'static str]),
    /// Its only entry is refused: the line, the field, and what is said of it.
    Rejected(u64, &'static str, &'static str),
    /// It is not read at all, and this is said.
    Refused(&'static str),
    /// It is a key file, whose public key is in this file.
    Vapid(&'static str),
    /// It says what is right for others.
    Answer,
}

use Expect::{Answer, Imports, Refused, Rejected, Vapid};

const EXPECTED: &str = "14-vapid-expected.txt";

/// One subscription with nothing beside it.
fn plain() -> Expect {
    Imports(json!([{}]), &[])
}

fn of_user(user: &str) -> Expect {
    Imports(json!([{"userId": user}]), &[])
}

/// Of each file that is a text.
fn cases() -> Vec<(&'static str, Expect)> {
    let onesignal = json!([{"userId": "alice", "locale": "en"}, {"userId": "bob", "locale": "pt"}]);
    let locale = |user: &str, locale: &str| Imports(json!([{"userId": user, "locale": locale}]), &[]);
    let laravel = |user: &str| json!({"userId": user, "labels": {"subscribable_type": "App\\Models\\User"}});
    let expires = json!("2999-01-01T00:00:00Z");
    vec![
        ("01-onesignal.csv", Imports(onesignal, &["time_zone"])),
        (
            "03-homeassistant.conf",
            Imports(json!([{"labels": {"name": "laptop"}}, {"labels": {"name": "phone"}}]), &[]),
        ),
        ("03b-object-by-endpoint.json", Imports(json!([{}, {}]), &[])),
        ("04-django-push-notifications.json", of_user("7")),
        ("04b-django-push-notifications-flat.csv", of_user("7")),
        ("06-endpoint-only.csv", Rejected(2, "keys.p256dh", "must subscribe again")),
        ("07-discourse.csv", Imports(json!([{"userId": "7"}, {"userId": "8"}]), &[])),
        ("07b-subscription-column.csv", Imports(json!([{"userId": "7"}, {"userId": "8"}]), &[])),
        ("07d-data-text.jsonl", of_user("7")),
        ("08b-mongoexport-createdAt.jsonl", of_user("alice")),
        ("08d-id-and-_id.json", of_user("alice")),
        ("08e-createdAt-and-created_at.json", of_user("alice")),
        ("08f-numberlong.jsonl", Imports(json!([{"userId": "4711", "expireTime": expires}]), &[])),
        ("08g-prisma-bytes.json", plain()),
        ("08h-user-with-many.json", Imports(json!([{"userId": "alice"}, {"userId": "alice"}]), &[])),
        ("08i-subscriptionObject.json", of_user("alice")),
        ("09-phpmyadmin.json", Imports(json!([laravel("7"), laravel("8")]), &[])),
        ("10-keys-hex.json", plain()),
        ("10-keys-pct-encoded.json", plain()),
        ("10-keys-pg-bytea.json", plain()),
        ("10-keys-quoted.json", plain()),
        ("10-keys-ruby-60.json", plain()),
        ("10-keys-space-for-plus.json", plain()),
        ("13-endpoint-leading-space.json", plain()),
        ("13-endpoint-quoted.json", plain()),
        ("13-endpoint-trailing-lf.json", plain()),
        ("13-endpoint-trailing-space.json", plain()),
        ("14-vapid-31-expected.txt", Answer),
        ("14-vapid-31.json", Vapid("14-vapid-31-expected.txt")),
        ("14-vapid-discourse-bytes.txt", Vapid(EXPECTED)),
        ("14-vapid-expected.txt", Answer),
        ("14-vapid-hex.txt", Vapid(EXPECTED)),
        ("14-vapid-jwk-ext.json", Vapid(EXPECTED)),
        ("14-vapid-jwk-pair.json", Vapid(EXPECTED)),
        ("14-vapid-jwk.json", Vapid(EXPECTED)),
        ("14-vapid-laravel.env", Vapid(EXPECTED)),
        ("15-expiration-iso.json", Imports(json!([{"userId": "exp-iso", "expireTime": expires}]), &[])),
        ("15-expiration-past-ms.json", Rejected(1, "expiration_time", "leave the field out if it is wrong")),
        ("15-expiration-sql.json", Imports(json!([{"userId": "exp-sql", "expireTime": expires}]), &[])),
        ("15-expiration-text-null.json", of_user("exp-text-null")),
        ("15-expiration-zero.json", Imports(json!([{"userId": "exp-zero"}]), &["expiration_time"])),
        ("17-accept-language.json", locale("loc-accept-language", "en-US")),
        ("17-offset-tz.json", Imports(json!([{"userId": "loc-offset-tz"}]), &["time_zone"])),
        ("17-posix.json", locale("loc-posix", "en-US")),
        ("17-pt_BR.json", locale("loc-pt_BR", "pt-BR")),
        (
            "17-rails-tz.json",
            Imports(json!([{"userId": "loc-rails-tz", "timeZone": "America/New_York"}]), &[]),
        ),
        ("17-zh_Hans_CN.json", locale("loc-zh_Hans_CN", "zh-Hans-CN")),
        ("18-labels-array.json", Imports(json!([{"userId": "lab-array"}]), &["labels"])),
        ("18-labels-bool.json", Imports(json!([{"userId": "lab-bool", "labels": {"premium": "true"}}]), &[])),
        ("18-labels-nested.json", Imports(json!([{"userId": "lab-nested"}]), &["labels.a"])),
        ("18-labels-null.json", Imports(json!([{"userId": "lab-null", "labels": {"x": "y"}}]), &[])),
        (
            "19-django-group-spaces.json",
            Imports(
                json!([{"userId": "7", "topics": ["All-users"]}, {"userId": "8", "topics": ["news"]}]),
                &["topics"],
            ),
        ),
        ("19b-topic-spaces.csv", Imports(json!([{"userId": "7", "topics": ["All-users"]}]), &["topics"])),
        (
            "19c-topics-list-spaces.json",
            Imports(json!([{"userId": "7", "topics": ["Breaking-News"]}]), &["topics"]),
        ),
        ("21-utf16.csv", plain()),
        ("21b-pipe.csv", plain()),
        ("21c-psql-aligned.txt", plain()),
        ("21d-comma-after.jsonl", Imports(json!([{}, {}]), &[])),
        ("21e-sql.sql", Refused("line 1: this is SQL: write the table as CSV or JSON")),
        ("21f-array-of-array.json", plain()),
        ("21g-wrapped.json", Imports(json!([{}, {}]), &[])),
        ("21i-excel-sep.csv", plain()),
        ("21l-ntfy.csv", of_user("u_1")),
        ("21m-sygnal.json", plain()),
        ("22-dynamodb.json", of_user("u_1")),
        ("22b-dynamodb-export.jsonl", Imports(json!([{"userId": "u_1"}, {"userId": "u_1"}]), &[])),
        ("22c-firestore.json", of_user("u_1")),
        ("46-subscription-as-json-string.json", plain()),
    ]
}

/// Made of the texts: files that are not kept as they are.
fn made(place: &Place) -> Vec<(String, PathBuf, Expect)> {
    let text = |name: &str| fs::read_to_string(place.path(name)).unwrap();
    let write = |name: &str, octets: &[u8], expect| {
        let path = place.path(name);
        fs::write(&path, octets).unwrap();
        (name.to_owned(), path, expect)
    };
    let expect = |wanted: &str| cases().into_iter().find(|(name, _)| *name == wanted).unwrap().1;
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text("01-onesignal.csv").as_bytes()).unwrap();
    let utf16: Vec<u8> = format!("\u{feff}{}", text("21-utf16.csv").replace('\n', "\r\n"))
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let jwk: Value = serde_json::from_str(&text("14-vapid-jwk.json")).unwrap();
    let pair = VapidKeyPair::import(jwk["d"].as_str().unwrap(), None).unwrap();
    let pem = pair.to_pem().unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let literal = format!("PRIVATE=\"{}\"\nOTHER=x\n", pem.trim().replace('\n', "\\n"));
    vec![
        write("01-onesignal.csv.gz", &packed.finish().unwrap(), expect("01-onesignal.csv")),
        write("21-utf16-le.csv", &utf16, expect("21-utf16.csv")),
        write(
            "21-cr.csv",
            text("07-discourse.csv").replace('\n', "\r").as_bytes(),
            expect("07-discourse.csv"),
        ),
        write("14-vapid-der.der", &decode_base64(&der).unwrap(), Vapid(EXPECTED)),
        write("14-vapid-pem-literal.env", literal.as_bytes(), Vapid(EXPECTED)),
        write("21-nothing.json", b"[]", Refused("no subscription was found in it")),
        write("21-nothing.csv", b"endpoint,p256dh,auth\r", Refused("no subscription was found in it")),
        write("21-empty", b"", Refused("is empty")),
    ]
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import-cases")
}

/// Beside the checkout, where they were first.
fn originals() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cases/import")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_that_people_have_imports_or_is_refused_with_a_remedy() {
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let mut all = Vec::new();
    for (name, expect) in cases() {
        let text = fs::read_to_string(directory().join(name)).unwrap();
        let text = text.replace(ORIGIN, &format!("https://localhost:{}/", place.sandbox.push.port()));
        fs::write(place.path(name), text).unwrap();
        all.push((name.to_owned(), place.path(name), expect));
    }
    all.extend(made(&place));
    let mut wrong = Vec::new();
    for (number, (name, path, expect)) in all.iter().enumerate() {
        let path = path.to_str().unwrap();
        let checked = match expect {
            Answer => Ok(()),
            Vapid(expected) => check_vapid(path, expected),
            Imports(..) | Rejected(..) | Refused(..) => {
                let application = format!("case-{number}");
                let settings = ["--contact", "mailto:push@example.com", "--exception", "sandbox"];
                let create = ["applications", "create", "--server", &url, &application];
                printed(&run(&[&create[..], &settings].concat()));
                let at = ["--server", &url, "--application", &application];
                check_import(&at, path, expect)
            }
        };
        if let Err(why) = checked {
            wrong.push(format!("{name}: {why}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let kept: BTreeSet<_> = names_in(&directory());
    let told: BTreeSet<_> = cases().into_iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(kept, told);
    let known: BTreeSet<_> = all.into_iter().map(|(name, ..)| name).collect();
    let new: Vec<_> = names_in(&originals()).into_iter().filter(|name| !known.contains(name)).collect();
    assert!(new.is_empty(), "no row for {new:?}");
    server.stop().await.unwrap();
}

fn names_in(directory: &Path) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(directory) else { return BTreeSet::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn check_vapid(path: &str, expected: &str) -> Result<(), String> {
    let shown = run(&["vapid", "show", path]);
    let expected = fs::read_to_string(directory().join(expected)).unwrap();
    if shown.status.success() && String::from_utf8_lossy(&shown.stdout).trim() == expected.trim() {
        return Ok(());
    }
    Err(format!("{shown:?}"))
}

fn check_import(at: &[&str], path: &str, expect: &Expect) -> Result<(), String> {
    let rejected = format!("{path}.rejected");
    let arguments = ["subscriptions", "import", "--json", "--rejected", &rejected, path];
    let output = run(&[&arguments[..], at].concat());
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = format!("{complaint}{}", String::from_utf8_lossy(&output.stdout));
    if text.contains("localhost:") {
        return Err(format!("it repeats an endpoint: {text}"));
    }
    let success = output.status.success();
    match expect {
        Imports(..) if !success => Err(text + &fs::read_to_string(&rejected).unwrap_or_default()),
        Imports(stored, left_out) => imported(at, &output, stored, left_out),
        Refused(says) if !success && complaint.contains(says) => Ok(()),
        Rejected(line, field, says) => {
            let told = fs::read_to_string(&rejected).unwrap_or_default();
            let told: Value = serde_json::from_str(&told).map_err(|error| format!("{error}: {text}"))?;
            let violation = &told["violations"][0];
            let description = violation["description"].as_str().unwrap_or_default();
            if (&told["line"], &violation["field"]) == (&json!(line), &json!(field))
                && description.contains(says)
                && told["message"].as_str().is_some_and(|message| message.contains(field))
            {
                return Ok(());
            }
            Err(told.to_string())
        }
        Refused(_) | Vapid(_) | Answer => Err(text),
    }
}

/// Whether exactly these are stored, apart from what every subscription has.
fn imported(at: &[&str], output: &Output, expected: &Value, left_out: &[&str]) -> Result<(), String> {
    let figures = printed_json(output).pop().unwrap();
    let warned: BTreeSet<_> =
        figures["warnings"].as_array().unwrap().iter().map(|of| of["field"].as_str().unwrap()).collect();
    if warned != left_out.iter().copied().collect() {
        return Err(format!("left out: {warned:?}"));
    }
    let listed = printed_json(&run(&[&["subscriptions", "list", "--json"][..], at].concat()));
    let mut stored: Vec<Value> = listed
        .into_iter()
        .map(|mut of| {
            let fields = ["userId", "topics", "labels", "locale", "timeZone", "expireTime"];
            of.as_object_mut().unwrap().retain(|name, _| fields.contains(&name.as_str()));
            of
        })
        .collect();
    stored.sort_by_key(Value::to_string);
    let mut expected = expected.as_array().unwrap().clone();
    expected.sort_by_key(Value::to_string);
    if stored == expected { Ok(()) } else { Err(format!("{} is stored", json!(stored))) }
}

/// Whatever is wrong with a file, nothing of an endpoint or key is told.
#[tokio::test(flavor = "multi_thread")]
async fn no_endpoint_and_no_key_is_ever_told() {
    const MARK: &str = "PLANTED";
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let endpoint = format!("https://push.example.net/{MARK}");
    let browser = json!({"endpoint": endpoint, "keys": {"p256dh": MARK, "auth": MARK}});
    let texts = [
        browser.to_string(),
        json!(browser.to_string()).to_string(),
        json!(json!(browser.to_string()).to_string()).to_string(),
        json!([[browser.to_string()]]).to_string(),
        json!({&endpoint: browser}).to_string(),
        json!({&endpoint: {"keys": browser["keys"]}, "x": 1}).to_string(),
        json!({"endpoint": [endpoint], "keys": MARK}).to_string(),
        json!({"endpoint": endpoint, &endpoint: 1, "keys": {MARK.repeat(4): 1}}).to_string(),
        format!("{{\"endpoint\":\"{endpoint}\",\"keys\":{MARK}"),
        format!("{{'endpoint':'{endpoint}'}}"),
        format!("{endpoint},{MARK},{MARK}\n"),
        format!("endpoint,{endpoint}\n{endpoint},{MARK}\n"),
        format!("a,{endpoint}\n{endpoint},{MARK}\n"),
        format!("endpoint,p256dh,auth\n{endpoint},{MARK}\n\"{endpoint},"),
        format!("INSERT INTO t VALUES ('{endpoint}')"),
        format!("[{{\"model\":\"webpush.group\",\"fields\":\"{MARK}\"}}]"),
        format!("{browser}\n{MARK}\n[{MARK}]\n\"{MARK}\"\n{{\"endpoint\":\"{endpoint}\n"),
    ];
    for (number, text) in texts.iter().enumerate() {
        let file = place.text(&format!("{number}.txt"));
        fs::write(&file, text).unwrap();
        let rejected = format!("{file}.rejected");
        for command in [
            &["subscribe", "--server", &url, &file][..],
            &["subscriptions", "import", "--server", &url, &file],
            &["subscriptions", "import", "--json", "--server", &url, "--rejected", &rejected, &file],
            &["send", "--server", &url, "--push-subscription", &file, "--title", "x"],
            &["vapid", "show", &file],
        ] {
            let output = run(command);
            let told = fs::read_to_string(&rejected).unwrap_or_default();
            let all = format!("{output:?}{told}");
            let (code, _) = failed(&output);
            assert!(code == 1 || code == 64, "{command:?}: {all}");
            assert!(!all.contains(MARK) && !all.contains("push.example.net"), "{command:?}: {text}\n{all}");
        }
    }
    server.stop().await.unwrap();
}

/// What is given to `subscribe` goes through the same reader.
#[tokio::test(flavor = "multi_thread")]
async fn subscribe_takes_what_import_takes() {
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let text = fs::read_to_string(directory().join("46-subscription-as-json-string.json")).unwrap();
    let text = text.replace(ORIGIN, &format!("https://localhost:{}/", place.sandbox.push.port()));
    let printed = printed(&run_with_input(&["subscribe", "--server", &url, "--user", "alice", "-"], &text));
    assert!(printed.ends_with(" created\n"), "{printed}");
    let listed =
        printed_json(&run(&["subscriptions", "list", "--json", "--server", &url, "--user", "alice"]));
    assert_eq!(listed.len(), 1);
    server.stop().await.unwrap();
}

/// What docs/import.md shows is what the program takes: each block that says how many entries it has.
#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_documentation_imports() {
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/import.md");
    let page = fs::read_to_string(page).unwrap();
    let mut blocks = 0;
    for block in page.split("\n```").skip(1) {
        let (info, text) = block.split_once('\n').unwrap();
        let Some((_, count)) = info.split_once("import=") else { continue };
        blocks += 1;
        let (count, warnings) = count.split_once(" warnings=").unwrap_or((count, "0"));
        let output =
            run_with_input(&["subscriptions", "import", "--json", "--dry-run", "--server", &url, "-"], text);
        let figures = printed_json(&output).pop().unwrap();
        let told = figures["warnings"].as_array().unwrap().len();
        assert_eq!(
            (figures["created"].to_string(), told.to_string()),
            (count.to_owned(), warnings.to_owned()),
            "{text}: {figures}"
        );
    }
    assert!(blocks >= 10, "{blocks}");
    server.stop().await.unwrap();
}

/// Entries that name no VAPID key: which one they have then, and that they are active, is told.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_names_no_key_says_which_one_its_entries_have() {
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let first = ready.applications[0].application_server_key.clone();
    let text = fs::read_to_string(directory().join("07d-data-text.jsonl")).unwrap();
    let text = text.replace(ORIGIN, &format!("https://localhost:{}/", place.sandbox.push.port()));
    let import = |more: &[&str]| {
        let command = ["subscriptions", "import", "--server", &url, "-"];
        run_with_input(&[&command[..], more].concat(), &text)
    };
    let told = String::from_utf8(import(&[]).stderr).unwrap();
    assert!(told.contains("1 new entries name no VAPID key") && told.contains(&first), "{told}");
    let made = printed(&run(&["vapid-keys", "create", "--make-current", "--server", &url]));
    assert!(!made.contains(&first));
    // It keeps the key that it has, whatever the current one is.
    let told = String::from_utf8(import(&[]).stderr).unwrap();
    assert!(told.contains("1 updated entries name no VAPID key") && told.contains(&first), "{told}");
    assert!(told.contains("those that were disabled are active again"), "{told}");
    let keys = &printed_json(&import(&["--json"]))[0]["unnamed_keys"];
    assert_eq!(
        (&keys["updated"], &keys["by_key"][&first], &keys["disabled"]),
        (&json!(1), &json!(1), &json!(0))
    );
    let named = import(&["--json", "--application-server-key", &first]);
    assert_eq!(printed_json(&named)[0]["unnamed_keys"], json!(null));
    server.stop().await.unwrap();
}

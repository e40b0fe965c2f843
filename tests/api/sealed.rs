//! What a sealed store has on disk: nothing of what callers, browsers and push services said, nor a hash that tells who
//! knows it already that it is there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::domain::{ReceiptKind, SystemClock};
use fanfare::engine::BrowserReport;
use fanfare::store::Store;
use fanfare::store::kv::sealing::{MasterKey, Sealing};
use fanfare::store::kv::{self, Settings};
use fanfare::transport::scripted::{Answer, ScriptedTransport, response};
use fanfare::webpush::keys::encode_base64url;
use fanfare::webpush::{AgreementKey, AwsLcKey, aes128gcm};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::Server;

/// Octets by which needles are found: none is shorter.
const HEAD: usize = 8;
const AUTH: [u8; 16] = *b"auth-of-mark-008";

/// The marks by what they are.
#[derive(Default)]
struct Marks(BTreeMap<&'static str, String>);

impl Marks {
    /// A text that stands nowhere else.
    fn of(&mut self, what: &'static str) -> String {
        let number = u8::try_from(self.0.len()).unwrap();
        let letters = [number / 26, number % 26].map(|letter| char::from(b'a' + letter));
        // Without digits: what a push service says is not taken for a secret then.
        let mark = || format!("planted{}{}{what}mark", letters[0], letters[1]);
        self.0.entry(what).or_insert_with(mark).clone()
    }
}

/// All forms in which a text may stand in a file, with what they are called.
fn forms(text: &[u8]) -> Vec<(String, Vec<u8>)> {
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().concat();
    let mut forms = vec![("clear".to_owned(), text.to_vec())];
    // Wherever a group of three octets begins: the characters that depend on nothing else.
    for shift in 0..3_usize {
        let shifted = STANDARD_NO_PAD.encode([&vec![0; shift][..], text].concat());
        let inner = &shifted.as_bytes()[shift.div_ceil(3) * 4..];
        forms.push((format!("base64 at {shift}"), inner[..inner.len() / 4 * 4 - 4].to_vec()));
    }
    forms.push(("hex".to_owned(), hex(text).into_bytes()));
    forms.push(("HEX".to_owned(), hex(text).to_uppercase().into_bytes()));
    let application = [&1_u32.to_be_bytes()[..], text].concat();
    let prefixed = |prefix: &[u8]| [prefix, text].concat();
    for (name, hashed) in [
        ("hash", text.to_vec()),
        ("hash in an application", application),
        ("hash of a user", prefixed(b"user ")),
        ("hash of an endpoint", prefixed(b"endpoint ")),
    ] {
        let hash: [u8; 32] = Sha256::digest(hashed).into();
        // Eight octets are the shortest that the store makes of one.
        forms.push((name.to_owned(), hash[..8].to_vec()));
        forms.push((format!("{name} in hex"), hex(&hash[..8]).into_bytes()));
    }
    forms
}

/// Where marks are, and in which forms, in all files below a directory.
fn found(directory: &Path, marks: &Marks) -> BTreeSet<String> {
    // By how they begin.
    let mut needles: HashMap<[u8; HEAD], Vec<(String, Vec<u8>)>> = HashMap::new();
    for (what, mark) in &marks.0 {
        for (form, needle) in forms(mark.as_bytes()) {
            let head = *needle.first_chunk().expect("a long needle");
            needles.entry(head).or_default().push((format!("{what}, {form}"), needle));
        }
    }
    let mut found = BTreeSet::new();
    let mut files = vec![directory.to_owned()];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let octets = std::fs::read(path).unwrap();
        for (at, head) in octets.windows(HEAD).enumerate() {
            let Some(those) = needles.get(head) else { continue };
            let there = those.iter().filter(|(_, needle)| octets[at..].starts_with(needle));
            found.extend(there.map(|(name, _)| name.clone()));
        }
    }
    found
}

fn endpoint(path: &str) -> String {
    format!("https://push.example.net/{path}")
}

/// Everything that callers, browsers and push services can say.
async fn play(server: &Server, marks: &mut Marks, browser: &AwsLcKey) {
    let keys = json!({"p256dh": encode_base64url(browser.public()), "auth": encode_base64url(&AUTH)});
    let browser_at = |path: &str| json!({"endpoint": endpoint(path), "keys": keys});
    let subscribe = json!({
        "pushSubscription": browser_at(&marks.of("path")),
        "userId": marks.of("user"), "topics": [marks.of("topic")],
        "labels": {marks.of("label"): marks.of("value")}, "timeZone": "Europe/Vienna",
    });
    let name = server.one("Subscribe", subscribe).await["subscription"]["name"].clone();
    let update = json!({
        "name": name, "subscription": {"labels": {marks.of("labeltwo"): marks.of("valuetwo")}},
        "addTopics": [marks.of("topictwo")], "updateMask": "labels",
    });
    server.one("UpdateSubscription", update).await;
    let import = json!({"subscriptions": [{
        "pushSubscription": browser_at(&marks.of("imported")), "userId": marks.of("importeduser"),
        "labels": {"a": marks.of("importedlabel")},
    }]});
    server.call("ImportSubscriptions", import).await.unwrap();
    let gone = json!({"pushSubscription": browser_at(&marks.of("gone")), "userId": marks.of("goneuser")});
    server.one("Subscribe", gone).await;
    let moved = json!({
        "pushSubscription": browser_at(&marks.of("movedto")), "userId": marks.of("moved"),
        "replaces": endpoint(&marks.of("imported")),
    });
    server.one("Subscribe", moved).await;

    let message = |marks: &mut Marks| {
        json!({
            "notification": {
                "title": marks.of("title"), "body": marks.of("body"), "tag": marks.of("tag"),
                "icon": format!("https://app.example/{}", marks.of("icon")),
                "data": {"x": marks.of("data")},
                "actions": [{"action": marks.of("action"), "title": marks.of("actiontitle")}],
                "navigate": format!("https://app.example/{}", marks.of("navigate")),
            },
            "requestReceipts": true, "collapseKey": marks.of("collapse"), "note": marks.of("note"),
            "labels": {"m": marks.of("messagelabel")},
        })
    };
    let send =
        json!({"userId": marks.of("user"), "requestId": marks.of("request"), "message": message(marks)});
    server.call("Send", send).await.unwrap();
    let body = server.transport.requests().last().unwrap().body.clone();
    let pushed: Value = serde_json::from_slice(&aes128gcm::decrypt(browser, &AUTH, &body).unwrap()).unwrap();
    let token = pushed["fanfare"].as_str().unwrap();
    let (token, action) = (token.to_owned(), marks.of("clicked"));
    let report = BrowserReport { token, kind: ReceiptKind::Clicked, action, occurred: None };
    server.engine().report(report).await.unwrap();

    for (audience, id) in [
        (json!({"users": {"userIds": [marks.of("user"), marks.of("nobody")]}}), "broadcast"),
        (json!({"topics": {"topics": [marks.of("topic"), marks.of("nothing")]}}), "broadcasttwo"),
        (json!({"all": {}}), "broadcastthree"),
    ] {
        let broadcast = json!({"audience": audience, "requestId": marks.of(id), "message": message(marks)});
        server.call("Broadcast", broadcast).await.unwrap();
    }
    // One that waits, with its audience and payload; and one to who is not stored.
    let mut waiting =
        json!({"audience": {"users": {"userIds": [marks.of("waiting")]}}, "message": message(marks)});
    waiting["message"]["sendTime"] = "2027-01-01T00:00:00Z".into();
    waiting["reportLevel"] = "REPORT_LEVEL_ACCEPTED".into();
    server.call("Broadcast", waiting).await.unwrap();
    let mut inline = json!({"pushSubscription": browser_at(&marks.of("inline")), "message": message(marks)});
    inline["requestId"] = marks.of("inlinerequest").into();
    server.call("Send", inline.clone()).await.unwrap();
    inline["pushSubscription"] = browser_at(&marks.of("slow"));
    inline["requestId"] = marks.of("slowrequest").into();
    inline["reportLevel"] = "REPORT_LEVEL_ACCEPTED".into();
    server.call("Send", inline).await.unwrap();
    let bulk = json!({"send": {
        "userId": marks.of("user"), "requestId": marks.of("bulk"), "message": {"json": {"x": marks.of("json")}},
    }});
    server.call("SendStream", bulk).await.unwrap();
    let leaving = json!({"endpoint": endpoint(&marks.of("movedto"))});
    server.one("Unsubscribe", leaving).await;
    let token = json!({"apiToken": {"roles": ["ROLE_READER"], "displayName": marks.of("token")}});
    server.one("CreateApiToken", token).await;
}

/// What a data directory has after all of it, with everything sealed or nothing.
async fn search(sealing: &Sealing) -> (BTreeSet<String>, usize) {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings { cache_octets: 16 << 20, ..Settings::default() };
    let open = || kv::open_sled(directory.path(), Arc::new(SystemClock), settings, sealing).unwrap();
    let mut marks = Marks::default();
    let (said, field) = (marks.of("saidbody"), marks.of("saidretry"));
    let script = move |request: &fanfare::webpush::request::PushRequest| {
        let url = request.endpoint.expose();
        let (status, body) = if url.contains("gone") {
            (410, &said)
        } else if url.contains("slow") {
            (503, &field)
        } else {
            return Answer::status(201);
        };
        let mut answer = response(status);
        answer.body = Bytes::from(body.clone());
        Answer::Now(Ok(answer))
    };
    let store: Arc<dyn Store> = Arc::new(open());
    let settings = ApiSettings { receipts: true, ..ApiSettings::default() };
    let transport = ScriptedTransport::new(script);
    let server = Server::start_over(store, transport, settings, ServerSettings::default()).await;
    play(&server, &mut marks, &AwsLcKey::generate().unwrap()).await;
    server.stop().await;
    for (name, what) in [("URL", "path"), ("URL of the gone", "gone"), ("URL of the inline", "inline")] {
        let url = endpoint(&marks.of(what));
        marks.0.insert(name, url);
    }
    marks.0.insert("origin", "https://push.example.net".to_owned());
    (found(directory.path(), &marks), marks.0.len())
}

#[tokio::test]
async fn nothing_that_was_said_is_in_a_sealed_directory() {
    // Where nothing is sealed, the search finds nearly all: what is left in clear of it is told.
    let (found, marks) = search(&Sealing::default()).await;
    let clear = found.iter().filter(|found| found.ends_with(", clear")).count();
    assert!(clear * 10 >= marks * 8, "{clear} of {marks}: {found:#?}");
    for hash in [
        "user, hash",
        "request, hash",
        "URL, hash in an application",
        "goneuser, hash of a user",
        "URL of the gone, hash of an endpoint",
        "origin, hash",
    ] {
        assert!(found.contains(hash), "{hash}: {found:#?}");
    }
    let sealing = Sealing::new(vec![MasterKey::new(&[3; 32])], true, false);
    let (found, _) = search(&sealing).await;
    assert!(found.is_empty(), "{found:#?}");
}

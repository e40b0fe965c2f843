//! What push services answer, word for word, and what the server makes of it; endpoints that are none.

use std::time::Duration;

use fanfare::domain::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::{Place, failed, printed_json, run_with_input};

/// Sandbox origins that answer as the real services do, one for each: service, and the port of its stand-in.
struct Services {
    place: Place,
    client: reqwest::Client,
    ports: Vec<(&'static str, u16)>,
}

impl Services {
    async fn new(services: &[&'static str]) -> Self {
        let place = Place::new().await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut at = Self { place, client, ports: Vec::new() };
        let made = at.control("/origins", &json!({"count": services.len()})).await;
        let mut config = std::fs::read_to_string(at.place.path("fanfare.toml")).unwrap();
        for (service, line) in services.iter().zip(made.lines()) {
            let origin: Value = serde_json::from_str(line).unwrap();
            let port = origin["url"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
            config = format!(
                "{config}[[push_services.exceptions]]\nname = \"{service}\"\nhost = \"localhost\"\nport = {port}\n\
                 cidrs = [\"127.0.0.0/8\", \"::1/128\"]\nroot_certificate = \"{}\"\nservice = \"{service}\"\n",
                at.place.text("ca.pem")
            );
            at.ports.push((service, port));
        }
        std::fs::write(at.place.path("fanfare.toml"), config).unwrap();
        at
    }

    async fn control(&self, path: &str, body: &Value) -> String {
        let url = format!("http://{}{path}", self.place.sandbox.control);
        let request = self.client.post(url).header("content-type", "application/json").body(body.to_string());
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
        answer.text().await.unwrap()
    }

    /// A new subscriber of a service's stand-in, with a fault.
    async fn subscriber(&self, service: &str, key: &str, fault: &Value) -> String {
        let number = self.ports.iter().position(|(of, _)| *of == service).unwrap() + 1;
        let group = json!({
            "count": 1, "application_server_key": key, "origins": {"from": number, "count": 1}, "faults": fault,
        });
        let group: Value = serde_json::from_str(&self.control("/groups", &group).await).unwrap();
        let url = format!("http://{}/groups/{}/subscriptions", self.place.sandbox.control, group["group"]);
        self.client.get(url).send().await.unwrap().text().await.unwrap()
    }
}

/// The first attempt's event of a Send to a push subscription.
fn attempt(url: &str, subscription: &str) -> Value {
    let arguments = ["send", "--push-subscription", "-", "--empty", "--ttl", "3s", "--json"];
    let arguments = [&arguments[..], &["--report-level", "attempts", "--server", url]].concat();
    let frames = printed_json(&run_with_input(&arguments, subscription));
    let events = frames.iter().filter_map(|frame| frame["events"]["events"].as_array()).flatten();
    events.clone().find(|event| event["outcome"].is_string()).cloned().unwrap_or_else(|| panic!("{frames:?}"))
}

/// One text at least of each service: about the token, about the subscription, about nobody.
#[tokio::test(flavor = "multi_thread")]
async fn answers_mean_what_their_service_means_by_them() {
    let at = Services::new(&["fcm", "mozilla", "apple", "wns"]).await;
    let (server, ready) = at.place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let key = &ready.applications[0].application_server_key;
    // Those that may stop the sender come last.
    for (service, name, outcome, status) in [
        ("fcm", "mismatch_sender_id", "KEY_MISMATCH", 403),
        ("fcm", "forbidden_page", "REJECTED", 403),
        ("fcm", "not_found", "GONE", 404),
        ("fcm", "not_found_page", "REJECTED", 404),
        ("fcm", "jwt_expired", "CREDENTIALS_REFUSED", 403),
        ("mozilla", "key_mismatch", "KEY_MISMATCH", 401),
        ("mozilla", "no_subscription", "GONE", 410),
        ("mozilla", "not_found_page", "REJECTED", 404),
        ("mozilla", "authentication_invalid", "REJECTED", 401),
        ("mozilla", "token_expired", "CREDENTIALS_REFUSED", 401),
        ("apple", "key_mismatch", "KEY_MISMATCH", 400),
        ("apple", "bad_topic", "REJECTED", 400),
        ("apple", "unregistered", "GONE", 410),
        ("apple", "jwt_refused", "CREDENTIALS_REFUSED", 403),
        ("wns", "dropped", "DROPPED", 200),
        ("wns", "ttl_conflict", "REJECTED", 400),
        ("wns", "gone", "GONE", 410),
    ] {
        let fault = json!({"service_answer": {"share": 1, "service": service, "name": name}});
        let event = attempt(&url, &at.subscriber(service, key, &fault).await);
        let told = (event["outcome"].as_str().unwrap(), event["httpStatus"].as_u64().unwrap());
        assert_eq!(told, (&*format!("OUTCOME_{outcome}"), status), "{service} {name}: {event}");
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_tells_how_far_the_clocks_are_apart_and_a_proxy_is_told_as_one() {
    let at = Services::new(&["fcm", "mozilla"]).await;
    let (server, ready) = at.place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let key = &ready.applications[0].application_server_key;
    let blocked = json!({"answer": {"share": 1, "status": 403, "body": "<title>Access Denied</title>",
        "headers": {"server": "squid/6.6"}}});
    let event = attempt(&url, &at.subscriber("mozilla", key, &blocked).await);
    assert_eq!(event["outcome"], "OUTCOME_UNAVAILABLE", "{event}");
    assert_eq!(event["detail"], "a proxy on the way answered: Access Denied");

    let now = std::time::UNIX_EPOCH + Duration::from_micros(SystemClock.now().as_micros());
    let earlier = now - Duration::from_secs(14 * 3_600 + 60);
    let expired = json!({"answer": {"share": 1, "status": 403, "body": "token has expired\n",
        "headers": {"date": httpdate::fmt_http_date(earlier)}}});
    let event = attempt(&url, &at.subscriber("fcm", key, &expired).await);
    assert_eq!(event["outcome"], "OUTCOME_CREDENTIALS_REFUSED", "{event}");
    let detail = event["detail"].as_str().unwrap();
    assert_eq!(detail, "token has expired; this server's clock is 14 h ahead of the push service's");
    server.stop().await.unwrap();
}

/// Autopush's API for phones answers VAPID with 401: one such endpoint must not get in.
#[tokio::test(flavor = "multi_thread")]
async fn endpoints_of_known_hosts_have_known_paths() {
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let browser: Value =
        serde_json::from_str(place.subscriptions(&ready, 1).await.lines().next().unwrap()).unwrap();
    for (endpoint, known) in [
        ("https://updates.push.services.mozilla.com/v1/fcm/x/registration/y/subscription", "/wpush/"),
        ("https://updates.push.services.mozilla.com/wpush/%2e%2e/v1", "/wpush/"),
        ("https://fcm.googleapis.com/v1/projects/p/messages:send", "/fcm/send/"),
        ("https://api.push.apple.com/3/device/abc", "one token"),
        ("https://wns2-par02p.notify.windows.com/w/", "/w/?token="),
    ] {
        let mut browser = browser.clone();
        browser["endpoint"] = endpoint.into();
        let browser = browser.to_string();
        for command in [&["subscribe"][..], &["send", "--push-subscription", "-", "--empty"]] {
            let arguments = [command, &["--server", &url]].concat();
            let (code, complaint) = failed(&run_with_input(&arguments, &browser));
            assert_eq!(code, 1, "{complaint}");
            assert!(complaint.contains("InvalidArgument INVALID_FIELDS"), "{complaint}");
            assert!(
                complaint.contains("push_subscription.endpoint: the endpoint's path is none"),
                "{complaint}"
            );
            assert!(complaint.contains(known) && !complaint.contains("registration"), "{complaint}");
        }
        let arguments = ["subscriptions", "import", "--json", "--server", &url, "-"];
        let imported = run_with_input(&arguments, &browser);
        let said = [imported.stdout, imported.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains(known) && !said.contains("registration/y"), "{said}");
    }
    let listed = super::printed(&super::run(&["subscriptions", "list", "--server", &url]));
    assert_eq!(listed, "");
    server.stop().await.unwrap();
}

//! Bad input: every invalid field of a request is reported together, with its path and a reason that does not repeat it.

use fanfare::webpush::keys::encode_base64url;
use serde_json::{Value, json};
use tonic::Code;

use crate::harness::{Server, browser};

/// RPC, request, and what must be found wrong: path and a part of the reason.
type Case = (&'static str, Value, Vec<(&'static str, &'static str)>);

fn cases() -> Vec<Case> {
    let long = "x".repeat(4_096);
    let off_curve = encode_base64url(&[&[4][..], &[0xff; 64]].concat());
    let compressed = encode_base64url(&[2; 33]);
    let topics: Vec<String> = (0..101).map(|n| format!("topic{n}")).collect();
    vec![
        (
            "Subscribe",
            json!({
                "pushSubscription": {
                    "endpoint": "http://push.example.net/p",
                    "expirationTime": -1.0,
                    "keys": {"p256dh": off_curve, "auth": encode_base64url(&[1; 15])},
                    "supportedContentEncodings": ["aes256gcm"],
                    "applicationServerKey": browser("x")["keys"]["p256dh"],
                },
                "userId": "u".repeat(129),
                "topics": ["ok", "x".repeat(65), "a b"],
                "labels": {"key": "v".repeat(257)},
                "locale": "pt_BR",
                "timeZone": "Asia Shanghai",
                "replaces": "subscriptions/none",
            }),
            vec![
                ("push_subscription.endpoint", "must be an https URL"),
                ("push_subscription.keys.p256dh", "must be a point of the P-256 curve"),
                ("push_subscription.keys.auth", "must have 16 octets, not 15"),
                ("push_subscription.expiration_time_ms", "must be milliseconds since 1970"),
                ("push_subscription.supported_content_encodings", "must have aes128gcm or aesgcm"),
                ("push_subscription.application_server_key", "must be one of the application's VAPID keys"),
                ("user_id", "must have at most 128 octets"),
                ("topics[1]", "must have at most 64 characters"),
                ("topics[2]", "must not have white space"),
                ("labels[key]", "must have at most 256 octets"),
                ("locale", "must be a BCP 47 language tag"),
                ("time_zone", "must be an IANA time zone name"),
                ("replaces", "must be subscriptions/{id}"),
            ],
        ),
        ("Subscribe", json!({}), vec![("push_subscription", "is required")]),
        (
            "Subscribe",
            json!({"pushSubscription": {"endpoint": format!("https://push.example.net/{long}"),
                "keys": {"p256dh": compressed, "auth": "*"}}}),
            vec![
                ("push_subscription.endpoint", "must have at most 2048 octets"),
                ("push_subscription.keys.p256dh", "65 octets, not 33"),
                ("push_subscription.keys.auth", "must be base64url or base64"),
            ],
        ),
        (
            "Subscribe",
            json!({"pushSubscription": {"endpoint": "https://me:secret@push.example.net/p"}}),
            vec![
                ("push_subscription.endpoint", "must not have a user name or password"),
                ("push_subscription.keys", "is required"),
            ],
        ),
        ("Unsubscribe", json!({}), vec![("selector", "one of name, endpoint and user_id")]),
        ("Unsubscribe", json!({"userId": ""}), vec![("user_id", "must not be empty")]),
        (
            "GetSubscription",
            json!({"name": "subscriptions/XYZ"}),
            vec![("name", "must be subscriptions/{id}")],
        ),
        (
            "GetSubscription",
            json!({"endpoint": "nowhere"}),
            vec![("endpoint", "must be an absolute https URL")],
        ),
        (
            "UpdateSubscription",
            json!({
                "subscription": {"topics": topics, "etag": "none", "expireTime": "0001-01-01T00:00:00Z"},
                "updateMask": "topics,name,expireTime",
                "addTopics": [""],
            }),
            vec![
                ("selector", "one of name and endpoint"),
                ("update_mask", "must not name topics together with add_topics"),
                ("update_mask.paths[1]", "must be user_id, topics"),
                ("add_topics[0]", "must not be empty"),
                ("subscription.topics", "must have at most 100 entries"),
                ("subscription.etag", "must be the etag"),
                ("subscription.expire_time", "must be a time from 1970"),
            ],
        ),
        (
            "ListSubscriptions",
            json!({"pageSize": -1, "topic": ""}),
            vec![("page_size", "must not be negative"), ("topic", "must not be empty")],
        ),
        (
            "Send",
            json!({"requestId": "r".repeat(129), "reportLevel": 99}),
            vec![
                ("recipient", "one of subscription, user_id and push_subscription"),
                ("message", "is required"),
                ("request_id", "must have at most 128 octets"),
                ("report_level", "is not a value"),
            ],
        ),
        (
            "Send",
            json!({
                "subscription": "messages/1",
                "message": {
                    "data": base64(3_994),
                    "ttl": "-1s",
                    "urgency": 99,
                    "collapseKey": "k".repeat(257),
                    "padding": 99,
                    "labels": {"": "v"},
                    "note": "n".repeat(257),
                },
            }),
            vec![
                ("subscription", "must be subscriptions/{id}"),
                ("message.data", "must have at most 3993 octets"),
                ("message.ttl", "must not be negative"),
                ("message.urgency", "is not a value"),
                ("message.collapse_key", "must have at most 256 octets"),
                ("message.padding", "is not a value"),
                ("message.labels", "must not have an empty key"),
                ("message.note", "must have at most 256 octets"),
            ],
        ),
        (
            "Send",
            json!({"userId": "anna", "message": {"ttl": "2419201s"}}),
            vec![
                ("message.payload", "one of data, json, notification and empty"),
                ("message.ttl", "must be at most 28 days"),
            ],
        ),
        (
            "Send",
            json!({"userId": "anna", "message": {"notification": {
                "title": "", "renotify": true, "silent": true, "vibrate": [1], "dir": 9, "navigate": "/here",
                "appBadge": -1, "timestamp": "0001-01-01T00:00:00Z", "actions": [{}],
            }}}),
            vec![
                ("message.notification.title", "must not be empty"),
                ("message.notification.renotify", "needs a tag"),
                ("message.notification.vibrate", "must be empty"),
                ("message.notification.dir", "is not a value"),
                ("message.notification.navigate", "must be an absolute https URL"),
                ("message.notification.app_badge", "must not be negative"),
                ("message.notification.timestamp", "must be a time from 1970"),
                ("message.notification.actions[0].action", "must not be empty"),
                ("message.notification.actions[0].title", "must not be empty"),
            ],
        ),
        (
            "Send",
            json!({"userId": "anna", "message": {"json": {"text": "x".repeat(3_993)}}}),
            vec![("message.json", "written as JSON, it must have at most 3993 octets")],
        ),
        (
            "Broadcast",
            json!({"maxPerSecond": -1.0, "message": {"empty": {}}}),
            vec![
                ("audience", "one of subscriptions, topics, users and all"),
                ("max_per_second", "must be 0, or a number from 0.001 on"),
            ],
        ),
        (
            "Broadcast",
            json!({"audience": {"topics": {"topics": ["a", "b", "c", "x".repeat(65)]}}, "message": {"empty": {}}}),
            vec![("audience.topics.topics[3]", "must have at most 64 characters")],
        ),
        (
            "Broadcast",
            json!({"audience": {"subscriptions": {"names": []}}, "message": {"empty": {}}}),
            vec![("audience.subscriptions.names", "must not be empty")],
        ),
        (
            "Broadcast",
            json!({"audience": {"users": {"userIds": vec!["u"; 10_001]}}, "message": {"empty": {}}}),
            vec![("audience.users.user_ids", "must have at most 10000 entries")],
        ),
        (
            "WatchDeliveries",
            json!({"parent": "messages/none", "startTime": "2030-01-01T00:00:00Z", "reportLevel": 1}),
            vec![
                ("parent", "must be messages/{id}"),
                ("start_time", "is only for messages/-"),
                ("report_level", "must not be REPORT_LEVEL_ACCEPTED"),
            ],
        ),
        ("GetMessage", json!({}), vec![("name", "is required")]),
        (
            "ListMessages",
            json!({"pageSize": -5, "states": [2, 99]}),
            vec![("page_size", "must not be negative"), ("states[1]", "is not a value")],
        ),
        (
            "ListDeliveries",
            json!({"pageSize": -5, "states": [0], "outcomes": [1, 99], "subscription": "x"}),
            vec![
                ("parent", "is required"),
                ("page_size", "must not be negative"),
                ("states[0]", "is not a value"),
                ("outcomes[1]", "is not a value"),
                ("subscription", "must be subscriptions/{id}"),
            ],
        ),
    ]
}

fn base64(octets: usize) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(vec![0_u8; octets])
}

/// Nothing that a caller sent comes back.
fn shows_no_value(reason: &str) -> bool {
    ["secret", "aes256gcm", "pt_BR", "xxxxxxxx", "messages/none", "nowhere"]
        .iter()
        .all(|value| !reason.contains(value))
}

#[tokio::test]
async fn every_invalid_field_is_reported_together() {
    let server = Server::start().await;
    for (method, request, expected) in cases() {
        let refused = server.refused(method, request).await;
        assert_eq!(
            (refused.code, refused.reason.as_str()),
            (Code::InvalidArgument, "INVALID_FIELDS"),
            "{method}"
        );
        let mut paths: Vec<&str> = expected.iter().map(|(path, _)| *path).collect();
        paths.sort_unstable();
        assert_eq!(refused.paths(), paths, "{method}: {refused:?}");
        for (path, part) in expected {
            let reason = &refused.violations[path];
            assert!(reason.contains(part), "{method} {path}: {reason:?} lacks {part:?}");
        }
        assert_eq!(refused.metadata["violations"], paths.len().to_string());
        assert!(shows_no_value(&format!("{refused:?}")), "{refused:?}");
    }
    nothing_happened(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn at_most_fifty_are_listed_and_all_are_counted() {
    let server = Server::start().await;
    let topics: Vec<String> = (0..80).map(|n| format!("bad topic {n}")).collect();
    let request = json!({"audience": {"topics": {"topics": topics}}, "message": {"empty": {}}});
    let refused = server.refused("Broadcast", request).await;
    assert_eq!(refused.violations.len(), 50);
    assert_eq!(refused.metadata["violations"], "80");
    server.stop().await;
}

#[tokio::test]
async fn errors_of_state_stand_alone() {
    let server = Server::start().await;
    let unknown = "subscriptions/00000000000000000000000000000000";
    let message = json!({"empty": {}});
    let elsewhere = |endpoint: &str| {
        let mut browser = browser("p");
        browser["endpoint"] = endpoint.into();
        browser
    };
    let denied = [
        ("https://evil.example.org/p", "no push service"),
        ("https://permanently-removed.invalid/p", "must subscribe again"),
        ("https://android.googleapis.com/gcm/send/abc", "no GCM key"),
    ];
    for (endpoint, part) in denied {
        for (method, request) in [
            ("Subscribe", json!({"pushSubscription": elsewhere(endpoint)})),
            ("Send", json!({"pushSubscription": elsewhere(endpoint), "message": message})),
        ] {
            let refused = server.refused(method, request).await;
            assert_eq!(
                (refused.code, refused.reason.as_str()),
                (Code::PermissionDenied, "ENDPOINT_NOT_ALLOWED")
            );
            assert!(refused.message.contains(part), "{refused:?}");
            assert!(refused.violations.is_empty());
        }
    }
    let missing = [
        (
            "Send",
            json!({"subscription": unknown, "message": message}),
            "SUBSCRIPTION_NOT_FOUND",
            "subscription",
            unknown,
        ),
        ("Send", json!({"userId": "nobody", "message": message}), "USER_NOT_FOUND", "user", "nobody"),
        ("GetSubscription", json!({"name": unknown}), "SUBSCRIPTION_NOT_FOUND", "subscription", unknown),
        (
            "GetSubscription",
            json!({"endpoint": "https://push.example.net/secret"}),
            "SUBSCRIPTION_NOT_FOUND",
            "subscription",
            "subscriptions/-",
        ),
        ("Unsubscribe", json!({"name": unknown}), "SUBSCRIPTION_NOT_FOUND", "subscription", unknown),
        ("Unsubscribe", json!({"userId": "nobody"}), "USER_NOT_FOUND", "user", "nobody"),
        (
            "UpdateSubscription",
            json!({"name": unknown, "addTopics": ["a"]}),
            "SUBSCRIPTION_NOT_FOUND",
            "subscription",
            unknown,
        ),
        (
            "GetMessage",
            json!({"name": "messages/00000000000000000000000000000000"}),
            "MESSAGE_NOT_FOUND",
            "message",
            "messages/00000000000000000000000000000000",
        ),
        (
            "WatchDeliveries",
            json!({"parent": "messages/00000000000000000000000000000000"}),
            "MESSAGE_NOT_FOUND",
            "message",
            "messages/00000000000000000000000000000000",
        ),
        (
            "ListDeliveries",
            json!({"parent": "messages/00000000000000000000000000000000"}),
            "MESSAGE_NOT_FOUND",
            "message",
            "messages/00000000000000000000000000000000",
        ),
        ("GetVapidPublicKey", json!({"application": "none"}), "APPLICATION_NOT_FOUND", "application", "none"),
    ];
    for (method, request, reason, kind, name) in missing {
        let refused = server.refused(method, request).await;
        assert_eq!((refused.code, refused.reason.as_str()), (Code::NotFound, reason), "{method}");
        assert_eq!(refused.resource, Some((kind.to_owned(), name.to_owned())));
    }
    nothing_happened(&server).await;
    server.stop().await;
}

async fn nothing_happened(server: &Server) {
    assert!(server.transport.requests().is_empty());
    for application in ["default", "shop"] {
        for method in ["ListSubscriptions", "ListMessages"] {
            assert_eq!(server.one(method, json!({"application": application})).await, json!({}), "{method}");
        }
    }
}

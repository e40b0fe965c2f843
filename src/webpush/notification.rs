//! The structured notification: what callers may say instead of bytes, as the JSON that service workers and Safari show.
//! Members are those of the Notifications API (whatwg) and of Declarative Web Push (W3C push-api).

use serde::Serialize;
use serde_json::Value;
use url::{Host, Url};

use crate::domain::{Timestamp, Violations};

/// `web_push`, by which browsers recognise Declarative Web Push.
const DECLARATIVE: u32 = 8_030;

/// The direction of title and body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TextDirection {
    /// As the text itself says.
    Auto,
    /// Left to right.
    Ltr,
    /// Right to left.
    Rtl,
}

/// A button. Empty texts are left out.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
pub struct NotificationAction {
    /// Its name for the service worker; required.
    pub action: String,
    /// Its label; required.
    pub title: String,
    /// URL of an image.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub icon: String,
    /// Absolute URL that it opens.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub navigate: String,
}

/// A notification. Empty texts and lists, `false` and `None` are left out of the JSON.
#[derive(Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Required.
    pub title: String,
    /// The text below the title.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// URL of an image, possibly relative to the service worker.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub icon: String,
    /// URL of a large image.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// URL of a monochrome image for the status bar.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub badge: String,
    /// URL of a sound; no browser plays it by itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sound: String,
    /// BCP 47.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lang: String,
    /// The direction of title and body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<TextDirection>,
    /// A notification replaces a shown one with its tag.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tag: String,
    /// Alert again when replacing; needs a tag.
    #[serde(skip_serializing_if = "is_false")]
    pub renotify: bool,
    /// No sound and no vibration; `None` leaves it to the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent: Option<bool>,
    /// Stay until dismissed.
    #[serde(skip_serializing_if = "is_false")]
    pub require_interaction: bool,
    /// Milliseconds on, off, on …; not with silent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vibrate: Vec<i32>,
    /// When what it tells of happened; written in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub timestamp: Option<Timestamp>,
    /// Anything, for the service worker.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub data: Value,
    /// Buttons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<NotificationAction>,
    /// Absolute URL that a click opens. With it the JSON is Declarative Web Push, which Safari shows by itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub navigate: String,
    /// Number on the app's icon; 0 clears it.
    #[serde(rename = "app_badge", skip_serializing_if = "Option::is_none")]
    pub app_badge: Option<i32>,
    /// Whether a service worker may change a declarative notification before it is shown; any other it makes itself.
    #[serde(skip_serializing_if = "is_false")]
    pub mutable: bool,
}

/// Like payloads, notifications are private: they show nothing.
impl std::fmt::Debug for Notification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notification(<redacted>)")
    }
}

impl std::fmt::Debug for NotificationAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NotificationAction(<redacted>)")
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::ref_option, reason = "serde gives references")]
fn milliseconds<S: serde::Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(Timestamp::as_millis).serialize(serializer)
}

/// The message around a notification.
#[derive(Serialize)]
struct Message<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    web_push: Option<u32>,
    notification: &'a Notification,
    /// Where the W3C draft reads this and `mutable`. WebKit read both in the notification, `mutable` until the middle of 2025.
    /// Each ignores the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_badge: Option<i32>,
    #[serde(skip_serializing_if = "is_false")]
    mutable: bool,
}

impl Notification {
    /// The JSON text that is encrypted: `{"web_push":8030,"notification":{…},"app_badge":…,"mutable":true}`, with
    /// `app_badge` and `mutable` in the notification as well. Without [`Notification::navigate`] it is the same without
    /// `web_push`, for a service worker.
    ///
    /// # Errors
    /// None that a valid notification has; serde's, should `data` not be JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Message {
            web_push: (!self.navigate.is_empty()).then_some(DECLARATIVE),
            notification: self,
            app_badge: self.app_badge,
            mutable: self.mutable,
        })
    }

    /// Adds what no browser would show to `violations`; paths begin with `prefix`, for example `message.notification`.
    pub fn check(&self, prefix: &str, violations: &mut Violations) {
        let path = |name: &str| format!("{prefix}.{name}");
        if self.title.trim().is_empty() {
            violations.add(path("title"), "must not be empty");
        }
        if self.renotify && self.tag.is_empty() {
            violations.add(path("renotify"), "needs a tag");
        }
        if self.silent == Some(true) && !self.vibrate.is_empty() {
            violations.add(path("vibrate"), "must be empty when silent is true");
        }
        if self.vibrate.iter().any(|milliseconds| *milliseconds < 0) {
            violations.add(path("vibrate"), "must have no negative number");
        }
        if self.app_badge.is_some_and(|number| number < 0) {
            violations.add(path("app_badge"), "must not be negative");
        }
        if !self.navigate.is_empty() && !is_navigable(&self.navigate) {
            violations.add(path("navigate"), NAVIGABLE);
        }
        for (index, action) in self.actions.iter().enumerate() {
            let path = |name: &str| format!("{prefix}.actions[{index}].{name}");
            if action.action.is_empty() {
                violations.add(path("action"), "must not be empty");
            }
            if action.title.trim().is_empty() {
                violations.add(path("title"), "must not be empty");
            }
            if !action.navigate.is_empty() && !is_navigable(&action.navigate) {
                violations.add(path("navigate"), NAVIGABLE);
            }
        }
    }
}

const NAVIGABLE: &str = "must be an absolute https URL (http only on localhost)";

fn is_navigable(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => true,
        ("http", Some(Host::Domain(name))) => name == "localhost" || name.ends_with(".localhost"),
        ("http", Some(Host::Ipv4(address))) => address.is_loopback(),
        ("http", Some(Host::Ipv6(address))) => address.is_loopback(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn titled(title: &str) -> Notification {
        Notification { title: title.to_owned(), ..Notification::default() }
    }

    fn json_of(notification: &Notification) -> Value {
        serde_json::from_str(&notification.to_json().unwrap()).unwrap()
    }

    #[test]
    fn what_is_unset_is_left_out() {
        assert_eq!(titled("Hi").to_json().unwrap(), r#"{"notification":{"title":"Hi"}}"#);
    }

    #[test]
    fn every_member_has_its_name() {
        let notification = Notification {
            title: "Hi".to_owned(),
            body: "there".to_owned(),
            icon: "/i".to_owned(),
            image: "/im".to_owned(),
            badge: "/b".to_owned(),
            sound: "/s".to_owned(),
            lang: "en".to_owned(),
            dir: Some(TextDirection::Rtl),
            tag: "t".to_owned(),
            renotify: true,
            silent: Some(false),
            require_interaction: true,
            vibrate: vec![200, 100],
            timestamp: Some(Timestamp::from_millis(1_800_000_000_123)),
            data: json!({"a": [1, null]}),
            actions: vec![NotificationAction {
                action: "open".to_owned(),
                title: "Open".to_owned(),
                icon: "/o".to_owned(),
                navigate: "https://example.com/o".to_owned(),
            }],
            navigate: "https://example.com/".to_owned(),
            app_badge: Some(0),
            mutable: true,
        };
        let expected = json!({
            "web_push": 8030,
            "notification": {
                "title": "Hi", "body": "there", "icon": "/i", "image": "/im", "badge": "/b", "sound": "/s",
                "lang": "en", "dir": "rtl", "tag": "t", "renotify": true, "silent": false,
                "requireInteraction": true, "vibrate": [200, 100], "timestamp": 1_800_000_000_123_u64,
                "data": {"a": [1, null]},
                "actions": [
                    {"action": "open", "title": "Open", "icon": "/o", "navigate": "https://example.com/o"}
                ],
                "navigate": "https://example.com/", "app_badge": 0, "mutable": true
            },
            "app_badge": 0,
            "mutable": true
        });
        assert_eq!(json_of(&notification), expected);
        let mut violations = Violations::new();
        notification.check("n", &mut violations);
        assert!(violations.is_empty(), "{violations:?}");

        let plain = Notification { navigate: String::new(), mutable: false, ..notification };
        let mut expected = expected;
        for (at, name) in
            [("", "web_push"), ("", "mutable"), ("/notification", "mutable"), ("/notification", "navigate")]
        {
            expected.pointer_mut(at).unwrap().as_object_mut().unwrap().remove(name);
        }
        assert_eq!(json_of(&plain), expected);
        assert_eq!(format!("{plain:?}"), "Notification(<redacted>)");
    }

    #[test]
    fn every_violation_is_told_at_once() {
        let notification = Notification {
            title: " ".to_owned(),
            renotify: true,
            silent: Some(true),
            vibrate: vec![1, -1],
            app_badge: Some(-1),
            mutable: true,
            actions: vec![
                NotificationAction {
                    action: "a".to_owned(),
                    title: "A".to_owned(),
                    ..NotificationAction::default()
                },
                NotificationAction { navigate: "/relative".to_owned(), ..NotificationAction::default() },
            ],
            ..Notification::default()
        };
        let mut violations = Violations::new();
        notification.check("message.notification", &mut violations);
        let fields: Vec<&str> =
            violations.as_slice().iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "message.notification.title",
                "message.notification.renotify",
                "message.notification.vibrate",
                "message.notification.vibrate",
                "message.notification.app_badge",
                "message.notification.actions[1].action",
                "message.notification.actions[1].title",
                "message.notification.actions[1].navigate",
            ]
        );
    }

    #[test]
    fn navigate_must_be_absolute_and_secure() {
        for (url, good) in [
            ("https://example.com/a?b#c", true),
            ("http://localhost:8080/", true),
            ("http://app.localhost/", true),
            ("http://127.0.0.1/", true),
            ("http://[::1]/", true),
            ("http://example.com/", false),
            ("http://10.0.0.1/", false),
            ("/relative", false),
            ("//example.com/", false),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("https://", false),
        ] {
            let mut violations = Violations::new();
            let notification = Notification { navigate: url.to_owned(), ..titled("Hi") };
            notification.check("n", &mut violations);
            assert_eq!(violations.is_empty(), good, "{url}");
        }
    }
}

//! What a JSON object is: an entry, something that holds entries, or neither. Senders keep subscriptions in lists, in objects
//! by name or endpoint, in a document of their user, in rows of a dump.

use serde_json::{Map, Value};

use super::attributes::{self, attributes};
use super::members::{as_object, is_text_of_json, plain};

/// How deep an endpoint is looked for.
const DEPTH_MAX: usize = 16;
/// Names of the address. `registration_id` (django-push-notifications) and `identifier` (`OneSignal`) are of other things too.
pub(super) const ENDPOINT_NAMES: [&str; 6] =
    ["endpoint", "subscriptionendpoint", "pushendpoint", "endpointurl", "registrationid", "identifier"];
/// Names of whose it is, best first.
pub(super) const USER_NAMES: [&str; 7] =
    ["userid", "user", "subscribableid", "externaluserid", "externalid", "uid", "username"];
/// Names of the browser's part, best first. Others are found by what they hold.
pub(super) const BROWSER_NAMES: [&str; 3] = ["pushsubscription", "subscription", "data"];
/// What such other names have in them.
const BROWSER_PARTS: [&str; 5] = ["subscription", "push", "browser", "json", "details"];
/// Names by which an entry without an endpoint is known as one.
const KEY_NAMES: [&str; 6] = ["keys", "p256dh", "keyp256dh", "webp256", "keys.p256dh", "endpoint"];

/// What an object is.
#[derive(Debug, PartialEq)]
pub(super) enum Shape {
    Entry(Map<String, Value>),
    /// Entries are within.
    Holder(Holder),
    /// A row of a dump that says what follows.
    Heading,
    Foreign,
}

/// What holds entries.
#[derive(Debug, PartialEq)]
pub(super) struct Holder {
    /// The names of the members that hold them; `None` where they were not looked at.
    pub(super) members: Option<Vec<String>>,
    /// Whose they are, where they do not say it.
    pub(super) user: Option<Value>,
}

impl Shape {
    /// Of an object.
    pub(super) fn of(mut object: Map<String, Value>) -> Self {
        // A row of a Django dump.
        if object.contains_key("model")
            && let Some(Value::Object(fields)) = object.remove("fields")
        {
            let shape = Self::of(fields);
            return if shape == Self::Foreign { Self::Heading } else { shape };
        }
        // A document of Firestore.
        if let Some(fields) = object.get("fields").and_then(Value::as_object).and_then(attributes) {
            return Self::of(fields);
        }
        let kind = object.get("type").and_then(Value::as_str);
        if has_endpoint(&object) {
            return Self::Entry(attributes(&object).unwrap_or(object));
        }
        // phpMyAdmin's.
        if matches!(kind, Some("header" | "database")) {
            return Self::Heading;
        }
        let table = kind == Some("table") && object.contains_key("data");
        let browsers = browsers(&object);
        if browsers.len() == 1 && is_part(&browsers[0], &object) {
            return Self::Entry(object);
        }
        let named: Vec<_> = browsers.iter().filter(|name| BROWSER_NAMES.contains(&&*plain(name))).collect();
        if let [_] = named[..] {
            return Self::Entry(object);
        }
        let holds = |(name, value): (&String, &Value)| {
            holds_endpoint(value, DEPTH_MAX) || keyed_by_endpoint(name, value)
        };
        let members: Vec<_> =
            object.iter().filter(|member| holds(*member)).map(|(name, _)| name.clone()).collect();
        if !members.is_empty() {
            return Self::Holder(Holder { members: Some(members), user: user_of(&object) });
        }
        if table {
            Self::Heading
        } else if object.keys().any(|name| KEY_NAMES.contains(&&*plain(name))) {
            Self::Entry(object)
        } else {
            Self::Foreign
        }
    }
}

/// Whether it names an address itself.
fn has_endpoint(object: &Map<String, Value>) -> bool {
    object.iter().any(|(name, value)| is_endpoint(&plain(name), value))
}

/// Whether a member is the address; by its plain name.
pub(super) fn is_endpoint(name: &str, value: &Value) -> bool {
    let Some(text) = attributes::text(value) else { return false };
    match name {
        "registrationid" | "identifier" => is_address(text),
        name => !text.is_empty() && (ENDPOINT_NAMES.contains(&name) || name.ends_with(".endpoint")),
    }
}

/// Whether a text begins as an endpoint does.
pub(super) fn is_address(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
    let begins = |with: &str| text.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
    begins("https://") || begins("http://") || begins("https%3a")
}

/// The names of members that are a browser's part.
pub(super) fn browsers(object: &Map<String, Value>) -> Vec<String> {
    let browser = |value: &Value| match value {
        Value::Object(inner) => has_endpoint(inner),
        Value::String(text) => {
            is_text_of_json(text) && as_object(value).is_some_and(|inner| has_endpoint(&inner))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => false,
    };
    object.iter().filter(|(_, value)| browser(value)).map(|(name, _)| name.clone()).collect()
}

/// Whether the only browser in an object is its part, and not one of many that are kept by name.
fn is_part(name: &str, object: &Map<String, Value>) -> bool {
    let plain = plain(name);
    let says_more = || object.values().any(|value| !matches!(value, Value::Object(_) | Value::Array(_)));
    !is_address(name)
        && (BROWSER_NAMES.contains(&&*plain)
            || BROWSER_PARTS.iter().any(|part| plain.contains(part))
            || says_more())
}

fn holds_endpoint(value: &Value, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    match value {
        Value::Object(object) => {
            has_endpoint(object)
                || object
                    .iter()
                    .any(|(name, value)| keyed_by_endpoint(name, value) || holds_endpoint(value, depth))
        }
        Value::Array(values) => values.iter().any(|value| holds_endpoint(value, depth)),
        Value::String(text) => {
            is_text_of_json(text)
                && serde_json::from_str(text).is_ok_and(|value: Value| holds_endpoint(&value, depth))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether the name is the address, and the value has the keys.
fn keyed_by_endpoint(name: &str, value: &Value) -> bool {
    let keys = |object: &Map<String, Value>| object.keys().any(|name| KEY_NAMES.contains(&&*plain(name)));
    is_address(name) && value.as_object().is_some_and(keys)
}

/// Whose the entries in an object are.
fn user_of(object: &Map<String, Value>) -> Option<Value> {
    let named = |wanted: &&str| {
        let member = object.iter().find(|(name, value)| plain(name) == **wanted && !value.is_null());
        member.map(|(_, value)| value.clone())
    };
    USER_NAMES.iter().find_map(named)
}

/// Whether a name is one of those that say whose something is.
pub(super) fn is_user(name: &str) -> bool {
    USER_NAMES.contains(&&*plain(name))
}

/// What the holder of an entry says of it: whose it is, and the name by which it is kept, which may be its address.
pub(super) fn inherit(entry: &mut Map<String, Value>, user: Option<&Value>, name: Option<&str>) {
    if let Some(user) = user
        && !entry.iter().any(|(name, value)| is_user(name) && !value.is_null())
    {
        entry.insert("user_id".to_owned(), user.clone());
    }
    let Some(name) = name else { return };
    if is_address(name) {
        if !has_endpoint(entry) && browsers(entry).is_empty() {
            entry.insert("endpoint".to_owned(), name.into());
        }
    } else if is_name(name) && !entry.contains_key("labels") && !entry.contains_key("label.name") {
        entry.insert("label.name".to_owned(), name.into());
    }
}

/// Whether a name by which an entry is kept says something: not what everybody calls a list, nor a number.
fn is_name(name: &str) -> bool {
    /// What such names have in them.
    const COLLECTIONS: [&str; 8] =
        ["subscri", "push", "data", "result", "record", "item", "endpoint", "document"];
    let plain = plain(name);
    !COLLECTIONS.iter().any(|of| plain.contains(of)) && name.chars().any(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: Value) -> Shape {
        let Value::Object(object) = value else { panic!("no object") };
        Shape::of(object)
    }

    fn holder(value: Value) -> (Vec<String>, Option<Value>) {
        let Shape::Holder(Holder { members, user }) = of(value) else { panic!("no holder") };
        (members.unwrap(), user)
    }

    #[test]
    fn entries_are_known_by_their_endpoint_wherever_it_stands() {
        let browser = json!({"endpoint": "E", "keys": {}});
        for entry in [
            browser.clone(),
            json!({"registration_id": "https://push.example.net/x", "p256dh": "P"}),
            json!({"subscription": browser}),
            json!({"subscription": browser.to_string()}),
            json!({"id": 1, "user_id": 7, "data": browser.to_string()}),
            json!({"_id": "x", "subscriptionObject": browser}),
            json!({"id": 1, "whatever": browser}),
            json!({"subscription": browser, "old": browser, "id": 1}),
            json!({"subscription.endpoint": "E", "subscription.keys.auth": "A"}),
            json!({"p256dh": "P", "auth": "A"}),
            json!({"model": "x.webpushdevice", "pk": 1, "fields": {"endpoint": "E"}}),
        ] {
            assert!(matches!(of(entry.clone()), Shape::Entry(_)), "{entry}");
        }
    }

    #[test]
    fn what_holds_entries_says_where_and_whose() {
        let browser = json!({"endpoint": "https://push.example.net/x", "keys": {"auth": "A"}});
        let one = |name: &str| vec![name.to_owned()];
        assert_eq!(holder(json!({"total": 1, "subscriptions": [browser]})), (one("subscriptions"), None));
        assert_eq!(holder(json!({"phone": {"subscription": browser}})), (one("phone"), None));
        assert_eq!(holder(json!({"phone": browser})), (one("phone"), None));
        assert_eq!(holder(json!({"phone": browser, "pc": browser})).0, ["pc", "phone"]);
        let keyed = json!({"https://push.example.net/x": {"keys": {"auth": "A"}}});
        assert_eq!(holder(keyed), (one("https://push.example.net/x"), None));
        let of_user =
            json!({"username": "alice", "devices": [{"subscription": browser}], "roles": [{"a": 1}]});
        assert_eq!(holder(of_user), (one("devices"), Some(json!("alice"))));
        let text = json!({"uid": 7, "list": json!([browser]).to_string()});
        assert_eq!(holder(text), (one("list"), Some(json!(7))));
        assert_eq!(holder(json!({"type": "table", "data": [browser]})).0, ["data"]);
    }

    #[test]
    fn headings_and_foreign_objects_are_no_entries() {
        for heading in [
            json!({"type": "header", "version": "5.2.1"}),
            json!({"type": "table", "name": "users", "data": [{"id": 1}]}),
            json!({"model": "auth.user", "pk": 1, "fields": {"password": "x"}}),
        ] {
            assert_eq!(of(heading), Shape::Heading);
        }
        assert_eq!(of(json!({"a": 1, "b": [{"c": "d"}]})), Shape::Foreign);
        assert_eq!(of(json!({"registration_id": "no address"})), Shape::Foreign);
    }

    #[test]
    fn an_entry_inherits_what_it_does_not_say() {
        let mut entry = json!({"keys": {}}).as_object().unwrap().clone();
        inherit(&mut entry, Some(&json!("alice")), Some("https://push.example.net/x"));
        assert_eq!(
            Value::Object(entry),
            json!({"keys": {}, "user_id": "alice",
            "endpoint": "https://push.example.net/x"})
        );
        let mut entry = json!({"endpoint": "E", "userId": "bob"}).as_object().unwrap().clone();
        inherit(&mut entry, Some(&json!("alice")), Some("phone"));
        assert_eq!(Value::Object(entry), json!({"endpoint": "E", "userId": "bob", "label.name": "phone"}));
        let mut entry = json!({"endpoint": "E"}).as_object().unwrap().clone();
        inherit(&mut entry, None, Some("subscriptions"));
        assert_eq!(Value::Object(entry), json!({"endpoint": "E"}));
    }
}

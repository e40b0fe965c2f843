//! The members of an object, by names that are compared without case, `_`, `-` and spaces, so that `userId`, `user_id` and
//! `User ID` are one; and their values, out of the wrappers that databases put around them.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Longest name that is told, in characters.
const NAME_CHARS_MAX: usize = 40;
/// From this length on, a name with [`KEY_DIGITS_MIN`] digits may be a key or a token.
const KEY_CHARS_MIN: usize = 16;
/// See [`KEY_CHARS_MIN`].
const KEY_DIGITS_MIN: usize = 2;

/// A member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// As it is written.
    pub(super) name: String,
    pub(super) value: Value,
    /// Another member of the same plain name says something else.
    pub(super) disputed: bool,
}

/// Members by their plain name; those that are null or empty are none.
#[derive(Debug, Default)]
pub(super) struct Members(pub(super) HashMap<String, Member>);

impl Members {
    pub(super) fn of(object: Map<String, Value>) -> Self {
        let mut members: HashMap<String, Member> = HashMap::new();
        for (name, value) in object {
            let value = unwrapped(value);
            if value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty()) {
                continue;
            }
            let plain = plain(&name);
            match members.get_mut(&plain) {
                Some(other) => other.disputed |= other.value != value,
                None => {
                    members.insert(plain, Member { name, value, disputed: false });
                }
            }
        }
        Self(members)
    }

    /// The first of these that is there.
    pub(super) fn take(&mut self, names: &[&str]) -> Option<Member> {
        names.iter().find_map(|name| self.0.remove(*name))
    }

    /// Adds those that are not there.
    pub(super) fn merge(&mut self, others: Self) {
        for (name, member) in others.0 {
            self.0.entry(name).or_insert(member);
        }
    }
}

/// A name as it is compared. What follows `label.` is the caller's own. Of a path to the browser's members, what it is in does
/// not matter: `subscription.keys.auth` is `keys.auth`.
pub(super) fn plain(name: &str) -> String {
    if let Some(label) = label_of(name) {
        return format!("label.{label}");
    }
    let plain: String =
        name.trim().chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect();
    for path in ["keys.p256dh", "keys.auth", "endpoint", "p256dh", "auth", "expirationtime"] {
        if plain.strip_suffix(path).is_some_and(|before| before.ends_with('.')) {
            return path.to_owned();
        }
    }
    plain
}

/// The label that a column `label.KEY` is of.
fn label_of(name: &str) -> Option<&str> {
    let name = name.trim();
    name.strip_prefix("label.").or_else(|| name.strip_prefix("labels."))
}

/// A name, if it is one that may be shown: others may be endpoints or keys.
pub(super) fn shown(name: &str) -> Option<&str> {
    let of_a_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '-' | ' ');
    let digits = name.chars().filter(char::is_ascii_digit).count();
    let like_a_key = name.len() >= KEY_CHARS_MIN && digits >= KEY_DIGITS_MIN;
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '$'))
        && name.chars().all(of_a_name)
        && name.chars().count() <= NAME_CHARS_MAX;
    (is_name && !like_a_key).then_some(name)
}

/// Whether a text is JSON of an object or a list, by its beginning.
pub(super) fn is_text_of_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// An object, or the text of one; also a text of such a text.
pub(super) fn as_object(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object.clone()),
        Value::String(text) if is_text_of_json(text) => serde_json::from_str(text).ok(),
        Value::String(text) if text.trim_start().starts_with('"') => {
            let inner: String = serde_json::from_str(text).ok()?;
            serde_json::from_str(&inner).ok()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

/// A value out of the wrappers of MongoDB's extended JSON.
pub(super) fn unwrapped(value: Value) -> Value {
    let Value::Object(object) = &value else { return value };
    let Some((name, inner)) = object.iter().find(|(name, _)| name.starts_with('$')) else { return value };
    match name.as_str() {
        "$oid" | "$uuid" | "$symbol" | "$date" | "$numberLong" | "$numberInt" | "$numberDouble"
        | "$numberDecimal" => unwrapped(inner.clone()),
        "$binary" => inner.get("base64").unwrap_or(inner).clone(),
        "$undefined" => Value::Null,
        _ => value,
    }
}

/// Text, or a number as it is written.
pub(super) fn scalar(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        // A natural key (Django).
        Value::Array(mut parts) if parts.len() == 1 => scalar(parts.pop()?),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_compared_by_what_they_say() {
        for (name, expected) in [
            ("User ID", "userid"),
            ("user_id", "userid"),
            ("label.Plan-A", "label.Plan-A"),
            ("subscription.keys.p256dh", "keys.p256dh"),
            ("data.endpoint", "endpoint"),
            ("my endpoint", "myendpoint"),
        ] {
            assert_eq!(plain(name), expected);
        }
    }

    #[test]
    fn names_that_may_be_secrets_are_not_shown() {
        for name in ["deviceName", "user agent", "$oid", "größe", "label.x", "subscriptionObjectOld"] {
            assert_eq!(shown(name), Some(name));
        }
        for name in [
            "https://push.example.net/secret",
            "X38VT2Hgoyhneygk03CNog",
            "fcm:send/abc",
            "",
            "1a",
            "abcdefabcdef0123456789",
            "BHvVyk36gCKRnRywL09DZR-7tjk1FN5WDgW0-2l2W-LKocgzUWsGqPSu9qYldkhLdO_kzDz5khjk_FHaAN2mqAE",
        ] {
            assert_eq!(shown(name), None);
        }
    }

    #[test]
    fn wrappers_of_databases_are_taken_off() {
        for (wrapped, inner) in [
            (json!({"$oid": "65a1"}), json!("65a1")),
            (json!({"$numberLong": "4711"}), json!("4711")),
            (json!({"$date": {"$numberLong": "1"}}), json!("1")),
            (json!({"$binary": {"base64": "AAAA", "subType": "00"}}), json!("AAAA")),
            (json!({"$binary": "AAAA", "$type": "00"}), json!("AAAA")),
            (json!({"$undefined": true}), json!(null)),
            (json!({"a": 1}), json!({"a": 1})),
        ] {
            assert_eq!(unwrapped(wrapped), inner);
        }
    }

    #[test]
    fn members_of_one_name_are_one_unless_they_differ() {
        let object = json!({"_id": "x", "id": "x", "userId": 7, "user_id": 8, "a": null, "b": " "});
        let members = Members::of(object.as_object().unwrap().clone());
        assert!(!members.0["id"].disputed && members.0["userid"].disputed);
        assert_eq!(members.0.len(), 2);
    }
}

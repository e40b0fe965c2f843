//! One entry: from the members of an object, or the columns of a row, to the request that stores it. Names are compared
//! without case, `_`, `-` and spaces, so that `userId`, `user_id` and `User ID` are one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};

use crate::proto::v1::{PushSubscription, PushSubscriptionKeys, SubscribeRequest};

/// Names that are told of those that nobody reads.
const UNREAD_NAMES_MAX: usize = 32;
/// Characters that are told of such a name.
const UNREAD_NAME_CHARS_MAX: usize = 64;
/// What dumps have beside a subscription, and what `export` writes for people: passed over without a word.
const QUIET: [&str; 9] =
    ["id", "pk", "name", "createdat", "updatedat", "created", "updated", "disabledoutcome", "browser"];
/// The label that keeps whose model a user's identifier is of (laravel-notification-channels/webpush).
const TYPE_LABEL: &str = "subscribable_type";

/// What holds for every entry that says nothing else.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    pub(super) application: String,
    pub(super) user_id: String,
    /// Added to those of an entry.
    pub(super) topics: Vec<String>,
    /// Added to those of an entry, which go before.
    pub(super) labels: Vec<(String, String)>,
    pub(super) locale: String,
    pub(super) time_zone: String,
    pub(super) application_server_key: String,
    /// A user's identifier is preceded by its type.
    pub(super) qualify_users: bool,
    pub(super) validate_only: bool,
}

/// Reads entries.
#[derive(Debug)]
pub(super) struct Reader {
    terms: Terms,
    /// The first entry's type of users.
    user_type: Option<String>,
    /// Names of members that nobody reads.
    unread: BTreeSet<String>,
}

/// Why an entry is not sent: never with its content.
pub(super) type Refusal = String;

impl Reader {
    pub(super) fn new(terms: Terms) -> Self {
        Self { terms, user_type: None, unread: BTreeSet::new() }
    }

    /// The names of members that were passed over.
    pub(super) fn into_unread(self) -> BTreeSet<String> {
        self.unread
    }

    /// Reads the text of one JSON object.
    pub(super) fn json(&mut self, text: &[u8]) -> Result<SubscribeRequest, Refusal> {
        match serde_json::from_slice(text) {
            Ok(Value::Object(object)) => self.object(object),
            Ok(_) => Err("is no JSON object".to_owned()),
            // The parser's own words could repeat what it read.
            Err(error) => Err(format!("is no JSON: column {}", error.column())),
        }
    }

    /// Reads an object.
    pub(super) fn object(&mut self, object: Map<String, Value>) -> Result<SubscribeRequest, Refusal> {
        let mut members = Members::of(object)?;
        // The browser's part may be an object of its own, also as text.
        if let Some(inner) = members.take(&["pushsubscription", "subscription"]) {
            let inner = as_object(inner).ok_or("its subscription is no JSON object")?;
            for (name, value) in Members::of(inner)?.0 {
                members.0.entry(name).or_insert(value);
            }
        }
        let keys = match members.take(&["keys"]) {
            Some(keys) => Members::of(as_object(keys).ok_or("its keys are no JSON object")?)?.0,
            None => HashMap::new(),
        };
        let mut keys = Members(keys);
        let mut key = |names: &[&str], flat: &[&str]| match keys.take(names) {
            Some(value) => text("its keys", Some(value)),
            None => text("its keys", members.take(flat)),
        };
        let p256dh = key(&["p256dh"], &["p256dh", "keys.p256dh", "keysp256dh", "publickey", "p256dhkey"])?;
        let auth = key(&["auth"], &["auth", "keys.auth", "keysauth", "authtoken", "authkey", "authsecret"])?;
        let browser = PushSubscription {
            endpoint: text("its endpoint", members.take(&["endpoint"]))?,
            keys: Some(PushSubscriptionKeys { p256dh, auth }),
            expiration_time_ms: number(members.take(&["expirationtime", "expirationtimems"]))?,
            supported_content_encodings: list(
                "its content encodings",
                members.take(&["supportedcontentencodings", "contentencoding", "contentencodings"]),
            )?,
            application_server_key: or_default(
                text("its application server key", members.take(&["applicationserverkey"]))?,
                &self.terms.application_server_key,
            ),
        };
        let user = text("its user", members.take(&["userid", "user", "subscribableid"]))?;
        let user_type = text("its subscribable_type", members.take(&["subscribabletype"]))?;
        let mut labels: BTreeMap<String, String> = self.terms.labels.iter().cloned().collect();
        labels.extend(self::labels(&mut members)?);
        let user_id = self.user_id(user, user_type, &mut labels)?;
        let mut topics = list("its topics", members.take(&["topics", "topic"]))?;
        topics.extend(
            self.terms.topics.iter().filter(|topic| !topics.contains(topic)).cloned().collect::<Vec<_>>(),
        );
        let request = SubscribeRequest {
            application: self.terms.application.clone(),
            push_subscription: Some(browser),
            user_id,
            topics,
            labels,
            locale: or_default(text("its locale", members.take(&["locale", "lang"]))?, &self.terms.locale),
            time_zone: or_default(text("its time zone", members.take(&["timezone"]))?, &self.terms.time_zone),
            replaces: String::new(),
            validate_only: self.terms.validate_only,
        };
        for name in members.0.keys().chain(keys.0.keys()) {
            if !QUIET.contains(&name.as_str()) && self.unread.len() < UNREAD_NAMES_MAX {
                self.unread.insert(name.chars().take(UNREAD_NAME_CHARS_MAX).collect());
            }
        }
        Ok(request)
    }

    /// Whose it is. Identifiers of two types would be taken for those of the same people.
    fn user_id(
        &mut self,
        user: String,
        user_type: String,
        labels: &mut BTreeMap<String, String>,
    ) -> Result<String, Refusal> {
        if user.is_empty() {
            return Ok(self.terms.user_id.clone());
        }
        if user_type.is_empty() {
            return Ok(user);
        }
        let user_id = if self.terms.qualify_users {
            format!("{user_type}:{user}")
        } else if *self.user_type.get_or_insert_with(|| user_type.clone()) == user_type {
            user
        } else {
            let why = "its subscribable_type is not the first one's, whose users may have the same identifiers: \
                       import each type by itself, or give --qualify-users";
            return Err(why.to_owned());
        };
        labels.insert(TYPE_LABEL.to_owned(), user_type);
        Ok(user_id)
    }
}

/// Members by their name without case, `_`, `-` and spaces; those that are null or empty are none.
struct Members(HashMap<String, Value>);

impl Members {
    fn of(object: Map<String, Value>) -> Result<Self, Refusal> {
        let mut members = HashMap::new();
        for (name, value) in object {
            let empty = value.is_null() || value.as_str().is_some_and(str::is_empty);
            if !empty && members.insert(plain(&name), value).is_some() {
                return Err("has a member twice".to_owned());
            }
        }
        Ok(Self(members))
    }

    /// The first of these that is there.
    fn take(&mut self, names: &[&str]) -> Option<Value> {
        names.iter().find_map(|name| self.0.remove(*name))
    }
}

/// A name as it is compared. What follows `label.` is the caller's own.
pub(super) fn plain(name: &str) -> String {
    if let Some(label) = label_of(name) {
        return format!("label.{label}");
    }
    name.trim().chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// The label that a column `label.KEY` is of.
fn label_of(name: &str) -> Option<&str> {
    let name = name.trim();
    name.strip_prefix("label.").or_else(|| name.strip_prefix("labels."))
}

fn as_object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object),
        Value::String(text) => serde_json::from_str(&text).ok(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

/// Text, or a number as it is written; the empty text for none.
fn text(what: &str, value: Option<Value>) -> Result<String, Refusal> {
    match value {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text),
        Some(Value::Number(number)) => Ok(number.to_string()),
        // A natural key (Django).
        Some(Value::Array(mut parts)) if parts.len() == 1 => text(what, parts.pop()),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            Err(format!("{what} must be text"))
        }
    }
}

fn number(value: Option<Value>) -> Result<Option<f64>, Refusal> {
    let number = match &value {
        None => return Ok(None),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
    };
    number.map(Some).ok_or_else(|| "its expiration time must be milliseconds since 1970".to_owned())
}

/// A list of texts; one text is divided at spaces, commas and semicolons, or read as a JSON list.
fn list(what: &str, value: Option<Value>) -> Result<Vec<String>, Refusal> {
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(values)) => values.into_iter().map(|value| text(what, Some(value))).collect(),
        Some(Value::String(text)) if text.trim_start().starts_with('[') => {
            serde_json::from_str(&text).map_err(|_| format!("{what} must be a list of texts"))
        }
        Some(Value::String(text)) => {
            let divided = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
            Ok(divided.filter(|part| !part.is_empty()).map(str::to_owned).collect())
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
            Err(format!("{what} must be a list of texts"))
        }
    }
}

/// Of a member `labels`, and of columns `label.KEY`.
fn labels(members: &mut Members) -> Result<BTreeMap<String, String>, Refusal> {
    let mut labels = BTreeMap::new();
    if let Some(value) = members.take(&["labels"]) {
        for (key, value) in as_object(value).ok_or("its labels are no JSON object")? {
            labels.insert(key, text("a label", Some(value))?);
        }
    }
    let columns: Vec<_> = members.0.keys().filter(|name| name.starts_with("label.")).cloned().collect();
    for name in columns {
        let value = text("a label", members.0.remove(&name))?;
        labels.insert(name["label.".len()..].to_owned(), value);
    }
    Ok(labels)
}

fn or_default(value: String, default: &str) -> String {
    if value.is_empty() { default.to_owned() } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(terms: Terms, json: &str) -> Result<SubscribeRequest, Refusal> {
        Reader::new(terms).json(json.as_bytes())
    }

    fn browser(request: &SubscribeRequest) -> (&str, &str, &str) {
        let browser = request.push_subscription.as_ref().unwrap();
        let keys = browser.keys.as_ref().unwrap();
        (&browser.endpoint, &keys.p256dh, &keys.auth)
    }

    #[test]
    fn the_shapes_that_people_keep_are_read() {
        for json in [
            r#"{"endpoint":"E","expirationTime":null,"keys":{"p256dh":"P","auth":"A"},"user_id":"7"}"#,
            r#"{"subscription":{"endpoint":"E","keys":{"p256dh":"P","auth":"A"}},"userId":7}"#,
            r#"{"push_subscription":{"endpoint":"E","keys":{"auth":"A","p256dh":"P"}},"user":"7"}"#,
            r#"{"subscription":"{\"endpoint\":\"E\",\"keys\":{\"p256dh\":\"P\",\"auth\":\"A\"}}","user_id":"7"}"#,
            r#"{"endpoint":"E","p256dh":"P","auth":"A","User ID":["7"],"_id":"x"}"#,
            r#"{"endpoint":"E","publicKey":"P","authToken":"A","contentEncoding":"aesgcm","subscribable_id":7}"#,
            r#"{"id":1,"subscribable_type":"App\\Models\\User","subscribable_id":"7","endpoint":"E",
                "public_key":"P","auth_token":"A","content_encoding":"aesgcm","created_at":"2024-01-01"}"#,
        ] {
            let mut reader = Reader::new(Terms::default());
            let request = reader.json(json.as_bytes()).unwrap();
            assert_eq!(browser(&request), ("E", "P", "A"), "{json}");
            assert_eq!(request.user_id, "7", "{json}");
            assert!(reader.unread.is_empty(), "{:?}", reader.unread);
        }
    }

    #[test]
    fn defaults_fill_what_an_entry_lacks() {
        let terms = Terms {
            user_id: "nobody".to_owned(),
            topics: vec!["news".to_owned(), "all".to_owned()],
            labels: vec![("plan".to_owned(), "free".to_owned()), ("from".to_owned(), "old".to_owned())],
            locale: "de".to_owned(),
            application_server_key: "K".to_owned(),
            validate_only: true,
            ..Terms::default()
        };
        let request =
            read(terms.clone(), r#"{"endpoint":"E","topics":"news, sport","labels":{"plan":"pro"}}"#)
                .unwrap();
        assert_eq!(request.topics, ["news", "sport", "all"]);
        assert_eq!((request.user_id.as_str(), request.locale.as_str()), ("nobody", "de"));
        assert_eq!(request.labels["plan"], "pro");
        assert_eq!(request.labels["from"], "old");
        assert_eq!(request.push_subscription.unwrap().application_server_key, "K");
        assert!(request.validate_only);
        let own = r#"{"endpoint":"E","userId":"me","locale":"fr","applicationServerKey":"L","topics":["a"],"label.x":1}"#;
        let request = read(terms, own).unwrap();
        assert_eq!((request.user_id.as_str(), request.locale.as_str()), ("me", "fr"));
        assert_eq!(request.labels["x"], "1");
        assert_eq!(request.push_subscription.unwrap().application_server_key, "L");
    }

    #[test]
    fn what_does_not_read_is_refused_without_repeating_it() {
        for json in [
            "secret",
            "[\"secret\"]",
            r#"{"endpoint":{"secret":1}}"#,
            r#"{"endpoint":"E","keys":"secret"}"#,
            r#"{"endpoint":"secret","Endpoint":"secret"}"#,
            r#"{"endpoint":"E","topics":{"secret":1}}"#,
            r#"{"endpoint":"E","expirationTime":"secret"}"#,
            r#"{"endpoint":"E","user_id":true,"auth":"secret"}"#,
        ] {
            let refusal = read(Terms::default(), json).unwrap_err();
            assert!(!refusal.contains("secret"), "{refusal}");
        }
    }

    #[test]
    fn users_of_two_types_are_not_mixed() {
        let row =
            |kind: &str| format!(r#"{{"endpoint":"E","subscribable_type":"{kind}","subscribable_id":1}}"#);
        let mut reader = Reader::new(Terms::default());
        assert_eq!(reader.json(row("User").as_bytes()).unwrap().labels[TYPE_LABEL], "User");
        assert!(reader.json(row("Admin").as_bytes()).unwrap_err().contains("--qualify-users"));
        let mut reader = Reader::new(Terms { qualify_users: true, ..Terms::default() });
        for kind in ["User", "Admin"] {
            assert_eq!(reader.json(row(kind).as_bytes()).unwrap().user_id, format!("{kind}:1"));
        }
    }

    #[test]
    fn members_that_nobody_reads_are_told() {
        let mut reader = Reader::new(Terms::default());
        reader.json(br#"{"endpoint":"E","keys":{"x":1},"deviceName":"mine"}"#).unwrap();
        assert_eq!(reader.into_unread().into_iter().collect::<Vec<_>>(), ["devicename", "x"]);
    }
}

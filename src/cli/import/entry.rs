//! One entry: from the members of an object, or the columns of a row, to the request that stores it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::fields::{self, Warnings, settled, warn};
use super::members::{Members, as_object, scalar, shown};
use super::refusal::Refusal;
use super::required::{active, endpoint, key_of, user};
use super::shape::{BROWSER_NAMES, USER_NAMES, browsers};
use crate::domain::{ContentEncoding, Timestamp};
use crate::proto::v1::{PushSubscription, PushSubscriptionKeys, SubscribeRequest};
use crate::webpush::keys::AUTH_OCTETS;

/// Octets of a P-256 point.
const POINT_OCTETS: usize = 65;
/// Names that are told of those that nobody reads.
const UNREAD_NAMES_MAX: usize = 32;
/// What dumps have beside a subscription, and what `export` writes for people: passed over without a word.
const QUIET: [&str; 14] = [
    "id",
    "pk",
    "v",
    "name",
    "createdat",
    "updatedat",
    "created",
    "updated",
    "disabledoutcome",
    "browser",
    "active",
    "isactive",
    "enabled",
    "invalididentifier",
];
/// The label that keeps whose model a user's identifier is of (laravel-notification-channels/webpush).
const TYPE_LABEL: &str = "subscribable_type";
const P256DH_NAMES: [&str; 9] = [
    "p256dh",
    "keys.p256dh",
    "keysp256dh",
    "keyp256dh",
    "p256dhkey",
    "publickey",
    "webp256",
    "userpublickey",
    "pushkey",
];
const AUTH_NAMES: [&str; 9] =
    ["auth", "keys.auth", "keysauth", "keyauth", "authtoken", "authkey", "authsecret", "webauth", "userauth"];

/// What holds for every entry that says nothing else.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Terms {
    pub(in crate::cli) application: String,
    pub(in crate::cli) user_id: String,
    /// Added to those of an entry.
    pub(in crate::cli) topics: Vec<String>,
    /// Added to those of an entry, which go before.
    pub(in crate::cli) labels: Vec<(String, String)>,
    pub(in crate::cli) locale: String,
    pub(in crate::cli) time_zone: String,
    pub(in crate::cli) application_server_key: String,
    /// A user's identifier is preceded by its type.
    pub(in crate::cli) qualify_users: bool,
    pub(in crate::cli) validate_only: bool,
}

/// Reads entries.
#[derive(Debug)]
pub(super) struct Reader {
    terms: Terms,
    now: Timestamp,
    /// The first entry's type of users.
    user_type: Option<String>,
    unread: Unread,
}

/// Members that nobody reads.
#[derive(Debug, Default)]
pub(super) struct Unread {
    pub(super) names: BTreeSet<String>,
    /// There are others, whose names may be endpoints or keys.
    pub(super) hidden: bool,
}

/// What an entry asks for, and what had to be left out of it.
pub(super) type Reading = Result<(SubscribeRequest, Warnings), Refusal>;

impl Reader {
    /// `now`: what has ended before is not imported.
    pub(super) fn new(terms: Terms, now: Timestamp) -> Self {
        Self { terms, now, user_type: None, unread: Unread::default() }
    }

    /// The members that were passed over.
    pub(super) fn into_unread(self) -> Unread {
        self.unread
    }

    /// Reads an object.
    pub(super) fn object(&mut self, mut object: Map<String, Value>) -> Reading {
        // The browser's part may be an object of its own, also as text.
        let inner = browser_part(&mut object)?;
        let mut members = Members::of(object);
        members.merge(inner);
        let mut keys =
            match members.take(&["keys"]) {
                Some(keys) => Members::of(as_object(&keys.value).ok_or_else(|| {
                    Refusal::of("keys", "are no JSON object: p256dh and auth are its members")
                })?),
                None => Members::default(),
            };
        active(&mut members)?;
        let mut warnings = Warnings::new();
        let browser = self.browser(&mut warnings, &mut members, &mut keys)?;
        let mut labels: BTreeMap<String, String> = self.terms.labels.iter().cloned().collect();
        labels.extend(fields::labels(&mut warnings, &mut members));
        let user_id = self.user_id(&mut warnings, &mut members, &mut labels)?;
        let topics = self.topics(&mut warnings, &mut members);
        let locale = members.take(&["locale", "lang", "language", "languages"]);
        let locale = settled(&mut warnings, "locale", locale);
        let time_zone = members.take(&["timezone", "tz", "timezoneid", "timezonename"]);
        let time_zone = settled(&mut warnings, "time_zone", time_zone);
        let request = SubscribeRequest {
            application: self.terms.application.clone(),
            push_subscription: Some(browser),
            user_id,
            topics,
            labels,
            locale: or_default(fields::locale(&mut warnings, locale), &self.terms.locale),
            time_zone: or_default(fields::time_zone(&mut warnings, time_zone), &self.terms.time_zone),
            replaces: String::new(),
            validate_only: self.terms.validate_only,
        };
        self.note_unread(&members, &keys);
        Ok((request, warnings))
    }

    fn browser(
        &self,
        warnings: &mut Warnings,
        members: &mut Members,
        keys: &mut Members,
    ) -> Result<PushSubscription, Refusal> {
        let endpoint = endpoint(members)?;
        let expiry = members.take(&["expirationtime", "expirationtimems", "expiration"]);
        let expiry = settled(warnings, "expiration_time", expiry);
        let expiration_time_ms = fields::expiry(warnings, expiry, self.now)?;
        let mut of = |names: &[&str]| keys.take(names).or_else(|| members.take(names));
        let p256dh = key_of("keys.p256dh", of(&P256DH_NAMES), POINT_OCTETS)?;
        let auth = key_of("keys.auth", of(&AUTH_NAMES), AUTH_OCTETS)?;
        let encodings = members.take(&["supportedcontentencodings", "contentencoding", "contentencodings"]);
        let encodings = settled(warnings, "content_encoding", encodings);
        let mut encodings = fields::texts(warnings, "content_encoding", encodings);
        if !encodings.is_empty() && !encodings.iter().any(|name| ContentEncoding::parse(name).is_some()) {
            warn(warnings, "content_encoding", "left out: it is neither aes128gcm nor aesgcm");
            encodings.clear();
        }
        let server_key = match members.take(&["applicationserverkey", "vapidpublickey"]) {
            Some(member) => key_of("application_server_key", Some(member), POINT_OCTETS)?,
            None => self.terms.application_server_key.clone(),
        };
        Ok(PushSubscription {
            endpoint,
            keys: Some(PushSubscriptionKeys { p256dh, auth }),
            expiration_time_ms,
            supported_content_encodings: encodings,
            application_server_key: server_key,
        })
    }

    /// Those of the entry, and those of all.
    fn topics(&self, warnings: &mut Warnings, members: &mut Members) -> Vec<String> {
        let several = settled(warnings, "topics", members.take(&["topics"]));
        let mut topics = fields::topics(warnings, several, true);
        let one = settled(warnings, "topics", members.take(&["topic"]));
        for topic in fields::topics(warnings, one, false).into_iter().chain(self.terms.topics.iter().cloned())
        {
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        topics
    }

    fn note_unread(&mut self, members: &Members, keys: &Members) {
        for (plain, member) in members.0.iter().chain(&keys.0) {
            if QUIET.contains(&plain.as_str()) {
                continue;
            }
            match shown(&member.name) {
                Some(name) if self.unread.names.len() < UNREAD_NAMES_MAX => {
                    self.unread.names.insert(name.to_owned());
                }
                Some(_) => {}
                None => self.unread.hidden = true,
            }
        }
    }

    /// Whose it is. Identifiers of two types would be taken for those of the same people.
    fn user_id(
        &mut self,
        warnings: &mut Warnings,
        members: &mut Members,
        labels: &mut BTreeMap<String, String>,
    ) -> Result<String, Refusal> {
        let user = match members.take(&USER_NAMES) {
            Some(member) => user(member)?,
            None => String::new(),
        };
        let user_type = settled(warnings, TYPE_LABEL, members.take(&["subscribabletype"]));
        let user_type = user_type.and_then(scalar).unwrap_or_default();
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
            return Err(Refusal::of(
                TYPE_LABEL,
                "is not the first one's, whose users may have the same identifiers: import each type by itself, or \
                 give --qualify-users",
            ));
        };
        labels.insert(TYPE_LABEL.to_owned(), user_type);
        Ok(user_id)
    }
}

/// Takes the browser's part out of an entry.
fn browser_part(object: &mut Map<String, Value>) -> Result<Members, Refusal> {
    let found = browsers(object);
    let plain = |name: &&String| super::members::plain(name);
    let best = BROWSER_NAMES.iter().find_map(|best| found.iter().find(|name| plain(name) == *best));
    if let Some(name) = best.or(found.first()).cloned() {
        let part = object.remove(&name).and_then(|value| as_object(&value));
        return Ok(part.map_or_else(Members::default, Members::of));
    }
    // By its name, whatever it lacks.
    let named =
        object.keys().find(|name| matches!(plain(name).as_str(), "pushsubscription" | "subscription"));
    let Some(value) = named.cloned().and_then(|name| object.remove(&name)) else {
        return Ok(Members::default());
    };
    match as_object(&value) {
        Some(part) => Ok(Members::of(part)),
        None if value.as_str().is_some_and(|text| text.trim_start().starts_with('{')) => Err(Refusal::of(
            "subscription",
            "is a text that does not read as JSON: a part of it may be missing",
        )),
        None => Ok(Members::default()),
    }
}

fn or_default(value: String, default: &str) -> String {
    if value.is_empty() { default.to_owned() } else { value }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn read(terms: Terms, object: Value) -> Reading {
        let Value::Object(object) = object else { panic!("no object") };
        Reader::new(terms, NOW).object(object)
    }

    fn browser(request: &SubscribeRequest) -> (&str, &str, &str) {
        let browser = request.push_subscription.as_ref().unwrap();
        let keys = browser.keys.as_ref().unwrap();
        (&browser.endpoint, &keys.p256dh, &keys.auth)
    }

    #[test]
    fn the_shapes_that_people_keep_are_read() {
        let inner =
            json!({"endpoint": "E", "expirationTime": null, "keys": {"p256dh": "PPPP", "auth": "AAAA"}});
        let mut with_user = inner.clone();
        with_user["user_id"] = json!("7");
        for object in [
            with_user,
            json!({"subscription": inner, "userId": 7}),
            json!({"push_subscription": inner, "user": "7"}),
            json!({"subscription": inner.to_string(), "user_id": "7"}),
            json!({"subscription": json!(inner.to_string()).to_string(), "user_id": "7"}),
            json!({"_id": "x", "whatever": inner, "username": "7"}),
            json!({"endpoint": " \"E\"\n", "p256dh": "PPPP", "auth": "AAAA", "User ID": ["7"], "_id": "x", "id": "y"}),
            json!({"endpoint": "E", "publicKey": "PPPP", "authToken": "AAAA", "contentEncoding": "aesgcm",
                "subscribable_id": 7}),
            json!({"id": 1, "subscribable_type": "App\\Models\\User", "subscribable_id": "7", "endpoint": "E",
                "public_key": "PPPP", "auth_token": "AAAA", "content_encoding": "aesgcm", "created_at": "2024-01-01"}),
            json!({"subscription.endpoint": "E", "subscription.keys.p256dh": "PPPP", "subscription.keys.auth": "AAAA",
                "user": {"_id": {"$oid": "7"}}}),
            json!({"id": "wps_1", "endpoint": "E", "key_auth": "AAAA", "key_p256dh": "PPPP", "user_id": "7"}),
            json!({"pushkey": "PPPP", "user_id": 7, "data": {"endpoint": "E", "auth": "AAAA"}}),
        ] {
            let mut reader = Reader::new(Terms::default(), NOW);
            let (request, warnings) = reader.object(object.as_object().unwrap().clone()).unwrap();
            assert_eq!(browser(&request), ("E", "PPPP", "AAAA"), "{object}");
            assert_eq!(request.user_id, "7", "{object}");
            assert!(
                warnings.is_empty() && reader.unread.names.is_empty(),
                "{warnings:?} {:?}",
                reader.unread
            );
        }
        let address = "https://push.example.net/x";
        for object in [
            json!({"identifier": address, "web_auth": "AAAA", "web_p256": "PPPP", "invalid_identifier": "f"}),
            json!({"registration_id": address, "p256dh": "PPPP", "auth": "AAAA", "active": true}),
            json!({"endpoint": "https%3A%2F%2Fpush.example.net%2Fx", "p256dh": "PPPP", "auth": "AAAA"}),
        ] {
            let (request, _) = read(Terms::default(), object).unwrap();
            assert_eq!(browser(&request), (address, "PPPP", "AAAA"));
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
        let entry = json!({"endpoint": "E", "p256dh": "PPPP", "auth": "AAAA", "topics": "news, sport",
            "labels": {"plan": "pro"}, "time_zone": "-18000"});
        let (request, warnings) = read(terms.clone(), entry).unwrap();
        assert_eq!(request.topics, ["news", "sport", "all"]);
        assert_eq!((request.user_id.as_str(), request.locale.as_str()), ("nobody", "de"));
        assert_eq!(request.labels["plan"], "pro");
        assert_eq!(request.labels["from"], "old");
        assert_eq!(request.push_subscription.unwrap().application_server_key, "K");
        assert!(request.validate_only && request.time_zone.is_empty());
        assert_eq!(warnings.len(), 1);
        let own = json!({"endpoint": "E", "p256dh": "PPPP", "auth": "AAAA", "userId": "me", "locale": "fr",
            "applicationServerKey": "LLLL", "topics": ["a"], "label.x": 1});
        let (request, _) = read(terms, own).unwrap();
        assert_eq!((request.user_id.as_str(), request.locale.as_str()), ("me", "fr"));
        assert_eq!(request.labels["x"], "1");
        assert_eq!(request.push_subscription.unwrap().application_server_key, "LLLL");
    }

    #[test]
    fn what_does_not_read_is_refused_without_repeating_it() {
        let with = |name: &str, value: Value| {
            let mut entry = json!({"endpoint": "E", "p256dh": "PPPP", "auth": "AAAA"});
            entry[name] = value;
            entry
        };
        for (entry, field) in [
            (with("endpoint", json!({"secret": 1})), "endpoint"),
            (with("endpoint", json!(null)), "endpoint"),
            (with("keys", json!("secret")), "keys"),
            (with("Endpoint", json!("secret")), "endpoint"),
            (with("user_id", json!(true)), "user_id"),
            (with("userId", json!({"secret": 1})), "user_id"),
            (with("auth", json!(null)), "keys.auth"),
            (with("p256dh", json!("NULL")), "keys.p256dh"),
            (with("p256dh", json!({"secret": 1})), "keys.p256dh"),
            (with("expirationTime", json!(1_600_000_000_000_u64)), "expiration_time"),
            (with("active", json!("f")), "active"),
            (with("invalid_identifier", json!("t")), "invalid_identifier"),
            (json!({"subscription": "{secret"}), "subscription"),
        ] {
            let refusal = read(Terms::default(), entry.clone()).unwrap_err();
            assert_eq!(refusal.field, field, "{entry}");
            assert!(!refusal.message().contains("secret"), "{refusal:?}");
        }
        // A blemish of what may be left out does no more.
        for (name, value) in [
            ("topics", json!({"secret": 1})),
            ("expirationTime", json!("secret")),
            ("labels", json!(["secret"])),
            ("contentEncoding", json!("secret")),
            ("locale", json!("secret secret secret")),
        ] {
            let (_, warnings) = read(Terms::default(), with(name, value)).unwrap();
            assert_eq!(warnings.len(), 1, "{name}");
            assert!(!format!("{warnings:?}").contains("secret"), "{warnings:?}");
        }
    }

    #[test]
    fn users_of_two_types_are_not_mixed() {
        let row = |kind: &str| {
            let row = json!({"endpoint": "E", "p256dh": "PPPP", "auth": "AAAA", "subscribable_type": kind,
                "subscribable_id": 1});
            row.as_object().unwrap().clone()
        };
        let mut reader = Reader::new(Terms::default(), NOW);
        assert_eq!(reader.object(row("User")).unwrap().0.labels[TYPE_LABEL], "User");
        assert!(reader.object(row("Admin")).unwrap_err().message().contains("--qualify-users"));
        let mut reader = Reader::new(Terms { qualify_users: true, ..Terms::default() }, NOW);
        for kind in ["User", "Admin"] {
            assert_eq!(reader.object(row(kind)).unwrap().0.user_id, format!("{kind}:1"));
        }
    }

    #[test]
    fn members_that_nobody_reads_are_told_unless_they_may_be_secrets() {
        let entry = json!({"endpoint": "E", "keys": {"x": 1, "p256dh": "PPPP", "auth": "AAAA"}, "deviceName": "mine",
            "https://push.example.net/secret": 1});
        let mut reader = Reader::new(Terms::default(), NOW);
        reader.object(entry.as_object().unwrap().clone()).unwrap();
        let unread = reader.into_unread();
        assert_eq!(unread.names.into_iter().collect::<Vec<_>>(), ["deviceName", "x"]);
        assert!(unread.hidden);
    }
}

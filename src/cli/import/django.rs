//! django-webpush: what `manage.py dumpdata webpush` writes. Whose a subscription is, and its groups, stand in rows of their
//! own (`webpush.pushinformation`, `webpush.group`), anywhere in the dump. So it is read to its end first: these rows are
//! held in memory (about 100 octets each), and the subscriptions go into a temporary file without a name, out of which they
//! are read one by one.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Seek as _, Write as _};

use anyhow::{Context as _, anyhow, bail, ensure};
use serde_json::{Map, Value};

use super::lines::{Line, next_line};
use super::objects::{Objects, Piece};
use super::octets::Octets;

/// Rows of `webpush.pushinformation` and `webpush.group`: about 500 MB of memory.
const ROWS_MAX: usize = 5_000_000;

/// Who has a subscription.
#[derive(Debug, Default)]
struct Holder {
    user: String,
    /// Primary keys.
    groups: Vec<String>,
}

/// The subscriptions of a dump.
pub(super) struct Django {
    subscriptions: BufReader<File>,
    octets: u64,
    position: u64,
    /// By the primary key of the subscription.
    holders: HashMap<String, Holder>,
    /// Their names, by primary key.
    groups: HashMap<String, String>,
}

impl Django {
    /// Reads the dump.
    pub(super) fn open(octets: Octets) -> anyhow::Result<Self> {
        let file = tempfile::tempfile().context("cannot make a temporary file")?;
        let mut file = BufWriter::new(file);
        let (mut holders, mut groups) = (HashMap::new(), HashMap::new());
        let mut objects = Objects::rows(octets);
        while let Some(Piece { line, object, .. }) = objects.next()? {
            let row = object.ok().and_then(Row::of);
            let row =
                row.ok_or_else(|| anyhow!("line {line}: no row of a Django dump: model, pk and fields"))?;
            match row.model.as_str() {
                "webpush.subscriptioninformation" => {
                    let row = serde_json::to_vec(&(line, row.key, row.fields))?;
                    file.write_all(&row).and_then(|()| file.write_all(b"\n")).context("a temporary file")?;
                }
                "webpush.group" => {
                    groups.insert(row.key, scalar(row.fields.get("name")).unwrap_or_default());
                }
                "webpush.pushinformation" => {
                    let Some(subscription) = scalar(row.fields.get("subscription")) else {
                        bail!("line {line}: it names no subscription")
                    };
                    let holder: &mut Holder = holders.entry(subscription).or_default();
                    // Of several users who share a browser, the one who came last.
                    holder.user = scalar(row.fields.get("user")).unwrap_or(std::mem::take(&mut holder.user));
                    holder.groups.extend(scalar(row.fields.get("group")));
                }
                _ => {}
            }
            let rows = holders.len() + groups.len();
            ensure!(rows <= ROWS_MAX, "line {line}: more than {ROWS_MAX} rows about users and groups");
        }
        let mut file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        let octets = file.stream_position()?;
        file.rewind()?;
        Ok(Self { subscriptions: BufReader::new(file), octets, position: 0, holders, groups })
    }

    /// Octets of all subscriptions, and of those that were read.
    pub(super) fn octets(&self) -> (u64, u64) {
        (self.octets, self.position)
    }

    pub(super) fn next(&mut self) -> anyhow::Result<Option<Piece>> {
        let line = next_line(&mut self.subscriptions).context("a temporary file")?;
        let Some(Line::Text(mut text)) = line else { return Ok(None) };
        self.position += text.len() as u64 + 1;
        let (line, key, mut fields): (u64, String, Map<String, Value>) = serde_json::from_slice(&text)?;
        if let Some(holder) = self.holders.get(&key) {
            let name = |group: &String| self.groups.get(group).unwrap_or(group).clone();
            let topics: Vec<String> = holder.groups.iter().map(name).collect();
            text.extend_from_slice(serde_json::to_string(&(&holder.user, &topics))?.as_bytes());
            fields.insert("user_id".to_owned(), holder.user.clone().into());
            fields.insert("topics".to_owned(), topics.into());
        }
        Ok(Some(Piece { line, text, object: Ok(fields) }))
    }
}

/// A row of a dump.
struct Row {
    model: String,
    key: String,
    fields: Map<String, Value>,
}

impl Row {
    fn of(mut row: Map<String, Value>) -> Option<Self> {
        let Some(Value::Object(fields)) = row.remove("fields") else { return None };
        let model = row.get("model")?.as_str()?.to_owned();
        Some(Self { model, key: scalar(row.get("pk")).unwrap_or_default(), fields })
    }
}

/// Text, a number as it is written, or a natural key of one part.
fn scalar(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(parts) if parts.len() == 1 => scalar(parts.first()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn open(text: &str) -> anyhow::Result<Django> {
        Django::open(Box::new(BufReader::new(Cursor::new(text.as_bytes().to_vec()))))
    }

    #[test]
    fn users_and_groups_are_found_wherever_they_stand() {
        let dump = r#"[
            {"model": "webpush.pushinformation", "pk": 1, "fields": {"user": 7, "subscription": 1, "group": null}},
            {"model": "webpush.subscriptioninformation", "pk": 1,
             "fields": {"browser": "chrome", "endpoint": "E1", "auth": "A", "p256dh": "P"}},
            {"model": "webpush.subscriptioninformation", "pk": 2,
             "fields": {"browser": "firefox", "endpoint": "E2", "auth": "A", "p256dh": "P"}},
            {"model": "auth.user", "pk": 7, "fields": {"password": "x"}},
            {"model": "webpush.pushinformation", "pk": 2, "fields": {"user": null, "subscription": 1, "group": 5}},
            {"model": "webpush.pushinformation", "pk": 3, "fields": {"user": ["anna"], "subscription": 1, "group": 6}},
            {"model": "webpush.group", "pk": 5, "fields": {"name": "news"}},
            {"model": "webpush.group", "pk": 6, "fields": {"name": "sport"}}]"#;
        let mut django = open(dump).unwrap();
        let first = django.next().unwrap().unwrap();
        let entry = first.object.unwrap();
        assert_eq!((first.line, &entry["user_id"], &entry["endpoint"]), (3, &"anna".into(), &"E1".into()));
        assert_eq!(entry["topics"], serde_json::json!(["news", "sport"]));
        let second = django.next().unwrap().unwrap();
        let entry = second.object.unwrap();
        assert_eq!((second.line, &entry["endpoint"], entry.get("user_id")), (5, &"E2".into(), None));
        assert!(django.next().unwrap().is_none());
        assert_eq!(django.octets().0, django.octets().1);
    }

    #[test]
    fn what_is_no_dump_is_told_without_repeating_it() {
        for text in ["[{\"secret\":1}]", "[{\"model\":\"webpush.group\",\"fields\":\"secret\"}]", "[secret]"]
        {
            let error = format!("{:#}", open(text).err().unwrap());
            assert!(error.contains("line 1") && !error.contains("secret"), "{error}");
        }
    }
}

//! The values of fields as senders keep them: lists, labels, dates, locales. What is no value of its field is left out with a
//! warning; the subscription stays.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::Value;

use super::key_text::unquoted;
use super::members::{Member, Members, as_object, scalar, shown};
use super::refusal::Refusal;
use super::zones;
use crate::domain::Timestamp;
use crate::domain::limits::{
    LABEL_KEY_OCTETS_MAX, LABEL_VALUE_OCTETS_MAX, LABELS_MAX, LOCALE_OCTETS_MAX, TOPIC_CHARS_MAX,
};

/// Below this, a number that is an expiry is in seconds: as milliseconds it is in 1973.
const SECONDS_MAX: f64 = 1e11;
/// From this on it is no time that anyone means: the year 5138.
const MILLIS_MAX: f64 = 1e14;
/// Longest subtag of a locale (RFC 5646 section 2.1).
const SUBTAG_OCTETS_MAX: usize = 8;
/// What stands where there is nothing.
const NOTHING: [&str; 8] = ["null", "none", "nil", "undefined", "nan", "\\n", "never", "(null)"];

/// Something of an entry was left out or changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Warning {
    /// By the name that import gives it.
    pub(super) field: Cow<'static, str>,
    /// What was done, and why. Never with the content.
    pub(super) text: &'static str,
}

/// Warnings of one entry.
pub(super) type Warnings = Vec<Warning>;

/// Notes a warning.
pub(super) fn warn(warnings: &mut Warnings, field: impl Into<Cow<'static, str>>, text: &'static str) {
    warnings.push(Warning { field: field.into(), text });
}

/// The value of a field that may be left out: nothing where two members of the name differ.
pub(super) fn settled(warnings: &mut Warnings, field: &'static str, member: Option<Member>) -> Option<Value> {
    let member = member?;
    if member.disputed {
        warn(warnings, field, "left out: two members of this name differ");
        return None;
    }
    Some(member.value)
}

/// A character that no text has here: one for control, or the mark of what is not UTF-8.
pub(super) fn is_unfit(c: char) -> bool {
    c.is_control() || c == char::REPLACEMENT_CHARACTER
}

/// Text for "nothing".
pub(super) fn is_nothing(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || NOTHING.iter().any(|nothing| text.eq_ignore_ascii_case(nothing))
}

/// Topics. A name has no white space here: `-` takes its place. One text is divided at commas and semicolons; one of several topics
/// that has neither, at white space.
pub(super) fn topics(warnings: &mut Warnings, value: Option<Value>, several: bool) -> Vec<String> {
    let Some(value) = value else { return Vec::new() };
    let names: Vec<String> = match value {
        Value::Array(values) => {
            let count = values.len();
            let names: Vec<_> = values.into_iter().filter_map(name).collect();
            if names.len() < count {
                warn(warnings, "topics", "left out: a topic is no text");
            }
            names
        }
        Value::String(text) if text.trim_start().starts_with('[') => {
            if let Ok(value @ Value::Array(_)) = serde_json::from_str(&text) {
                return topics(warnings, Some(value), several);
            }
            warn(warnings, "topics", "left out: they are no list of texts");
            Vec::new()
        }
        Value::String(text) => {
            let divides = |c: char| matches!(c, ',' | ';');
            if several && !text.contains(divides) {
                text.split_whitespace().map(str::to_owned).collect()
            } else {
                text.split(divides).map(str::to_owned).collect()
            }
        }
        value @ Value::Number(_) => scalar(value).into_iter().collect(),
        Value::Null | Value::Bool(_) | Value::Object(_) => {
            warn(warnings, "topics", "left out: they are no list of texts");
            Vec::new()
        }
    };
    let mut topics = Vec::new();
    for name in names {
        let joined = name.split_whitespace().collect::<Vec<_>>().join("-");
        if joined.is_empty() || is_nothing(&joined) {
            continue;
        }
        if joined.chars().count() > TOPIC_CHARS_MAX || joined.chars().any(is_unfit) {
            warn(
                warnings,
                "topics",
                "left out: a topic has at most 64 characters of UTF-8, and no control characters",
            );
            continue;
        }
        if joined != name.trim() {
            warn(warnings, "topics", "changed: a topic has no white space, so - takes its place");
        }
        if !topics.contains(&joined) {
            topics.push(joined);
        }
    }
    topics
}

/// The name of a topic: a text, or an object that has one.
fn name(value: Value) -> Option<String> {
    scalar(value.get("name").cloned().unwrap_or(value))
}

/// A list of texts: a list, JSON of one, or texts that are divided by white space, commas or semicolons.
pub(super) fn texts(warnings: &mut Warnings, field: &'static str, value: Option<Value>) -> Vec<String> {
    let list = match value {
        None => return Vec::new(),
        Some(Value::String(text)) if text.trim_start().starts_with('[') => serde_json::from_str(&text).ok(),
        Some(Value::String(text)) => {
            let divided = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
            return divided.filter(|part| !is_nothing(part)).map(str::to_owned).collect();
        }
        Some(Value::Array(values)) => values.into_iter().map(scalar).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => None,
    };
    list.unwrap_or_else(|| {
        warn(warnings, field, "left out: it is no list of texts");
        Vec::new()
    })
}

/// Of a member `labels` or `tags`, and of columns `label.KEY`. Numbers and truth values become text.
pub(super) fn labels(warnings: &mut Warnings, members: &mut Members) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let given = members.take(&["labels"]).or_else(|| {
        // A list of tags is something else, which nobody reads.
        members.0.get("tags").and_then(|tags| as_object(&tags.value))?;
        members.take(&["tags"])
    });
    if let Some(value) = settled(warnings, "labels", given) {
        match as_object(&value) {
            Some(object) => {
                for (key, value) in object {
                    label(warnings, &mut labels, key, value);
                }
            }
            None => warn(warnings, "labels", "left out: they are no object of texts"),
        }
    }
    let columns: Vec<_> = members.0.keys().filter(|name| name.starts_with("label.")).cloned().collect();
    for name in columns {
        let value = settled(warnings, "labels", members.0.remove(&name));
        label(warnings, &mut labels, name["label.".len()..].to_owned(), value.unwrap_or_default());
    }
    labels
}

fn label(warnings: &mut Warnings, labels: &mut BTreeMap<String, String>, key: String, value: Value) {
    let value = match value {
        Value::Null => return,
        // Blanks may be meant.
        Value::String(text) => text,
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Array(_) | Value::Object(_) => {
            let field = shown(&key).map_or("labels".into(), |key| Cow::Owned(format!("labels.{key}")));
            return warn(warnings, field, "left out: a label is a text, a number or a truth value");
        }
    };
    let fits = |text: &str, most: usize| text.len() <= most && !text.chars().any(is_unfit);
    if key.is_empty() || !fits(&key, LABEL_KEY_OCTETS_MAX) || !fits(&value, LABEL_VALUE_OCTETS_MAX) {
        return warn(
            warnings,
            "labels",
            "left out: a label has 1 to 64 octets in its key, at most 256 in its value, and no control characters; it is UTF-8",
        );
    }
    if labels.len() >= LABELS_MAX {
        return warn(warnings, "labels", "left out: a subscription has at most 32 labels");
    }
    labels.insert(key, value);
}

/// A language tag (BCP 47): also as POSIX writes it (`pt_BR.UTF-8`), the best one of an `Accept-Language`, the first of a list.
pub(super) fn locale(warnings: &mut Warnings, value: Option<Value>) -> String {
    let text = match value {
        None => return String::new(),
        Some(Value::Array(values)) => values.into_iter().next().and_then(scalar),
        Some(value) => scalar(value),
    };
    let Some(text) = text else {
        warn(warnings, "locale", "left out: it is no text");
        return String::new();
    };
    let best = text.split([',', ';']).next().unwrap_or_default();
    let tag = best.split(['.', '@']).next().unwrap_or_default().trim().replace('_', "-");
    if is_nothing(&tag) || matches!(tag.as_str(), "C" | "POSIX" | "*") {
        return String::new();
    }
    let subtag = |subtag: &str| {
        (1..=SUBTAG_OCTETS_MAX).contains(&subtag.len()) && subtag.bytes().all(|c| c.is_ascii_alphanumeric())
    };
    if tag.len() > LOCALE_OCTETS_MAX || !tag.split('-').all(subtag) {
        warn(warnings, "locale", "left out: it is no language tag, for example pt-BR");
        return String::new();
    }
    tag
}

/// See [`zones::iana`].
pub(super) fn time_zone(warnings: &mut Warnings, value: Option<Value>) -> String {
    let Some(value) = value else { return String::new() };
    let Some(text) = scalar(value) else {
        warn(warnings, "time_zone", "left out: it is no text");
        return String::new();
    };
    if is_nothing(&text) {
        return String::new();
    }
    zones::iana(&text).unwrap_or_else(|| {
        let offset = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let is_offset = !offset.is_empty()
            && offset.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'+' | b'-' | b':' | b'.'));
        let why = if is_offset {
            "left out: an offset does not say when summer is; an IANA name, for example Asia/Shanghai, is right"
        } else {
            "left out: it is no IANA name, for example Asia/Shanghai, nor one of Ruby on Rails'"
        };
        warn(warnings, "time_zone", why);
        String::new()
    })
}

/// When the subscription ends, in milliseconds since 1970. Dates without an offset are taken as UTC.
pub(super) fn expiry(
    warnings: &mut Warnings,
    value: Option<Value>,
    now: Timestamp,
) -> Result<Option<f64>, Refusal> {
    let number = match value {
        None => return Ok(None),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => {
            let text = unquoted(&text);
            if is_nothing(text) {
                return Ok(None);
            }
            text.parse().ok().or_else(|| date(text))
        }
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
    };
    let Some(number) = number.filter(|number| number.is_finite() && (0.0..MILLIS_MAX).contains(number))
    else {
        warn(warnings, "expiration_time", "left out: it is neither milliseconds since 1970 nor a date");
        return Ok(None);
    };
    if number < 1.0 {
        warn(warnings, "expiration_time", "left out: 0 is no time at which a subscription ends");
        return Ok(None);
    }
    let millis = if number < SECONDS_MAX {
        warn(warnings, "expiration_time", "changed: it was in seconds, and is stored in milliseconds");
        number * 1_000.0
    } else {
        number
    };
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of our days")]
    let now = now.as_millis() as f64;
    if millis <= now {
        return Err(Refusal::over(
            "expiration_time",
            "has passed: the browser has ended this subscription, and makes another at its next visit; leave the \
             field out if it is wrong",
        ));
    }
    Ok(Some(millis))
}

/// RFC 3339, also with a blank for the T, without seconds' fraction or offset, or the day alone; or the date of HTTP.
fn date(text: &str) -> Option<f64> {
    let (text, offset) = offset_of(text);
    let (day, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, "00:00:00"));
    let time = if time.matches(':').count() == 1 { format!("{time}:00") } else { time.to_owned() };
    let parsed = humantime::parse_rfc3339_weak(&format!("{day} {}", time.trim()));
    let parsed = parsed.ok().or_else(|| httpdate::parse_http_date(text).ok())?;
    let since = parsed.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some((since.as_secs_f64() - offset * 60.0) * 1_000.0)
}

/// A date without its offset, and the offset in minutes.
fn offset_of(text: &str) -> (&str, f64) {
    let text = text.trim();
    for utc in ["Z", "z", " UTC", " GMT+0000"] {
        if let Some(rest) = text.strip_suffix(utc) {
            return (rest.trim_end(), 0.0);
        }
    }
    // Behind the time: the hyphens of the day come before the first colon.
    let Some(at) = text.rfind(['+', '-']).filter(|at| text[..*at].contains(':')) else { return (text, 0.0) };
    let digits: Vec<f64> =
        text[at + 1..].chars().filter(|c| *c != ':').filter_map(|c| c.to_digit(10)).map(f64::from).collect();
    let minutes = match digits[..] {
        [tens, hours] => (tens * 10.0 + hours) * 60.0,
        [tens, hours, minutes, more] => (tens * 10.0 + hours) * 60.0 + minutes * 10.0 + more,
        _ => return (text, 0.0),
    };
    let sign = if text[at..].starts_with('-') { -1.0 } else { 1.0 };
    (text[..at].trim_end(), sign * minutes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    #[test]
    fn expiries_are_read_as_numbers_texts_and_dates() {
        let year_2030 = 1_893_456_000_000.0;
        for value in [
            json!(1_893_456_000_000_u64),
            json!("1893456000000"),
            json!("2030-01-01T00:00:00.000Z"),
            json!("2030-01-01T00:00:00Z"),
            json!("2030-01-01 00:00:00"),
            json!("2030-01-01 00:00"),
            json!("2030-01-01"),
            json!("2030-01-01 00:00:00 UTC"),
            json!("2030-01-01T02:30:00+02:30"),
            json!("2029-12-31 19:00:00.000-0500"),
            json!("2029-12-31 19:00:00-05"),
            json!("Tue, 01 Jan 2030 00:00:00 GMT"),
            json!("\"2030-01-01T00:00:00.000Z\""),
        ] {
            let mut warnings = Vec::new();
            assert_eq!(expiry(&mut warnings, Some(value.clone()), NOW), Ok(Some(year_2030)), "{value}");
            assert!(warnings.is_empty(), "{value}: {warnings:?}");
        }
        for (value, says) in [
            (json!(1_893_456_000), Some(Some(year_2030))),
            (json!(0), Some(None)),
            (json!("0"), Some(None)),
            (json!("0000-00-00 00:00:00"), Some(None)),
            (json!("tomorrow"), Some(None)),
            (json!(true), Some(None)),
            (json!(-1), Some(None)),
            (json!(1e300), Some(None)),
            (json!(1_600_000_000_000_u64), None),
            (json!("2020-01-01"), None),
            (json!(1_600_000_000), None),
        ] {
            let mut warnings = Vec::new();
            let read = expiry(&mut warnings, Some(value.clone()), NOW);
            assert_eq!(read.clone().ok(), says, "{value}");
            assert!(read.is_err() || warnings.len() == 1, "{value}: {warnings:?}");
        }
        for nothing in ["null", "NULL", "None", "undefined", " "] {
            assert_eq!(expiry(&mut Vec::new(), Some(json!(nothing)), NOW), Ok(None));
        }
    }

    #[test]
    fn locales_are_read_as_others_write_them() {
        for (text, expected) in [
            ("pt_BR", "pt-BR"),
            ("zh_Hans_CN", "zh-Hans-CN"),
            ("en_US.UTF-8", "en-US"),
            ("de_DE@euro", "de-DE"),
            ("en-US,en;q=0.9", "en-US"),
            ("fr;q=1", "fr"),
            ("C", ""),
            ("null", ""),
        ] {
            let mut warnings = Vec::new();
            assert_eq!(locale(&mut warnings, Some(json!(text))), expected, "{text}");
            assert!(warnings.is_empty(), "{text}");
        }
        assert_eq!(locale(&mut Vec::new(), Some(json!(["de", "en"]))), "de");
        for value in [json!("Brazilian Portuguese"), json!("portuguese"), json!({"a": 1})] {
            let mut warnings = Vec::new();
            assert_eq!(locale(&mut warnings, Some(value.clone())), "", "{value}");
            assert_eq!(warnings.len(), 1, "{value}");
        }
    }

    #[test]
    fn topics_lose_their_blanks_and_nothing_else() {
        let read = |value: Value, several| {
            let mut warnings = Vec::new();
            let topics = topics(&mut warnings, Some(value), several);
            (topics, warnings.len())
        };
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (value, several, names, warnings) in [
            (json!("All users"), false, &["All-users"][..], 1),
            (json!("news sport"), true, &["news", "sport"], 0),
            (json!("Breaking News, sport"), true, &["Breaking-News", "sport"], 1),
            (json!(["Breaking News", "a"]), true, &["Breaking-News", "a"], 1),
            (json!("[\"a b\"]"), true, &["a-b"], 1),
            (json!([{"id": 1, "name": "news"}, 7]), true, &["news", "7"], 0),
            (json!(["x".repeat(65), "a", true]), true, &["a"], 2),
            (json!({"a": 1}), true, &[], 1),
            (json!("news;news; "), true, &["news"], 0),
        ] {
            assert_eq!(read(value.clone(), several), (list(names), warnings), "{value}");
        }
    }

    #[test]
    fn labels_that_are_no_text_are_left_out_one_by_one() {
        let object = json!({"labels": {"a": true, "b": 1, "c": null, "d": {"x": 1}, "e": " y ", "f": ["x"],
            "long": "x".repeat(257)}, "label.g": "h"});
        let mut members = Members::of(object.as_object().unwrap().clone());
        let mut warnings = Vec::new();
        let labels = labels(&mut warnings, &mut members);
        assert_eq!(json!(labels), json!({"a": "true", "b": "1", "e": " y ", "g": "h"}));
        let fields: Vec<_> = warnings.iter().map(|warning| &*warning.field).collect();
        assert_eq!(fields, ["labels.d", "labels.f", "labels"]);
        for (value, count) in [(json!({"labels": ["a"]}), 1), (json!({"tags": ["a"]}), 0)] {
            let mut warnings = Vec::new();
            let mut members = Members::of(value.as_object().unwrap().clone());
            assert!(super::labels(&mut warnings, &mut members).is_empty());
            assert_eq!(warnings.len(), count, "{value}");
        }
    }
}

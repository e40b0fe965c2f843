//! The rules for single texts and small collections of them.

use std::collections::BTreeMap;

use crate::domain::Violations;
use crate::domain::limits::{
    LABEL_KEY_OCTETS_MAX, LABEL_VALUE_OCTETS_MAX, LABELS_MAX, LOCALE_OCTETS_MAX, TIME_ZONE_OCTETS_MAX,
    TOPIC_CHARS_MAX, TOPICS_MAX, USER_ID_OCTETS_MAX,
};

/// Longest subtag of a locale (RFC 5646 section 2.1).
const SUBTAG_OCTETS_MAX: usize = 8;

/// Notes a text that is longer than `octets_max`.
pub(crate) fn at_most(violations: &mut Violations, field: &str, text: &str, octets_max: usize) {
    if text.len() > octets_max {
        violations.add(field, format!("must have at most {octets_max} octets"));
    }
}

/// A text without control characters, of at most `octets_max`.
pub(crate) fn plain(violations: &mut Violations, field: &str, text: &str, octets_max: usize) {
    at_most(violations, field, text, octets_max);
    if text.chars().any(char::is_control) {
        violations.add(field, "must not have control characters");
    }
}

/// The caller's own user; may be empty.
pub(crate) fn user_id(violations: &mut Violations, field: &str, user_id: &str) {
    plain(violations, field, user_id, USER_ID_OCTETS_MAX);
}

/// A user who is meant: not empty.
pub(crate) fn named_user(violations: &mut Violations, field: &str, user: &str) {
    if user.is_empty() {
        violations.add(field, "must not be empty");
    }
    user_id(violations, field, user);
}

/// The name of a topic.
pub(crate) fn topic(violations: &mut Violations, field: &str, topic: &str) {
    if topic.is_empty() {
        violations.add(field, "must not be empty");
    }
    if topic.chars().count() > TOPIC_CHARS_MAX {
        violations.add(field, format!("must have at most {TOPIC_CHARS_MAX} characters"));
    }
    if topic.chars().any(|c| c.is_control() || c.is_whitespace()) {
        violations.add(field, "must not have white space or control characters");
    }
}

/// Topics of one subscription.
pub(crate) fn topics(violations: &mut Violations, field: &str, topics: &[String]) {
    if topics.len() > TOPICS_MAX {
        violations.add(field, format!("must have at most {TOPICS_MAX} entries"));
    }
    for (index, name) in topics.iter().enumerate() {
        topic(violations, &format!("{field}[{index}]"), name);
    }
}

/// The caller's own labels. A value's path names its key where the key looks like a name: whatever else is there is not
/// repeated.
pub(crate) fn labels(violations: &mut Violations, field: &str, labels: &BTreeMap<String, String>) {
    if labels.len() > LABELS_MAX {
        violations.add(field, format!("must have at most {LABELS_MAX} entries"));
    }
    for (key, value) in labels {
        let before = violations.len();
        if key.is_empty() {
            violations.add(field, "must not have an empty key");
        }
        if key.len() > LABEL_KEY_OCTETS_MAX {
            violations.add(field, format!("must have keys of at most {LABEL_KEY_OCTETS_MAX} octets"));
        }
        if key.chars().any(char::is_control) {
            violations.add(field, "must not have control characters in a key");
        }
        if violations.len() == before {
            let is_name = key.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
            let path = if is_name { format!("{field}[{key}]") } else { field.to_owned() };
            plain(violations, &path, value, LABEL_VALUE_OCTETS_MAX);
        }
    }
}

/// A BCP 47 language tag by its form; may be empty.
pub(crate) fn locale(violations: &mut Violations, field: &str, locale: &str) {
    at_most(violations, field, locale, LOCALE_OCTETS_MAX);
    let subtag = |subtag: &str| {
        (1..=SUBTAG_OCTETS_MAX).contains(&subtag.len()) && subtag.bytes().all(|c| c.is_ascii_alphanumeric())
    };
    if !locale.is_empty() && !locale.split('-').all(subtag) {
        violations.add(field, "must be a BCP 47 language tag, for example pt-BR");
    }
}

/// An IANA time zone name by its form; may be empty.
pub(crate) fn time_zone(violations: &mut Violations, field: &str, time_zone: &str) {
    at_most(violations, field, time_zone, TIME_ZONE_OCTETS_MAX);
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'+'))
    };
    if !time_zone.is_empty() && !time_zone.split('/').all(part) {
        violations.add(field, "must be an IANA time zone name, for example Asia/Shanghai");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(check: impl FnOnce(&mut Violations)) -> Vec<String> {
        let mut violations = Violations::new();
        check(&mut violations);
        violations.as_slice().iter().map(|v| format!("{}: {}", v.field, v.description)).collect()
    }

    #[test]
    fn topics_are_counted_in_characters_and_have_no_white_space() {
        assert!(found(|v| topic(v, "topic", &"新".repeat(64))).is_empty());
        assert_eq!(
            found(|v| topic(v, "topic", &"新".repeat(65))),
            ["topic: must have at most 64 characters"]
        );
        for bad in ["", "a b", "a\u{a0}b", "a\tb", "a\u{7f}"] {
            assert_eq!(found(|v| topic(v, "topic", bad)).len(), 1, "{bad:?}");
        }
    }

    #[test]
    fn labels_name_the_key_whose_value_is_wrong() {
        let map = BTreeMap::from([
            ("good".to_owned(), "x".repeat(256)),
            ("long".to_owned(), "x".repeat(257)),
            ("k".repeat(65), "x".repeat(257)),
            (String::new(), String::new()),
        ]);
        assert_eq!(
            found(|v| labels(v, "labels", &map)),
            [
                "labels: must not have an empty key",
                "labels: must have keys of at most 64 octets",
                "labels[long]: must have at most 256 octets",
            ]
        );
        let many = (0..33).map(|n| (n.to_string(), String::new())).collect();
        assert_eq!(found(|v| labels(v, "labels", &many)), ["labels: must have at most 32 entries"]);
    }

    #[test]
    fn locales_and_time_zones_are_judged_by_their_form() {
        for good in ["", "en", "pt-BR", "zh-Hant-TW", "de-CH-1901"] {
            assert!(found(|v| locale(v, "locale", good)).is_empty(), "{good}");
        }
        for bad in ["pt_BR", "-en", "en-", "toolongtag", "en GB"] {
            assert_eq!(found(|v| locale(v, "locale", bad)).len(), 1, "{bad}");
        }
        for good in ["", "UTC", "Asia/Shanghai", "America/Argentina/Buenos_Aires", "Etc/GMT+8", "GMT0"] {
            assert!(found(|v| time_zone(v, "time_zone", good)).is_empty(), "{good}");
        }
        for bad in ["Asia/", "/Asia", "../etc/passwd", "Asia Shanghai", "+08:00"] {
            assert_eq!(found(|v| time_zone(v, "time_zone", bad)).len(), 1, "{bad}");
        }
    }
}

//! Why an entry is not sent: never with its content.

use std::borrow::Cow;

/// Which field, what is wrong with it, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// What stands as the reason in the file of rejected entries.
    pub(super) reason: &'static str,
    /// By the name that import gives it; empty where it is not about one field.
    pub(super) field: &'static str,
    pub(super) description: Cow<'static, str>,
}

impl Refusal {
    /// A field does not read.
    pub(super) fn of(field: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: "UNREADABLE", field, description: description.into() }
    }

    /// It does not read as a whole.
    pub(super) fn shapeless(description: impl Into<Cow<'static, str>>) -> Self {
        Self::of("", description)
    }

    /// It says itself that nothing is to be sent to it.
    pub(super) fn over(field: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: "OVER", ..Self::of(field, description) }
    }

    pub(super) fn no_endpoint() -> Self {
        Self::of(
            "endpoint",
            "is missing, and nothing within has one: it is the address https://… that the browser gave",
        )
    }

    /// It is no JSON. The parser's own words could repeat what it read.
    pub(super) fn of_json(text: &[u8], error: &serde_json::Error) -> Self {
        let has = |part: &str| text.windows(part.len()).any(|window| window == part.as_bytes());
        let remedy = if has("ObjectId(") || has("ISODate(") || has("NumberLong(") {
            "this is what MongoDB's shell prints: write it with mongoexport"
        } else if text.iter().find(|octet| !b"{[ \t\n".contains(octet)) == Some(&b'\'') {
            "names and texts stand in \", not in '"
        } else if error.is_eof() {
            "its end is missing"
        } else {
            "a whole JSON object is expected"
        };
        let place = if error.line() > 1 {
            format!("its line {}, column {}", error.line(), error.column())
        } else {
            format!("column {}", error.column())
        };
        Self::shapeless(format!("is no JSON at {place}: {remedy}"))
    }

    /// In one sentence.
    pub(super) fn message(&self) -> String {
        if self.field.is_empty() {
            self.description.to_string()
        } else {
            format!("{} {}", self.field, self.description)
        }
    }
}

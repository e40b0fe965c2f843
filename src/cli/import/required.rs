//! The fields that an entry cannot do without, or that would be wrong rather than missing: where one does not read, the entry
//! is refused.

use serde_json::Value;

use super::fields::{is_nothing, is_unfit};
use super::key_text::{key, unescaped, unquoted};
use super::members::{Member, Members, scalar};
use super::refusal::Refusal;
use super::shape::{ENDPOINT_NAMES, is_endpoint};

/// What an object that stands for a user is known by.
const IDENTIFIERS: [&str; 4] = ["id", "userid", "uid", "pk"];

/// Whether anything is to be sent to it, as its sender kept it.
pub(super) fn active(members: &mut Members) -> Result<(), Refusal> {
    let says = |member: Option<Member>, truth: bool| {
        let Some(member) = member else { return false };
        let words: &[&str] = if truth { &["true", "t", "1", "yes"] } else { &["false", "f", "0", "no"] };
        let text = member.value.as_bool().map(|truth| truth.to_string()).or_else(|| scalar(member.value));
        text.is_some_and(|text| words.iter().any(|word| text.eq_ignore_ascii_case(word)))
    };
    let inactive = ["active", "isactive", "enabled"].iter().any(|name| says(members.take(&[name]), false));
    if inactive {
        return Err(Refusal::over(
            "active",
            "is false, so nothing was sent to it: leave the field out to import it",
        ));
    }
    if says(members.take(&["invalididentifier"]), true) {
        return Err(Refusal::over(
            "invalid_identifier",
            "is true, so the push service has ended it: leave the field out to import it",
        ));
    }
    Ok(())
}

/// The address.
pub(super) fn endpoint(members: &mut Members) -> Result<String, Refusal> {
    let name = ENDPOINT_NAMES.iter().find(|name| {
        members.0.get(**name).is_some_and(|member| **name == "endpoint" || is_endpoint(name, &member.value))
    });
    let member = name.and_then(|name| members.take(&[name])).ok_or_else(Refusal::no_endpoint)?;
    if member.disputed {
        return Err(twice("endpoint"));
    }
    let Value::String(text) = member.value else {
        return Err(Refusal::of("endpoint", "is no text: it is the address https://… that the browser gave"));
    };
    let text = unquoted(&text);
    let text = text.strip_suffix("\\n").unwrap_or(text);
    let escaped = text.get(..9).is_some_and(|begin| begin.eq_ignore_ascii_case("https%3a%"));
    Ok(if escaped { unescaped(text) } else { text.to_owned() })
}

fn twice(field: &'static str) -> Refusal {
    Refusal::of(field, "stands twice and differs: leave the right one")
}

/// A key of so many octets.
pub(super) fn key_of(field: &'static str, member: Option<Member>, octets: usize) -> Result<String, Refusal> {
    let missing = || {
        Refusal::of(
            field,
            "is missing: nothing can be encrypted without it, and only the browser has it, which must subscribe again",
        )
    };
    let member = member.ok_or_else(missing)?;
    if member.disputed {
        return Err(twice(field));
    }
    if member.value.as_str().is_some_and(is_nothing) {
        return Err(missing());
    }
    key(member.value, octets)
        .ok_or_else(|| Refusal::of(field, "is neither text nor a list of octets: base64url is right"))
}

/// The identifier of a user: text, a number, or that of an object which stands for one.
pub(super) fn user(member: Member) -> Result<String, Refusal> {
    if member.disputed {
        return Err(twice("user_id"));
    }
    let value = if let Value::Object(object) = member.value {
        Members::of(object).take(&IDENTIFIERS).map(|member| member.value)
    } else {
        Some(member.value)
    };
    let user = value
        .and_then(scalar)
        .ok_or_else(|| Refusal::of("user_id", "is neither text nor a number: write the user's identifier"))?;
    if user.chars().any(is_unfit) {
        return Err(Refusal::of(
            "user_id",
            "has characters for control, or is not UTF-8: write the file as UTF-8",
        ));
    }
    Ok(if is_nothing(&user) { String::new() } else { user })
}

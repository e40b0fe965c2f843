//! The octets of keys as senders keep them: base64 of any kind, also broken into lines, with percent escapes or with blanks
//! for `+`; hexadecimal; lists of numbers; and with the wrapping that a key library put around them.

use serde_json::{Map, Value};

use crate::webpush::keys::{KEY_TEXT_OCTETS_MAX, decode_base64, encode_base64url};

/// What stands before a P-256 point in a `SubjectPublicKeyInfo` (RFC 5480).
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A key of this many octets, in base64url. What is none comes back as it can be shown to the server, which says what is wrong
/// with it; `None` where it is neither text nor octets.
pub(super) fn key(value: Value, octets: usize) -> Option<String> {
    let raw = match value {
        Value::String(text) => text,
        Value::Array(values) => return octets_of(&values).map(|found| encode_base64url(&found)),
        Value::Object(object) => return buffer(&object).map(|found| encode_base64url(&found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => return None,
    };
    let text = unquoted(&raw).to_owned();
    if text.starts_with(['[', '{']) && text.len() <= KEY_TEXT_OCTETS_MAX {
        return key(serde_json::from_str(&text).ok()?, octets);
    }
    let found = [hex(&text, octets), base64(&raw, octets)].into_iter().flatten().next();
    Some(found.map_or(text, |found| encode_base64url(found.strip_prefix(&SPKI[..]).unwrap_or(&found))))
}

/// Without the blanks and quotation marks around it.
pub(super) fn unquoted(text: &str) -> &str {
    let text = text.trim();
    for mark in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark)) {
            return inner.trim();
        }
    }
    text
}

/// With its percent escapes resolved; as it is where there are none, or no right ones.
pub(super) fn unescaped(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let escape = behind.get(..2).filter(|_| *first == b'%').and_then(hex_octets);
        if let Some(octet) = escape {
            octets.extend(octet);
            rest = &behind[2..];
        } else {
            octets.push(*first);
            rest = behind;
        }
    }
    String::from_utf8(octets).unwrap_or_else(|_| text.to_owned())
}

/// PostgreSQL's `\x…`, `0x…`, or the bare digits of as many octets as the key has.
fn hex(text: &str, octets: usize) -> Option<Vec<u8>> {
    let marked = ["\\\\x", "\\x", "0x", "0X"].iter().find_map(|mark| text.strip_prefix(mark));
    match marked {
        Some(digits) => hex_octets(digits.as_bytes()),
        None if text.len() == 2 * octets => hex_octets(text.as_bytes()),
        None => None,
    }
}

/// Of hexadecimal digits.
pub(in crate::cli) fn hex_octets(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |octet: u8| char::from(octet).to_digit(16);
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    });
    pairs.collect()
}

/// Base64 of any alphabet. Blanks are part of a line's end, or a `+` that went through a form, also the first one.
fn base64(raw: &str, octets: usize) -> Option<Vec<u8>> {
    if raw.len() > KEY_TEXT_OCTETS_MAX {
        return None;
    }
    let read = |text: &str| {
        let text = unescaped(text).replace("\\r", "").replace("\\n", "").replace(['\r', '\n', '\t'], "");
        let text = text.replace('+', "-").replace('/', "_");
        decode_base64(&text).ok().map(|found| found.to_vec())
    };
    let text = unquoted(raw);
    let joined = read(&text.replace(' ', ""));
    let as_plus = [text, raw].map(|text| read(&text.replace(' ', "+")));
    let right = |found: &Option<Vec<u8>>| found.as_ref().is_some_and(|found| found.len() == octets);
    let found = [joined.clone()].into_iter().chain(as_plus).find(right);
    found.unwrap_or(joined)
}

/// Node's `Buffer`, or a `Uint8Array` as `JSON.stringify` writes it.
fn buffer(object: &Map<String, Value>) -> Option<Vec<u8>> {
    if let Some(Value::Array(data)) = object.get("data") {
        return octets_of(data);
    }
    let in_order: Option<Vec<Value>> =
        (0..object.len()).map(|index| object.get(&index.to_string()).cloned()).collect();
    octets_of(&in_order?)
}

fn octets_of(values: &[Value]) -> Option<Vec<u8>> {
    values.iter().map(|value| value.as_u64().and_then(|value| u8::try_from(value).ok())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_read_in_every_form_that_senders_keep() {
        let octets: Vec<u8> = (0..65).map(|n| 0xfb_u8.wrapping_sub(n)).collect();
        let url = encode_base64url(&octets);
        let standard = url.replace('-', "+").replace('_', "/") + "=";
        assert!(standard.contains('+') && standard.contains('/'));
        let hex = octets.iter().fold(String::new(), |hex, octet| hex + &format!("{octet:02x}"));
        let (first, rest) = standard.split_at(60);
        let spki = [&SPKI[..], &octets].concat();
        let numbered: Map<String, Value> =
            octets.iter().enumerate().map(|(index, octet)| (index.to_string(), json!(octet))).collect();
        for form in [
            json!(url),
            json!(standard),
            json!(format!("\"{url}\"")),
            json!(format!(" '{url}' \n")),
            json!(format!("{first}\n{rest}\n")),
            json!(format!("{first}\r\n {rest}")),
            json!(format!("{first}\\n{rest}\\n")),
            json!(standard.replace('+', " ")),
            json!(standard.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D")),
            json!(hex),
            json!(hex.to_uppercase()),
            json!(format!("\\x{hex}")),
            json!(format!("0x{hex}")),
            json!(octets),
            json!({"type": "Buffer", "data": octets}),
            Value::Object(numbered),
            json!(json!(octets).to_string()),
            json!(encode_base64url(&spki)),
        ] {
            assert_eq!(key(form.clone(), 65).as_deref(), Some(&*url), "{form}");
        }
        let auth = encode_base64url(&[7; 16]);
        assert_eq!(key(json!("07".repeat(16)), 16), Some(auth));
    }

    #[test]
    fn what_is_no_key_stays_what_it_is() {
        assert_eq!(key(json!("no key!"), 16).as_deref(), Some("no key!"));
        assert_eq!(key(json!("AAAA"), 16).as_deref(), Some("AAAA"));
        for value in [json!(7), json!(true), json!({"a": 1}), json!([256]), json!("[\"x\"]")] {
            assert_eq!(key(value.clone(), 16), None, "{value}");
        }
        assert_eq!(unescaped("100%"), "100%");
        assert_eq!(unescaped("%zz%41"), "%zzA");
    }
}

//! Published vectors of Web Push, byte for byte. `README.md` says where they come from.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "the helpers of tests may")]

mod encryption;
mod keys;
mod vapid;

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

static VECTORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("vectors.json")).expect("vectors.json is JSON"));

/// The list at a JSON pointer, which must not be empty.
fn list(pointer: &str) -> &'static [Value] {
    let list = VECTORS.pointer(pointer).and_then(Value::as_array).expect(pointer);
    assert!(!list.is_empty(), "{pointer}");
    list
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap_or_else(|| panic!("{name} in {vector}"))
}

fn base64url(vector: &Value, name: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text(vector, name)).expect(name)
}

fn hex(vector: &Value, name: &str) -> Vec<u8> {
    let digits = text(vector, name);
    assert!(digits.len().is_multiple_of(2), "{name}");
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect(name)).collect()
}

fn array<const N: usize>(octets: &[u8]) -> [u8; N] {
    octets.try_into().unwrap_or_else(|_| panic!("{} octets instead of {N}", octets.len()))
}

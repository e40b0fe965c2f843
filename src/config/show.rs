//! The configuration as it came out, for people.

use toml::{Table, Value};

/// Keys whose values are secrets.
pub(super) const SECRET_KEYS: [&str; 3] = ["api_key", "egress_proxy", "master_key"];

/// All keys that are set, as TOML, secrets hidden.
pub(super) fn redacted_toml(merged: &Value) -> String {
    let mut table = merged.as_table().cloned().unwrap_or_default();
    redact(&mut table);
    table.to_string()
}

fn redact(table: &mut Table) {
    for (key, value) in table.iter_mut() {
        if SECRET_KEYS.contains(&key.as_str()) {
            *value = Value::String("<redacted>".to_owned());
        }
        match value {
            Value::Table(table) => redact(table),
            Value::Array(values) => values.iter_mut().filter_map(Value::as_table_mut).for_each(redact),
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_) => {}
        }
    }
}

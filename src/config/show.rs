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

/// The settings that differ from those built in, each as `key=value`, secrets hidden; of lists of tables their length.
pub(super) fn differing(merged: &Value) -> Vec<String> {
    let mut table = merged.as_table().cloned().unwrap_or_default();
    redact(&mut table);
    let built_in: Table = super::DEFAULT_TOML.parse().unwrap_or_default();
    let mut differing = Vec::new();
    compare("", &table, &built_in, &mut differing);
    differing
}

fn compare(path: &str, table: &Table, built_in: &Table, differing: &mut Vec<String>) {
    for (key, value) in table {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let default = built_in.get(key);
        match (value, default) {
            (_, Some(default)) if value == default => {}
            (Value::Table(table), default) => {
                let none = Table::new();
                compare(&path, table, default.and_then(Value::as_table).unwrap_or(&none), differing);
            }
            (Value::Array(values), _) if values.iter().any(Value::is_table) => {
                differing.push(format!("{path}[{}]", values.len()));
            }
            _ => differing.push(format!("{path}={value}")),
        }
    }
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

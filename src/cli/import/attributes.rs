//! Values that say their own type: DynamoDB's (`{"S": "text"}`) and Firestore's (`{"stringValue": "text"}`).

use serde_json::{Map, Value};

/// The value in a wrapper that says its type; `None` if it is none.
fn attribute(value: &Value) -> Option<Value> {
    let object = value.as_object()?;
    let (kind, inner) = object.iter().next().filter(|_| object.len() == 1)?;
    let values = |list: &Value| list.as_array().cloned().unwrap_or_default();
    match kind.as_str() {
        "S" | "N" | "B" | "stringValue" | "integerValue" | "timestampValue" | "bytesValue"
        | "referenceValue" => (inner.is_string() || inner.is_number()).then(|| inner.clone()),
        "doubleValue" => inner.is_number().then(|| inner.clone()),
        "BOOL" | "booleanValue" => inner.is_boolean().then(|| inner.clone()),
        "NULL" | "nullValue" => Some(Value::Null),
        "SS" | "NS" => inner.is_array().then(|| inner.clone()),
        "L" => values(inner).iter().map(attribute).collect::<Option<_>>().map(Value::Array),
        "arrayValue" => {
            let inner = inner.get("values").map(values).unwrap_or_default();
            inner.iter().map(attribute).collect::<Option<_>>().map(Value::Array)
        }
        "M" => attributes(inner.as_object()?).map(Value::Object),
        "mapValue" => attributes(inner.get("fields")?.as_object()?).map(Value::Object),
        _ => None,
    }
}

/// An object all of whose members say their type, without that.
pub(super) fn attributes(object: &Map<String, Value>) -> Option<Map<String, Value>> {
    object.iter().map(|(name, value)| Some((name.clone(), attribute(value)?))).collect()
}

/// The text of a value, whether or not it says that it is one.
pub(super) fn text(value: &Value) -> Option<&str> {
    let typed = |value: &'_ Value| value.get("S").or_else(|| value.get("stringValue")).is_some();
    match value {
        Value::String(text) => Some(text),
        Value::Object(object) if object.len() == 1 && typed(value) => object.values().next()?.as_str(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_are_taken_off_where_every_member_says_its_own() {
        let plain = json!({
            "endpoint": "https://push.example.net/x", "keys": {"p256dh": "P", "auth": "A"}, "user": "7",
            "active": true, "topics": ["news"], "locale": null,
        });
        for typed in [
            json!({
                "endpoint": {"S": "https://push.example.net/x"}, "keys": {"M": {"p256dh": {"S": "P"}, "auth": {"S": "A"}}},
                "user": {"N": "7"}, "active": {"BOOL": true}, "topics": {"L": [{"S": "news"}]}, "locale": {"NULL": true},
            }),
            json!({
                "endpoint": {"stringValue": "https://push.example.net/x"},
                "keys": {"mapValue": {"fields": {"p256dh": {"stringValue": "P"}, "auth": {"stringValue": "A"}}}},
                "user": {"integerValue": "7"}, "active": {"booleanValue": true},
                "topics": {"arrayValue": {"values": [{"stringValue": "news"}]}}, "locale": {"nullValue": null},
            }),
        ] {
            let taken = attributes(typed.as_object().unwrap());
            assert_eq!(taken.as_ref(), plain.as_object());
            assert_eq!(text(&typed["endpoint"]), Some("https://push.example.net/x"));
        }
        assert_eq!(attributes(plain.as_object().unwrap()), None);
        assert_eq!(attributes(json!({"S": {"a": 1}}).as_object().unwrap()), None);
    }
}

//! `google.protobuf.Struct` to JSON. Whole numbers are written without a fraction; members come in the order of their
//! names.

use prost_types::value::Kind;
use serde_json::{Map, Number, Value};

use crate::domain::Violations;

/// Whole numbers up to here are exact in a double (2^53).
const EXACT_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// Reads a struct. JSON has no NaN and no infinity: each is a violation with its path.
pub(crate) fn read(violations: &mut Violations, field: &str, object: &prost_types::Struct) -> Option<Value> {
    let before = violations.len();
    let members = object.fields.iter().map(|(name, member)| {
        let member = value(violations, &format!("{field}.{name}"), member);
        (name.clone(), member)
    });
    let object = Value::Object(members.collect::<Map<_, _>>());
    (violations.len() == before).then_some(object)
}

fn value(violations: &mut Violations, field: &str, value: &prost_types::Value) -> Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(*value),
        Some(Kind::StringValue(text)) => Value::String(text.clone()),
        Some(Kind::NumberValue(number)) => self::number(*number).map_or_else(
            || {
                violations.add(field, "must be a finite number");
                Value::Null
            },
            Value::Number,
        ),
        Some(Kind::ListValue(list)) => {
            let entries = list.values.iter().enumerate();
            entries
                .map(|(index, entry)| self::value(violations, &format!("{field}[{index}]"), entry))
                .collect()
        }
        Some(Kind::StructValue(object)) => read(violations, field, object).unwrap_or_default(),
    }
}

fn number(number: f64) -> Option<Number> {
    if number.fract() == 0.0 && number.abs() <= EXACT_INTEGER_MAX {
        Some(Number::from(number as i64))
    } else {
        Number::from_f64(number)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn of(kind: Kind) -> prost_types::Value {
        prost_types::Value { kind: Some(kind) }
    }

    fn object(members: Vec<(&str, Kind)>) -> prost_types::Struct {
        let fields = members.into_iter().map(|(name, kind)| (name.to_owned(), of(kind)));
        prost_types::Struct { fields: fields.collect::<BTreeMap<_, _>>() }
    }

    #[test]
    fn writes_every_kind() {
        let inner = object(vec![("deep", Kind::StringValue("\"ü\n".into()))]);
        let list =
            vec![of(Kind::NumberValue(-0.5)), prost_types::Value { kind: None }, of(Kind::BoolValue(true))];
        let all = object(vec![
            ("whole", Kind::NumberValue(9_007_199_254_740_992.0)),
            ("big", Kind::NumberValue(1e300)),
            ("null", Kind::NullValue(0)),
            ("list", Kind::ListValue(prost_types::ListValue { values: list })),
            ("object", Kind::StructValue(inner)),
        ]);
        let mut violations = Violations::new();
        let json = read(&mut violations, "message.json", &all).expect("finite");
        assert_eq!(
            json.to_string(),
            r#"{"big":1e+300,"list":[-0.5,null,true],"null":null,"object":{"deep":"\"ü\n"},"whole":9007199254740992}"#
        );
    }

    #[test]
    fn names_each_number_that_json_cannot_write() {
        let list = vec![of(Kind::NumberValue(1.0)), of(Kind::NumberValue(f64::INFINITY))];
        let bad = object(vec![
            ("a", Kind::NumberValue(f64::NAN)),
            ("b", Kind::ListValue(prost_types::ListValue { values: list })),
        ]);
        let mut violations = Violations::new();
        assert_eq!(read(&mut violations, "message.json", &bad), None);
        let fields: Vec<&str> = violations.as_slice().iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["message.json.a", "message.json.b[1]"]);
    }
}

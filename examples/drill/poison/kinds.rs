//! The ways in which endpoints are bad: each has an origin of its own.

use serde_json::{Value, json};

/// How many origins have no bad endpoint. What the others are measured against is the worst of them, so that what else this
/// machine does is not told as theirs.
const CLEAN: usize = 3;

/// What Mozilla answers at endpoints that take another kind of authorization: it says that the sender is refused.
const VAPID_REFUSED: &str =
    r#"{"code":401,"errno":109,"error":"Unauthorized","message":"Invalid VAPID token"}"#;

/// How the bad endpoints of an origin are bad.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) name: String,
    /// What the sandbox is ordered; null for none.
    pub(super) fault: Value,
    /// Nothing must be seen of it at others. Else it takes whole connections with it: it is told, and not judged.
    pub(super) is_judged: bool,
    /// A delivery ends with it after so many attempts, so each message is tried; 0: it goes on until its ttl is over.
    pub(super) attempts: u8,
    /// It may be taken for the end of a subscription, which then is not expected to come back by itself.
    pub(super) may_be_final: bool,
}

impl Kind {
    fn new(name: &str, fault: Value) -> Self {
        Self { name: name.to_owned(), fault, is_judged: true, attempts: 0, may_be_final: false }
    }

    /// Whether nobody of it is bad.
    pub(super) fn is_clean(&self) -> bool {
        self.fault.is_null()
    }

    /// Whether it is never answered.
    pub(super) fn hangs(&self) -> bool {
        self.fault.get("silent").is_some()
    }
}

/// Clean ones, and those of which the name begins so.
pub(super) fn kinds(only: Option<&str>) -> Vec<Kind> {
    let mut kinds: Vec<Kind> =
        (1..=CLEAN).map(|number| Kind::new(&format!("clean-{number}"), Value::Null)).collect();
    for status in [429, 503, 500] {
        for (name, retry_after) in [
            ("", Value::Null),
            ("-0", json!({"seconds": 0})),
            ("-5", json!({"seconds": 5})),
            ("-60", json!({"seconds": 60})),
            ("-past", json!({"date": -60})),
        ] {
            let fault = json!({"answer": {"status": status, "retry_after": retry_after}});
            kinds.push(Kind::new(&format!("{status}{name}"), fault));
        }
    }
    // Refused credentials are tried three times each (docs/deliveries.md).
    for (name, status, body, attempts) in
        [("401", 401, "", 1), ("403", 403, "", 1), ("401-109", 401, VAPID_REFUSED, 3)]
    {
        let kind = Kind::new(name, json!({"answer": {"status": status, "body": body}}));
        kinds.push(Kind { attempts, may_be_final: body.is_empty(), ..kind });
    }
    kinds.push(Kind::new("hanging", json!({"silent": {}})));
    kinds.push(Kind::new("reset", json!({"reset": {}})));
    kinds.push(Kind::new("refused", json!({"refused_stream": {}})));
    for (name, fault) in [("close", json!({"close": {}})), ("go-away", json!({"go_away": {}}))] {
        kinds.push(Kind { is_judged: false, ..Kind::new(name, fault) });
    }
    kinds.retain(|kind| kind.is_clean() || only.is_none_or(|only| kind.name.starts_with(only)));
    kinds
}

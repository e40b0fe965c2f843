//! What the audit log tells: who did what to what, and what it was before. Never a secret.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::caller::CalledBy;
use super::limits::{AUDIT_CHANGES_MAX, AUDIT_TEXT_OCTETS_MAX};
use super::{ApplicationId, Timestamp};

/// One thing that somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When. The store sets it, and never an earlier one than that of the entry before.
    pub time: Timestamp,
    /// Who.
    pub caller: CalledBy,
    /// The RPC, by its name.
    pub action: String,
    /// Whose things it concerns; 0: those of no application, or of all.
    pub application: ApplicationId,
    /// What the application was called then; empty where that was not at hand.
    pub application_name: String,
    /// What it was done to: a name of a resource, an origin, or a user; empty: the application itself.
    pub object: String,
    /// How many subscriptions it concerned, where that is told.
    pub count: Option<u32>,
    /// What is other than it was, by field.
    pub changes: Vec<FieldChange>,
}

/// A field that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// Its path in the contract, for example `quotas.weight`.
    pub field: String,
    /// As it was; empty: unset, or not there.
    pub before: String,
    /// As it is now; empty: unset, or gone.
    pub after: String,
}

impl FieldChange {
    /// A field that became something else.
    #[must_use]
    pub fn new(field: &str, before: impl Into<String>, after: impl Into<String>) -> Self {
        Self { field: field.to_owned(), before: before.into(), after: after.into() }
    }
}

impl AuditEntry {
    /// With its texts and lists cut to their bounds.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.changes.truncate(AUDIT_CHANGES_MAX);
        let changed = self.changes.iter_mut();
        let texts = changed.flat_map(|change| [&mut change.field, &mut change.before, &mut change.after]);
        for text in texts.chain([&mut self.action, &mut self.application_name, &mut self.object]) {
            cut(text);
        }
        self
    }
}

fn cut(text: &mut String) {
    if text.len() > AUDIT_TEXT_OCTETS_MAX {
        let end = (0..=AUDIT_TEXT_OCTETS_MAX).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
        text.push('…');
    }
}

/// Which entries are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only what concerns this application; `None`: all.
    pub application: Option<ApplicationId>,
    /// Only of callers with one of these names; `None`: of all.
    pub callers: Option<BTreeSet<Arc<str>>>,
    /// Only of this RPC; empty: of all.
    pub action: String,
    /// Only from this time on.
    pub since: Option<Timestamp>,
    /// Only from before this time.
    pub until: Option<Timestamp>,
}

impl AuditFilter {
    /// Whether an entry is one of them.
    #[must_use]
    pub fn takes(&self, entry: &AuditEntry) -> bool {
        let Self { application, callers, action, since, until } = self;
        application.is_none_or(|application| entry.application == application)
            && callers.as_ref().is_none_or(|callers| callers.contains(&entry.caller.name))
            && (action.is_empty() || *action == entry.action)
            && entry.time.is_within(*since, *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> AuditEntry {
        AuditEntry {
            time: Timestamp::from_secs(100),
            caller: CalledBy { name: "apiTokens/1".into(), address: None },
            action: "UpdateApplication".to_owned(),
            application: ApplicationId(2),
            application_name: "shop".to_owned(),
            object: String::new(),
            count: None,
            changes: Vec::new(),
        }
    }

    #[test]
    fn an_entry_has_bounds() {
        let long = "ä".repeat(AUDIT_TEXT_OCTETS_MAX);
        let change = FieldChange::new("contact", long.clone(), "");
        let entry = AuditEntry { object: long, changes: vec![change; AUDIT_CHANGES_MAX + 1], ..entry() };
        let bounded = entry.bounded();
        assert_eq!(bounded.changes.len(), AUDIT_CHANGES_MAX);
        for text in [&bounded.object, &bounded.changes[0].before] {
            assert!(text.ends_with('…') && text.len() <= AUDIT_TEXT_OCTETS_MAX + '…'.len_utf8());
        }
    }

    #[test]
    fn a_filter_takes_what_it_says() {
        let entry = entry();
        let all = AuditFilter::default();
        assert!(all.takes(&entry));
        let at = |since, until| AuditFilter {
            since: Some(Timestamp::from_secs(since)),
            until: Some(Timestamp::from_secs(until)),
            ..all.clone()
        };
        assert!(at(100, 101).takes(&entry) && !at(99, 100).takes(&entry) && !at(101, 102).takes(&entry));
        let whose =
            |application| AuditFilter { application: Some(ApplicationId(application)), ..all.clone() };
        assert!(whose(2).takes(&entry) && !whose(1).takes(&entry));
        let by = |name: &str| AuditFilter { callers: Some([name.into()].into()), ..all.clone() };
        assert!(by("apiTokens/1").takes(&entry) && !by("anonymous").takes(&entry));
        assert!(!AuditFilter { action: "CancelMessage".to_owned(), ..all }.takes(&entry));
    }
}

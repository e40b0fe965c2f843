//! From notes to figures.

use std::collections::HashMap;

use super::ledger::{Fate, Note};

/// When who took what, in microseconds, by message and subscriber.
#[derive(Debug)]
pub(super) struct Accepted(HashMap<(u32, u32), i64>);

impl Accepted {
    pub(super) fn of(notes: &[Note]) -> Self {
        let accepted = notes.iter().filter(|note| note.fate == Fate::Accepted);
        Self(accepted.map(|note| ((note.message, note.subscriber), note.micros)).collect())
    }

    /// Seconds from a message's acceptance to the subscriber's; infinite if it has not come.
    pub(super) fn seconds(&self, message: u32, since_micros: i64, subscriber: u32) -> f64 {
        let at = self.0.get(&(message, subscriber));
        at.map_or(f64::INFINITY, |at| ((at - since_micros) as f64 / 1e6).max(0.0))
    }
}

/// The value below which this part of all lies; 0 of none.
pub(super) fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[allow(clippy::cast_sign_loss, reason = "a part of a length")]
    let rank = (values.len() as f64 * part).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// The one in the middle; 0 of none.
pub(super) fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// The part of all that is at most so large; 1 of none.
pub(super) fn share_within(values: &[f64], most: f64) -> f64 {
    if values.is_empty() {
        return 1.0;
    }
    values.iter().filter(|value| **value <= most).count() as f64 / values.len() as f64
}

/// JSON has no infinity: what has not come is null.
pub(super) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

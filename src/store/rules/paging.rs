//! Dividing recipients into what one record holds: the pages of a Send, the rows of a broadcast's list.

use std::collections::BTreeSet;

use crate::domain::Target;
use crate::domain::limits::{PAGE_DELIVERIES_MAX, RECORD_OCTETS_MAX};
use crate::store::owner::OWNER_OCTETS;
use crate::store::{Owner, PageEntry};

/// Octets of a stored target on a page.
const STORED_OCTETS: usize = 16 + OWNER_OCTETS;
/// Octets of an inline target on a page without its texts, at most.
const INLINE_OCTETS: usize = 256;
/// Octets of a list's row that are not its entries, and of an entry besides itself.
const LIST_OVERHEAD: usize = 16;

/// Divides targets into pages: by number, and so that a page's record is not too long.
pub(crate) fn paged(targets: Vec<Target>) -> Vec<Vec<Target>> {
    let mut pages: Vec<Vec<Target>> = Vec::new();
    let mut room = 0;
    for target in targets {
        let octets = if target.inline {
            INLINE_OCTETS + target.endpoint.expose().len() + target.user_id.len()
        } else {
            STORED_OCTETS
        };
        match pages.last_mut() {
            Some(page) if octets <= room && page.len() < PAGE_DELIVERIES_MAX => page.push(target),
            Some(_) | None => {
                pages.push(vec![target]);
                room = RECORD_OCTETS_MAX;
            }
        }
        room = room.saturating_sub(octets);
    }
    pages
}

/// A target as it stands on a page.
pub(crate) fn page_entry(target: &Target) -> PageEntry {
    if target.inline {
        PageEntry::Inline(Box::new(target.clone()))
    } else {
        PageEntry::Stored(target.id, Owner::of(&target.user_id))
    }
}

/// Divides the entries of a list into rows that are not too long.
pub(crate) fn rows(entries: BTreeSet<Vec<u8>>) -> Vec<Vec<Vec<u8>>> {
    let mut rows: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut room = 0;
    for entry in entries {
        let octets = entry.len() + LIST_OVERHEAD;
        match rows.last_mut() {
            Some(row) if octets <= room => row.push(entry),
            Some(_) | None => {
                rows.push(vec![entry]);
                room = RECORD_OCTETS_MAX;
            }
        }
        room = room.saturating_sub(octets);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::samples::stored;
    use super::*;
    use crate::domain::SubscriptionId;
    use crate::store::records::Record as _;
    use crate::store::records::message::ListValue;
    use crate::store::records::page::PageValue;

    fn targets(count: u32, inline: bool) -> Vec<Target> {
        let target = stored(1, "ada").target;
        let id = |number: u32| SubscriptionId((u128::from(number) << 96).to_be_bytes());
        (0..count).map(|number| Target { id: id(number), inline, ..target.clone() }).collect()
    }

    #[test]
    fn pages_are_short_enough_and_keep_the_order() {
        assert!(paged(Vec::new()).is_empty());
        for inline in [false, true] {
            let all = targets(1_100, inline);
            let pages = paged(all.clone());
            for page in &pages {
                let entries: Vec<_> = page.iter().map(page_entry).collect();
                let octets = PageValue::new(&entries).to_value().len();
                assert!(page.len() <= PAGE_DELIVERIES_MAX && octets <= RECORD_OCTETS_MAX, "{octets} octets");
            }
            assert!(pages.len() >= 3, "{} pages", pages.len());
            assert_eq!(pages.concat(), all);
        }
    }

    #[test]
    fn rows_of_lists_are_short_enough_and_keep_the_order() {
        assert!(rows(BTreeSet::new()).is_empty());
        let entries: BTreeSet<_> =
            (0..10_000_u32).map(|number| number.to_be_bytes().repeat(1 + number as usize % 16)).collect();
        let rows = rows(entries.clone());
        assert!(rows.len() > 1);
        assert_eq!(rows.concat(), entries.into_iter().collect::<Vec<_>>());
        for row in rows {
            assert!(ListValue { entries: row }.to_value().len() <= RECORD_OCTETS_MAX);
        }
    }
}

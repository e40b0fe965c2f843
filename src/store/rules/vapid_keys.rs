//! What may become of an application's VAPID keys.

use crate::domain::{Timestamp, VapidKey, VapidKeyId};
use crate::store::StoreError;

/// What keeps a VAPID key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    /// Browsers are given it.
    pub(crate) is_current: bool,
    /// Active subscriptions that were made with it.
    pub(crate) subscriptions: u64,
}

/// A key without its private half; `None`: it is retired already. Errors: [`StoreError::NotFound`] for the current one,
/// [`StoreError::StillInUse`] unless `force`.
pub(crate) fn retired(
    key: &VapidKey,
    used: Used,
    force: bool,
    now: Timestamp,
) -> Result<Option<VapidKey>, StoreError> {
    if key.retired.is_some() {
        return Ok(None);
    }
    if used.is_current {
        return Err(StoreError::NotFound);
    }
    if !force && used.subscriptions > 0 {
        return Err(StoreError::StillInUse);
    }
    let mut key = key.clone();
    key.private = None;
    key.retired = Some(now);
    Ok(Some(key))
}

/// A key may be removed. Errors: [`StoreError::NotFound`] for the current one, [`StoreError::StillInUse`].
pub(crate) fn removable(used: Used) -> Result<(), StoreError> {
    match used {
        Used { is_current: true, .. } => Err(StoreError::NotFound),
        Used { subscriptions: 1.., .. } => Err(StoreError::StillInUse),
        Used { subscriptions: 0, .. } => Ok(()),
    }
}

/// The number of a new key: behind all that there are and all that were removed, since a number means one key for ever.
pub(crate) fn next_number(last: Option<VapidKeyId>, last_removed: u32) -> Result<VapidKeyId, StoreError> {
    let removed = u16::try_from(last_removed).unwrap_or(u16::MAX);
    let next = last.map_or(0, |last| last.0).max(removed).checked_add(1);
    next.map(VapidKeyId).ok_or_else(|| StoreError::Unavailable("there are too many keys".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::START;
    use crate::store::conformance::applications::key;

    const UNUSED: Used = Used { is_current: false, subscriptions: 0 };
    const IN_USE: Used = Used { is_current: false, subscriptions: 3 };
    const CURRENT: Used = Used { is_current: true, subscriptions: 0 };

    #[test]
    fn what_is_current_or_in_use_stays() {
        let retire = |used, force| retired(&key(1), used, force, START);
        let done = retire(UNUSED, false).unwrap().unwrap();
        assert!(done.private.is_none() && done.retired == Some(START) && done.public == key(1).public);
        assert!(matches!(retired(&done, CURRENT, false, START), Ok(None)), "it is retired already");
        assert!(matches!(retire(IN_USE, false), Err(StoreError::StillInUse)));
        assert!(retire(IN_USE, true).unwrap().is_some());
        assert!(matches!(retire(CURRENT, true), Err(StoreError::NotFound)));
        assert!(removable(UNUSED).is_ok());
        assert!(matches!(removable(IN_USE), Err(StoreError::StillInUse)));
        assert!(matches!(removable(CURRENT), Err(StoreError::NotFound)));
    }

    #[test]
    fn numbers_are_not_given_again() {
        let next = |last: Option<u16>, removed| next_number(last.map(VapidKeyId), removed).map(|id| id.0);
        assert_eq!(next(None, 0).unwrap(), 1);
        assert_eq!(next(Some(3), 2).unwrap(), 4);
        assert_eq!(next(Some(3), 7).unwrap(), 8);
        assert!(matches!(next(Some(u16::MAX), 0), Err(StoreError::Unavailable(_))));
    }
}

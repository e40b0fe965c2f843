//! What a `request_id` that comes again leads to, and how long it is remembered.

use crate::domain::limits::REQUEST_ID_MEMORY;
use crate::domain::{MessageId, Timestamp};
use crate::store::StoreError;

/// A request may be answered with the message that its `request_id` was used for: it is the same, by the hashes of both.
/// [`StoreError::RequestIdReused`]: it is another one. A message that is not there any more has given its `request_id` back, and
/// is not asked about here.
pub(crate) fn replayed(used_for: MessageId, then: &[u8; 32], now: &[u8; 32]) -> Result<(), StoreError> {
    if then == now { Ok(()) } else { Err(StoreError::RequestIdReused(used_for)) }
}

/// Until when a message that ends `now` is remembered for its `request_id`; `None`: it need not be.
pub(crate) fn remembered_until(request_id: &str, created: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let until = created.plus(REQUEST_ID_MEMORY);
    (!request_id.is_empty() && until > now).then_some(until)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::conformance::START;

    #[test]
    fn the_same_request_is_answered_again_and_another_one_refused() {
        let message = MessageId([1; 16]);
        assert!(replayed(message, &[7; 32], &[7; 32]).is_ok());
        let other = replayed(message, &[7; 32], &[8; 32]);
        assert!(matches!(other, Err(StoreError::RequestIdReused(used)) if used == message));
    }

    #[test]
    fn messages_are_remembered_from_their_acceptance_on() {
        let until = START.plus(REQUEST_ID_MEMORY);
        assert_eq!(remembered_until("r", START, START), Some(until));
        assert_eq!(remembered_until("r", START, until.minus(Duration::from_micros(1))), Some(until));
        assert_eq!(remembered_until("r", START, until), None);
        assert_eq!(remembered_until("", START, START), None);
    }
}

//! How many deliveries have not ended, as far as they are known: of each message, of each application, and in all. Quotas
//! ask for an application's with each message that it sends, so its count is kept and not counted.

use std::collections::HashMap;

use crate::domain::{ApplicationId, MessageId};

/// One message's share of the counts.
#[derive(Clone, Copy, Debug)]
struct OfMessage {
    application: ApplicationId,
    deliveries: u32,
}

/// See the [module's documentation](self). Messages are as many as have not ended (`engine.max_messages`), and no application
/// is kept without deliveries.
#[derive(Debug, Default)]
pub(super) struct Unended {
    messages: HashMap<MessageId, OfMessage>,
    applications: HashMap<ApplicationId, u64>,
    total: u64,
}

impl Unended {
    /// Deliveries of all applications.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Deliveries of one application.
    pub(super) fn of(&self, application: ApplicationId) -> u64 {
        self.applications.get(&application).copied().unwrap_or_default()
    }

    /// A message begins with so many deliveries. One that begins again counts once.
    pub(super) fn message_begins(&mut self, application: ApplicationId, id: MessageId, deliveries: u32) {
        self.message_ended(id);
        self.messages.insert(id, OfMessage { application, deliveries });
        if deliveries > 0 {
            *self.applications.entry(application).or_default() += u64::from(deliveries);
            self.total += u64::from(deliveries);
        }
    }

    /// A delivery of a message has ended.
    pub(super) fn delivery_ended(&mut self, id: MessageId) {
        // It has none left when more were planned than had been estimated.
        let Some(of) = self.messages.get_mut(&id).filter(|of| of.deliveries > 0) else { return };
        of.deliveries -= 1;
        let application = of.application;
        self.subtract(application, 1);
    }

    /// A message has ended, and whatever was left of its estimate with it.
    pub(super) fn message_ended(&mut self, id: MessageId) {
        if let Some(of) = self.messages.remove(&id) {
            self.subtract(of.application, of.deliveries);
        }
    }

    fn subtract(&mut self, application: ApplicationId, deliveries: u32) {
        let deliveries = u64::from(deliveries);
        self.total -= deliveries;
        if let Some(of) = self.applications.get_mut(&application) {
            *of -= deliveries;
            if *of == 0 {
                self.applications.remove(&application);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const ONE: ApplicationId = ApplicationId(1);
    const TWO: ApplicationId = ApplicationId(2);

    fn id(number: u8) -> MessageId {
        MessageId([number; 16])
    }

    #[test]
    fn counts_what_is_left_of_each_application() {
        let mut unended = Unended::default();
        unended.message_begins(ONE, id(1), 2);
        unended.message_begins(TWO, id(2), 5);
        assert_eq!((unended.of(ONE), unended.of(TWO), unended.total()), (2, 5, 7));
        unended.delivery_ended(id(1));
        unended.message_begins(ONE, id(1), 2);
        assert_eq!((unended.of(ONE), unended.total()), (2, 7), "it begins again");
        for _ in 0..3 {
            unended.delivery_ended(id(1));
        }
        assert_eq!((unended.of(ONE), unended.total()), (0, 5), "more ended than were expected");
        unended.message_ended(id(2));
        unended.message_ended(id(2));
        unended.delivery_ended(id(2));
        assert_eq!((unended.of(TWO), unended.total()), (0, 0));
        assert!(unended.applications.is_empty());
    }

    proptest! {
        #[test]
        fn agrees_with_a_count_of_all_messages(steps in prop::collection::vec((0..3_u8, 0..6_u8, 0..5_u32), 0..200)) {
            let mut unended = Unended::default();
            let mut counted = BTreeMap::<u8, (ApplicationId, u32)>::new();
            for (what, number, deliveries) in steps {
                let application = ApplicationId(u32::from(number % 3));
                match what {
                    0 => {
                        unended.message_begins(application, id(number), deliveries);
                        counted.insert(number, (application, deliveries));
                    }
                    1 => {
                        unended.delivery_ended(id(number));
                        if let Some((_, left)) = counted.get_mut(&number) {
                            *left = left.saturating_sub(1);
                        }
                    }
                    _ => {
                        unended.message_ended(id(number));
                        counted.remove(&number);
                    }
                }
                let sum = |of: Option<ApplicationId>| -> u64 {
                    let its = counted.values().filter(|(its, _)| of.is_none_or(|of| of == *its));
                    its.map(|(_, left)| u64::from(*left)).sum()
                };
                for application in (0..3).map(ApplicationId) {
                    prop_assert_eq!(unended.of(application), sum(Some(application)));
                }
                prop_assert_eq!(unended.total(), sum(None));
            }
        }
    }
}

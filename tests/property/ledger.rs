//! The status log as it can be read, and what must hold of it: it only grows, also across a crash, and every count follows
//! from it.

use std::collections::{BTreeMap, BTreeSet};

use fanfare::domain::{
    ApplicationId, DeliveryEvent, DeliveryState, MessageId, MessageStatus, SubscriptionId,
};
use fanfare::engine::feed::{Position, Scope};
use fanfare::store::{FeedEntry, Store};

/// Commits that are read at once.
const ROWS: usize = 64;

/// See the [module's documentation](self).
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Everything up to this commit has been read.
    pub(crate) seq: u64,
    /// In the order of the log.
    items: Vec<Item>,
    messages: BTreeMap<MessageId, Told>,
}

/// One thing that the log tells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    /// For readers of everything: counted through the commit.
    pub(crate) position: Position,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    Accepted(MessageId),
    /// With its index in the message's segment.
    Event(u32, Box<DeliveryEvent>),
    Ended(MessageId),
}

impl Item {
    pub(crate) fn message(&self) -> MessageId {
        match &self.what {
            What::Accepted(message) | What::Ended(message) => *message,
            What::Event(_, event) => event.message,
        }
    }
}

/// What the log tells of one message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) ended: bool,
    /// The last event of each delivery; a user without subscriptions has one too.
    pub(crate) last: BTreeMap<(Option<SubscriptionId>, String), DeliveryEvent>,
}

impl Told {
    /// Whether a message's counts say what its events say.
    fn assert_counts(&self, status: &MessageStatus) {
        let count = |state| u32::try_from(self.last.values().filter(|of| of.state == state).count()).unwrap();
        let counts = &status.counts;
        assert_eq!(
            (counts.accepted, counts.failed, counts.expired, counts.cancelled, counts.retrying),
            (
                count(DeliveryState::Accepted),
                count(DeliveryState::Failed),
                count(DeliveryState::Expired),
                count(DeliveryState::Cancelled),
                count(DeliveryState::Retrying),
            ),
            "{status:?} {self:#?}"
        );
        assert_eq!(self.ended, status.ended.is_some(), "{status:?}");
        let sum = counts.terminal() + counts.pending + counts.retrying;
        assert!(counts.targets_estimated || sum == counts.targets, "{counts:?}");
        assert_eq!(status.outcomes.values().sum::<u32>(), counts.terminal(), "{status:?}");
        if self.ended {
            assert_eq!((counts.terminal(), counts.targets_estimated), (counts.targets, false), "{counts:?}");
        }
    }
}

impl Ledger {
    pub(crate) fn messages(&self) -> &BTreeMap<MessageId, Told> {
        &self.messages
    }

    /// What a scope tells behind `from` up to `to`, each with its commit.
    pub(crate) fn between(&self, scope: Scope, from: Position, to: Position) -> Vec<(u64, What)> {
        let place = |item: &Item| match (scope, &item.what) {
            (Scope::All, _) => Some(item.position),
            (Scope::Message(message), What::Event(index, event)) if event.message == message => {
                Some(Position { seq: item.position.seq, index: *index })
            }
            (Scope::Message(_), _) => None,
        };
        let of_scope = self.items.iter().filter(|item| place(item).is_some_and(|at| from < at && at <= to));
        of_scope.map(|item| (item.position.seq, item.what.clone())).collect()
    }

    /// Reads what was recorded since.
    pub(crate) async fn read_on(&mut self, store: &dyn Store, application: ApplicationId) {
        let items = read(store, application, self.seq + 1).await;
        let touched: BTreeSet<_> = items.iter().map(Item::message).collect();
        for item in items {
            let seq = item.position.seq;
            assert!(seq == self.seq || seq == self.seq + 1, "a gap in the log before {item:?}");
            self.seq = seq;
            self.add(item);
        }
        assert_eq!(self.seq, *store.synced(application).borrow(), "the log ends before its end");
        for message in touched {
            if let Some(record) = store.message(application, message).await.unwrap() {
                self.messages[&message].assert_counts(&record.status);
            }
        }
    }

    /// Whatever could be read before is still there as it was, but for what was trimmed.
    pub(crate) async fn assert_kept(&self, store: &dyn Store, application: ApplicationId) {
        let from = store.kept(application).await.unwrap().commits_from;
        let mut found = read(store, application, from).await;
        found.retain(|item| item.position.seq <= self.seq);
        let mut trimmed = BTreeSet::new();
        for (id, told) in &self.messages {
            let record = store.message(application, *id).await.unwrap();
            if told.ended && record.is_none_or(|record| record.trimmed) {
                trimmed.insert(*id);
            }
        }
        found.retain(|item| !trimmed.contains(&item.message()));
        let kept = |item: &&Item| item.position.seq >= from && !trimmed.contains(&item.message());
        let known: Vec<_> = self.items.iter().filter(kept).collect();
        assert_eq!(
            found.iter().map(|item| &item.what).collect::<Vec<_>>(),
            known.iter().map(|item| &item.what).collect::<Vec<_>>()
        );
    }

    fn add(&mut self, item: Item) {
        match &item.what {
            What::Accepted(message) => {
                assert!(self.messages.insert(*message, Told::default()).is_none(), "{message} begins twice");
            }
            What::Event(_, event) => {
                let told = self.messages.get_mut(&event.message).expect("events follow the acceptance");
                assert!(!told.ended, "an event after the end: {event:?}");
                let of_nobody = event.subscription.is_none().then(|| event.user_id.clone());
                let delivery = (event.subscription, of_nobody.unwrap_or_default());
                if let Some(before) = told.last.insert(delivery, (**event).clone()) {
                    assert!(!before.state.is_terminal(), "a second end: {before:?} {event:?}");
                    let attempted = u32::from(event.http_status.is_some());
                    assert!(event.attempt >= before.attempt + attempted, "{before:?} {event:?}");
                }
            }
            What::Ended(message) => {
                let told = self.messages.get_mut(message).expect("an end follows the acceptance");
                assert!(!told.ended, "{message} ends twice");
                told.ended = true;
            }
        }
        self.items.push(item);
    }
}

/// Everything that the log tells from commit `from` on. Of what was trimmed there are no events.
async fn read(store: &dyn Store, application: ApplicationId, mut from: u64) -> Vec<Item> {
    let mut items = Vec::new();
    loop {
        let rows = store.feed(application, from, ROWS).await.unwrap();
        let Some(last) = rows.last() else { return items };
        from = last.seq + 1;
        for row in rows {
            let mut index = 0;
            for entry in row.entries {
                let whats = match entry {
                    FeedEntry::Accepted(message) => vec![What::Accepted(message)],
                    FeedEntry::Ended(message) => vec![What::Ended(message)],
                    FeedEntry::Events(message) => {
                        let segments = store.segments(application, message, row.seq, 1).await.unwrap();
                        let of_row = segments.into_iter().filter(|segment| segment.seq == row.seq);
                        let events = (1..).zip(of_row.flat_map(|segment| segment.events));
                        events.map(|(at, event)| What::Event(at, Box::new(event))).collect()
                    }
                };
                for what in whats {
                    index += 1;
                    items.push(Item { position: Position { seq: row.seq, index }, what });
                }
            }
        }
    }
}

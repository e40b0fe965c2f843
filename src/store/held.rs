//! Evidence against so many that it is no proof: what is held, and what operators decide on many subscriptions at once.

use std::collections::HashSet;
use std::time::Duration;

use crate::domain::{ApplicationId, OriginId, Outcome, SubscriptionId, Timestamp};

/// How long removals at an origin stay held by themselves, from the last decision to hold on. Afterwards new evidence is
/// judged afresh; what was set aside stays so until an operator decides.
pub const HOLD_TIME: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Subscriptions of an application that were accepted at an origin; see [`super::Store::accepted_since`].
#[derive(Clone, Debug)]
pub struct AcceptedSince {
    /// `scheme://host[:port]`, as in events.
    pub origin: String,
    /// In commits of this time and later.
    pub since: Timestamp,
    /// Not these.
    pub except: HashSet<SubscriptionId>,
    /// Counted so far and no further.
    pub most: usize,
}

/// Why removals are held: what the push service answered within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Distinct subscriptions that it said of that they are gone, or belong to another key.
    pub refused: u32,
    /// Distinct subscriptions that it gave a final answer for, with those.
    pub answered: u32,
}

/// Removals of one application at one origin that are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Whose.
    pub application: ApplicationId,
    /// Where.
    pub origin: OriginId,
    /// What its push service says of them.
    pub outcome: Outcome,
    /// Since when.
    pub since: Timestamp,
    /// Until when further evidence of the kind is held too; in the past once an operator has decided.
    pub until: Timestamp,
    /// Why.
    pub share: Share,
    /// Subscriptions that are set aside.
    pub subscriptions: u64,
}

/// What an operator decides on many subscriptions of an application; see [`super::Store::decide`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Those set aside at an origin are active again; further evidence is judged afresh.
    Release {
        /// At which.
        origin: OriginId,
        /// For which outcome; `None`: for any.
        outcome: Option<Outcome>,
    },
    /// The evidence was right: those set aside are removed, or disabled.
    Discard {
        /// At which.
        origin: OriginId,
        /// For which outcome; `None`: for any.
        outcome: Option<Outcome>,
    },
    /// This one, disabled or set aside, is active again.
    Enable(SubscriptionId),
    /// The browser of this one has it still: what was said against it is void. Active from here on, in any case in the next
    /// generation.
    Confirm(SubscriptionId),
    /// Those that are disabled are active again.
    EnableAll {
        /// At which origin; `None`: at any.
        origin: Option<OriginId>,
        /// For which outcome; `None`: for any.
        outcome: Option<Outcome>,
        /// Last changed then or later.
        since: Timestamp,
        /// Last changed before.
        until: Timestamp,
    },
    /// Those that evidence removed come back, whole and with their names, unless their endpoint is stored again.
    Restore {
        /// At which origin; `None`: at any.
        origin: Option<OriginId>,
        /// Removed then or later.
        since: Timestamp,
        /// Removed before.
        until: Timestamp,
    },
}

/// How much of a decision is done at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionStep {
    /// Where to go on; empty: at the beginning.
    pub cursor: Vec<u8>,
    /// At most so many subscriptions.
    pub limit: usize,
    /// Only counts.
    pub validate_only: bool,
}

/// What a step of a decision did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// Those that were changed, or would be.
    pub subscriptions: Vec<SubscriptionId>,
    /// Those that were meant and stay as they are: their endpoint has been subscribed anew.
    pub passed_over: usize,
    /// Where to go on; `None` at the end.
    pub next: Option<Vec<u8>>,
}

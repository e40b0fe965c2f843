//! What goes into and comes out of a [`super::Store`], by what it is about.

mod applications;
mod audit;
mod changes;
mod evidence;
mod log;
mod messages;
mod pages;
mod retention;
mod subscriptions;

pub use applications::{ApplicationRecord, Cleared, OriginInfo, StoredToken};
pub use audit::{AuditListed, AuditRetention};
pub use changes::{Change, ChangeEvidence, ChangeKind};
pub use evidence::{Evidence, Evident, Learned, Lesson, Removal};
pub use log::{Commit, FeedEntry, FeedRow, MessageCommit, PageCommit, Received, Segment};
pub use messages::{
    Accepted, AudienceChunk, MessageFilter, MessageRecord, MessagesListed, Missing, NewMessage, OpenMessage,
    Plan, PlanStep, Recipient, Recipients,
};
pub use pages::{
    EntryState, GroupId, NewPage, PageEntry, PageHead, PageKey, PageUpdate, RetryState, StoredEntry,
    StoredPage,
};
pub use retention::{Kept, OriginsTrimmed, Retention, Trimmed};
pub use subscriptions::{ListFilter, Replaces, Selector, Subscribe, Subscribed, SubscriptionPatch};

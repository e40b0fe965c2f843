//! Recording outcomes.

use super::keys;
use super::pages;
use super::recording::Recording;
use super::writer::{TRANSACTION_ROWS, Writer};
use crate::domain::MessageId;
use crate::failpoint::failpoint;
use crate::store::{Commit, PageCommit, StoreError};

impl Writer {
    /// See [`crate::store::Store::commit`]. Pages share transactions of about [`TRANSACTION_ROWS`].
    pub(crate) fn commit(&mut self, commit: &Commit) -> Result<Vec<MessageId>, StoreError> {
        let mut ended = Vec::new();
        let mut recording = Recording::new(self.begin(), commit.application);
        for message in &commit.messages {
            for page in &message.pages {
                match record(&mut recording, message.message, page) {
                    // One page that does not read must not take everybody's outcomes with it.
                    Err(error @ (StoreError::Corrupt(_) | StoreError::NotFound)) => {
                        tracing::error!(message_id = %message.message, %error, "the outcomes of a page are not recorded");
                    }
                    recorded => recorded?,
                }
                if recording.rows() >= TRANSACTION_ROWS {
                    ended.extend(recording.finish(self)?);
                    recording = Recording::new(self.begin(), commit.application);
                }
            }
        }
        ended.extend(recording.finish(self)?);
        failpoint("commit-applied");
        Ok(ended)
    }
}

/// Records what happened on one page. A page that is settled already stays as it is: each delivery ends once.
fn record(recording: &mut Recording, message: MessageId, page: &PageCommit) -> Result<(), StoreError> {
    let key = page.update.key;
    // A page in its message's own row is there until that ends.
    let head = if recording.ends(message) {
        None
    } else {
        pages::head(&recording.transaction, recording.application, key)?
    };
    let Some(head) = head else {
        tracing::warn!(message_id = %key.message, page = key.number, "outcomes for a settled page are dropped");
        return Ok(());
    };
    let new = head.updated(&page.update.entries, page.update.due);
    let terminal = page.events.iter().filter(|event| event.state.is_terminal()).count();
    let settled = new.settled_since(&head).map(|settled| settled as usize);
    let retrying_change = i64::from(new.retrying()) - i64::from(head.retrying());
    // Counters that went wrong once would never reconcile: the message would end early or not at all.
    if key.message != message
        || page.update.entries.len() != head.entries()
        || settled != Some(terminal)
        || retrying_change != i64::from(page.retrying_change)
    {
        tracing::error!(
            message_id = %message, page = key.number, terminal, ?settled, retrying_change,
            "a commit's events do not match the new state of its page"
        );
        return Err(StoreError::Corrupt("page commit"));
    }
    let changes_message = !page.events.is_empty() || page.retrying_change != 0;
    if changes_message {
        // Before anything is written: a message that is not there fails the page as a whole.
        recording.message(message)?;
    }
    let transaction = &mut recording.transaction;
    if new.settled() as usize == new.entries() {
        transaction.remove_stored(keys::head(key))?;
        transaction.remove_stored(keys::page(key))?;
    } else {
        transaction.put(keys::head(key), &new);
    }
    if !changes_message {
        return Ok(());
    }
    let recorded = recording.message(message)?;
    recorded.state.retrying = recorded.state.retrying.saturating_add_signed(page.retrying_change);
    page.events.iter().for_each(|event| recorded.event(event));
    Ok(())
}

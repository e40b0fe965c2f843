//! Who called, and for whom a message is.

use crate::domain::{Addressed, CalledBy};
use crate::proto::v1;

/// Who called; `display_name` is what its token is called.
pub(crate) fn caller(caller: &CalledBy, display_name: String) -> v1::Caller {
    v1::Caller {
        name: caller.name.as_ref().to_owned(),
        display_name,
        address: caller.address.map(|address| address.to_string()).unwrap_or_default(),
    }
}

/// For whom a message is.
pub(crate) fn recipients(addressed: &Addressed) -> v1::MessageRecipients {
    let mut shown =
        v1::MessageRecipients { description: addressed.to_string(), ..v1::MessageRecipients::default() };
    let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    match addressed {
        Addressed::Subscription { id, user_id } => {
            shown.subscription = id.name();
            shown.user_ids = Some(user_id.clone()).filter(|user| !user.is_empty()).into_iter().collect();
        }
        Addressed::User(user_id) => shown.user_ids = vec![user_id.clone()],
        Addressed::Users(listed) => {
            shown.user_ids.clone_from(&listed.first);
            shown.listed_count = count(listed.count);
        }
        Addressed::Topics(listed) => {
            shown.topics.clone_from(&listed.first);
            shown.listed_count = count(listed.count);
        }
        Addressed::Subscriptions(listed) => shown.listed_count = count(*listed),
        Addressed::Inline | Addressed::All => {}
    }
    shown
}

//! Who gets a broadcast.

use super::{selector, text};
use crate::domain::limits::{AUDIENCE_LIST_MAX, AUDIENCE_TOPICS_MAX};
use crate::domain::{Audience, Violations};
use crate::proto::v1;

/// What an audience asks for.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    /// One that this server can reach.
    Audience(Audience),
    /// A filter.
    Filter,
}

/// Reads the audience; lists come out sorted and without repetitions.
pub(crate) fn audience(violations: &mut Violations, audience: Option<&v1::Audience>) -> Option<Asked> {
    use v1::audience::Selector as Given;
    let Some(given) = audience.and_then(|audience| audience.selector.as_ref()) else {
        violations.add("audience", "one of subscriptions, topics, users and all must be set");
        return None;
    };
    let asked = match given {
        Given::Subscriptions(v1::SubscriptionList { names }) => {
            const FIELD: &str = "audience.subscriptions.names";
            count(violations, FIELD, names.len(), AUDIENCE_LIST_MAX);
            let each = names.iter().enumerate();
            let ids = each.filter_map(|(index, name)| {
                selector::subscription_name(violations, &format!("{FIELD}[{index}]"), name)
            });
            Audience::Subscriptions(sorted(ids.collect()))
        }
        Given::Topics(v1::TopicList { topics }) => {
            const FIELD: &str = "audience.topics.topics";
            count(violations, FIELD, topics.len(), AUDIENCE_TOPICS_MAX);
            for (index, topic) in topics.iter().enumerate() {
                text::topic(violations, &format!("{FIELD}[{index}]"), topic);
            }
            Audience::Topics(sorted(topics.clone()))
        }
        Given::Users(v1::UserList { user_ids }) => {
            const FIELD: &str = "audience.users.user_ids";
            count(violations, FIELD, user_ids.len(), AUDIENCE_LIST_MAX);
            for (index, user) in user_ids.iter().enumerate() {
                text::named_user(violations, &format!("{FIELD}[{index}]"), user);
            }
            Audience::Users(sorted(user_ids.clone()))
        }
        Given::All(v1::AllSubscriptions {}) => Audience::All,
        Given::Filter(_) => return Some(Asked::Filter),
    };
    Some(Asked::Audience(asked))
}

fn count(violations: &mut Violations, field: &str, entries: usize, max: usize) {
    if entries == 0 {
        violations.add(field, "must not be empty");
    }
    if entries > max {
        violations.add(field, format!("must have at most {max} entries"));
    }
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort_unstable();
    list.dedup();
    list
}

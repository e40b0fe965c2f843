//! Messages: accepting and reading them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::Rng as _;

use super::audit;
use super::backend::Order;
use super::index;
use super::keys::{self, TopicId};
use super::recording::Recording;
use super::records::Record;
use super::records::message::{
    AudienceKind, DoneValue, HeaderValue, ListValue, OpenValue, PlanValue, RequestValue, StateValue,
};
use super::records::page::PageValue;
use super::stopping;
use super::subscriptions;
use super::transaction::{Reader, Rows, Transaction};
use super::writer::Writer;
use crate::domain::{
    Addressed, ApplicationId, Audience, AuditEntry, CalledBy, MessageId, MessageKind, MessageState,
    MessageStatus, SubscriptionId, Target, Timestamp,
};
use crate::store::rules::{paging, replay};
use crate::store::{
    Accepted, EntryState, GroupId, MessageFilter, MessageRecord, MessagesListed, NewMessage, OpenMessage,
    Owner, PageKey, Recipient, Recipients, StoreError, StoredEntry, StoredPage,
};

/// A message as it stands.
pub(crate) fn find(
    rows: &impl Rows,
    application: ApplicationId,
    message: MessageId,
) -> Result<Option<MessageRecord>, StoreError> {
    if let Some(open) = rows.record::<OpenValue>(&keys::open(application, message))?
        && let Some(state) = state_of(rows, application, message, &open)?
    {
        return open.into_record(message, &state).map(Some);
    }
    // Looked for last: a message that ends meanwhile is found.
    let done: Option<DoneValue> = rows.record(&keys::done(application, message))?;
    done.map(|done| done.into_record(message)).transpose()
}

/// Where a message stands whose row `open` is; `None` when it has ended since that was read. One that keeps its page has no
/// row for it before something is recorded of it.
pub(crate) fn state_of(
    rows: &impl Rows,
    application: ApplicationId,
    message: MessageId,
    open: &OpenValue,
) -> Result<Option<StateValue>, StoreError> {
    if let Some(state) = rows.record(&keys::state(application, message))? {
        return Ok(Some(state));
    }
    let Some((_, page)) = open.page() else { return Ok(None) };
    // Looked for last: the row is not there either when the message has ended meanwhile.
    let ended = rows.value(&keys::done(application, message))?.is_some();
    if ended { Ok(None) } else { open.first_state(page).map(Some) }
}

/// Where a message stands that has not ended.
pub(crate) fn state(
    rows: &impl Rows,
    application: ApplicationId,
    message: MessageId,
) -> Result<Option<StateValue>, StoreError> {
    if let Some(state) = rows.record(&keys::state(application, message))? {
        return Ok(Some(state));
    }
    match rows.record::<OpenValue>(&keys::open(application, message))? {
        Some(open) => state_of(rows, application, message, &open),
        None => Ok(None),
    }
}

/// See [`crate::store::Store::request`].
pub(crate) fn request(
    rows: &impl Rows,
    application: ApplicationId,
    request_id: &str,
) -> Result<Option<(MessageId, [u8; 32])>, StoreError> {
    let value: Option<RequestValue> = rows.record(&keys::request(application, request_id))?;
    value.map(|value| value.parts()).transpose()
}

/// Messages that one list looks at, whatever comes of them: so many that have not ended, and so many that have.
pub(crate) const LIST_ROWS: usize = 2_048;

/// See [`crate::store::Store::list_messages`].
pub(crate) fn list(
    reader: &Reader,
    application: ApplicationId,
    filter: &MessageFilter,
    before: Option<MessageId>,
    limit: usize,
) -> Result<MessagesListed, StoreError> {
    let MessageFilter { states, since, until, .. } = filter;
    let mut newest = BTreeMap::new();
    // Not everything that is older was looked at.
    let mut looked_to: Option<MessageId> = None;
    // Ended ones are read last, and count: a message that ends meanwhile is found, once.
    // Identifiers begin with the millisecond of their acceptance; only one that was made while the clock was set back begins
    // with a later one.
    let last = until.map(|until| MessageId::new(until.plus(Duration::from_millis(1)), [0; 10]));
    let before = before.into_iter().chain(last).min().unwrap_or(MessageId([u8::MAX; 16]));
    let from = since.map_or(MessageId([0; 16]), |since| MessageId::new(since, [0; 10]));
    let opens = keys::opens(application).before(&keys::open(application, before));
    let opens = opens.starting_at(&keys::open(application, from));
    let dones = keys::dones(application).before(&keys::done(application, before));
    let dones = dones.starting_at(&keys::done(application, from));
    for (range, ended) in [(opens, false), (dones, true)] {
        if !states.is_empty() && states.iter().all(|state| has_ended(*state) != ended) {
            continue;
        }
        let mut found = 0;
        for (looked, row) in (1..).zip(reader.scan(range, Order::Descending)) {
            let (key, value) = row?;
            let Some(id) = keys::message_of(&key) else { continue };
            let record = if ended {
                DoneValue::from_value(&value).and_then(|done| done.into_record(id)).map(Some)
            } else {
                find(reader, application, id)
            };
            let record = reader.readable(record)?.flatten();
            if let Some(MessageRecord { status, .. }) = record
                && filter.takes(&status)
            {
                found += 1;
                newest.insert(Reverse(id), status);
            }
            if found >= limit || looked >= LIST_ROWS {
                looked_to = looked_to.max(Some(id));
                break;
            }
        }
    }
    let mut messages: Vec<MessageStatus> = newest.into_values().collect();
    messages.retain(|message| looked_to.is_none_or(|to| message.id >= to));
    let mut next = looked_to;
    if messages.len() > limit {
        messages.truncate(limit);
        next = messages.last().map(|message| message.id);
    }
    Ok(MessagesListed { messages, next })
}

/// Whether a message in this state has ended.
fn has_ended(state: MessageState) -> bool {
    match state {
        MessageState::Scheduled | MessageState::Sending | MessageState::Cancelling => false,
        MessageState::Done | MessageState::Cancelled => true,
    }
}

/// See [`crate::store::Store::open_messages`].
pub(crate) fn open(reader: &Reader) -> Result<Vec<OpenMessage>, StoreError> {
    let mut messages = Vec::new();
    for row in reader.scan(keys::all_open(), Order::Ascending) {
        let (key, value) = row?;
        let (Some(application), Some(id)) = (keys::application_of(&key), keys::message_of(&key)) else {
            continue;
        };
        let message = OpenValue::from_value(&value).and_then(|open| {
            let Some(state) = state_of(reader, application, id, &open)? else { return Ok(None) };
            let spec = open.spec()?;
            let status = open.into_record(id, &state)?.status;
            let (plan, stop) = (state.plan(), state.stopped()?);
            Ok(Some(OpenMessage { application, status, spec, plan, stop }))
        });
        messages.extend(reader.readable(message)?.flatten());
    }
    Ok(messages)
}

/// See [`crate::store::Store::estimate`].
pub(crate) fn estimate(
    rows: &impl Rows,
    application: ApplicationId,
    audience: &Audience,
) -> Result<u32, StoreError> {
    let everyone = || index::count(rows, application, TopicId::EVERYONE);
    let count = match audience {
        Audience::Subscriptions(ids) => ids.iter().collect::<BTreeSet<_>>().len() as u64,
        // One at least for each, also where it is missing.
        Audience::Users(users) => users.iter().collect::<BTreeSet<_>>().len() as u64,
        Audience::All => everyone()?,
        Audience::Topics(names) => {
            let mut sum = 0_u64;
            for name in names.iter().collect::<BTreeSet<_>>() {
                if let Some(topic) = index::topic(rows, application, name)? {
                    sum = sum.saturating_add(index::count(rows, application, topic)?);
                }
            }
            // A subscription may have several of them.
            sum.min(everyone()?)
        }
    };
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

impl Writer {
    /// See [`crate::store::Store::accept`].
    pub(crate) fn accept(&mut self, new: NewMessage) -> Result<Accepted, StoreError> {
        let application = new.application;
        let mut transaction = self.begin();
        // Before recipients are looked up: one that has gone since must not keep a caller from joining.
        if !new.request_id.is_empty()
            && let Some((message, hash)) = request(&transaction, application, &new.request_id)?
            && let Some(record) = find(&transaction, application, message)?
        {
            replay::replayed(message, &hash, &new.request_hash)?;
            return Ok(Accepted { record, replayed: true, pages: Vec::new(), superseded: None });
        }
        let mut addressed = new.recipients.addressed(new.kind);
        let to = match new.recipients {
            Recipients::Named { recipient, targets_max, room } => {
                let targets = self.look_up(application, recipient, targets_max)?;
                if targets.len() > targets_max.min(room) as usize {
                    return Err(StoreError::TooManyTargets(targets.len() as u32));
                }
                if let (Addressed::Subscription { user_id, .. }, [target]) = (&mut addressed, &targets[..]) {
                    user_id.clone_from(&target.user_id);
                }
                To::Targets(targets)
            }
            Recipients::Targets(targets) => To::Targets(targets),
            Recipients::Audience(audience) => To::Audience(audience),
        };
        let targets_estimate = match &to {
            To::Targets(targets) => targets.len() as u32,
            To::Audience(_) => new.targets_estimate,
        };
        let now = self.clock.now();
        let id = self.next_message(now);
        if !new.request_id.is_empty() {
            let value = RequestValue::new(id, &new.request_hash, now);
            transaction.put(keys::request(application, &new.request_id), &value);
        }
        let seq = self.next_seq(application);
        let header = HeaderValue::new(new.kind, &new.spec, new.request_id, now, new.start, seq);
        let header = header.sent(&addressed, new.caller.as_ref());
        let mut open = OpenValue::new(header, &new.spec, targets_estimate, new.collapse);
        let scheduled = new.start.is_some();
        let (state, pages) = match to {
            To::Targets(targets) => {
                let mut state = StateValue::new(None, scheduled);
                state.planned = targets.len() as u32;
                let pages = self.write_targets(&mut transaction, application, id, &mut open, targets)?;
                (open.page().is_none().then_some(state), pages)
            }
            To::Audience(audience) => {
                let owner = |id| {
                    if !scheduled {
                        // It is read at once.
                        return Ok(Owner::NOBODY);
                    }
                    let target =
                        self.reader.readable(index::target(&self.reader, application, id))?.flatten();
                    Ok(target.map_or(Owner::NOBODY, |target| Owner::of(&target.user_id)))
                };
                write_audience(&mut transaction, id, &mut open, audience, owner)?;
                (Some(StateValue::new(Some(PlanValue::default()), scheduled)), Vec::new())
            }
        };
        transaction.put(keys::open(application, id), &open);
        if let (MessageKind::Broadcast, Some(caller)) = (new.kind, new.caller) {
            audit::add(&mut transaction, now, &broadcast(caller, application, id))?;
        }
        let superseded = match new.collapse {
            Some(collapse) if !scheduled => {
                stopping::supersede(&mut transaction, application, collapse, id, now)?
            }
            Some(_) | None => None,
        };
        let mut recording = Recording::new(transaction, application);
        recording.accept(id, state);
        recording.finish(self)?;
        let record = find(&self.reader, application, id)?.ok_or(StoreError::NotFound)?;
        Ok(Accepted { record, replayed: false, pages, superseded })
    }

    /// Whom a Send is for: one target at least. Of more than `targets_max`, one more says so.
    fn look_up(
        &self,
        application: ApplicationId,
        recipient: Recipient,
        targets_max: u32,
    ) -> Result<Vec<Target>, StoreError> {
        let targets = match recipient {
            Recipient::Subscription(id) => {
                let target = self.reader.readable(index::target(&self.reader, application, id))?.flatten();
                vec![target.ok_or(StoreError::NotFound)?]
            }
            Recipient::User(user) => {
                let found = subscriptions::of_user(&self.reader, application, &user, None);
                let found = found.take(targets_max as usize + 1);
                found.map(|read| read.map(|of| of.target)).collect::<Result<Vec<_>, _>>()?
            }
            Recipient::Inline(target) => vec![*target],
        };
        if targets.is_empty() { Err(StoreError::NotFound) } else { Ok(targets) }
    }

    /// An identifier above all that this process gave.
    fn next_message(&mut self, now: Timestamp) -> MessageId {
        let mut random = [0; 10];
        self.random.fill_bytes(&mut random);
        let id = u128::from_be_bytes(MessageId::new(now, random).0);
        self.last_message = id.max(self.last_message.saturating_add(1));
        MessageId(self.last_message.to_be_bytes())
    }

    /// Writes resolved recipients as pages, by the group of their origin: a short one that is the only one into the
    /// message's own row.
    fn write_targets(
        &mut self,
        transaction: &mut Transaction,
        application: ApplicationId,
        message: MessageId,
        open: &mut OpenValue,
        targets: Vec<Target>,
    ) -> Result<Vec<StoredPage>, StoreError> {
        let mut groups: BTreeMap<GroupId, Vec<Target>> = BTreeMap::new();
        for mut target in targets {
            let origin = self.origins.intern(transaction, target.endpoint.origin())?;
            target.origin = origin.id;
            groups.entry(GroupId::of(origin.id)).or_default().push(target);
        }
        let of_group =
            |(group, targets)| paging::paged(targets).into_iter().map(move |targets| (group, targets));
        let pages: Vec<_> = groups.into_iter().flat_map(of_group).collect();
        let own = matches!(&*pages, [(_, targets)] if targets.len() <= OWN_PAGE_ENTRIES_MAX);
        let mut written = Vec::with_capacity(pages.len());
        for (number, (group, targets)) in (0..).zip(pages) {
            let key = PageKey { message, number };
            let entries: Vec<_> = targets.iter().map(paging::page_entry).collect();
            let (head, page) =
                (open.first_head(application, group, entries.len())?, PageValue::new(&entries));
            if own {
                open.keep_page(group, page);
            } else {
                transaction.put(keys::page(key), &page);
                transaction.put(keys::head(key), &head);
            }
            let entries = targets.into_iter().map(|target| StoredEntry {
                id: target.id,
                state: EntryState::Waiting,
                target: Some(target),
                departed: None,
            });
            written.push(StoredPage { head: head.head(key)?, entries: entries.collect() });
        }
        Ok(written)
    }
}

/// What the audit log says of a broadcast. All else of it is in the message.
fn broadcast(caller: CalledBy, application: ApplicationId, message: MessageId) -> AuditEntry {
    AuditEntry {
        time: Timestamp::default(),
        caller,
        action: "Broadcast".to_owned(),
        application,
        application_name: String::new(),
        object: message.name(),
        count: None,
        changes: Vec::new(),
    }
}

/// Recipients, once those that were named are looked up.
enum To {
    Targets(Vec<Target>),
    Audience(Audience),
}

/// Deliveries of a page that stands in its message's own row at most: with as many inline targets as long as they can be, the
/// row is no longer than others.
const OWN_PAGE_ENTRIES_MAX: usize = 16;

/// Notes an audience in the message, long lists in rows of their own: of subscriptions with whose each is, unless `owner`
/// says that it is nobody's.
fn write_audience(
    transaction: &mut Transaction,
    message: MessageId,
    open: &mut OpenValue,
    audience: Audience,
    owner: impl Fn(SubscriptionId) -> Result<Owner, StoreError>,
) -> Result<(), StoreError> {
    let entries: BTreeSet<Vec<u8>> = match audience {
        Audience::All => {
            open.audience = AudienceKind::All.into();
            return Ok(());
        }
        Audience::Topics(topics) => {
            open.audience = AudienceKind::Topics.into();
            open.topics = topics.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
            return Ok(());
        }
        Audience::Subscriptions(ids) => {
            open.audience = AudienceKind::Subscriptions.into();
            let named = |id: SubscriptionId| {
                let owner = owner(id)?;
                let noted = if owner == Owner::NOBODY { &[][..] } else { &owner.0[..] };
                Ok([&id.0[..], noted].concat())
            };
            ids.into_iter().map(named).collect::<Result<_, StoreError>>()?
        }
        Audience::Users(users) => {
            open.audience = AudienceKind::Users.into();
            users.into_iter().map(String::into_bytes).collect()
        }
    };
    for entries in paging::rows(entries) {
        transaction.put(keys::list(message, open.lists), &ListValue { entries });
        open.lists += 1;
    }
    Ok(())
}

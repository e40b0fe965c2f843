//! Pages: writing them while planning, and reading them.

use std::collections::BTreeMap;

use super::audience::{self, Terms};
use super::backend::Order;
use super::keys;
use super::recording::Recording;
use super::records::Record;
use super::records::message::{OpenValue, PlanValue, StateValue};
use super::records::page::{HeadValue, PageValue};
use super::transaction::{Reader, Rows};
use super::writer::{TRANSACTION_ROWS, Writer};
use crate::domain::{ApplicationId, DeliveryEvent, MessageId, MessageKind, SubscriptionId, Target};
use crate::store::{
    Addressee, EntryState, GroupId, NewPage, PageHead, PageKey, StoreError, StoredEntry, StoredPage,
};

/// Pages of one transaction: a body and a head each.
pub(crate) const TRANSACTION_PAGES: usize = TRANSACTION_ROWS / 2;
/// Rows of an audience that are read for each of a page's targets at most: of one whose targets lie far apart they are read in
/// vain, and each of its targets is looked up.
const ROWS_FOR_EACH: usize = 2;

/// The row of the message of a page that stands in it; `None` for others, and when it is settled.
fn own(rows: &impl Rows, application: ApplicationId, key: PageKey) -> Result<Option<OpenValue>, StoreError> {
    if key.number > 0 {
        return Ok(None);
    }
    let open: Option<OpenValue> = rows.record(&keys::open(application, key.message))?;
    Ok(open.filter(|open| open.page().is_some()))
}

/// The head of a page; `None` when it is settled. One in its message's own row has no head before something is recorded of
/// it.
pub(crate) fn head(
    rows: &impl Rows,
    application: ApplicationId,
    key: PageKey,
) -> Result<Option<HeadValue>, StoreError> {
    if let Some(head) = rows.record(&keys::head(key))? {
        return Ok(Some(head));
    }
    match own(rows, application, key)? {
        Some(open) => own_head(application, &open),
        None => Ok(None),
    }
}

/// The first head of the page that stands in a message's row.
fn own_head(application: ApplicationId, open: &OpenValue) -> Result<Option<HeadValue>, StoreError> {
    let head = |(group, page): (GroupId, &PageValue)| open.first_head(application, group, page.entries());
    open.page().map(head).transpose()
}

/// Who is on a page.
pub(crate) fn body(
    rows: &impl Rows,
    application: ApplicationId,
    key: PageKey,
) -> Result<Option<PageValue>, StoreError> {
    match rows.record(&keys::page(key))? {
        Some(page) => Ok(Some(page)),
        None => Ok(own(rows, application, key)?.and_then(OpenValue::into_page)),
    }
}

/// See [`crate::store::Store::page_heads`].
pub(crate) fn heads(reader: &Reader) -> Result<Vec<PageHead>, StoreError> {
    let mut heads = BTreeMap::new();
    for row in reader.scan(keys::all_open(), Order::Ascending) {
        let (key, value) = row?;
        let (Some(application), Some(message)) = (keys::application_of(&key), keys::message_of(&key)) else {
            continue;
        };
        let key = PageKey { message, number: 0 };
        let head = OpenValue::from_value(&value)
            .and_then(|open| own_head(application, &open)?.map(|head| head.head(key)).transpose());
        heads.extend(reader.readable(head)?.flatten().map(|head| (key, head)));
    }
    // What was recorded of them counts.
    for row in reader.scan(keys::heads(), Order::Ascending) {
        let (key, value) = row?;
        let Some(key) = keys::page_of(&key) else { continue };
        let head = HeadValue::from_value(&value).and_then(|head| head.head(key));
        match reader.readable(head)? {
            Some(head) => heads.insert(key, head),
            None => heads.remove(&key),
        };
    }
    Ok(heads.into_values().collect())
}

/// See [`crate::store::Store::message_pages`].
pub(crate) fn of_message(
    reader: &Reader,
    application: ApplicationId,
    message: MessageId,
    from: u32,
    limit: usize,
) -> Result<Vec<PageKey>, StoreError> {
    let range = keys::heads_of(message).starting_at(&keys::head(PageKey { message, number: from }));
    let mut pages = Vec::new();
    for row in reader.scan(range, Order::Ascending).take(limit) {
        pages.extend(keys::page_of(&row?.0));
    }
    let first = PageKey { message, number: from };
    if pages.is_empty() && own(reader, application, first)?.is_some() {
        // It is the only one.
        pages.extend((limit > 0).then_some(first));
    }
    Ok(pages)
}

/// See [`crate::store::Store::page`].
pub(crate) fn read(
    reader: &Reader,
    application: ApplicationId,
    key: PageKey,
) -> Result<Option<StoredPage>, StoreError> {
    let (Some(head), Some(page)) = (head(reader, application, key)?, body(reader, application, key)?) else {
        return Ok(None);
    };
    let (ids, owners, states, head) = (page.ids(), page.owners()?, head.states()?, head.head(key)?);
    if ids.len() != states.len() {
        return Err(StoreError::Corrupt(PageValue::KIND));
    }
    let mut inline = page.into_inline()?.into_iter().peekable();
    let terms = match head.kind {
        MessageKind::Send => None,
        MessageKind::Broadcast => reader.readable(Terms::of(reader, application, key.message))?.flatten(),
    };
    let together = match &terms {
        Some(terms) => together(reader, application, terms, &ids, &states)?,
        None => Vec::new(),
    };
    let mut together = together.into_iter().peekable();
    let mut entries = Vec::with_capacity(ids.len());
    for (place, ((id, owner), state)) in ids.into_iter().zip(owners).zip(states).enumerate() {
        let on_page = inline.next_if(|(inline, _)| *inline == place).map(|(_, target)| target);
        while together.next_if(|target| target.id < id).is_some() {}
        let at_hand = on_page.or_else(|| together.next_if(|target| target.id == id));
        let found = match (&state, at_hand) {
            (EntryState::Settled, _) => Addressee::default(),
            (EntryState::Waiting | EntryState::Retrying(_), Some(target)) => {
                Addressee { target: Some(target), departed: None }
            }
            (EntryState::Waiting | EntryState::Retrying(_), None) => {
                let found = audience::addressee(reader, application, terms.as_ref(), id);
                reader.readable(found)?.unwrap_or_default()
            }
        };
        let Addressee { target, departed } = found.if_of(owner);
        entries.push(StoredEntry { id, state, target: target.filter(|_| departed.is_none()), departed });
    }
    Ok(Some(StoredPage { head, entries }))
}

/// Targets of a page in the order of their ids, read in one go: those of a page that was planned by topics, or for everyone,
/// lie next to one another there, between few others. None if the page is not in that order or most of it is settled.
fn together(
    reader: &Reader,
    application: ApplicationId,
    terms: &Terms,
    ids: &[SubscriptionId],
    states: &[EntryState],
) -> Result<Vec<Target>, StoreError> {
    let open = states.iter().filter(|state| !matches!(state, EntryState::Settled)).count();
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return Ok(Vec::new()) };
    if 2 * open < ids.len() || !ids.is_sorted() {
        return Ok(Vec::new());
    }
    let rows_max = ROWS_FOR_EACH * ids.len();
    let read = audience::read_again(reader, application, terms, (*first, *last), rows_max);
    Ok(reader.readable(read)?.unwrap_or_default())
}

/// See [`crate::store::Store::page_ids`].
pub(crate) fn ids(
    rows: &impl Rows,
    application: ApplicationId,
    key: PageKey,
) -> Result<Vec<SubscriptionId>, StoreError> {
    let page = body(rows, application, key)?;
    Ok(page.map(|page| page.ids()).unwrap_or_default())
}

/// What a step of planning does besides writing pages.
#[derive(Debug)]
pub(crate) struct PlanMove {
    pub(crate) cursor: Option<Vec<u8>>,
    pub(crate) ended: Vec<DeliveryEvent>,
    pub(crate) done: bool,
}

impl Writer {
    /// Notes that pages were taken up, at most [`TRANSACTION_ROWS`]. One that does not read stays as it is.
    pub(crate) fn page_taken_up(
        &mut self,
        application: ApplicationId,
        pages: &[PageKey],
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin();
        for page in pages {
            let head = head(&transaction, application, *page);
            if let Some(mut head) = self.reader.readable(head)?.flatten() {
                head.taken_up();
                transaction.put(keys::head(*page), &head);
            }
        }
        self.apply(transaction)
    }

    /// Writes pages, at most [`TRANSACTION_PAGES`], and counts them into the message.
    pub(crate) fn write_pages(
        &mut self,
        application: ApplicationId,
        message: MessageId,
        kind: MessageKind,
        pages: &[NewPage],
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin();
        let state_key = keys::state(application, message);
        let mut state: StateValue = transaction.record(&state_key)?.ok_or(StoreError::NotFound)?;
        let plan = state.plan.as_mut().ok_or(StoreError::NotFound)?;
        for page in pages {
            if page.number < plan.next_page {
                // Written again it would count twice.
                return Err(StoreError::Corrupt("page number"));
            }
            plan.next_page = page.number + 1;
            state.planned += page.entries.len() as u32;
            let key = PageKey { message, number: page.number };
            let head = HeadValue::new(application, kind, page.group, page.entries.len(), page.due);
            transaction.put(keys::page(key), &PageValue::new(&page.entries));
            transaction.put(keys::head(key), &head);
        }
        transaction.put(state_key, &state);
        self.apply(transaction)
    }

    /// Moves the cursor, records who ended, ends planning, and with it the message when nothing is left: `true`.
    pub(crate) fn move_plan(
        &mut self,
        application: ApplicationId,
        message: MessageId,
        step: PlanMove,
    ) -> Result<bool, StoreError> {
        let mut recording = Recording::new(self.begin(), application);
        let recorded = recording.message(message)?;
        let plan = recorded.state.plan.take().ok_or(StoreError::NotFound)?;
        recorded.state.plan = match (step.done, step.cursor) {
            (true, _) => None,
            (false, None) => Some(plan),
            (false, Some(cursor)) => {
                Some(PlanValue { cursor, first_page: plan.next_page, next_page: plan.next_page })
            }
        };
        recorded.state.planned += step.ended.len() as u32;
        step.ended.iter().for_each(|event| recorded.event(event));
        Ok(!recording.finish(self)?.is_empty())
    }
}

//! Reading an audience in pieces: lists by position; topics and everyone by merging scans in the order of ids.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::backend::Order;
use super::cursor::Cursor;
use super::index;
use super::keys::{self, KeyRange};
use super::messages;
use super::records::Record as _;
use super::records::message::{AudienceKind, ListValue, OpenValue};
use super::records::subscription::{MemberValue, TargetValue, TopicValue};
use super::subscriptions::of_user;
use super::transaction::{Reader, Rows, Scan};
use crate::domain::{ApplicationId, MessageId, SubscriptionId, Target, Timestamp};
use crate::store::rules::audience as rules;
use crate::store::{Addressee, AudienceChunk, Missing, Owner, StoreError};

/// Rows that one piece reads at most, whatever comes of them.
const CHUNK_ROWS: usize = 8_192;
/// Rows that a merge fetches at once of each of its scans.
const MERGE_ROWS_MIN: usize = 16;

/// Whom a message is for.
pub(crate) struct Terms {
    message: MessageId,
    open: OpenValue,
    /// Who joined later is not part of it.
    began: Timestamp,
}

impl Terms {
    /// Those of a message that has not ended.
    pub(crate) fn of(
        reader: &Reader,
        application: ApplicationId,
        message: MessageId,
    ) -> Result<Option<Self>, StoreError> {
        let Some(open) = reader.record::<OpenValue>(&keys::open(application, message))? else {
            return Ok(None);
        };
        let Some(state) = messages::state_of(reader, application, message, &open)? else { return Ok(None) };
        let began = state.began().unwrap_or(open.header()?.created());
        Ok(Some(Self { message, open, began }))
    }

    fn has_topics(&self) -> Result<bool, StoreError> {
        Ok(self.open.audience_kind()? == AudienceKind::Topics)
    }
}

/// What a delivery of a message with these terms finds of its subscription; see [`crate::store::Store::addressee`].
pub(crate) fn addressee(
    reader: &Reader,
    application: ApplicationId,
    terms: Option<&Terms>,
    id: SubscriptionId,
) -> Result<Addressee, StoreError> {
    let terms = match terms {
        Some(terms) if terms.has_topics()? => terms,
        Some(_) | None => {
            return Ok(Addressee { target: index::target(reader, application, id)?, departed: None });
        }
    };
    let found = index::find(reader, application, id)?;
    Ok(rules::addressee(found, &terms.open.topics, terms.began))
}

/// See [`crate::store::Store::audience`].
pub(crate) fn read(
    reader: &Reader,
    application: ApplicationId,
    message: MessageId,
    cursor: &[u8],
    limit: usize,
) -> Result<AudienceChunk, StoreError> {
    let terms = Terms::of(reader, application, message)?.ok_or(StoreError::NotFound)?;
    let Terms { open, began, .. } = &terms;
    let piece = Piece {
        reader,
        application,
        message,
        began: *began,
        cursor: Cursor::decode(cursor)?,
        limit: limit.max(1),
        rows_max: CHUNK_ROWS,
        chunk: AudienceChunk { cursor: cursor.to_vec(), ..AudienceChunk::default() },
    };
    match open.audience_kind()? {
        AudienceKind::Resolved => Ok(AudienceChunk { done: true, ..piece.chunk }),
        AudienceKind::Subscriptions => piece.listed(open.lists, Piece::listed_subscription),
        AudienceKind::Users => piece.listed(open.lists, Piece::listed_user),
        AudienceKind::All | AudienceKind::Topics => {
            let mut scans = scans(reader, application, open)?;
            if let Cursor::Member(id) = piece.cursor {
                for scan in &mut scans {
                    scan.start_after(id);
                }
            }
            piece.merge(scans)
        }
    }
}

/// Reads what [`read`] gave from `first` to `last` once more, as far as `rows_max` rows of its scans go. Who has left since is
/// missing, who has changed may be, and all of an audience that is a list are.
pub(crate) fn read_again(
    reader: &Reader,
    application: ApplicationId,
    terms: &Terms,
    (first, last): (SubscriptionId, SubscriptionId),
    rows_max: usize,
) -> Result<Vec<Target>, StoreError> {
    let mut scans = scans(reader, application, &terms.open)?;
    for scan in &mut scans {
        scan.keep_between(first, last);
    }
    let piece = Piece {
        reader,
        application,
        message: terms.message,
        began: terms.began,
        cursor: Cursor::Start,
        limit: rows_max,
        rows_max,
        chunk: AudienceChunk::default(),
    };
    Ok(piece.merge(scans)?.targets)
}

/// The scans that together are an audience in the order of ids; none for a list.
fn scans(
    reader: &Reader,
    application: ApplicationId,
    open: &OpenValue,
) -> Result<Vec<MemberScan>, StoreError> {
    match open.audience_kind()? {
        AudienceKind::Resolved | AudienceKind::Subscriptions | AudienceKind::Users => Ok(Vec::new()),
        AudienceKind::All => {
            Ok(vec![MemberScan { membership: Membership::Everyone, range: keys::subscriptions(application) }])
        }
        AudienceKind::Topics => {
            let mut scans = Vec::with_capacity(open.topics.len());
            for name in &open.topics {
                if let Some(topic) = index::topic(reader, application, name)? {
                    let range = keys::topic_members(application, topic);
                    scans.push(MemberScan { membership: Membership::Topic, range });
                }
            }
            Ok(scans)
        }
    }
}

/// Rows of members in the order of their ids.
struct MemberScan {
    membership: Membership,
    /// Of keys that end with an id. Its start is what they begin with, until it is narrowed.
    range: KeyRange,
}

impl MemberScan {
    fn start_after(&mut self, id: SubscriptionId) {
        let key = [&self.range.from[..], &id.0].concat();
        self.range = self.range.clone().after(&key);
    }

    fn keep_between(&mut self, first: SubscriptionId, last: SubscriptionId) {
        let key = |id: SubscriptionId| [&self.range.from[..], &id.0].concat();
        let behind = [&key(last)[..], &[0]].concat();
        self.range = self.range.clone().starting_at(&key(first)).before(&behind);
    }
}

struct Piece<'a> {
    reader: &'a Reader,
    application: ApplicationId,
    message: MessageId,
    /// Who joined later is not part of it.
    began: Timestamp,
    cursor: Cursor,
    limit: usize,
    rows_max: usize,
    chunk: AudienceChunk,
}

/// What a list goes on with after an entry.
enum Next {
    Entry,
    /// The same user, after this subscription.
    SameUser(SubscriptionId),
}

impl Piece<'_> {
    fn is_full(&self) -> bool {
        self.chunk.targets.len() + self.chunk.missing.len() >= self.limit
    }

    fn listed(
        mut self,
        lists: u32,
        add: impl Fn(&mut Self, &[u8], Option<SubscriptionId>) -> Result<Next, StoreError>,
    ) -> Result<AudienceChunk, StoreError> {
        let (mut row, mut entry, mut after) = match self.cursor {
            Cursor::Listed { row, entry, after } => (row, entry, after),
            Cursor::Start | Cursor::Member(_) => (0, 0, None),
        };
        while row < lists {
            let list = self.reader.record::<ListValue>(&keys::list(self.message, row));
            let list = self.reader.readable(list)?.flatten().unwrap_or_default();
            while let Some(name) = list.entries.get(entry as usize) {
                if self.is_full() {
                    self.chunk.cursor = Cursor::Listed { row, entry, after }.encode();
                    return Ok(self.chunk);
                }
                match add(&mut self, name, after)? {
                    Next::Entry => (entry, after) = (entry + 1, None),
                    Next::SameUser(user_last) => after = Some(user_last),
                }
            }
            (row, entry, after) = (row + 1, 0, None);
        }
        self.chunk.cursor = Cursor::Listed { row, entry, after }.encode();
        self.chunk.done = true;
        Ok(self.chunk)
    }

    /// Behind its name stands whose it was when it was listed, if the message had to wait for its start since.
    fn listed_subscription(
        &mut self,
        name: &[u8],
        _after: Option<SubscriptionId>,
    ) -> Result<Next, StoreError> {
        let corrupt = || StoreError::Corrupt(ListValue::KIND);
        let (id, owner) = name.split_first_chunk().ok_or_else(corrupt)?;
        let id = SubscriptionId(*id);
        let owner = match owner.len() {
            0 => Owner::NOBODY,
            _ => Owner(owner.try_into().map_err(|_| corrupt())?),
        };
        let target = self.reader.readable(index::target(self.reader, self.application, id))?.flatten();
        match rules::named(id, owner, target) {
            Ok(target) => self.chunk.targets.push(target),
            Err(missing) => self.chunk.missing.push(missing),
        }
        Ok(Next::Entry)
    }

    fn listed_user(&mut self, name: &[u8], after: Option<SubscriptionId>) -> Result<Next, StoreError> {
        let user = std::str::from_utf8(name).map_err(|_| StoreError::Corrupt(ListValue::KIND))?;
        let mut found = after.is_some();
        for subscription in of_user(self.reader, self.application, user, after) {
            let subscription = subscription?;
            if rules::is_late(subscription.created, self.began) {
                continue;
            }
            let id = subscription.target.id;
            found = true;
            self.chunk.targets.push(subscription.target);
            if self.is_full() {
                return Ok(Next::SameUser(id));
            }
        }
        if !found {
            self.chunk.missing.push(Missing::User(user.to_owned()));
        }
        Ok(Next::Entry)
    }

    /// Walks several scans as one, in the order of ids, each subscription once.
    fn merge(mut self, scans: Vec<MemberScan>) -> Result<AudienceChunk, StoreError> {
        let piece = (self.limit / scans.len().max(1)).clamp(MERGE_ROWS_MIN, CHUNK_ROWS);
        let mut scans: Vec<_> = scans
            .into_iter()
            .map(|scan| (scan.membership, self.reader.scan_by(scan.range, Order::Ascending, piece)))
            .collect();
        let mut heads = BinaryHeap::new();
        let mut to_advance: Vec<usize> = (0..scans.len()).collect();
        let mut rows = 0;
        loop {
            if self.is_full() || rows >= self.rows_max {
                return Ok(self.chunk);
            }
            for scan in to_advance.drain(..) {
                let (membership, rows) = &mut scans[scan];
                if let Some(member) = membership.next(self.reader, rows)? {
                    heads.push(Head { id: Reverse(member.id), scan, member });
                }
            }
            let Some(Head { id: Reverse(id), scan, member: mut joined }) = heads.pop() else {
                self.chunk.done = true;
                return Ok(self.chunk);
            };
            to_advance.push(scan);
            while let Some(same) = heads.peek().filter(|head| head.id.0 == id).map(|head| head.scan) {
                to_advance.push(same);
                if let Some(Head { member, .. }) = heads.pop() {
                    joined.since = joined.since.min(member.since);
                    joined.target = joined.target.or(member.target);
                }
            }
            rows += to_advance.len();
            self.chunk.cursor = Cursor::Member(id).encode();
            self.add(joined)?;
        }
    }

    fn add(&mut self, joined: Member) -> Result<(), StoreError> {
        if rules::is_late(joined.since, self.began) {
            return Ok(());
        }
        let target = match joined.target {
            Some(target) => self.reader.readable(target.into_target(joined.id, false))?,
            None => self.reader.readable(index::target(self.reader, self.application, joined.id))?.flatten(),
        };
        self.chunk.targets.extend(target.filter(rules::is_sent_to));
        Ok(())
    }
}

/// Which rows a scan has.
#[derive(Clone, Copy)]
enum Membership {
    Everyone,
    Topic,
}

/// One row of a scan.
struct Member {
    id: SubscriptionId,
    since: Timestamp,
    target: Option<TargetValue>,
}

impl Membership {
    fn next(self, reader: &Reader, rows: &mut Scan) -> Result<Option<Member>, StoreError> {
        for row in rows {
            let (key, value) = row?;
            let Some(id) = keys::subscription_of(&key) else { continue };
            let member = match self {
                Self::Everyone => MemberValue::from_value(&value).map(|value| Member {
                    id,
                    since: value.created(),
                    target: value.target,
                }),
                Self::Topic => TopicValue::from_value(&value).map(|value| Member {
                    id,
                    since: Timestamp::from_micros(value.since),
                    target: value.target,
                }),
            };
            if let Some(member) = reader.readable(member)? {
                return Ok(Some(member));
            }
        }
        Ok(None)
    }
}

/// The next row of a scan; the smallest id is the greatest head.
struct Head {
    id: Reverse<SubscriptionId>,
    scan: usize,
    member: Member,
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        (self.id, self.scan) == (other.id, other.scan)
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.id, self.scan).cmp(&(other.id, other.scan))
    }
}

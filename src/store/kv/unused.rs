//! Forgets origins of which nothing is stored any more, while the store serves: no subscription, none that can be restored,
//! no target of a page, and nothing that an operator is to decide on ([`NamesOrigin`]).
//!
//! A sweep begins by suspecting all origins that are known, reads all rows that may name one, a portion at a time and beside
//! the writer, and forgets the suspects that none named. Rows come, go and move from kind to kind meanwhile, and still no
//! origin that a row names is forgotten. Every row is written by the one writer, which from the beginning of a sweep on
//! spares the origin of each row that it writes ([`Writer::apply`]). So a row that is there when its origin's turn comes was
//! either written during the sweep, which spared it, or has been there unchanged since before, and was read. Forgetting is
//! a command of the writer too, that looks at the suspects once more: between that look and the removal nothing is written.
//! Afterwards no row names the number, and none ever will: numbers are not given again, rows that are written anew take
//! theirs from [`Origins::intern`](super::origins::Origins::intern), which knows it no longer, or from a row that is stored.
//!
//! A sweep is in memory only: after a crash another one begins. The rows of an origin go in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::backend::Order;
use super::keys::{self, KeyRange, NamesOrigin};
use super::origins::ORIGINS_MAX;
use super::queue::Class;
use super::records::Record as _;
use super::records::held::RemovedValue;
use super::records::message::OpenValue;
use super::records::page::PageValue;
use super::records::subscription::MemberValue;
use super::space::Use;
use super::transaction::Reader;
use super::writer::{TRANSACTION_ROWS, Writer, submit};
use super::{KvStore, closed};
use crate::domain::OriginId;
use crate::store::{OriginsTrimmed, StoreError};

/// Rows that a scan fetches at once: pages may be long.
const READ_AT_ONCE: usize = 64;
/// Origins that one transaction forgets: two rows each.
const FORGOTTEN_AT_ONCE: usize = TRANSACTION_ROWS / 2;

/// Origins that no row was found to name yet. Shared by the sweep and the writer.
#[derive(Debug)]
pub(crate) struct Suspects(Mutex<BTreeSet<OriginId>>);

impl Suspects {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<OriginId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spare(&self, origins: &[OriginId]) {
        let mut suspects = self.lock();
        for origin in origins {
            suspects.remove(origin);
        }
    }

    /// Spares what the writer is about to write.
    pub(crate) fn spare_written(&self, writes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) {
        for (key, value) in writes {
            let Some(value) = value else { continue };
            match named_by(key, value) {
                Ok(origins) => self.spare(&origins),
                // Nobody knows which one it names.
                Err(_) => self.lock().clear(),
            }
        }
    }

    /// Reads at most so many rows of these ranges, the last one first, and spares whom they name. Returns what is left to
    /// read.
    fn read(
        &self,
        reader: &Reader,
        mut ranges: Vec<KeyRange>,
        rows: usize,
    ) -> Result<Vec<KeyRange>, StoreError> {
        let mut left = rows.max(1);
        while let Some(range) = ranges.pop() {
            let mut last = None;
            for row in reader.scan_by(range.clone(), Order::Ascending, READ_AT_ONCE).take(left) {
                let (key, value) = row?;
                let Some(origins) = reader.readable(named_by(&key, &value))? else {
                    tracing::warn!(
                        "no unused origins are forgotten, since a record does not read that may be of one"
                    );
                    self.lock().clear();
                    return Ok(Vec::new());
                };
                self.spare(&origins);
                left -= 1;
                last = Some(key);
            }
            if let (0, Some(last)) = (left, last) {
                ranges.push(range.after(&last));
                break;
            }
        }
        Ok(ranges)
    }
}

/// The origins that a row names.
fn named_by(key: &[u8], value: &[u8]) -> Result<Vec<OriginId>, StoreError> {
    let Some(names) = NamesOrigin::of(key) else { return Ok(Vec::new()) };
    let id = || keys::subscription_of(key).ok_or(StoreError::Corrupt(MemberValue::KIND));
    match names {
        NamesOrigin::Subscription => Ok(vec![MemberValue::from_value(value)?.into_target(id()?)?.origin]),
        NamesOrigin::Removed => {
            Ok(vec![RemovedValue::from_value(value)?.into_subscription(id()?)?.target.origin])
        }
        NamesOrigin::Page => named_by_page(PageValue::from_value(value)?),
        NamesOrigin::Open => OpenValue::from_value(value)?.into_page().map_or(Ok(Vec::new()), named_by_page),
        NamesOrigin::Held => Ok(keys::held_of(key).map(|(_, origin, _)| origin).into_iter().collect()),
    }
}

fn named_by_page(page: PageValue) -> Result<Vec<OriginId>, StoreError> {
    Ok(page.into_inline()?.into_iter().map(|(_, target)| target.origin).collect())
}

/// A sweep under way.
#[derive(Debug)]
pub(crate) struct Sweep {
    suspects: Arc<Suspects>,
    /// What is still to be read.
    ranges: Vec<KeyRange>,
}

impl KvStore {
    /// See [`crate::store::Store::trim_origins`].
    pub(super) async fn sweep_origins(&self, many: usize, rows: usize) -> Result<OriginsTrimmed, StoreError> {
        let mut place = self.sweep.lock().await;
        let mut forgotten = 0;
        match &mut *place {
            None if self.shared.origins.len() < many.min(ORIGINS_MAX) => {}
            // What was written before is seen by those who read, once this is answered.
            None => {
                let suspects = self.write_end(Class::Reap, |writer| Ok(writer.suspect_origins())).await?;
                *place = Some(Sweep { suspects, ranges: NamesOrigin::ranges() });
            }
            Some(Sweep { suspects, ranges }) if !ranges.is_empty() => {
                let (suspects, left) = (Arc::clone(suspects), ranges.clone());
                *ranges = self.read_synced(move |reader| suspects.read(reader, left, rows)).await?;
            }
            Some(Sweep { suspects, .. }) => {
                forgotten = self.forget_suspects(suspects, rows).await?;
                if suspects.lock().is_empty() {
                    *place = None;
                }
            }
        }
        Ok(OriginsTrimmed { forgotten, known: self.shared.origins.len(), more: place.is_some() })
    }

    /// Forgets as many as have about so many rows. Says how many went.
    async fn forget_suspects(&self, suspects: &Arc<Suspects>, rows: usize) -> Result<usize, StoreError> {
        let some: Vec<_> = suspects.lock().iter().take(rows.div_ceil(2)).copied().collect();
        // All are queued before the first is answered: they share syncs.
        let mut answers = Vec::new();
        for some in some.chunks(FORGOTTEN_AT_ONCE).map(<[OriginId]>::to_vec) {
            let suspects = Arc::clone(suspects);
            let forget = move |writer: &mut Writer| writer.forget_origins(&suspects, &some);
            answers.push(submit(&self.shared.queue, Class::Reap, Use::Ends, forget).await?);
        }
        let mut forgotten = 0;
        for answer in answers {
            forgotten += answer.await.unwrap_or_else(|_| Err(closed()))?;
        }
        Ok(forgotten)
    }
}

impl Writer {
    /// Begins a sweep: all origins are suspects, but for those that are written from now on.
    fn suspect_origins(&mut self) -> Arc<Suspects> {
        let suspects = Arc::new(Suspects(Mutex::new(self.origins.ids().into_iter().collect())));
        self.suspects = Arc::downgrade(&suspects);
        suspects
    }

    /// Forgets those of some origins that are suspects still, at most [`FORGOTTEN_AT_ONCE`]. Says how many went.
    fn forget_origins(&mut self, suspects: &Suspects, some: &[OriginId]) -> Result<usize, StoreError> {
        let unused: Vec<_> = {
            let suspects = suspects.lock();
            some.iter().filter(|origin| suspects.contains(origin)).copied().collect()
        };
        let mut transaction = self.begin();
        for origin in &unused {
            self.origins.remove(&mut transaction, *origin);
        }
        self.apply(transaction)?;
        for origin in &unused {
            self.origins.removed(*origin);
        }
        suspects.spare(&unused);
        Ok(unused.len())
    }
}

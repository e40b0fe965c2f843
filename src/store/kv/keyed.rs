//! Keys in which a hash of a caller's text stands (a user, an endpoint, a `request_id` …), as a store has them in which
//! subscriptions are sealed: in place of the hash its HMAC, under a secret that is sealed itself. Whoever has the disk can
//! then not even try whether a user whom he knows of is there.
//!
//! It lies between the database and everything that reads and writes rows. Above it keys are as `keys` makes them. Below, the
//! HMAC stands in place of the hash (of a topic's name: in place of the name), and one more octet at the end tells such
//! a key from others. A scan of all rows of a kind or an application gives keys as they are below, which may be written
//! and removed as they are; a scan of one user's rows gives them as they are asked for.
//!
//! A store becomes so when it is opened with subscriptions to be sealed, for good: that costs nothing. What is there
//! already is rewritten before anything else, in steps, each of which may be the last before a crash.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::Rng as _;
use rand::rngs::StdRng;
use sha2::Sha256;

use super::applications;
use super::backend::{Backend, Batch, Order, Row, Space};
use super::keys::{self, Hashed, KeyRange};
use super::records::application::SecretValue;
use super::records::{Number, Record as _};
use super::transaction::{Damage, Reader, Rows as _};
use super::writer::TRANSACTION_ROWS;
use crate::store::StoreError;

/// What it is noted under how far it is.
const KEYED_NAME: &str = "keyed";
/// Rows are being rewritten.
const BEGUN: u32 = 1;
/// All are as they are to be.
const DONE: u32 = 2;
/// The name of the secret.
const SECRET_NAME: &str = "index";
/// Rows that are looked at in one go when they are rewritten.
const LOOK_ROWS: usize = 1_024;

/// Ends a key that has an HMAC. Texts in keys have no control characters.
const MARK: u8 = 0x01;
const MAC_OCTETS: usize = 16;

/// Makes a backend one with such keys, or leaves it as it is.
#[derive(Clone)]
pub(crate) struct Keying(Option<Hmac<Sha256>>);

impl fmt::Debug for Keying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keying({})", self.0.is_some())
    }
}

impl Keying {
    /// The backend as it is to be used.
    pub(crate) fn over(&self, database: Arc<dyn Backend>) -> Arc<dyn Backend> {
        match &self.0 {
            Some(mac) => Arc::new(Keyed { database, mac: mac.clone() }),
            None => database,
        }
    }
}

/// Sees that a store's keys are so if `wanted`, or if it was begun before.
pub(crate) fn admit(
    database: &Arc<dyn Backend>,
    wanted: bool,
    random: &mut StdRng,
) -> Result<Keying, StoreError> {
    let reader = Reader::new(Arc::clone(database), Arc::new(Damage::default()));
    let noted = reader.record::<Number>(&keys::meta(KEYED_NAME))?;
    if noted.is_none() {
        if !wanted {
            return Ok(Keying(None));
        }
        let mut octets = [0; 32];
        random.fill_bytes(&mut octets);
        let secret = SecretValue { octets: octets.to_vec() };
        note(&**database, BEGUN, vec![(keys::secret(SECRET_NAME), secret.to_value())])?;
    }
    let secret = applications::secret(&reader, SECRET_NAME)?.ok_or(StoreError::Corrupt(SecretValue::KIND))?;
    let mac = Hmac::<Sha256>::new_from_slice(&secret).map_err(|_| StoreError::Corrupt(SecretValue::KIND))?;
    let keyed = Keyed { database: Arc::clone(database), mac };
    if noted != Some(Number::new(DONE)) {
        keyed.rewrite_all()?;
        note(&**database, DONE, Vec::new())?;
    }
    Ok(Keying(Some(keyed.mac)))
}

fn note(database: &dyn Backend, state: u32, more: Vec<Row>) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    batch.writes.insert(keys::meta(KEYED_NAME), Some(Number::new(state).to_value()));
    batch.writes.extend(more.into_iter().map(|(key, value)| (key, Some(value))));
    database.apply(batch)?;
    database.sync()
}

/// A database with such keys.
#[derive(Debug)]
struct Keyed {
    database: Arc<dyn Backend>,
    mac: Hmac<Sha256>,
}

impl Keyed {
    /// What stands in place of a hash; it is of one kind and application.
    fn mac(&self, before: &[u8], text: &[u8]) -> [u8; MAC_OCTETS] {
        let mut mac = self.mac.clone();
        mac.update(before);
        mac.update(text);
        let mut half = [0; MAC_OCTETS];
        half.copy_from_slice(&mac.finalize().into_bytes()[..MAC_OCTETS]);
        half
    }

    /// A key as it is below.
    fn below(&self, key: &[u8]) -> Vec<u8> {
        let Some(Hashed { at, to }) = keys::hashed(key) else { return key.to_vec() };
        let (before, text, rest) = (&key[..at], &key[at..to], &key[to..]);
        if is_below(key) {
            return key.to_vec();
        }
        [before, &self.mac(before, text), rest, &[MARK]].concat()
    }

    /// A range within the rows of one hash as it is below, with the parts that are exchanged: above and below.
    fn narrow(&self, range: &KeyRange) -> Option<(KeyRange, [Vec<u8>; 2])> {
        let to = keys::narrow_at(&range.from)?;
        let above = range.from[..to].to_vec();
        let whole = KeyRange::prefix(&above);
        if range.to > whole.to {
            return None;
        }
        let at = to - MAC_OCTETS;
        let below = [&above[..at], &self.mac(&above[..at], &above[at..])].concat();
        let mut from = [&below, &range.from[to..]].concat();
        if range.from.len() > to + keys::ID_OCTETS {
            // What comes after a key comes after its mark, too.
            from.insert(to + keys::ID_OCTETS, MARK);
        }
        let end = match range.to.strip_prefix(above.as_slice()) {
            Some(rest) => [&below, rest].concat(),
            None => KeyRange::prefix(&below).to,
        };
        Some((KeyRange { from, to: end }, [above, below]))
    }

    /// Brings all rows there are to their keys. What is done already is passed over.
    fn rewrite_all(&self) -> Result<(), StoreError> {
        let mut rewritten = 0_u64;
        for range in keys::hashed_ranges() {
            let mut rest = Some(range);
            while let Some(range) = rest.take() {
                let rows = self.database.scan(&range, Order::Ascending, LOOK_ROWS)?;
                if let Some((last, _)) = rows.last().filter(|_| rows.len() == LOOK_ROWS) {
                    rest = Some(range.after(last));
                }
                let stale: Vec<Row> = rows.into_iter().filter(|(key, _)| !is_below(key)).collect();
                for some in stale.chunks(TRANSACTION_ROWS / 2) {
                    let mut writes = BTreeMap::new();
                    for (key, value) in some {
                        writes.insert(self.below(key), Some(value.clone()));
                        writes.insert(key.clone(), None);
                    }
                    self.database.apply(Batch { writes })?;
                    rewritten += some.len() as u64;
                }
            }
        }
        if rewritten > 0 {
            tracing::info!(
                rows = rewritten,
                "the indexes of users, endpoints and the like are keyed from now on"
            );
        }
        self.database.sync()
    }
}

/// Whether a key is as it is below.
fn is_below(key: &[u8]) -> bool {
    keys::hashed_octets(key).is_some_and(|octets| key.len() == octets + 1 && key.ends_with(&[MARK]))
}

impl Backend for Keyed {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.database.get(&self.below(key))
    }

    fn scan(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        let Some((range, [above, below])) = self.narrow(range) else {
            return self.database.scan(range, order, limit);
        };
        let mut rows = self.database.scan(&range, order, limit)?;
        for (key, _) in &mut rows {
            key.splice(..below.len(), above.iter().copied());
            key.pop();
        }
        Ok(rows)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        let writes = batch.writes.into_iter().map(|(key, value)| (self.below(&key), value)).collect();
        self.database.apply(Batch { writes })
    }

    fn file_octets(&self) -> Result<u64, StoreError> {
        self.database.file_octets()
    }

    fn space(&self, ahead_octets: u64) -> Result<Option<Space>, StoreError> {
        self.database.space(ahead_octets)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.database.sync()
    }
}

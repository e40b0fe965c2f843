//! What synthetic subscribers received: a bounded log for each group.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::domain::{ContentEncoding, Timestamp, Urgency};
use crate::webpush::DecryptError;

/// Locks that a log is divided over, so that connections seldom wait for each other.
const SHARDS: usize = 16;

/// One message that was answered 2xx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// Rises with every 2xx of the sandbox.
    pub(crate) sequence: u64,
    pub(crate) index: u32,
    /// The decrypted plaintext, or why there is none.
    pub(crate) plaintext: Result<PlaintextDigest, NotDecrypted>,
    pub(crate) ttl_seconds: u32,
    pub(crate) urgency: Option<Urgency>,
    pub(crate) topic: Option<Box<str>>,
    /// None for a message without a body.
    pub(crate) encoding: Option<ContentEncoding>,
    pub(crate) time: Timestamp,
}

/// What is kept of a plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlaintextDigest {
    pub(crate) sha256: [u8; 32],
    pub(crate) octets: u32,
}

impl PlaintextDigest {
    pub(crate) fn of(plaintext: &[u8]) -> Self {
        let octets = u32::try_from(plaintext.len()).unwrap_or(u32::MAX);
        Self { sha256: Sha256::digest(plaintext).into(), octets }
    }

    /// As good as random: two plaintexts share it once in 2^32.
    pub(crate) fn fingerprint(&self) -> u32 {
        self.sha256.first_chunk().map_or(0, |start| u32::from_le_bytes(*start))
    }
}

/// Why a message could not be read by the subscriber it was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotDecrypted {
    #[error("the subscriber does not understand this content encoding")]
    Encoding,
    #[error("the subscriber has no keys")]
    NoKeys,
    #[error("the header fields do not say with which key and salt")]
    Parameters,
    #[error(transparent)]
    Body(#[from] DecryptError),
}

/// Lines that all logs of a sandbox may still take.
#[derive(Debug)]
pub(crate) struct LineBudget(AtomicUsize);

impl LineBudget {
    pub(crate) fn new(lines: usize) -> Self {
        Self(AtomicUsize::new(lines))
    }

    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// The log of one group. Lines are never removed, so a position stays what it is.
#[derive(Debug, Default)]
pub(crate) struct ReceivedLog {
    shards: [Mutex<Vec<Received>>; SHARDS],
    left_out: AtomicUsize,
}

/// Where a reader of a log stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogPosition {
    shard: usize,
    line: usize,
}

impl ReceivedLog {
    /// Writes a line, or only counts it when the budget is used up.
    pub(crate) fn write(&self, line: Received, budget: &LineBudget) {
        if budget.take() {
            lock(&self.shards[line.index as usize % SHARDS]).push(line);
        } else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines that the budget did not allow.
    pub(crate) fn left_out(&self) -> usize {
        self.left_out.load(Ordering::Relaxed)
    }

    /// The next lines, at most `count`, and moves the position past them; empty at the end. Those of one subscriber come
    /// in their order.
    pub(crate) fn read(&self, position: &mut LogPosition, count: usize) -> Vec<Received> {
        while let Some(shard) = self.shards.get(position.shard) {
            let lines: Vec<Received> = {
                let shard = lock(shard);
                shard.iter().skip(position.line).take(count).cloned().collect()
            };
            if !lines.is_empty() {
                position.line += lines.len();
                return lines;
            }
            *position = LogPosition { shard: position.shard + 1, line: 0 };
        }
        Vec::new()
    }
}

/// A panic of another thread leaves these collections whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(sequence: u64, index: u32) -> Received {
        Received {
            sequence,
            index,
            plaintext: Ok(PlaintextDigest { sha256: [7; 32], octets: 3 }),
            ttl_seconds: 60,
            urgency: Some(Urgency::Normal),
            topic: None,
            encoding: Some(ContentEncoding::Aes128Gcm),
            time: Timestamp::from_secs(1),
        }
    }

    #[test]
    fn a_log_keeps_what_the_budget_allows_and_counts_the_rest() {
        let budget = LineBudget::new(100);
        let logs = [ReceivedLog::default(), ReceivedLog::default()];
        for sequence in 0..120 {
            let log = &logs[usize::try_from(sequence % 2).unwrap()];
            log.write(received(sequence, u32::try_from(sequence / 40).unwrap()), &budget);
        }
        for log in &logs {
            let mut position = LogPosition::default();
            let mut all = Vec::new();
            loop {
                let lines = log.read(&mut position, 7);
                assert!(lines.len() <= 7);
                if lines.is_empty() {
                    break;
                }
                all.extend(lines);
            }
            assert_eq!(all.len(), 50);
            assert_eq!(log.left_out(), 10);
            assert!(
                all.windows(2).all(|two| two[0].index != two[1].index || two[0].sequence < two[1].sequence)
            );
        }
    }
}

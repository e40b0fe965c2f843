//! What is kept of each synthetic subscriber, once something arrived for it: how many messages it took and refused, and
//! fingerprints of the last few, by which duplicates are found.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Subscribers that share a lock, and whose records are allocated together.
const CHUNK: usize = 1_024;

/// How often a subscriber was posted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Messages taken, up to 65,535.
    pub(crate) taken: u16,
    /// Messages refused by its fault, as far as the fault counts them.
    pub(crate) refused: u8,
}

/// The records of a group.
#[derive(Debug)]
pub(crate) struct Records {
    chunks: Box<[Mutex<Chunk>]>,
    count: usize,
    /// Fingerprints of each subscriber.
    remembered: usize,
}

/// Empty until something arrives for one of its subscribers.
#[derive(Debug, Default)]
struct Chunk {
    progress: Box<[Progress]>,
    /// `remembered` for each; 0 is none.
    fingerprints: Box<[u32]>,
}

impl Records {
    /// For `count` subscribers, with so many fingerprints of four octets each.
    pub(crate) fn new(count: u32, remembered: u8) -> Self {
        let count = count as usize;
        let chunks = (0..count.div_ceil(CHUNK)).map(|_| Mutex::default()).collect();
        Self { chunks, count, remembered: remembered.into() }
    }

    /// Looks at and changes a subscriber's progress. Whatever is done holds a lock.
    pub(crate) fn with_progress<T>(&self, index: u32, act: impl FnOnce(&mut Progress) -> T) -> T {
        act(&mut self.chunk(index).progress[index as usize % CHUNK])
    }

    /// Counts a message taken, and says whether it has the same fingerprint as one of the last. Without a fingerprint it is none.
    pub(crate) fn take(&self, index: u32, fingerprint: Option<u32>) -> bool {
        let mut chunk = self.chunk(index);
        let within = index as usize % CHUNK;
        let taken = chunk.progress[within].taken;
        chunk.progress[within].taken = taken.saturating_add(1);
        let Some(fingerprint) = fingerprint else { return false };
        // 0 is an empty place.
        let fingerprint = fingerprint.max(1);
        let last = &mut chunk.fingerprints[within * self.remembered..][..self.remembered];
        if last.contains(&fingerprint) {
            return true;
        }
        last.rotate_right(1);
        if let Some(newest) = last.first_mut() {
            *newest = fingerprint;
        }
        false
    }

    /// Lets all faults begin anew.
    pub(crate) fn forget_refused(&self) {
        for chunk in &self.chunks {
            for progress in &mut lock(chunk).progress {
                progress.refused = 0;
            }
        }
    }

    fn chunk(&self, index: u32) -> MutexGuard<'_, Chunk> {
        let number = index as usize / CHUNK;
        let mut chunk = lock(&self.chunks[number]);
        if chunk.progress.is_empty() {
            let subscribers = CHUNK.min(self.count - number * CHUNK);
            chunk.progress = vec![Progress::default(); subscribers].into();
            chunk.fingerprints = vec![0; subscribers * self.remembered].into();
        }
        chunk
    }
}

/// A panic of another thread leaves these figures whole.
fn lock(chunk: &Mutex<Chunk>) -> MutexGuard<'_, Chunk> {
    chunk.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_is_one_of_the_last_messages_of_the_same_subscriber() {
        let records = Records::new(3_000, 2);
        assert!(!records.take(2_999, Some(7)));
        assert!(records.take(2_999, Some(7)));
        assert!(!records.take(2_998, Some(7)), "another subscriber");
        assert!(!records.take(2_999, Some(8)));
        assert!(records.take(2_999, Some(7)));
        assert!(!records.take(2_999, Some(9)));
        assert!(!records.take(2_999, Some(7)), "two others came since");
        assert!(!records.take(2_999, None) && !records.take(2_999, None), "what cannot be read is none");
        assert!(!records.take(0, Some(0)));
        assert!(records.take(0, Some(0)));
        assert_eq!(records.with_progress(2_999, |progress| progress.taken), 8);
    }

    #[test]
    fn nothing_is_kept_of_whom_nothing_came_for() {
        let records = Records::new(1_000_000, 5);
        records.take(5_000, Some(1));
        let kept = records.chunks.iter().filter(|chunk| !lock(chunk).progress.is_empty()).count();
        assert_eq!(kept, 1);
        assert_eq!(size_of::<Progress>() + 5 * size_of::<u32>(), 24);
    }

    #[test]
    fn faults_begin_anew() {
        let records = Records::new(10, 1);
        records.with_progress(3, |progress| *progress = Progress { taken: 2, refused: 9 });
        records.forget_refused();
        assert_eq!(records.with_progress(3, |progress| *progress), Progress { taken: 2, refused: 0 });
    }
}

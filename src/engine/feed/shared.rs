//! Reads of the store that several readers want at the same time are made once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

/// What was read last, by what was asked for, and what is being read.
#[derive(Debug)]
pub(super) struct SharedReads<K, V> {
    kept: usize,
    recent: Mutex<VecDeque<(K, Arc<OnceCell<V>>)>>,
}

impl<K: PartialEq + Clone, V: Clone> SharedReads<K, V> {
    /// Remembers the last `kept` answers.
    pub(super) fn new(kept: usize) -> Self {
        Self { kept, recent: Mutex::default() }
    }

    /// The answer to `key`: a remembered one that is still good enough, or a new one that all who ask meanwhile get too.
    pub(super) async fn get<E, F: Future<Output = Result<V, E>> + Send>(
        &self,
        key: K,
        good: impl Fn(&V) -> bool,
        read: impl Fn() -> F,
    ) -> Result<V, E> {
        loop {
            let cell = self.cell(key.clone(), &good);
            let mut mine = false;
            let read = || {
                mine = true;
                read()
            };
            let answer = cell.get_or_try_init(read).await?;
            // One that was asked for earlier may be too old by now.
            if mine || good(answer) {
                return Ok(answer.clone());
            }
        }
    }

    fn cell(&self, key: K, good: &impl Fn(&V) -> bool) -> Arc<OnceCell<V>> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = recent.iter().position(|(known, _)| *known == key)
            && let Some((key, cell)) = recent.remove(place)
            && cell.get().is_none_or(good)
        {
            recent.push_back((key, Arc::clone(&cell)));
            return cell;
        }
        if recent.len() >= self.kept {
            recent.pop_front();
        }
        let cell = Arc::new(OnceCell::new());
        recent.push_back((key, Arc::clone(&cell)));
        cell
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn reads_once_for_all_who_ask_at_the_same_time() {
        let shared = SharedReads::new(2);
        let reads = &AtomicU32::new(0);
        let read = || async {
            let answer = reads.fetch_add(1, Ordering::Relaxed) + 1;
            tokio::task::yield_now().await;
            Ok::<_, ()>(answer)
        };
        let (first, second) = tokio::join!(shared.get(1, |_| true, read), shared.get(1, |_| true, read));
        assert_eq!((first, second, reads.load(Ordering::Relaxed)), (Ok(1), Ok(1), 1));
        assert_eq!(shared.get(1, |answer| *answer > 1, read).await, Ok(2), "an answer that is too old");
        shared.get(2, |_| true, read).await.unwrap();
        shared.get(3, |_| true, read).await.unwrap();
        assert_eq!(shared.get(1, |_| true, read).await, Ok(5), "only two are remembered");
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered() {
        let shared = SharedReads::new(2);
        assert_eq!(shared.get(1, |_: &u8| true, || async { Err("no") }).await, Err("no"));
        assert_eq!(shared.get(1, |_| true, || async { Ok::<_, &str>(7) }).await, Ok(7));
    }
}

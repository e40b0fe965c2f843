//! The threads that connections live on. A request meets its connection's tasks at one lock of h2's; where all of them run
//! on one thread, no wake-up crosses threads, and requests that are handed over together leave in one write.

use std::convert::Infallible;
use std::future::Future;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::num::NonZero;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio_util::context::TokioContext;

use crate::domain::Origin;

/// A POST costs a third of its encryption, which happens elsewhere: so many processors keep one thread busy.
const CORES_EACH: usize = 4;

/// All of them: one for every [`CORES_EACH`] processors. The connections of one origin share a thread.
#[derive(Debug)]
pub(super) struct ConnectionThreads(Box<[ConnectionThread]>);

impl ConnectionThreads {
    /// # Errors
    /// The system gives no thread, or nothing to wait for sockets with.
    pub(super) fn start() -> std::io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        (0..cores.div_ceil(CORES_EACH)).map(|_| ConnectionThread::start()).collect::<Result<_, _>>().map(Self)
    }

    /// The one that an origin's connections live on.
    pub(super) fn of(&self, origin: &Origin) -> &ConnectionThread {
        match &*self.0 {
            [only] => only,
            all => {
                let mut hasher = DefaultHasher::new();
                origin.as_str().hash(&mut hasher);
                &all[(hasher.finish() % all.len() as u64) as usize]
            }
        }
    }
}

/// A thread with a runtime of its own, which ends when this is dropped, and with it every connection.
#[derive(Debug)]
pub(super) struct ConnectionThread {
    runtime: Handle,
    /// Dropped, it ends the thread.
    _running: oneshot::Sender<Infallible>,
}

impl ConnectionThread {
    fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (running, ended) = oneshot::channel();
        std::thread::Builder::new().name("connections".to_owned()).spawn(move || {
            // That the sender is gone is what ends it.
            let _ = runtime.block_on(ended);
        })?;
        Ok(Self { runtime: handle, _running: running })
    }

    /// Its runtime.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Whatever the future spawns, opens or waits for belongs to this thread, wherever the future itself is polled.
    pub(super) fn wrap<F: Future>(&self, future: F) -> TokioContext<F> {
        TokioContext::new(future, self.runtime.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_keeps_its_thread() {
        let three = (0..3).map(|_| ConnectionThread::start().unwrap()).collect();
        let threads = ConnectionThreads(three);
        let mut used = std::collections::HashSet::new();
        for number in 0..100 {
            let origin = Origin::parse(&format!("https://push{number}.example.net")).unwrap();
            let id = threads.of(&origin).runtime().id();
            assert_eq!(threads.of(&origin).runtime().id(), id);
            used.insert(id);
        }
        assert_eq!(used.len(), 3);
    }

    #[tokio::test]
    async fn what_a_wrapped_future_spawns_runs_on_the_thread_and_ends_with_it() {
        let thread = ConnectionThread::start().unwrap();
        let (alive, gone) = oneshot::channel::<Infallible>();
        let name = thread.wrap(async {
            let spawned = tokio::spawn(async { std::thread::current().name().map(str::to_owned) });
            tokio::spawn(async move {
                let _alive = alive;
                std::future::pending::<()>().await;
            });
            spawned.await.unwrap()
        });
        assert_eq!(name.await.as_deref(), Some("connections"));
        drop(thread);
        assert!(gone.await.is_err());
    }
}

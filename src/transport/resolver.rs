//! Names to addresses, for the connector: what it gets from here is what it dials, so the address that was judged is
//! the address that is used, on every connection. Answers are remembered for seconds, judgements never. Hosts that are
//! addresses never come here; `HostPolicy::check` judges them.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use super::policy::Reach;
use crate::domain::Refusal;

/// Lookups of the system's resolver at the same time. Each holds a thread, if a name server is silent for many seconds.
const LOOKUPS_MAX: usize = 64;

/// Looks names up.
#[async_trait]
pub trait Lookup: Send + Sync + fmt::Debug + 'static {
    /// All addresses of a name.
    ///
    /// # Errors
    /// When it has none or nobody answers.
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Debug)]
pub struct SystemLookup {
    threads: Arc<Semaphore>,
}

impl Default for SystemLookup {
    fn default() -> Self {
        Self { threads: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }
}

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(io::Error::other)?;
        let host = host.to_owned();
        // The permit goes with the thread, which outlives a caller that has stopped waiting.
        tokio::task::spawn_blocking(move || {
            let _thread = thread;
            Ok((host.as_str(), 0).to_socket_addrs()?.map(|address| address.ip()).collect())
        })
        .await
        .map_err(io::Error::other)?
    }
}

/// Remembers what another [`Lookup`] answered, for a short time: the connections to one origin are opened together, and then
/// ask once. Failures are not remembered.
#[derive(Debug)]
pub(crate) struct Remembering {
    lookup: Arc<dyn Lookup>,
    age_max: Duration,
    names_max: usize,
    answers: Mutex<HashMap<Box<str>, Arc<Answer>>>,
}

/// What is known of a name.
#[derive(Debug)]
struct Answer {
    /// When it was asked for.
    asked: Instant,
    /// Once there is one.
    addresses: OnceCell<Vec<IpAddr>>,
}

impl Remembering {
    /// Of at most `names_max` names, each for `age_max`; zero: nothing.
    pub(crate) fn new(lookup: Arc<dyn Lookup>, age_max: Duration, names_max: usize) -> Self {
        Self { lookup, age_max, names_max, answers: Mutex::default() }
    }

    /// What is known of the name, or nothing yet.
    fn answer(&self, host: &str) -> Arc<Answer> {
        let now = Instant::now();
        let is_fresh = |answer: &Answer| now.duration_since(answer.asked) < self.age_max;
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = answers.get(host).filter(|answer| is_fresh(answer)) {
            return Arc::clone(answer);
        }
        let answer = Arc::new(Answer { asked: now, addresses: OnceCell::new() });
        if !self.age_max.is_zero() {
            if answers.len() >= self.names_max {
                answers.retain(|_, answer| is_fresh(answer));
            }
            // Still full: whoever is asking for so many names is not to be remembered.
            if answers.len() < self.names_max || answers.contains_key(host) {
                answers.insert(host.into(), Arc::clone(&answer));
            }
        }
        answer
    }
}

#[async_trait]
impl Lookup for Remembering {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let answer = self.answer(host);
        answer.addresses.get_or_try_init(|| self.lookup.lookup(host)).await.cloned()
    }
}

/// Why a name gave no address to dial.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the host's name has no address")]
    NoAddress,
    #[error("the host's name could not be looked up")]
    Failed(#[source] io::Error),
}

/// The resolver of one origin's connections.
#[derive(Clone, Debug)]
pub(crate) struct GuardedResolver {
    reach: Reach,
    lookup: Arc<dyn Lookup>,
}

impl GuardedResolver {
    pub(crate) fn new(reach: Reach, lookup: Arc<dyn Lookup>) -> Self {
        Self { reach, lookup }
    }

    /// What may be dialled for a name. One bad address among the answers refuses them all: whoever mixes them is up to
    /// something. Port 0 means that of the URL.
    async fn addresses(&self, host: &str) -> Result<Vec<SocketAddr>, ResolveError> {
        if let Reach::Address(address) = self.reach {
            return Ok(vec![address]);
        }
        let addresses = self.lookup.lookup(host).await.map_err(ResolveError::Failed)?;
        if addresses.is_empty() {
            return Err(ResolveError::NoAddress);
        }
        if !addresses.iter().all(|address| self.reach.allows(*address)) {
            return Err(Refusal::AddressNotAllowed.into());
        }
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect())
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The resolver of connections that go through a proxy: the proxy's own name, and no other.
#[derive(Clone, Debug)]
pub(crate) struct ProxyResolver {
    proxy: Box<str>,
    lookup: Arc<dyn Lookup>,
}

impl ProxyResolver {
    pub(crate) fn new(proxy: &str, lookup: Arc<dyn Lookup>) -> Self {
        Self { proxy: proxy.into(), lookup }
    }
}

impl Resolve for ProxyResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            if name.as_str() != &*resolver.proxy {
                return Err(ResolveError::Refused(Refusal::HostNotAllowed).into());
            }
            let addresses = resolver.lookup.lookup(name.as_str()).await.map_err(ResolveError::Failed)?;
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Answers with the number of the lookup, and fails on `bad`.
    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    #[async_trait]
    impl Lookup for Counting {
        async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
            let times = self.0.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            if host == "bad" {
                Err(io::ErrorKind::NotFound.into())
            } else {
                Ok(vec![[10, 0, 0, times as u8].into()])
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_are_remembered_for_their_time_and_in_bounded_number() {
        let counting = Arc::new(Counting::default());
        let remembering = Remembering::new(Arc::clone(&counting) as _, Duration::from_secs(10), 2);
        let times = || counting.0.load(Ordering::SeqCst);
        // Asked for at the same time, looked up once.
        let (one, other) = tokio::join!(remembering.lookup("a"), remembering.lookup("a"));
        assert_eq!((one.unwrap(), times()), (other.unwrap(), 1));
        tokio::time::advance(Duration::from_secs(9)).await;
        remembering.lookup("a").await.unwrap();
        assert_eq!(times(), 1);
        tokio::time::advance(Duration::from_secs(1)).await;
        remembering.lookup("a").await.unwrap();
        assert_eq!(times(), 2, "too old");
        for _ in 0..2 {
            assert!(remembering.lookup("bad").await.is_err());
        }
        assert_eq!(times(), 4, "failures are looked up again");
        for _ in 0..2 {
            remembering.lookup("c").await.unwrap();
        }
        assert_eq!(times(), 6, "no place");
        assert_eq!(remembering.answers.lock().unwrap().len(), 2);
        tokio::time::advance(Duration::from_secs(10)).await;
        for _ in 0..2 {
            remembering.lookup("c").await.unwrap();
        }
        assert_eq!(times(), 7, "the places of those that are too old");
        let forgetful = Remembering::new(Arc::clone(&counting) as _, Duration::ZERO, 2);
        for _ in 0..2 {
            forgetful.lookup("a").await.unwrap();
        }
        assert_eq!((times(), forgetful.answers.lock().unwrap().len()), (9, 0));
    }

    #[derive(Debug)]
    struct Answers(Vec<&'static str>);

    #[async_trait]
    impl Lookup for Answers {
        async fn lookup(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
            Ok(self.0.iter().map(|text| text.parse().unwrap()).collect())
        }
    }

    async fn resolve(reach: Reach, answers: &[&'static str]) -> Result<Vec<String>, String> {
        let resolver = GuardedResolver::new(reach, Arc::new(Answers(answers.to_vec())));
        resolver
            .addresses("push.example.net")
            .await
            .map(|addresses| addresses.iter().map(ToString::to_string).collect())
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn one_bad_answer_refuses_all() {
        let refused = Err(Refusal::AddressNotAllowed.to_string());
        assert_eq!(
            resolve(Reach::Public, &["8.8.8.8", "2a00:1450::1"]).await,
            Ok(vec!["8.8.8.8:0".into(), "[2a00:1450::1]:0".into()])
        );
        assert_eq!(resolve(Reach::Public, &["8.8.8.8", "127.0.0.1"]).await, refused);
        assert_eq!(resolve(Reach::Public, &["::ffff:10.0.0.1", "8.8.8.8"]).await, refused);
        assert_eq!(resolve(Reach::Public, &[]).await, Err(ResolveError::NoAddress.to_string()));
    }

    #[tokio::test]
    async fn an_exception_is_reached_within_its_networks_only() {
        let reach = Reach::Networks(vec!["10.1.0.0/16".parse().unwrap()]);
        assert_eq!(resolve(reach.clone(), &["10.1.2.3"]).await, Ok(vec!["10.1.2.3:0".into()]));
        for answers in [["10.1.2.3", "10.2.0.1"], ["10.1.2.3", "8.8.8.8"]] {
            assert!(resolve(reach.clone(), &answers).await.is_err(), "{answers:?}");
        }
        let reach = Reach::Address("127.0.0.1:4433".parse().unwrap());
        assert_eq!(resolve(reach, &["8.8.8.8"]).await, Ok(vec!["127.0.0.1:4433".into()]));
    }
}

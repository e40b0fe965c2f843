//! Names to addresses, for the connector: what it gets from here is what it dials, so the address that was judged is
//! the address that is used, on every connection. Answers are remembered for seconds ([`names`]), judgements never. Hosts
//! that are addresses never come here; `HostPolicy::check` judges them.

mod names;
mod system;
mod zones;

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

pub(crate) use self::names::{LOOKUP_PLACES, NameBounds, Names};
pub(crate) use self::system::LOOKUP_SOCKETS_MAX;
pub use self::system::SystemLookup;
use super::exceptions::Reach;
use crate::domain::Refusal;

/// Looks names up.
#[async_trait]
pub trait Lookup: Send + Sync + fmt::Debug + 'static {
    /// All addresses of a name. One that ends with a dot is absolute; any other may be short for one below the search domains
    /// of the system (resolv.conf(5)).
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is no such name, the system's own when this machine can not ask
    /// ([`crate::open_files::exhausted`]), any other when nobody knows or answers.
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
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
        let name = match self.reach {
            // A push service that everybody knows by this name.
            Reach::Public => absolute(host),
            // The operator may name one of the own network as it is named there: `push` or `push.default` in a cluster.
            Reach::Networks(_) | Reach::Address(_) => Cow::Borrowed(host),
        };
        let addresses = self.lookup.lookup(&name).await.map_err(ResolveError::Failed)?;
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

/// A name that is looked up as it is.
fn absolute(host: &str) -> Cow<'_, str> {
    if host.ends_with('.') { Cow::Borrowed(host) } else { Cow::Owned(format!("{host}.")) }
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
    use super::*;

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

    /// Knows names as they are asked for.
    #[derive(Debug)]
    struct Knows(&'static str);

    #[async_trait]
    impl Lookup for Knows {
        async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
            if host == self.0 { Ok(vec![[10, 1, 2, 3].into()]) } else { Err(io::ErrorKind::NotFound.into()) }
        }
    }

    #[tokio::test]
    async fn search_domains_are_for_what_an_operator_named_in_the_own_network() {
        let networks = Reach::Networks(vec!["10.1.0.0/16".parse().unwrap()]);
        for (reach, name, asked) in [
            (Reach::Public, "push.example.net", "push.example.net."),
            (Reach::Public, "push.example.net.", "push.example.net."),
            (networks.clone(), "push", "push"),
            (networks, "push.default", "push.default"),
        ] {
            let resolver = GuardedResolver::new(reach, Arc::new(Knows(asked)));
            let found = resolver.addresses(name).await;
            assert!(!matches!(found, Err(ResolveError::Failed(_))), "{name}: {found:?}");
        }
        let proxy = ProxyResolver::new("proxy", Arc::new(Knows("proxy")));
        assert!(proxy.resolve("proxy".parse().unwrap()).await.is_ok());
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

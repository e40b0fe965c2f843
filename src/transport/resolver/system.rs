//! The names of this machine: its hosts file first, then its name servers, or those that the operator named. Asking waits
//! for no thread, so that who is never answered costs a few sockets and nothing else. The files are read again when they
//! change.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, ResolverBuilder, TokioResolver};
use tokio::time::Instant;

use super::Lookup;
use crate::open_files::exhausted;

/// The files that say where names come from (resolv.conf(5), hosts(5)).
const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];
/// How often they are looked at for changes, at most.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// Asked when the system names no name server, as resolv.conf(5) has it.
const LOCAL_NAME_SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);
/// A query that is not answered is made once more.
const RETRIES: usize = 1;
/// Sockets that a lookup holds at most: two queries (A and AAAA), each with up to three while it is not answered.
pub(crate) const LOOKUP_SOCKETS_MAX: usize = 6;

/// The system's resolver, or one with name servers of its own. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SystemLookup {
    name_servers: Arc<[SocketAddr]>,
    /// Of one query: two of them must fit into the time of a lookup.
    timeout: Duration,
    files: Arc<Mutex<Files>>,
}

/// What was read, and when.
#[derive(Debug, Default)]
struct Files {
    read: Option<(Arc<Sources>, [Option<SystemTime>; 2])>,
    looked: Option<Instant>,
}

/// Where names come from.
#[derive(Debug)]
struct Sources {
    hosts: Hosts,
    resolver: TokioResolver,
}

impl SystemLookup {
    /// Asks these name servers, or those of `/etc/resolv.conf` if there are none. A lookup is given up after `timeout` by
    /// whoever asks for it.
    #[must_use]
    pub fn new(name_servers: &[SocketAddr], timeout: Duration) -> Self {
        Self { name_servers: name_servers.into(), timeout: timeout * 2 / 5, files: Arc::default() }
    }

    /// What the files say now, as far as was looked.
    fn sources(&self) -> io::Result<Arc<Sources>> {
        let now = Instant::now();
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let looked = files.looked.is_some_and(|looked| now.duration_since(looked) < LOOK_INTERVAL);
        if let Some((sources, _)) = files.read.as_ref().filter(|_| looked) {
            return Ok(Arc::clone(sources));
        }
        let changed = FILES.map(|path| Path::new(path).metadata().and_then(|about| about.modified()).ok());
        files.looked = Some(now);
        if let Some((sources, _)) = files.read.as_ref().filter(|(_, read)| *read == changed) {
            return Ok(Arc::clone(sources));
        }
        let sources = Arc::new(self.read()?);
        files.read = Some((Arc::clone(&sources), changed));
        Ok(sources)
    }

    fn read(&self) -> io::Result<Sources> {
        // What cannot be read for want of a descriptor is not remembered as empty.
        let hosts = match Hosts::from_system() {
            Err(error) if exhausted(&error) => return Err(error),
            read => read.unwrap_or_default(),
        };
        let builder = if !self.name_servers.is_empty() {
            of(&self.name_servers, Vec::new())
        } else if let Ok(builder) = TokioResolver::builder_tokio() {
            builder
        } else {
            has_descriptors()?;
            of(&[LOCAL_NAME_SERVER], Vec::new())
        };
        self.build(builder, hosts)
    }

    fn build(&self, mut builder: ResolverBuilder<TokioRuntimeProvider>, hosts: Hosts) -> io::Result<Sources> {
        let options: &mut ResolverOpts = builder.options_mut();
        // All addresses: one that is bad refuses all of them.
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        // One after the other: each query that is not answered holds up to three sockets.
        options.num_concurrent_reqs = 1;
        options.timeout = options.timeout.min(self.timeout);
        options.attempts = options.attempts.min(RETRIES);
        // Both are looked at here.
        options.use_hosts_file = ResolveHosts::Never;
        options.cache_size = 0;
        Ok(Sources { hosts, resolver: builder.build().map_err(|error| failure(&error))? })
    }
}

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let name = Name::from_utf8(host).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let sources = self.sources()?;
        let listed = sources.listed(&name);
        if !listed.is_empty() {
            return Ok(listed);
        }
        sources.ask(name).await
    }
}

impl Sources {
    /// What name servers say.
    async fn ask(&self, name: Name) -> io::Result<Vec<IpAddr>> {
        // The resolver takes a socket that it cannot have for a name server that does not answer.
        has_descriptors()?;
        match self.resolver.lookup_ip(name).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(error) => {
                has_descriptors()?;
                Err(failure(&error))
            }
        }
    }

    /// What the hosts file says.
    fn listed(&self, name: &Name) -> Vec<IpAddr> {
        let of = |kind| self.hosts.lookup_static_host(&Query::query(name.clone(), kind));
        let found = [RecordType::A, RecordType::AAAA].into_iter().filter_map(of);
        let addresses = |found: hickory_resolver::lookup::Lookup| {
            let all = found.answers().iter().filter_map(|record| record.data.ip_addr());
            all.collect::<Vec<_>>()
        };
        found.flat_map(addresses).collect()
    }
}

/// A resolver that asks these, each by UDP, and by TCP what does not fit; with these search domains.
fn of(name_servers: &[SocketAddr], search: Vec<Name>) -> ResolverBuilder<TokioRuntimeProvider> {
    let servers = name_servers.iter().map(|address| {
        let mut server = NameServerConfig::udp_and_tcp(address.ip());
        for connection in &mut server.connections {
            let ConnectionConfig { port, .. } = connection;
            *port = address.port();
        }
        server
    });
    let config = ResolverConfig::from_parts(None, search, servers.collect());
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
}

/// Whether this process may open another socket.
fn has_descriptors() -> io::Result<()> {
    match UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
        Err(error) if exhausted(&error) => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// What went wrong, as whoever asks tells it apart: there is no such name ([`io::ErrorKind::NotFound`]), this machine has no
/// means to ask, or nobody knows ([`io::ErrorKind::TimedOut`]). A recursive name server whose own question is not answered
/// says SERVFAIL.
fn failure(error: &NetError) -> io::Error {
    #[expect(clippy::wildcard_enum_match_arm, reason = "not our enum")]
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) if is_negative(none.response_code) => {
            io::ErrorKind::NotFound.into()
        }
        NetError::Io(error) if exhausted(error) => {
            error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
        }
        _ => io::ErrorKind::TimedOut.into(),
    }
}

fn is_negative(code: ResponseCode) -> bool {
    code == ResponseCode::NoError || code == ResponseCode::NXDomain
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Octets of a message's header (RFC 1035 section 4.1).
    const HEADER_OCTETS: usize = 12;

    /// The name that a query asks for.
    fn asked(query: &[u8]) -> String {
        let mut rest = &query[HEADER_OCTETS..];
        let mut name = String::new();
        while let Some((length, more)) = rest.split_first().filter(|(length, _)| **length > 0) {
            let (label, more) = more.split_at(usize::from(*length));
            name.push_str(&String::from_utf8_lossy(label).to_lowercase());
            name.push('.');
            rest = more;
        }
        name
    }

    /// All names that are asked for when one is looked up that there is not, where one search domain is given.
    async fn names_of(host: &str) -> BTreeSet<String> {
        let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let lookup = SystemLookup::new(&[server.local_addr().unwrap()], Duration::from_secs(5));
        let search = vec![Name::from_ascii("corp.test.").unwrap()];
        let sources = lookup.build(of(&lookup.name_servers, search), Hosts::default()).unwrap();
        let mut names = BTreeSet::new();
        let answering = async {
            let mut query = [0; 512];
            loop {
                let (octets, from) = server.recv_from(&mut query).await.unwrap();
                names.insert(asked(&query[..octets]));
                // There is no such name.
                let mut answer = query[..octets].to_vec();
                (answer[2], answer[3]) = (0x81, 0x83);
                server.send_to(&answer, from).await.unwrap();
            }
        };
        let found = tokio::select! {
            () = answering => unreachable!("it goes on"),
            found = sources.ask(Name::from_utf8(host).unwrap()) => found,
        };
        assert_eq!(found.unwrap_err().kind(), io::ErrorKind::NotFound);
        names
    }

    #[tokio::test]
    async fn an_absolute_name_is_looked_for_in_no_other_domain() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(names_of("push.example.net.").await, names(&["push.example.net."]));
        let both = names(&["push.example.net.", "push.example.net.corp.test."]);
        assert_eq!(names_of("push.example.net").await, both, "else it may be short for another");
        assert!(names_of("push").await.contains("push.corp.test."));
    }

    #[tokio::test]
    async fn the_hosts_file_has_names_with_a_dot_or_without() {
        let lookup = SystemLookup::new(&[LOCAL_NAME_SERVER], Duration::from_secs(5));
        for host in ["localhost", "localhost."] {
            let found = lookup.lookup(host).await.unwrap();
            assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{host}: {found:?}");
        }
    }
}

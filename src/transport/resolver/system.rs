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
use hickory_resolver::{Hosts, TokioResolver};
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
        let hosts = Hosts::from_system().unwrap_or_default();
        let mut builder = if self.name_servers.is_empty() {
            TokioResolver::builder_tokio().unwrap_or_else(|_| of(&[LOCAL_NAME_SERVER]))
        } else {
            of(&self.name_servers)
        };
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
        // The resolver takes a socket that it cannot have for a name server that does not answer.
        has_descriptors()?;
        match sources.resolver.lookup_ip(name).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(error) => {
                has_descriptors()?;
                Err(failure(&error))
            }
        }
    }
}

impl Sources {
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

/// A resolver that asks these, each by UDP, and by TCP what does not fit.
fn of(name_servers: &[SocketAddr]) -> hickory_resolver::ResolverBuilder<TokioRuntimeProvider> {
    let servers = name_servers.iter().map(|address| {
        let mut server = NameServerConfig::udp_and_tcp(address.ip());
        for connection in &mut server.connections {
            let ConnectionConfig { port, .. } = connection;
            *port = address.port();
        }
        server
    });
    let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
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

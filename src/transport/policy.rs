//! Which hosts may be posted to: the known push services, those that the operator lists, and exceptions for
//! self-hosted ones. What a host's name resolves to is judged where it is dialled, by [`super::resolver`].

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;

use super::address;
use super::settings::{ExceptionSettings, Profile, PushServicesSettings};
use super::tls::Identity;
use crate::domain::{
    Endpoint, EndpointPolicy, ExceptionId, HostChoice, Origin, PassedBy, Refusal, Violations,
};
use crate::webpush::push_service::{PushService, is_denied_host, is_known_host};

/// Port of https.
const HTTPS_PORT: u16 = 443;

/// Why the settings of push services can't be used. Ends the start of the server.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// An entry of the list of hosts.
    #[error("push_services.hosts: {entry:?} is no host, .suffix, host:port or .suffix:port")]
    Host {
        /// As configured.
        entry: String,
    },
    /// An exception.
    #[error("push_services.exceptions: {name:?}: {problem}")]
    Exception {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// The policy of a server: see [`PushServicesSettings`] for what it is made of.
#[derive(Debug)]
pub struct HostPolicy {
    profile: Profile,
    rules: Vec<HostRule>,
    exceptions: Arc<Exceptions>,
    /// Names of the exceptions that hold; `None`: all.
    chosen: Option<HashSet<String>>,
}

/// All that are configured.
#[derive(Debug, Default)]
struct Exceptions {
    /// In the order of the configuration: an [`ExceptionId`] is a place here.
    all: Vec<Exception>,
    /// By host: there may be thousands, and each request looks for its own.
    by_host: HashMap<Box<str>, Vec<ExceptionId>>,
}

impl Exceptions {
    fn get(&self, id: ExceptionId) -> Option<&Exception> {
        self.all.get(id.0 as usize)
    }

    /// Those that name this host and port.
    fn of<'a>(
        &'a self,
        host: &str,
        port: u16,
    ) -> impl Iterator<Item = (ExceptionId, &'a Exception)> + use<'a> {
        let ids = self.by_host.get(host).map_or(&[][..], Vec::as_slice);
        ids.iter()
            .filter_map(|id| Some((*id, self.get(*id)?)))
            .filter(move |(_, exception)| exception.port == port)
    }
}

/// What may be dialled for an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Whatever is public.
    Public,
    /// What lies in one of these networks.
    Networks(Vec<IpNet>),
    /// This, whatever the name resolves to.
    Address(SocketAddr),
}

impl Reach {
    /// Whether the address may be dialled.
    pub(crate) fn allows(&self, address: IpAddr) -> bool {
        match self {
            Self::Public => address::is_public(address),
            Self::Networks(networks) => networks.iter().any(|network| network.contains(&address)),
            Self::Address(only) => only.ip() == address,
        }
    }

    fn is_loopback(&self) -> bool {
        match self {
            Self::Public => false,
            Self::Networks(networks) => networks
                .iter()
                .all(|network| network.network().is_loopback() && network.broadcast().is_loopback()),
            Self::Address(address) => address.ip().is_loopback(),
        }
    }
}

/// A self-hosted push service that the operator named.
#[derive(Debug)]
pub(crate) struct Exception {
    name: String,
    port: u16,
    allow_http: bool,
    /// Whose manners it has, if not those that its host says.
    service: Option<PushService>,
    reach: Reach,
    /// The only roots that it is trusted by, in DER; `None` for those of the system.
    roots: Option<Vec<Vec<u8>>>,
    /// What this server shows it.
    identity: Option<Identity>,
}

impl Exception {
    /// What may be dialled for it.
    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The only roots that it is trusted by, in DER; `None` for those of the system.
    pub(crate) fn roots(&self) -> Option<&[Vec<u8>]> {
        self.roots.as_deref()
    }

    /// What this server shows it.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }
}

impl HostPolicy {
    /// Reads the settings and the certificates they name.
    ///
    /// # Errors
    /// Anything that could never work or would be unsafe.
    pub fn new(settings: &PushServicesSettings) -> Result<Self, PolicyError> {
        let rules = settings
            .hosts
            .iter()
            .map(|entry| HostRule::parse(entry).ok_or_else(|| PolicyError::Host { entry: entry.clone() }))
            .collect::<Result<_, _>>()?;
        let mut exceptions = Exceptions::default();
        for (number, exception) in (0..).zip(&settings.exceptions) {
            let (host, exception) = read_exception(exception)?;
            exceptions.all.push(exception);
            exceptions.by_host.entry(host).or_default().push(ExceptionId(number));
        }
        Ok(Self { profile: settings.profile, rules, exceptions: Arc::new(exceptions), chosen: None })
    }

    /// How an origin is dialled whose endpoint passed so: as this exception says, or `None` for like all others.
    ///
    /// # Errors
    /// There is no such exception for this origin: another server's policy has judged.
    pub(crate) fn dialled_by(
        &self,
        origin: &Origin,
        passed: PassedBy,
    ) -> Result<Option<&Exception>, Refusal> {
        match passed {
            PassedBy::Hosts => Ok(None),
            PassedBy::Exception(id) => {
                let mut of = self.exceptions.of(origin.host(), origin.port());
                of.find(|(of, _)| *of == id)
                    .map(|(_, exception)| Some(exception))
                    .ok_or(Refusal::HostNotAllowed)
            }
        }
    }

    /// All ways in which endpoints of this origin may have passed.
    pub(crate) fn passages(&self, origin: &Origin) -> impl Iterator<Item = PassedBy> + use<'_> {
        let exceptions = self.exceptions.of(origin.host(), origin.port());
        std::iter::once(PassedBy::Hosts).chain(exceptions.map(|(id, _)| PassedBy::Exception(id)))
    }

    /// Whose manners the service behind an endpoint has that passes by this exception, if by any: by its host, unless the
    /// operator says otherwise.
    pub(crate) fn service(&self, endpoint: &Endpoint, exception: Option<ExceptionId>) -> PushService {
        let told = exception.and_then(|id| self.exceptions.get(id)).and_then(|exception| exception.service);
        told.unwrap_or_else(|| PushService::of(endpoint))
    }

    /// The exception of this host and port that may be used.
    fn find(&self, host: &str, port: u16) -> Option<(ExceptionId, &Exception)> {
        let may = |name| self.chosen.as_ref().is_none_or(|chosen| chosen.contains(name));
        self.exceptions.of(host, port).find(|(_, exception)| may(&exception.name))
    }

    fn check_host(&self, origin: &Origin) -> Result<(), Refusal> {
        let (host, port) = (origin.host(), origin.port());
        // An absolute name is another spelling of a host, which would have its own limits; no service uses it.
        if host.ends_with('.') || is_denied_host(host) {
            return Err(Refusal::HostNotAllowed);
        }
        let by_profile = match self.profile {
            Profile::KnownPushServices => is_known_host(host),
            Profile::AnyPublicHost => true,
            Profile::ListedOnly => false,
        };
        let mut ports = self.rules.iter().filter(|rule| rule.names(host)).map(|rule| rule.port).peekable();
        if !by_profile && ports.peek().is_none() {
            return Err(Refusal::HostNotAllowed);
        }
        if (by_profile && port == HTTPS_PORT) || ports.any(|listed| listed == port) {
            return Ok(());
        }
        Err(Refusal::PortNotAllowed)
    }
}

impl EndpointPolicy for HostPolicy {
    fn allows_http(&self, host: &str, port: u16) -> bool {
        self.find(host, port).is_some_and(|(_, exception)| exception.allow_http)
    }

    fn exception(&self, origin: &Origin) -> Option<ExceptionId> {
        self.find(origin.host(), origin.port()).map(|(id, _)| id)
    }

    fn check(&self, endpoint: &Endpoint) -> Result<PassedBy, Refusal> {
        let origin = endpoint.origin();
        let (passed, reach) = match self.find(origin.host(), origin.port()) {
            Some((_, exception)) if !origin.is_https() && !exception.allow_http => {
                return Err(Refusal::HttpNotAllowed);
            }
            Some((id, exception)) => (PassedBy::Exception(id), &exception.reach),
            None if !origin.is_https() => return Err(Refusal::HttpNotAllowed),
            None => {
                self.check_host(origin)?;
                let service = PushService::of(endpoint);
                if !service.gives(endpoint) {
                    return Err(Refusal::PathNotKnown(service.paths()));
                }
                (PassedBy::Hosts, &Reach::Public)
            }
        };
        match literal(origin.host()) {
            Some(address) if !reach.allows(address) => Err(Refusal::AddressNotAllowed),
            Some(_) | None => Ok(passed),
        }
    }

    fn chosen(&self, choice: &HostChoice) -> Result<Arc<dyn EndpointPolicy>, Violations> {
        let mut violations = Violations::new();
        let mut rules = Vec::new();
        for (index, entry) in choice.extra_hosts.iter().enumerate() {
            // Another port, or an address, is for the configuration to allow.
            match HostRule::parse(entry) {
                Some(rule) if rule.port == HTTPS_PORT && literal(&rule.host).is_none() => rules.push(rule),
                Some(_) | None => {
                    violations
                        .add(format!("extra_hosts[{index}]"), "must be a host, or .suffix for all below one");
                }
            }
        }
        let known: HashSet<&str> = self.exceptions.all.iter().map(|of| of.name.as_str()).collect();
        for (index, name) in choice.exceptions.iter().enumerate() {
            if !known.contains(name.as_str()) {
                violations
                    .add(format!("exceptions[{index}]"), "is no exception of the server's configuration");
            }
        }
        let (profile, exceptions) = (choice.profile.unwrap_or(self.profile), Arc::clone(&self.exceptions));
        if choice.profile.is_none() {
            rules.extend(self.rules.iter().cloned());
        }
        let chosen = Some(choice.exceptions.iter().cloned().collect());
        let policy: Arc<dyn EndpointPolicy> = Arc::new(Self { profile, rules, exceptions, chosen });
        violations.or(Some(policy))
    }
}

/// The address that a host of a URL is, if it is one.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// A host that is allowed, or all names below one.
#[derive(Clone, Debug)]
struct HostRule {
    host: String,
    below: bool,
    port: u16,
}

impl HostRule {
    /// Reads `host`, `.suffix`, or either with `:port`.
    fn parse(entry: &str) -> Option<Self> {
        let below = entry.starts_with('.');
        let entry = entry.strip_prefix('.').unwrap_or(entry);
        let (host, port) = normalise(entry)?;
        if below && literal(&host).is_some() {
            return None;
        }
        Some(Self { host, below, port })
    }

    fn names(&self, host: &str) -> bool {
        if self.below {
            host.strip_suffix(&self.host).is_some_and(|above| above.len() > 1 && above.ends_with('.'))
        } else {
            host == self.host
        }
    }
}

/// A `host` or `host:port` as a URL parser understands it: lower case, punycode, addresses in one notation.
fn normalise(entry: &str) -> Option<(String, u16)> {
    if let Ok(IpAddr::V6(address)) = entry.parse() {
        return Some((format!("[{address}]"), HTTPS_PORT));
    }
    let origin = Origin::parse(&format!("https://{entry}/"))?;
    let bare = entry.chars().all(|c| !matches!(c, '/' | '@' | '?' | '#' | '\\') && !c.is_whitespace());
    (bare && !origin.host().is_empty() && !origin.host().ends_with('.'))
        .then(|| (origin.host().to_owned(), origin.port()))
}

/// An exception and its host.
fn read_exception(settings: &ExceptionSettings) -> Result<(Box<str>, Exception), PolicyError> {
    let fail = |problem: String| PolicyError::Exception { name: settings.name.clone(), problem };
    let host = match normalise(&settings.host) {
        Some((host, HTTPS_PORT)) if !settings.host.ends_with(":443") => host,
        Some(_) | None => return Err(fail("host must be one host, without scheme, port or path".into())),
    };
    let reach = read_reach(settings, &host).map_err(|problem| fail(problem.to_owned()))?;
    if settings.allow_http && !reach.is_loopback() {
        return Err(fail("allow_http needs cidrs or connect_to on loopback".into()));
    }
    let roots = match &settings.root_certificate {
        None => None,
        Some(path) => {
            let roots = super::tls::read_certificates(path)
                .map_err(|error| fail(format!("root_certificate {}: {error}", path.display())))?;
            Some(roots)
        }
    };
    let identity = match (&settings.client_certificate, &settings.client_key) {
        (Some(certificate), Some(key)) => Some(Identity::read(certificate, key).map_err(fail)?),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(fail("client_certificate and client_key need each other".into()));
        }
    };
    let exception = Exception {
        name: settings.name.clone(),
        port: settings.port,
        allow_http: settings.allow_http,
        service: settings.service.map(PushService::from),
        reach,
        roots,
        identity,
    };
    Ok((host.into(), exception))
}

fn read_reach(settings: &ExceptionSettings, host: &str) -> Result<Reach, &'static str> {
    let reach = match settings.connect_to {
        Some(_) if !settings.cidrs.is_empty() => {
            return Err("connect_to and cidrs exclude each other");
        }
        Some(_) if literal(host).is_some() => {
            return Err("connect_to needs a host that is a name");
        }
        // The connector keeps a port that the URL names.
        Some(address) if settings.port != HTTPS_PORT && settings.port != address.port() => {
            return Err("connect_to must have the exception's own port, unless that is 443");
        }
        Some(_) if settings.allow_http && settings.port == HTTPS_PORT => {
            return Err("allow_http needs a port other than 443 beside connect_to");
        }
        Some(address) => Reach::Address(address),
        None if settings.cidrs.is_empty() => Reach::Public,
        None => Reach::Networks(settings.cidrs.clone()),
    };
    match literal(host) {
        Some(address) if !reach.allows(address) => {
            Err("its host is an address that cidrs do not allow: it could never be reached")
        }
        Some(_) | None => Ok(reach),
    }
}

#[cfg(test)]
mod tests;

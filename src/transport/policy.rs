//! Which hosts may be posted to: the known push services, those that the operator lists, and exceptions for
//! self-hosted ones. What a host's name resolves to is judged where it is dialled, by [`super::resolver`].

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::exceptions::{Exception, Exceptions, Reach};
use super::settings::{Profile, PushServicesSettings};
use crate::domain::{
    Endpoint, EndpointPolicy, ExceptionId, HostChoice, Origin, PassedBy, Refusal, Violations,
};
use crate::webpush::push_service::{PushService, is_denied_host, is_known_host};

/// Port of https.
pub(super) const HTTPS_PORT: u16 = 443;

/// Why the settings of push services can't be used. Ends the start of the server.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// An entry of the list of hosts.
    #[error("push_services.hosts: {}", self.problem())]
    Host {
        /// As configured.
        entry: String,
    },
    /// An exception.
    #[error("push_services.exceptions: {}", self.problem())]
    Exception {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl PolicyError {
    /// What is wrong, for who knows the key.
    #[must_use]
    pub fn problem(&self) -> String {
        match self {
            Self::Host { entry } => format!("{entry:?} is no host, .suffix, host:port or .suffix:port"),
            Self::Exception { name, problem } => format!("{name:?}: {problem}"),
        }
    }
}

/// The policy of a server: see [`PushServicesSettings`] for what it is made of. It may be changed while the server runs; what
/// applications have chosen of it changes with it.
#[derive(Debug)]
pub struct HostPolicy {
    configured: Arc<RwLock<Configured>>,
    /// What an application has chosen; `None`: the server's own.
    chosen: Option<Chosen>,
}

/// What the configuration says now.
#[derive(Debug)]
struct Configured {
    profile: Profile,
    rules: Vec<HostRule>,
    exceptions: Exceptions,
}

/// What an application has chosen.
#[derive(Debug)]
struct Chosen {
    /// `None`: the server's, with its rules.
    profile: Option<Profile>,
    rules: Vec<HostRule>,
    /// Names of the exceptions that hold.
    exceptions: HashSet<String>,
}

impl Configured {
    fn read(settings: &PushServicesSettings, before: &Exceptions) -> Result<Self, PolicyError> {
        let rules = settings
            .hosts
            .iter()
            .map(|entry| HostRule::parse(entry).ok_or_else(|| PolicyError::Host { entry: entry.clone() }))
            .collect::<Result<_, _>>()?;
        let exceptions = Exceptions::read(&settings.exceptions, before)?;
        Ok(Self { profile: settings.profile, rules, exceptions })
    }
}

impl HostPolicy {
    /// Reads the settings and the certificates they name.
    ///
    /// # Errors
    /// Anything that could never work or would be unsafe.
    pub fn new(settings: &PushServicesSettings) -> Result<Self, PolicyError> {
        let configured = Configured::read(settings, &Exceptions::default())?;
        Ok(Self { configured: Arc::new(RwLock::new(configured)), chosen: None })
    }

    /// Goes by other settings from now on, here and where applications have chosen of it; certificates are read anew. Connections
    /// that an exception has changed for are not used any more. After an error everything is as it was. Answers whether an
    /// exception is new, or other than before: its settings, or what is in the files that they name.
    ///
    /// # Errors
    /// As [`HostPolicy::new`].
    pub fn change(&self, settings: &PushServicesSettings) -> Result<bool, PolicyError> {
        let changed = Configured::read(settings, &self.configured().exceptions)?;
        let mut configured = self.configured.write().unwrap_or_else(PoisonError::into_inner);
        let news = changed.exceptions.given() > configured.exceptions.given();
        *configured = changed;
        Ok(news)
    }

    fn configured(&self) -> RwLockReadGuard<'_, Configured> {
        self.configured.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// How an origin is dialled whose endpoint passed so: as this exception says, or `None` for like all others.
    ///
    /// # Errors
    /// There is no such exception for this origin: another server's policy has judged.
    pub(crate) fn dialled_by(
        &self,
        origin: &Origin,
        passed: PassedBy,
    ) -> Result<Option<Arc<Exception>>, Refusal> {
        match passed {
            PassedBy::Hosts => Ok(None),
            PassedBy::Exception(id) => {
                let found = self.configured().exceptions.of_origin(id, origin).cloned();
                found.map(Some).ok_or(Refusal::HostNotAllowed)
            }
        }
    }

    /// All ways in which endpoints of this origin may have passed.
    pub(crate) fn passages(&self, origin: &Origin) -> Vec<PassedBy> {
        let configured = self.configured();
        let exceptions = configured.exceptions.of(origin.host(), origin.port());
        std::iter::once(PassedBy::Hosts).chain(exceptions.map(|of| PassedBy::Exception(of.id()))).collect()
    }

    /// Whose manners the service behind an endpoint has that passes by this exception, if by any: by its host, unless the
    /// operator says otherwise.
    pub(crate) fn service(&self, endpoint: &Endpoint, exception: Option<ExceptionId>) -> PushService {
        let told = exception.and_then(|id| self.configured().exceptions.get(id)?.service());
        told.unwrap_or_else(|| PushService::of(endpoint))
    }

    /// The exception of this host and port that may be used.
    fn find<'a>(&self, configured: &'a Configured, host: &str, port: u16) -> Option<&'a Exception> {
        let may = |name: &str| self.chosen.as_ref().is_none_or(|chosen| chosen.exceptions.contains(name));
        configured.exceptions.of(host, port).find(|exception| may(exception.name()))
    }

    fn check_host(&self, configured: &Configured, origin: &Origin) -> Result<(), Refusal> {
        let (host, port) = (origin.host(), origin.port());
        // An absolute name is another spelling of a host, which would have its own limits; no service uses it.
        if host.ends_with('.') || is_denied_host(host) {
            return Err(Refusal::HostNotAllowed);
        }
        let chosen = self.chosen.as_ref();
        let own_profile = chosen.and_then(|chosen| chosen.profile);
        let by_profile = match own_profile.unwrap_or(configured.profile) {
            Profile::KnownPushServices => is_known_host(host),
            Profile::AnyPublicHost => true,
            Profile::ListedOnly => false,
        };
        let servers = if own_profile.is_none() { &configured.rules[..] } else { &[] };
        let rules = chosen.map_or(&[][..], |chosen| &chosen.rules).iter().chain(servers);
        let mut ports = rules.filter(|rule| rule.names(host)).map(|rule| rule.port).peekable();
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
        self.find(&self.configured(), host, port).is_some_and(Exception::allows_http)
    }

    fn exception(&self, origin: &Origin) -> Option<ExceptionId> {
        self.find(&self.configured(), origin.host(), origin.port()).map(Exception::id)
    }

    fn check(&self, endpoint: &Endpoint) -> Result<PassedBy, Refusal> {
        let origin = endpoint.origin();
        let configured = self.configured();
        let (passed, reach) = match self.find(&configured, origin.host(), origin.port()) {
            Some(exception) if !origin.is_https() && !exception.allows_http() => {
                return Err(Refusal::HttpNotAllowed);
            }
            Some(exception) => (PassedBy::Exception(exception.id()), exception.reach()),
            None if !origin.is_https() => return Err(Refusal::HttpNotAllowed),
            None => {
                self.check_host(&configured, origin)?;
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
        for (index, name) in choice.exceptions.iter().enumerate() {
            if !self.configured().exceptions.has(name) {
                violations
                    .add(format!("exceptions[{index}]"), "is no exception of the server's configuration");
            }
        }
        let exceptions = choice.exceptions.iter().cloned().collect();
        let chosen = Some(Chosen { profile: choice.profile, rules, exceptions });
        let policy: Arc<dyn EndpointPolicy> =
            Arc::new(Self { configured: Arc::clone(&self.configured), chosen });
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
pub(super) fn normalise(entry: &str) -> Option<(String, u16)> {
    if let Ok(IpAddr::V6(address)) = entry.parse() {
        return Some((format!("[{address}]"), HTTPS_PORT));
    }
    let origin = Origin::parse(&format!("https://{entry}/"))?;
    let bare = entry.chars().all(|c| !matches!(c, '/' | '@' | '?' | '#' | '\\') && !c.is_whitespace());
    (bare && !origin.host().is_empty() && !origin.host().ends_with('.'))
        .then(|| (origin.host().to_owned(), origin.port()))
}

#[cfg(test)]
mod tests;

//! Self-hosted push services that the operator named: what may be dialled for them, and by which certificates.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use sha2::{Digest as _, Sha256};

use super::address;
use super::policy::{HTTPS_PORT, PolicyError, literal, normalise};
use super::settings::ExceptionSettings;
use super::tls::{self, Identity};
use crate::domain::{ExceptionId, Origin};
use crate::webpush::push_service::PushService;

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
    id: ExceptionId,
    made_of: Source,
    host: Box<str>,
    reach: Reach,
    /// The only roots that it is trusted by, in DER; `None` for those of the system.
    roots: Option<Vec<Vec<u8>>>,
    /// What this server shows it.
    identity: Option<Identity>,
}

/// What an exception is made of: one that is made of the same is the same.
#[derive(Debug, PartialEq, Eq)]
struct Source {
    settings: ExceptionSettings,
    /// A digest of the files that they name.
    files: [u8; 32],
}

impl Exception {
    pub(crate) fn id(&self) -> ExceptionId {
        self.id
    }

    /// What the operator calls it.
    pub(crate) fn name(&self) -> &str {
        &self.made_of.settings.name
    }

    /// Whether its endpoints may be http.
    pub(crate) fn allows_http(&self) -> bool {
        self.made_of.settings.allow_http
    }

    /// Whose manners it has, if not those that its host says.
    pub(crate) fn service(&self) -> Option<PushService> {
        self.made_of.settings.service.map(PushService::from)
    }

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

    fn is_of(&self, host: &str, port: u16) -> bool {
        (&*self.host, self.made_of.settings.port) == (host, port)
    }
}

/// All that are configured.
#[derive(Debug, Default)]
pub(crate) struct Exceptions {
    /// By host, in the order of the configuration: there may be thousands, and each request looks for its own.
    by_host: HashMap<Box<str>, Vec<Arc<Exception>>>,
    by_id: HashMap<ExceptionId, Arc<Exception>>,
    /// Those that were configured before: a request that passed by one is on its way.
    former: HashMap<ExceptionId, Arc<Exception>>,
    /// How many ever had an identifier.
    given: u32,
}

impl Exceptions {
    /// Reads the settings and the files they name. One that is made of the same as before is the same still; else it has a
    /// new identifier, so that no connection of the former is used for it.
    pub(super) fn read(settings: &[ExceptionSettings], before: &Self) -> Result<Self, PolicyError> {
        let mut all = Self { former: before.by_id.clone(), given: before.given, ..Self::default() };
        for settings in settings {
            let mut read = read_exception(settings)?;
            let same = before.by_id.values().find(|before| before.made_of == read.made_of);
            let exception = if let Some(same) = same.filter(|same| !all.by_id.contains_key(&same.id)) {
                Arc::clone(same)
            } else {
                read.id = ExceptionId(all.given);
                all.given += 1;
                Arc::new(read)
            };
            all.by_host.entry(exception.host.clone()).or_default().push(Arc::clone(&exception));
            all.by_id.insert(exception.id, exception);
        }
        Ok(all)
    }

    /// How many ever had an identifier.
    pub(super) fn given(&self) -> u32 {
        self.given
    }

    /// By its identifier.
    pub(super) fn get(&self, id: ExceptionId) -> Option<&Arc<Exception>> {
        self.by_id.get(&id).or_else(|| self.former.get(&id))
    }

    /// The one with this identifier, if it is of this origin.
    pub(super) fn of_origin(&self, id: ExceptionId, origin: &Origin) -> Option<&Arc<Exception>> {
        self.get(id).filter(|exception| exception.is_of(origin.host(), origin.port()))
    }

    /// Those that name this host and port.
    pub(super) fn of<'a>(&'a self, host: &str, port: u16) -> impl Iterator<Item = &'a Exception> + use<'a> {
        let of_host = self.by_host.get(host).map_or(&[][..], Vec::as_slice);
        of_host.iter().map(|exception| &**exception).filter(move |of| of.made_of.settings.port == port)
    }

    /// Whether one is called so.
    pub(super) fn has(&self, name: &str) -> bool {
        self.by_id.values().any(|exception| exception.name() == name)
    }
}

/// A digest of the files that an exception names.
fn digest(settings: &ExceptionSettings) -> Result<[u8; 32], String> {
    let files = [&settings.root_certificate, &settings.client_certificate, &settings.client_key];
    let mut digest = Sha256::new();
    for file in files {
        let read =
            |file: &PathBuf| std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()));
        let octets = file.as_ref().map(read).transpose()?.unwrap_or_default();
        digest.update((octets.len() as u64).to_be_bytes());
        digest.update(octets);
    }
    Ok(digest.finalize().into())
}

/// Reads an exception with the files that it names.
fn read_exception(settings: &ExceptionSettings) -> Result<Exception, PolicyError> {
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
            let roots = tls::read_certificates(path)
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
    Ok(Exception {
        id: ExceptionId(0),
        made_of: Source { settings: settings.clone(), files: digest(settings).map_err(fail)? },
        host: host.into(),
        reach,
        roots,
        identity,
    })
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

//! The origins of a sandbox: ports, each with limits, behaviour and counts of its own.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use hyper::service::service_fn;
use tokio::net::TcpSocket;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::authorization::Authorizations;
use super::control_json::{Gauge, OriginStatus, SecondLine};
use super::counts::OpenCounter;
use super::gate::Gate;
use super::listener::{Connections, Counted};
use super::origin_settings::{Manner, OriginSettings, OriginSettingsError, Reach};
use super::port::{self, Port};
use super::push_resource::PushService;
use super::{SandboxError, SandboxSettings};
use crate::domain::Origin;

/// Why origins cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OriginsError {
    #[error("count must be at least 1")]
    Empty,
    #[error("this sandbox has no more than {0} origins")]
    TooMany(usize),
    #[error("there is no origin {0}")]
    Unknown(u64),
    #[error(transparent)]
    Settings(#[from] OriginSettingsError),
    #[error("the port of origin {origin} cannot be taken: {error}")]
    Port { origin: u32, error: std::io::Error },
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// All origins.
pub(crate) struct Origins {
    /// By number; none is ever removed.
    all: RwLock<Vec<Arc<OriginServer>>>,
    /// Held while origins are made, so that numbers are given once.
    making: Mutex<()>,
    connections: Arc<Connections>,
    service: Arc<PushService>,
    settings: SandboxSettings,
    start: Instant,
}

/// An origin.
pub(crate) struct OriginServer {
    pub(crate) number: u32,
    pub(crate) origin: Origin,
    pub(crate) gate: Gate,
    pub(crate) authorizations: Authorizations,
    address: SocketAddr,
    manner: watch::Sender<Manner>,
    open: Arc<OpenCounter>,
    port: Mutex<Port>,
}

impl Origins {
    pub(crate) fn new(
        settings: SandboxSettings,
        connections: Arc<Connections>,
        service: Arc<PushService>,
    ) -> Self {
        Self {
            all: RwLock::default(),
            making: Mutex::default(),
            connections,
            service,
            settings,
            start: Instant::now(),
        }
    }

    /// Takes the first port, whose address the settings say.
    pub(crate) async fn make_first(&self) -> Result<Arc<OriginServer>, SandboxError> {
        let address = self.settings.push_address;
        let bound = bind(address)?;
        let origin = self.server(0, bound.1, OriginSettings::default())?;
        origin.take(bound.0, self).await.map_err(|error| SandboxError::Bind { address, error })?;
        self.push(Arc::clone(&origin));
        Ok(origin)
    }

    /// Makes more, on free ports: all or none.
    pub(crate) async fn make(
        &self,
        count: u32,
        settings: &OriginSettings,
    ) -> Result<Vec<Arc<OriginServer>>, OriginsError> {
        settings.check()?;
        if count == 0 {
            return Err(OriginsError::Empty);
        }
        let _making = self.making.lock().await;
        let from = self.count();
        if from as usize + count as usize > self.settings.limits.origins_max {
            return Err(OriginsError::TooMany(self.settings.limits.origins_max));
        }
        let free = SocketAddr::new(self.settings.push_address.ip(), 0);
        let mut made = Vec::with_capacity(count as usize);
        for number in from..from + count {
            let (socket, address) = bind(free)?;
            made.push((socket, self.server(number, address, settings.clone())?));
        }
        let mut taken: Vec<Arc<OriginServer>> = Vec::with_capacity(made.len());
        for (socket, origin) in made {
            if let Err(error) = origin.take(socket, self).await {
                for origin in &taken {
                    origin.release().await;
                }
                return Err(OriginsError::Port { origin: origin.number, error });
            }
            taken.push(origin);
        }
        for origin in &taken {
            self.push(Arc::clone(origin));
        }
        Ok(taken)
    }

    /// Makes one, on a free port, that is known by another name.
    pub(crate) async fn make_named(&self, origin: Origin) -> Result<Arc<OriginServer>, OriginsError> {
        let _making = self.making.lock().await;
        let number = self.count();
        if number as usize >= self.settings.limits.origins_max {
            return Err(OriginsError::TooMany(self.settings.limits.origins_max));
        }
        let (socket, address) = bind(SocketAddr::new(self.settings.push_address.ip(), 0))?;
        let server = self.server_of(number, origin, address, OriginSettings::default());
        server.take(socket, self).await.map_err(|error| OriginsError::Port { origin: number, error })?;
        self.push(Arc::clone(&server));
        Ok(server)
    }

    /// Changes how some behave. Gives them.
    pub(crate) async fn set(
        &self,
        from: u32,
        count: u32,
        settings: &OriginSettings,
    ) -> Result<Vec<Arc<OriginServer>>, OriginsError> {
        settings.check()?;
        let end = u64::from(from) + u64::from(count);
        if end > u64::from(self.count()) {
            return Err(OriginsError::Unknown(end - 1));
        }
        let origins: Vec<_> = (from..).take(count as usize).filter_map(|number| self.get(number)).collect();
        for origin in &origins {
            origin.set(settings.clone(), self).await?;
        }
        Ok(origins)
    }

    /// Lets go of all ports.
    pub(crate) async fn release(&self) {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner).clone();
        for origin in all {
            origin.release().await;
        }
    }

    /// By its number.
    pub(crate) fn get(&self, number: u32) -> Option<Arc<OriginServer>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).get(number as usize).cloned()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        let count = self.all.read().unwrap_or_else(PoisonError::into_inner).len();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn push(&self, origin: Arc<OriginServer>) {
        self.all.write().unwrap_or_else(PoisonError::into_inner).push(origin);
    }

    fn server(
        &self,
        number: u32,
        address: SocketAddr,
        settings: OriginSettings,
    ) -> Result<Arc<OriginServer>, SandboxError> {
        let origin = url(&self.settings, address.port())?;
        Ok(self.server_of(number, origin, address, settings))
    }

    fn server_of(
        &self,
        number: u32,
        origin: Origin,
        address: SocketAddr,
        settings: OriginSettings,
    ) -> Arc<OriginServer> {
        Arc::new(OriginServer {
            number,
            authorizations: Authorizations::new(origin.clone(), self.settings.limits.authorizations_max),
            origin,
            address,
            manner: watch::Sender::new(settings.manner()),
            gate: Gate::new(settings, self.start),
            open: Arc::default(),
            port: Mutex::new(Port::Lost),
        })
    }
}

impl OriginServer {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn status(&self) -> OriginStatus {
        let (settings, total, open) = self.gate.read();
        let SecondLine { requests, taken, over_concurrency, over_rate, peak, busy_micros, .. } = total;
        let connections: Gauge = self.open.read();
        OriginStatus {
            origin: self.number,
            url: self.origin.to_string(),
            settings,
            requests,
            taken,
            over_concurrency,
            over_rate,
            open,
            peak,
            busy_micros,
            connections,
        }
    }

    /// Changes how it behaves; done when it returns.
    async fn set(self: &Arc<Self>, settings: OriginSettings, origins: &Origins) -> Result<(), OriginsError> {
        let mut port = self.port.lock().await;
        let (reach, manner) = (settings.reach, settings.manner());
        self.gate.set(settings);
        self.manner.send_replace(manner);
        let holds = match (&*port, reach) {
            (Port::Listening { .. }, Reach::Serving | Reach::Silent)
            | (Port::Refusing { .. }, Reach::Refusing)
            | (Port::Dropping { .. }, Reach::Dropping) => true,
            (
                Port::Listening { .. } | Port::Refusing { .. } | Port::Dropping { .. } | Port::Lost,
                Reach::Serving | Reach::Silent | Reach::Refusing | Reach::Dropping,
            ) => false,
        };
        if holds {
            return Ok(());
        }
        port.release().await;
        let taken = match port::bind(self.address) {
            Ok(socket) => self.hold(socket, reach, origins).await,
            Err(error) => Err(error),
        };
        *port = taken.map_err(|error| OriginsError::Port { origin: self.number, error })?;
        Ok(())
    }

    async fn take(self: &Arc<Self>, socket: TcpSocket, origins: &Origins) -> std::io::Result<()> {
        let reach = self.manner.borrow().reach;
        *self.port.lock().await = self.hold(socket, reach, origins).await?;
        Ok(())
    }

    async fn release(&self) {
        self.port.lock().await.release().await;
    }

    async fn hold(
        self: &Arc<Self>,
        socket: TcpSocket,
        reach: Reach,
        origins: &Origins,
    ) -> std::io::Result<Port> {
        match reach {
            Reach::Refusing => Ok(Port::Refusing { _socket: socket }),
            Reach::Dropping => Port::drop_all(socket).await,
            Reach::Serving | Reach::Silent => {
                let listener = port::listen(socket)?;
                let until = CancellationToken::new();
                let counted =
                    Counted([Arc::clone(&self.open), Arc::clone(&origins.service.counters.connections)]);
                let (service, origin) = (Arc::clone(&origins.service), Arc::clone(self));
                let answers = move |connection| {
                    let (service, origin) = (Arc::clone(&service), Arc::clone(&origin));
                    service_fn(move |request| {
                        let (service, origin) = (Arc::clone(&service), Arc::clone(&origin));
                        let connection = Arc::clone(&connection);
                        async move { service.answer(&origin, &connection, request).await }
                    })
                };
                let accepting = Arc::clone(&origins.connections).accept(
                    listener,
                    until.clone(),
                    self.manner.subscribe(),
                    counted,
                    answers,
                );
                Ok(Port::Listening { until, accepting: tokio::spawn(accepting) })
            }
        }
    }
}

fn bind(address: SocketAddr) -> Result<(TcpSocket, SocketAddr), SandboxError> {
    let error = |error| SandboxError::Bind { address, error };
    let socket = port::bind(address).map_err(error)?;
    let bound = socket.local_addr().map_err(error)?;
    Ok((socket, bound))
}

/// The origin at a port.
fn url(settings: &SandboxSettings, port: u16) -> Result<Origin, SandboxError> {
    let host = &settings.public_host;
    let scheme = if settings.https { "https" } else { "http" };
    let text = if host.contains(':') {
        format!("{scheme}://[{host}]:{port}")
    } else {
        format!("{scheme}://{host}:{port}")
    };
    // What a URL parser would read differently (paths, user names) is not a host.
    Origin::parse(&text)
        .filter(|origin| origin.host().trim_matches(['[', ']']) == host && origin.port() == port)
        .ok_or_else(|| SandboxError::PublicHost(host.clone()))
}

//! What all listeners do: TCP, TLS for the push service, HTTP/2 or 1.1 by what the client speaks.

use std::error::Error;
use std::future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Connection;
use super::counts::OpenCounter;
use super::origin_settings::{Manner, Reach};
use super::settings::SandboxLimits;

/// Wait after a failed accept: what makes it fail (no file descriptors) seldom passes at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What goes wrong with a connection, which ends it and nothing else.
type ConnectionError = Box<dyn Error + Send + Sync>;

/// What answers the requests of a connection. Its error resets the stream.
pub(crate) trait Answers<B>:
    Service<Request<Incoming>, Response = Response<B>, Error: Into<ConnectionError>, Future: Send + 'static>
    + Send
    + 'static
{
}

impl<B, S> Answers<B> for S where
    S: Service<
            Request<Incoming>,
            Response = Response<B>,
            Error: Into<ConnectionError>,
            Future: Send + 'static,
        > + Send
        + 'static
{
}

/// Counters of what is open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted(pub(crate) [Arc<OpenCounter>; 2]);

/// Serves connections of any number of listeners.
pub(crate) struct Connections {
    http: auto::Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    limits: SandboxLimits,
    stop: CancellationToken,
    cut_off: CancellationToken,
    tasks: TaskTracker,
}

impl Connections {
    /// Until `stop`.
    pub(crate) fn new(tls: Option<TlsAcceptor>, limits: SandboxLimits, stop: CancellationToken) -> Self {
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.request_timeout)
            .max_buf_size(limits.header_octets_max as usize);
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(limits.request_timeout)
            .max_concurrent_streams(limits.concurrent_streams_max)
            .max_header_list_size(limits.header_octets_max);
        Self { http, tls, limits, stop, cut_off: CancellationToken::new(), tasks: TaskTracker::new() }
    }

    /// Accepts connections until `until`, or until all is to stop. What was accepted lives on. `service` makes what answers
    /// one connection.
    pub(crate) async fn accept<F, S, B>(
        self: Arc<Self>,
        socket: TcpListener,
        until: CancellationToken,
        manner: watch::Receiver<Manner>,
        counted: Counted,
        service: F,
    ) where
        F: Fn(Arc<Connection>) -> S + Send,
        S: Answers<B>,
        B: Body<Data: Send, Error: Into<ConnectionError>> + Send + 'static,
    {
        let permits = Arc::new(Semaphore::new(self.limits.connections_max));
        loop {
            let accepted = tokio::select! {
                accepted = accept(&socket, &permits) => accepted,
                () = self.stop.cancelled() => None,
                () = until.cancelled() => None,
            };
            let Some((stream, permit)) = accepted else { return };
            let connection = Arc::new(Connection::default());
            let service = service(Arc::clone(&connection));
            let (server, manner, counted) = (Arc::clone(&self), manner.clone(), counted.clone());
            self.tasks.spawn(async move {
                let [one, other] = &counted.0;
                let _open = (one.open(), other.open());
                server.run(stream, &connection, manner, service).await;
                drop(permit);
            });
        }
    }

    /// Lets open requests end for a while, and cuts off the rest. Listeners must have ended.
    pub(crate) async fn end(&self) {
        self.tasks.close();
        if tokio::time::timeout(self.limits.shutdown_timeout, self.tasks.wait()).await.is_err() {
            self.cut_off.cancel();
            self.tasks.wait().await;
        }
    }

    /// One connection, as far as clients come.
    async fn run<S, B>(
        &self,
        stream: TcpStream,
        connection: &Arc<Connection>,
        mut manner: watch::Receiver<Manner>,
        service: S,
    ) where
        S: Answers<B>,
        B: Body<Data: Send, Error: Into<ConnectionError>> + Send + 'static,
    {
        let Manner { reach, streams_max } = *manner.borrow_and_update();
        if reach != Reach::Serving {
            tokio::select! {
                () = swallow(stream) => {}
                () = changed(&mut manner) => {}
                () = self.stop.cancelled() => {}
            }
            return;
        }
        let mut served = pin!(self.handshake_and_serve(stream, connection, streams_max, service));
        loop {
            let is_served = match manner.borrow_and_update().reach {
                Reach::Serving => true,
                Reach::Silent | Reach::Dropping => false,
                Reach::Refusing => return,
            };
            tokio::select! {
                // First: what is written when the connection is to be closed is still sent.
                biased;
                ended = served.as_mut(), if is_served => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection ended");
                    }
                    return;
                }
                () = connection.closed() => return,
                () = changed(&mut manner) => {}
                () = self.cut_off.cancelled() => return,
            }
        }
    }

    async fn handshake_and_serve<S, B>(
        &self,
        stream: TcpStream,
        connection: &Connection,
        streams_max: Option<u32>,
        service: S,
    ) -> Result<(), ConnectionError>
    where
        S: Answers<B>,
        B: Body<Data: Send, Error: Into<ConnectionError>> + Send + 'static,
    {
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return self.serve(stream, connection, streams_max, service).await };
        let handshake = tokio::time::timeout(self.limits.request_timeout, tls.accept(stream));
        let stream = tokio::select! {
            stream = handshake => stream.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??,
            () = self.stop.cancelled() => return Ok(()),
        };
        self.serve(stream, connection, streams_max, service).await
    }

    async fn serve<T, S, B>(
        &self,
        stream: T,
        connection: &Connection,
        streams_max: Option<u32>,
        service: S,
    ) -> Result<(), ConnectionError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Answers<B>,
        B: Body<Data: Send, Error: Into<ConnectionError>> + Send + 'static,
    {
        let mut http = self.http.clone();
        if let Some(streams_max) = streams_max {
            http.http2().max_concurrent_streams(streams_max);
        }
        let mut served = pin!(http.serve_connection_with_upgrades(TokioIo::new(stream), service));
        let unused = async {
            tokio::time::sleep(self.limits.request_timeout).await;
            if connection.has_requested() {
                future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            ended = served.as_mut() => return ended,
            () = self.stop.cancelled() => {}
            () = connection.going_away() => {}
            () = unused => {}
        }
        served.as_mut().graceful_shutdown();
        served.await
    }
}

/// The next connection, once there is room for it.
async fn accept(socket: &TcpListener, permits: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    loop {
        match socket.accept().await {
            Ok((stream, _)) => return Some((stream, permit)),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Reads and answers nothing, until the client has enough of it.
async fn swallow(mut stream: TcpStream) {
    let mut octets = [0; 512];
    while stream.read(&mut octets).await.is_ok_and(|len| len > 0) {}
}

/// Waits for a change; for ever where nobody can change it.
async fn changed(manner: &mut watch::Receiver<Manner>) {
    if manner.changed().await.is_err() {
        future::pending::<()>().await;
    }
}

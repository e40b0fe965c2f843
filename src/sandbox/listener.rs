//! What both listeners are: TCP, TLS for the push service, HTTP/2 or 1.1 by what the client speaks.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::counts::OpenCounter;
use super::settings::SandboxLimits;

/// Wait after a failed accept: what makes it fail (no file descriptors) seldom passes at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What goes wrong with a connection, which ends it and nothing else.
type ConnectionError = Box<dyn Error + Send + Sync>;

/// A listener before it serves.
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) limits: SandboxLimits,
    /// Counts its connections.
    pub(crate) open: Arc<OpenCounter>,
}

/// What answers requests; never with an error of its own.
pub(crate) trait Answers<B>:
    Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<B, S> Answers<B> for S where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static
{
}

impl Listener {
    /// Serves until `stop`; then lets open requests end for a while and cuts off the rest.
    pub(crate) async fn serve<B, S>(self, service: S, stop: CancellationToken)
    where
        S: Answers<B>,
        B: Body<Data: Send, Error: Into<ConnectionError>> + Send + 'static,
    {
        let Self { socket, tls, limits, open } = self;
        let connections = TaskTracker::new();
        let cut_off = CancellationToken::new();
        let permits = Arc::new(Semaphore::new(limits.connections_max));
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
        let server = Arc::new(ConnectionServer { http, tls, limits, open, stop: stop.clone() });

        while let Some((stream, permit)) = accept(&socket, &permits, &stop).await {
            let (server, service, cut_off) = (Arc::clone(&server), service.clone(), cut_off.clone());
            connections.spawn(async move {
                tokio::select! {
                    () = server.run(stream, service) => {}
                    () = cut_off.cancelled() => {}
                }
                drop(permit);
            });
        }
        drop(socket);
        connections.close();
        if tokio::time::timeout(server.limits.shutdown_timeout, connections.wait()).await.is_err() {
            cut_off.cancel();
            connections.wait().await;
        }
    }
}

/// The next connection, once there is room for it; none when it is time to stop.
async fn accept(
    socket: &TcpListener,
    permits: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let next = async {
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
    };
    tokio::select! {
        next = next => next,
        () = stop.cancelled() => None,
    }
}

struct ConnectionServer {
    http: auto::Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    limits: SandboxLimits,
    open: Arc<OpenCounter>,
    stop: CancellationToken,
}

impl ConnectionServer {
    async fn run<B, S>(&self, stream: TcpStream, service: S)
    where
        S: Answers<B>,
        B: Body<Data: Send, Error: Into<ConnectionError>> + Send + 'static,
    {
        let _open = self.open.open();
        if let Err(error) = self.handshake_and_serve(stream, service).await {
            tracing::debug!(%error, "a connection ended");
        }
    }

    async fn handshake_and_serve<B, S>(&self, stream: TcpStream, service: S) -> Result<(), ConnectionError>
    where
        S: Answers<B>,
        B: Body<Data: Send, Error: Into<ConnectionError>> + Send + 'static,
    {
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return self.serve(stream, service).await };
        let handshake = tokio::time::timeout(self.limits.request_timeout, tls.accept(stream));
        let stream = tokio::select! {
            stream = handshake => stream.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??,
            () = self.stop.cancelled() => return Ok(()),
        };
        self.serve(stream, service).await
    }

    async fn serve<T, B, S>(&self, stream: T, service: S) -> Result<(), ConnectionError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Answers<B>,
        B: Body<Data: Send, Error: Into<ConnectionError>> + Send + 'static,
    {
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = self.stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }
}

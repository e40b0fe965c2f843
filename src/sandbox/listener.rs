//! The push listener: TCP, TLS and HTTP/2 or 1.1 by what the client speaks.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::push_resource::PushService;
use super::settings::SandboxLimits;

/// Wait after a failed accept: what makes it fail (no file descriptors) seldom passes at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop`; then lets open requests end for a while and cuts off the rest.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    service: Arc<PushService>,
    limits: SandboxLimits,
    stop: CancellationToken,
) {
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
        .max_concurrent_streams(limits.concurrent_streams_max)
        .max_header_list_size(limits.header_octets_max);
    let server = Arc::new(ConnectionServer { http, tls, service, limits, stop: stop.clone() });

    while let Some((stream, permit)) = accept(&listener, &permits, &stop).await {
        let (server, cut_off) = (Arc::clone(&server), cut_off.clone());
        connections.spawn(async move {
            tokio::select! {
                () = server.run(stream) => {}
                () = cut_off.cancelled() => {}
            }
            drop(permit);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(server.limits.shutdown_timeout, connections.wait()).await.is_err() {
        cut_off.cancel();
        connections.wait().await;
    }
}

/// The next connection, once there is room for it; none when it is time to stop.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let next = async {
        let permit = Arc::clone(permits).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
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
    service: Arc<PushService>,
    limits: SandboxLimits,
    stop: CancellationToken,
}

impl ConnectionServer {
    async fn run(&self, stream: TcpStream) {
        let _open = self.service.counters.connections.open();
        if let Err(error) = self.handshake_and_serve(stream).await {
            tracing::debug!(%error, "a connection ended");
        }
    }

    async fn handshake_and_serve(
        &self,
        stream: TcpStream,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return self.serve(stream).await };
        let handshake = tokio::time::timeout(self.limits.request_timeout, tls.accept(stream));
        let stream = tokio::select! {
            stream = handshake => stream.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??,
            () = self.stop.cancelled() => return Ok(()),
        };
        self.serve(stream).await
    }

    async fn serve<S>(&self, stream: S) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request| {
            let service = Arc::clone(&self.service);
            async move { Ok::<_, Infallible>(service.answer(request).await) }
        });
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = self.stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }
}

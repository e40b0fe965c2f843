//! Accepts connections of Chromium.

use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::mcs;
use super::routes::BrowserRoutes;

/// Time for a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// Wait after a failed accept: what makes it fail (no file descriptors) seldom passes at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts until all is to stop.
pub(crate) async fn listen(socket: TcpListener, tls: TlsAcceptor, routes: BrowserRoutes) {
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = routes.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => serve(stream, tls.clone(), routes.clone()),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves a connection, if there is room for it, in a task of its own.
fn serve(stream: TcpStream, tls: TlsAcceptor, routes: BrowserRoutes) {
    let Ok(permit) = routes.room.clone().try_acquire_owned() else { return };
    let BrowserRoutes { browsers, stop, tasks, .. } = routes;
    let session = browsers.next_session();
    tasks.spawn(async move {
        let _permit = permit;
        let handshake = tokio::select! {
            handshake = timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)) => handshake,
            () = stop.cancelled() => return,
        };
        let Ok(Ok(stream)) = handshake else { return };
        if let Err(error) = mcs::serve(stream, browsers, session, stop).await {
            tracing::debug!(%error, "a browser's connection ended");
        }
    });
}

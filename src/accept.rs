//! Accepting TCP connections, and going on when the system lacks what one takes: descriptors, or memory.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};

use crate::open_files::exhausted;

/// How long accepting rests when it fails.
const PAUSE: Duration = Duration::from_millis(100);
/// That it fails is logged at most this often for one listener.
const TOLD_EACH: Duration = Duration::from_secs(10);

/// A listener that accepts again and again, whatever comes between. Connections that it cannot accept wait in the system's
/// queue.
#[derive(Debug)]
pub(crate) struct PatientListener {
    listener: TcpListener,
    /// What it is for, as the log has it.
    name: &'static str,
    /// Until when it rests. Kept here, since whoever waits for a connection may turn to something else meanwhile.
    rests: Option<Instant>,
    /// When it was last said that nothing can be accepted; `None` since it could.
    told: Option<Instant>,
}

impl PatientListener {
    /// Of a listener that is bound. `name`: what it is for, in the log.
    pub(crate) fn new(listener: TcpListener, name: &'static str) -> Self {
        Self { listener, name, rests: None, told: None }
    }

    /// The next connection. May be given up and called again.
    pub(crate) async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            if let Some(until) = self.rests {
                sleep_until(until).await;
                self.rests = None;
            }
            match self.listener.accept().await {
                Ok(accepted) => {
                    // Not at the first that goes well: where descriptors come and go, so would these lines.
                    let now = Instant::now();
                    if self.told.is_some_and(|told| now.duration_since(told) >= TOLD_EACH) {
                        tracing::info!(listener = self.name, "connections are accepted again");
                        self.told = None;
                    }
                    return accepted;
                }
                // That one was given up before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => self.rest(&error),
            }
        }
    }

    fn rest(&mut self, error: &io::Error) {
        let now = Instant::now();
        self.rests = Some(now + PAUSE);
        if self.told.is_some_and(|told| now.duration_since(told) < TOLD_EACH) {
            return;
        }
        self.told = Some(now);
        if exhausted(error) {
            tracing::warn!(
                listener = self.name,
                %error,
                "no connection can be accepted, since this machine has no descriptor (ulimit -n) or memory left for one: they \
                 wait, and it is tried again ten times a second"
            );
        } else {
            tracing::warn!(
                listener = self.name,
                %error,
                "no connection can be accepted: it is tried again ten times a second"
            );
        }
    }
}

impl axum::serve::Listener for PatientListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        Self::accept(self).await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

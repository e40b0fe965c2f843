//! A TCP port that is listened on, or is taken and refuses, or drops whoever wants to connect.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// Time for the one connection that fills a port which drops.
const FILL_TIMEOUT: Duration = Duration::from_secs(1);

/// A port and what holds it.
pub(crate) enum Port {
    /// Connections are accepted until `until`.
    Listening {
        /// Ends the task.
        until: CancellationToken,
        /// Holds the listener.
        accepting: JoinHandle<()>,
    },
    /// Bound without listening: the system answers SYN with RST, and gives the port to nobody else.
    Refusing {
        /// Never listens.
        _socket: TcpSocket,
    },
    /// Listening with a backlog that one connection fills. Linux drops SYN while it is full.
    Dropping {
        /// Never accepts.
        _listener: TcpListener,
        /// The connection, unless somebody else's fills it.
        _fill: Option<TcpStream>,
    },
    /// Nothing holds it.
    Lost,
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listening { .. } => "Listening",
            Self::Refusing { .. } => "Refusing",
            Self::Dropping { .. } => "Dropping",
            Self::Lost => "Lost",
        })
    }
}

/// Binds a port; 0 takes a free one.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of an earlier listener may still be there.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Listens on a bound port.
pub(crate) fn listen(socket: TcpSocket) -> io::Result<TcpListener> {
    socket.listen(BACKLOG)
}

impl Port {
    /// Lets go of whatever held the port.
    pub(crate) async fn release(&mut self) {
        if let Self::Listening { until, accepting } = std::mem::replace(self, Self::Lost) {
            until.cancel();
            // It ends at once; what it accepted lives on.
            if accepting.await.is_err() {
                tracing::error!("a listener of the sandbox panicked");
            }
        }
    }

    /// Drops SYN at a bound port.
    pub(crate) async fn drop_all(socket: TcpSocket) -> io::Result<Self> {
        let listener = socket.listen(0)?;
        let fill = tokio::time::timeout(FILL_TIMEOUT, TcpStream::connect(listener.local_addr()?)).await;
        Ok(Self::Dropping { _listener: listener, _fill: fill.ok().transpose()? })
    }
}

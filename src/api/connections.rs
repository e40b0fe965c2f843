//! Accepting connections: no more than so many at once, and none that does not begin.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{Stream, StreamExt as _};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::rate::Caller;
use super::shares::{Holder, Place, Pool};
use super::tls::names;
use crate::accept::PatientListener;

/// What a connection must have said to stay: as much as the preface of HTTP/2 (RFC 9113 section 3.4). From there on there
/// are other timeouts: PING for HTTP/2, hyper's for the header of HTTP/1.1.
const PREFACE_OCTETS: usize = 24;

/// What a connection may read before others have their turn. Without it, the task of one that has much to say would go on
/// for as long as its octets last: 4 KiB of small frames are about a hundred calls that are begun, and a hundred such
/// connections let everybody wait for tenths of a second.
const TURN_OCTETS: usize = 4 * 1024;

/// Connections as they come: at most `connections_max` at once, and of one address no more than its share of `shares`, which
/// has as many places; each with `preface_timeout` to begin; with TLS, as long for the handshake before. Handshakes do not
/// wait for each other.
pub(super) fn incoming(
    mut listener: PatientListener,
    connections_max: usize,
    shares: Pool,
    preface_timeout: Duration,
    tls: Option<watch::Receiver<Arc<ServerConfig>>>,
) -> impl Stream<Item = io::Result<Connection>> {
    let places = Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS)));
    async_stream::stream! {
        let mut handshakes = FuturesUnordered::new();
        loop {
            let (stream, place) = tokio::select! {
                Some(shaken) = handshakes.next() => {
                    // How a stranger's handshake fails is nobody's concern.
                    if let Ok(Some(connection)) = shaken {
                        yield Ok(connection);
                    }
                    continue;
                }
                accepted = accept(&mut listener, &places, &shares) => accepted,
            };
            match &tls {
                None => yield Ok(Connection::new(Either::Left(stream), place, preface_timeout)),
                Some(tls) => {
                    let acceptor = TlsAcceptor::from(Arc::clone(&tls.borrow()));
                    handshakes.push(tokio::spawn(async move {
                        let shaken = timeout(preface_timeout, acceptor.accept(stream)).await;
                        let stream = Either::Right(Box::new(shaken.ok()?.ok()?));
                        Some(Connection::new(stream, place, preface_timeout))
                    }));
                }
            }
        }
    }
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &mut PatientListener,
    places: &Arc<Semaphore>,
    shares: &Pool,
) -> (TcpStream, ConnectionPlace) {
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        let (stream, address) = listener.accept().await;
        // An address that has its share already is closed at once, which leaves the place to the next.
        let holder = Holder::Caller(Caller::At(address.ip()));
        let Ok(share) = shares.take(holder) else { continue };
        // A connection without it is slower, not wrong.
        let _ = stream.set_nodelay(true);
        return (stream, ConnectionPlace { _of_all: place, _share: share });
    }
}

/// A connection's place among all, and among those of its address.
#[derive(Debug)]
struct ConnectionPlace {
    _of_all: Option<OwnedSemaphorePermit>,
    _share: Place,
}

/// One connection, for those who may have to close it.
#[derive(Clone, Debug)]
pub(super) struct ConnectionHandle {
    id: u64,
    closed: CancellationToken,
}

impl ConnectionHandle {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), closed: CancellationToken::new() }
    }

    /// Which no other connection of this process has.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Ends the connection, with all that is open on it.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }

    #[cfg(test)]
    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }
}

/// A connection and its place among the others.
#[derive(Debug)]
pub(super) struct Connection {
    handle: ConnectionHandle,
    /// Ends when the connection is to be closed.
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
    stream: Either<TcpStream, Box<TlsStream<TcpStream>>>,
    /// Until enough was read.
    preface: Option<Preface>,
    /// Octets that were read in this turn.
    turn: usize,
    _place: ConnectionPlace,
}

impl Connection {
    fn new(
        stream: Either<TcpStream, Box<TlsStream<TcpStream>>>,
        place: ConnectionPlace,
        preface_timeout: Duration,
    ) -> Self {
        let preface = Some(Preface { timeout: Box::pin(sleep(preface_timeout)), octets: 0 });
        let handle = ConnectionHandle::new();
        let closing = Box::pin(handle.closed.clone().cancelled_owned());
        Self { handle, closing, stream, preface, turn: 0, _place: place }
    }

    /// An error once the connection is to be closed; until then the calling task is woken for it.
    fn poll_closing(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.closing.as_mut().poll(cx).is_ready() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

/// The other side of a connection, as every request of it knows it.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// Its address.
    pub(super) tcp: TcpConnectInfo,
    /// The names of the certificate that it has shown.
    pub(super) names: Arc<[String]>,
    /// The connection itself.
    pub(super) connection: ConnectionHandle,
}

/// The beginning of a connection.
#[derive(Debug)]
struct Preface {
    /// Ends the connection.
    timeout: Pin<Box<Sleep>>,
    /// What was read so far.
    octets: usize,
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Self::ConnectInfo {
        let (tcp, certificate) = match &self.stream {
            Either::Left(stream) => (stream.connect_info(), None),
            Either::Right(stream) => {
                let (tcp, tls) = stream.get_ref();
                (tcp.connect_info(), tls.peer_certificates().and_then(<[_]>::first))
            }
        };
        let names = certificate.map(names).unwrap_or_default().into();
        Peer { tcp, names, connection: self.handle.clone() }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_closing(cx)?;
        if self.turn >= TURN_OCTETS {
            // Behind all that wait to run.
            self.turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let room = buffer.remaining().min(TURN_OCTETS - self.turn);
        let mut some = ReadBuf::new(buffer.initialize_unfilled_to(room));
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut some);
        let octets = some.filled().len();
        buffer.advance(octets);
        self.turn = if read.is_pending() { 0 } else { self.turn + octets };
        if let Some(preface) = &mut self.preface {
            preface.octets += octets;
            if preface.octets >= PREFACE_OCTETS {
                self.preface = None;
            } else if read.is_pending() && preface.timeout.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_closing(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_closing(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, octets)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::shares::Shared;
    use super::*;

    async fn listen() -> (PatientListener, std::net::SocketAddr) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        (PatientListener::new(listener, "test"), address)
    }

    fn shares(places: usize) -> Pool {
        Pool::new(Shared::Connections, places, 50, Arc::new(()))
    }

    /// Reads until the connection ends or has begun; says whether it has.
    async fn begins(connection: &mut Connection) -> bool {
        let mut octets = [0; 64];
        while connection.preface.is_some() {
            match connection.read(&mut octets).await {
                Ok(read) => assert!(read > 0, "the client has left"),
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                    return false;
                }
            }
        }
        true
    }

    #[tokio::test]
    async fn a_connection_that_does_not_begin_ends() {
        let (listener, address) = listen().await;
        let mut incoming = Box::pin(incoming(listener, 4, shares(4), Duration::from_millis(50), None));
        for (said, stays) in [
            (&b""[..], false),
            (b"P", false),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", false),
            (&[b'x'; 24], true),
        ] {
            let mut client = TcpStream::connect(address).await.unwrap();
            let mut accepted = incoming.next().await.unwrap().unwrap();
            client.write_all(said).await.unwrap();
            assert_eq!(begins(&mut accepted).await, stays, "{} octets", said.len());
        }
    }

    #[tokio::test]
    async fn who_has_much_to_say_gives_others_their_turn() {
        let (listener, address) = listen().await;
        let mut incoming = Box::pin(incoming(listener, 1, shares(1), Duration::from_secs(60), None));
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut accepted = incoming.next().await.unwrap().unwrap();
        client.write_all(&[b'x'; 4 * TURN_OCTETS]).await.unwrap();
        drop(client);
        let mut buffer = vec![0; 4 * TURN_OCTETS];
        // However much has come and there is room for.
        let mut turns = Vec::new();
        let mut turn = 0;
        loop {
            let mut some = ReadBuf::new(&mut buffer);
            match futures_util::poll!(std::future::poll_fn(|cx| {
                Pin::new(&mut accepted).poll_read(cx, &mut some)
            })) {
                Poll::Pending => {
                    turns.push(std::mem::take(&mut turn));
                    tokio::task::yield_now().await;
                }
                Poll::Ready(read) => {
                    read.unwrap();
                    if some.filled().is_empty() {
                        break;
                    }
                    turn += some.filled().len();
                }
            }
        }
        assert_eq!(turns.iter().sum::<usize>() + turn, 4 * TURN_OCTETS);
        assert!(turns.iter().all(|octets| *octets <= TURN_OCTETS) && turns.len() >= 4, "{turns:?}");
    }

    #[tokio::test]
    async fn no_more_than_the_limit_are_accepted() {
        let (listener, address) = listen().await;
        let mut incoming = Box::pin(incoming(listener, 1, shares(1), Duration::from_secs(60), None));
        let _clients =
            (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
        let first = incoming.next().await.unwrap().unwrap();
        let waiting = incoming.next();
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(first);
        assert!(waiting.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn an_address_leaves_places_to_others_and_a_connection_can_be_closed() {
        let (listener, address) = listen().await;
        let mut incoming = Box::pin(incoming(listener, 4, shares(4), Duration::from_secs(60), None));
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        let mut first = incoming.next().await.unwrap().unwrap();
        let _second = incoming.next().await.unwrap().unwrap();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
        let _other = socket.connect(address).await.unwrap();
        let third = incoming.next().await.unwrap().unwrap();
        assert_eq!(third.connect_info().tcp.remote_addr().unwrap().ip().to_string(), "127.0.0.2");
        let closed = clients[2].read(&mut [0; 8]).await;
        assert!(!closed.is_ok_and(|octets| octets > 0), "it is one too many");

        let handle = first.connect_info().connection;
        let reading = async { first.read(&mut [0; 8]).await };
        let (read, ()) = tokio::join!(reading, async { handle.close() });
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }
}

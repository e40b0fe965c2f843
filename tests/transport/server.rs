//! Push services that misbehave on order, on 127.0.0.1, with certificates that nobody trusts but who is told to.

use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::server::SendResponse;
use http::{Request, Response};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The name that the certificates are for, beside 127.0.0.1.
pub(crate) const HOST: &str = "push.test";

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a server saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// TCP connections.
    pub(crate) connections: usize,
    /// HTTP/2 connections that carried a request.
    pub(crate) carrying: usize,
    /// Requests.
    pub(crate) requests: usize,
}

/// A server; it ends with the runtime of its test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: watch::Sender<Seen>,
    root: tempfile::NamedTempFile,
}

impl Server {
    /// Gives every TCP connection to `serve`, with what makes TLS of it.
    pub(crate) async fn start<F>(
        alpn: &[&str],
        serve: impl Fn(TcpStream, TlsAcceptor) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (acceptor, pem) = acceptor(alpn);
        let mut root = tempfile::NamedTempFile::new().unwrap();
        root.write_all(pem.as_bytes()).unwrap();
        let seen = watch::Sender::<Seen>::default();
        let counter = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.send_modify(|seen| seen.connections += 1);
                tokio::spawn(serve(stream, acceptor.clone()));
            }
        });
        Self { address, seen, root }
    }

    /// Speaks HTTP/2 and gives every request to `handle`.
    pub(crate) async fn http2<F>(handle: impl Fn(Exchange) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let requests = watch::Sender::<usize>::default();
        let carrying = Arc::new(AtomicUsize::new(0));
        let carried = Arc::clone(&carrying);
        let handle: Arc<dyn Fn(Exchange) -> Task + Send + Sync> = {
            let requests = requests.clone();
            Arc::new(move |exchange| {
                requests.send_modify(|requests| *requests += 1);
                Box::pin(handle(exchange))
            })
        };
        let server = Self::start(&["h2"], move |stream, acceptor| {
            let (handle, carrying) = (Arc::clone(&handle), Arc::clone(&carrying));
            async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                let mut first = true;
                while let Some(Ok((request, respond))) = connection.accept().await {
                    carrying.fetch_add(usize::from(std::mem::take(&mut first)), Ordering::SeqCst);
                    tokio::spawn(handle(Exchange { request, respond }));
                }
            }
        })
        .await;
        let seen = server.seen.clone();
        let mut counted = requests.subscribe();
        tokio::spawn(async move {
            let _requests = requests;
            while counted.changed().await.is_ok() {
                let requests = *counted.borrow_and_update();
                let carrying = carried.load(Ordering::SeqCst);
                seen.send_modify(|seen| (seen.requests, seen.carrying) = (requests, carrying));
            }
        });
        server
    }

    /// Answers every request with a status, over HTTP/2.
    pub(crate) async fn answering(status: u16) -> Self {
        Self::http2(move |mut exchange| async move { exchange.answer(status) }).await
    }

    /// Waits until it has seen as much.
    pub(crate) async fn wait_for(&self, condition: impl Fn(&Seen) -> bool) {
        self.seen.subscribe().wait_for(condition).await.unwrap();
    }

    /// How many TCP connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.seen.borrow().connections
    }

    /// The configuration of an exception that reaches it at [`HOST`] and its port.
    pub(crate) fn exception(&self) -> String {
        format!(
            "[[exceptions]]\nname = 'test'\nhost = '{HOST}'\nport = {}\ncidrs = ['127.0.0.0/8']\n{}",
            self.address.port(),
            self.root()
        )
    }

    /// The line of such a configuration that names its certificate.
    pub(crate) fn root(&self) -> String {
        format!("root_certificate = '{}'\n", self.root.path().display())
    }

    /// An endpoint of it.
    pub(crate) fn endpoint(&self) -> String {
        format!("https://{HOST}:{}/push/aB%2f?token=x%3D", self.address.port())
    }
}

/// One request and the means to answer it.
pub(crate) struct Exchange {
    pub(crate) request: Request<h2::RecvStream>,
    pub(crate) respond: SendResponse<Bytes>,
}

impl Exchange {
    /// The request's body, to its end.
    pub(crate) async fn body(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        while let Some(chunk) = self.request.body_mut().data().await {
            body.extend_from_slice(&chunk.unwrap());
        }
        body
    }

    /// Answers without a body.
    pub(crate) fn answer(&mut self, status: u16) {
        self.start(Response::builder().status(status), true);
    }

    /// Answers up to the end of the header. Does nothing if the client is gone.
    pub(crate) fn start(
        &mut self,
        response: http::response::Builder,
        end: bool,
    ) -> Option<h2::SendStream<Bytes>> {
        self.respond.send_response(response.body(()).unwrap(), end).ok()
    }
}

/// Accepts TLS, which must work.
pub(crate) async fn accept(stream: TcpStream, acceptor: TlsAcceptor) -> TlsStream<TcpStream> {
    acceptor.accept(stream).await.unwrap()
}

fn acceptor(alpn: &[&str]) -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem())
}

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
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The name that the certificates are for, beside those below it and 127.0.0.1.
pub(crate) const HOST: &str = "push.test";

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a server saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// TCP connections.
    pub(crate) connections: usize,
    /// Those of them that are done with.
    pub(crate) closed: usize,
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
        Self::start_with(acceptor(alpn, None), serve).await
    }

    async fn start_with<F>(
        (acceptor, pem): (TlsAcceptor, String),
        serve: impl Fn(TcpStream, TlsAcceptor) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut root = tempfile::NamedTempFile::new().unwrap();
        root.write_all(pem.as_bytes()).unwrap();
        let seen = watch::Sender::<Seen>::default();
        let counter = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.send_modify(|seen| seen.connections += 1);
                let (served, counter) = (serve(stream, acceptor.clone()), counter.clone());
                tokio::spawn(async move {
                    served.await;
                    counter.send_modify(|seen| seen.closed += 1);
                });
            }
        });
        Self { address, seen, root }
    }

    /// Speaks HTTP/2 and gives every request to `handle`.
    pub(crate) async fn http2<F>(handle: impl Fn(Exchange) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::http2_with(h2::server::Builder::new(), handle).await
    }

    /// The same with settings of its own.
    pub(crate) async fn http2_with<F>(
        settings: h2::server::Builder,
        handle: impl Fn(Exchange) -> F + Send + Sync + 'static,
    ) -> Self
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
            let (handle, carrying, settings) = (Arc::clone(&handle), Arc::clone(&carrying), settings.clone());
            async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let Ok(mut connection) = settings.handshake(stream).await else { return };
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

    /// Answers 201 over HTTP/2 to whoever shows this certificate.
    pub(crate) async fn demanding_client(certificate: &std::path::Path) -> Self {
        Self::start_with(acceptor(&["h2"], Some(certificate)), |stream, acceptor| async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                let answer = Response::builder().status(201).body(()).unwrap();
                respond.send_response(answer, true).unwrap();
            }
        })
        .await
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

    /// Where its certificate is.
    pub(crate) fn certificate(&self) -> &std::path::Path {
        self.root.path()
    }

    /// The line of such a configuration that names its certificate.
    pub(crate) fn root(&self) -> String {
        format!("root_certificate = '{}'\n", self.certificate().display())
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
        self.try_body().await.unwrap()
    }

    /// The request's body, unless it breaks off.
    pub(crate) async fn try_body(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(chunk) = self.request.body_mut().data().await {
            body.extend_from_slice(&chunk.ok()?);
        }
        Some(body)
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

/// Reads HTTP/2 frames up to the header of a request.
pub(crate) async fn read_to_headers(stream: &mut TlsStream<TcpStream>) {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        stream.read_exact(&mut vec![0; length]).await.unwrap();
        if head[3] == 1 {
            return;
        }
    }
}

/// Accepts TLS, and HTTP/2 with default settings.
pub(crate) async fn accept_http2(stream: TcpStream, acceptor: TlsAcceptor) -> TlsStream<TcpStream> {
    let mut stream = accept(stream, acceptor).await;
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap(); // SETTINGS, empty
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.unwrap();
    stream
}

/// A GOAWAY frame (RFC 9113 section 6.8).
pub(crate) fn goaway(last_stream: u32, code: u8) -> Vec<u8> {
    let mut frame = vec![0, 0, 8, 7, 0, 0, 0, 0, 0];
    frame.extend(last_stream.to_be_bytes());
    frame.extend([0, 0, 0, code]);
    frame
}

/// Accepts TLS, which must work.
pub(crate) async fn accept(stream: TcpStream, acceptor: TlsAcceptor) -> TlsStream<TcpStream> {
    acceptor.accept(stream).await.unwrap()
}

fn acceptor(alpn: &[&str], client: Option<&std::path::Path>) -> (TlsAcceptor, String) {
    let names = [HOST.to_owned(), format!("*.{HOST}"), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match client {
        None => builder.with_no_client_auth(),
        Some(certificate) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let mut config = builder.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem())
}

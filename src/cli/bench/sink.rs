//! `fanfare bench sink`: the push service that costs least. HTTP/2 over TLS, 201 to whatever comes, nothing looked at.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::cli::failure::Failure;
use crate::cli::stop::StopArgs;
use crate::domain::{Clock as _, SystemClock};
use crate::sandbox::Certificates;

/// Streams at once on one connection: nginx's default, and about what push services take.
const CONCURRENT_STREAMS_MAX: u32 = 128;

#[derive(Args, Clone, Debug)]
pub(super) struct SinkArgs {
    /// Where it listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where the certificate of its authority goes, made at each start
    #[arg(long, value_name = "FILE")]
    ca_out: PathBuf,
    #[command(flatten)]
    stop: StopArgs,
}

/// What it says once it is ready.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SinkReady {
    pub(super) origin: String,
}

impl SinkArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let certificates = Certificates::make(&[], SystemClock.now()).context("no certificate")?;
        std::fs::write(&self.ca_out, &certificates.authority_pem)
            .with_context(|| format!("cannot write {}", self.ca_out.display()))?;
        let listener = TcpListener::bind(self.listen).await.context("cannot listen")?;
        let port = listener.local_addr().context("cannot tell the address")?.port();
        let ready = SinkReady { origin: format!("https://localhost:{port}") };
        println!("{}", serde_json::to_string(&ready).map_err(anyhow::Error::from)?);
        let acceptor = TlsAcceptor::from(Arc::clone(&certificates.server));
        tokio::select! {
            () = accept(listener, acceptor) => {}
            asked = self.stop.asked() => asked.context("cannot listen for signals")?,
        }
        Ok(())
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, acceptor.clone()));
            }
            // A connection that ended before it was accepted.
            Err(error) => eprintln!("fanfare bench sink: {error}"),
        }
    }
}

/// One connection, to its end.
async fn serve(stream: TcpStream, acceptor: TlsAcceptor) {
    // Whoever measures sees what fails.
    let _ = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let _ = http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(CONCURRENT_STREAMS_MAX)
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
}

async fn answer(request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut body = request.into_body();
    // Read to its end, so that the window of the connection is given back.
    while let Some(Ok(_)) = body.frame().await {}
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

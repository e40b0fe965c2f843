//! Listening, connections and their end.

use std::net::IpAddr;
use std::sync::Arc;

use fanfare::domain::{ContentEncoding, SystemClock};
use fanfare::sandbox::{Sandbox, SandboxError, SandboxLimits, SandboxSettings};
use reqwest::{Certificate, Client, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::Harness;

#[tokio::test]
async fn http_1_1_over_tls_and_plain_http_work_too() {
    let harness = Harness::strict().await;
    let to = harness.subscription().await;
    let trusted = Certificate::from_pem(harness.sandbox.authority_pem().unwrap().as_bytes()).unwrap();
    let old = Client::builder().no_proxy().tls_certs_only([trusted]).http1_only().build().unwrap();
    let answer = old.post(&to.endpoint).headers(harness.good_headers()).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (201, Version::HTTP_11));

    let plain = Harness::start(SandboxSettings { https: false, ..SandboxSettings::default() }).await;
    assert!(plain.origin().as_str().starts_with("http://localhost:"));
    assert_eq!(plain.sandbox.authority_pem(), None);
    assert_eq!(plain.get("/ca.pem").await.status, 404);
    let to = plain.subscription().await;
    let answer = plain.send(&to, ContentEncoding::Aes128Gcm, b"x", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.version), (201, Version::HTTP_11));
}

#[tokio::test]
async fn the_certificate_is_for_loopback_and_the_public_host_and_for_nobody_without_the_authority() {
    let settings =
        SandboxSettings { public_host: "push.sandbox.test".to_owned(), ..SandboxSettings::default() };
    let sandbox = Sandbox::start(settings, Arc::new(SystemClock)).await.unwrap();
    let address = sandbox.addresses().push;
    let trusted = Certificate::from_pem(sandbox.authority_pem().unwrap().as_bytes()).unwrap();
    let client = Client::builder()
        .no_proxy()
        .tls_certs_only([trusted])
        .resolve("push.sandbox.test", address)
        .resolve("other.test", address);
    let client = client.build().unwrap();
    for host in ["push.sandbox.test", "localhost", "127.0.0.1"] {
        let answer = client.get(format!("https://{host}:{}/", address.port())).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{host}");
    }
    assert!(client.get(format!("https://other.test:{}/", address.port())).send().await.is_err());
    let strange = Client::builder().no_proxy().build().unwrap();
    assert!(strange.get(format!("https://localhost:{}/", address.port())).send().await.is_err());
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused() {
    let start = async |change: fn(&mut SandboxSettings)| {
        let mut settings = SandboxSettings::default();
        change(&mut settings);
        Sandbox::start(settings, Arc::new(SystemClock)).await
    };
    let error = start(|settings| settings.push_address.set_ip(IpAddr::from([0, 0, 0, 0]))).await.unwrap_err();
    assert!(matches!(error, SandboxError::NotLoopback(_)), "{error}");
    let error = start(|settings| settings.control_address.set_ip(IpAddr::from([0; 16]))).await.unwrap_err();
    assert!(matches!(error, SandboxError::NotLoopback(_)), "{error}");
    for host in ["", "a/b", "me@host", "host:1", "a b"] {
        let settings = SandboxSettings { public_host: host.to_owned(), ..SandboxSettings::default() };
        let error = Sandbox::start(settings, Arc::new(SystemClock)).await.unwrap_err();
        assert!(matches!(error, SandboxError::PublicHost(_)), "{host}: {error}");
    }
    for change in [
        |settings: &mut SandboxSettings| settings.limits.connections_max = 0,
        |settings: &mut SandboxSettings| settings.limits.concurrent_streams_max = 0,
        |settings: &mut SandboxSettings| settings.limits.header_octets_max = 100,
    ] {
        let error = start(change).await.unwrap_err();
        assert!(matches!(error, SandboxError::Limit(_)), "{error}");
    }
    let first = start(|_| ()).await.unwrap();
    let settings = SandboxSettings { push_address: first.addresses().push, ..SandboxSettings::default() };
    let error = Sandbox::start(settings, Arc::new(SystemClock)).await.unwrap_err();
    assert!(matches!(error, SandboxError::Bind { .. }), "{error}");
    let v6 = SandboxSettings { public_host: "::1".to_owned(), ..SandboxSettings::default() };
    let v6 = Sandbox::start(v6, Arc::new(SystemClock)).await.unwrap();
    assert!(v6.addresses().push_origin.as_str().starts_with("https://[::1]:"));
}

/// Reads until a text has come.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = String::new();
    while !read.contains(end) {
        let mut octets = [0; 1_024];
        let len = stream.read(&mut octets).await.unwrap();
        assert_ne!(len, 0, "it ended after {read:?}");
        read.push_str(std::str::from_utf8(&octets[..len]).unwrap());
    }
    read
}

#[tokio::test]
async fn connections_above_the_limit_wait() {
    let limits = SandboxLimits { connections_max: 1, ..SandboxLimits::default() };
    let settings = SandboxSettings { https: false, limits, ..SandboxSettings::default() };
    let harness = Harness::start(settings).await;
    let address = harness.sandbox.addresses().push;
    let request = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    let mut first = TcpStream::connect(address).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    second.write_all(request).await.unwrap();
    for _ in 0..3 {
        first.write_all(request).await.unwrap();
        read_until(&mut first, "\"code\":404").await;
    }
    assert_eq!(harness.counts().await.connections.total, 1);
    drop(first);
    read_until(&mut second, "\"code\":404").await;
    let connections = harness.counts().await.connections;
    assert_eq!((connections.total, connections.peak), (2, 1));
}

#[tokio::test]
async fn headers_above_the_limit_are_refused() {
    let harness = Harness::strict().await;
    let to = harness.subscription().await;
    let mut headers = harness.good_headers();
    headers.insert("x-large", "x".repeat(20_000).try_into().unwrap());
    let refused = harness.client.post(&to.endpoint).headers(headers).send().await;
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.status() == 431));
    assert_eq!(harness.counts().await.statuses.get(&201), None);
}

#[tokio::test]
async fn shutdown_lets_an_open_request_end() {
    let settings = SandboxSettings { https: false, ..SandboxSettings::default() };
    let harness = Harness::start(settings).await;
    let to = harness.subscription().await;
    let token = harness.good_headers()["authorization"].to_str().unwrap().to_owned();
    let path = to.endpoint.strip_prefix(harness.origin().as_str()).unwrap().to_owned();
    let mut stream = TcpStream::connect(harness.sandbox.addresses().push).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nTTL: 60\r\nAuthorization: {token}\r\n\
         Content-Encoding: aes128gcm\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Now the request is open.
    read_until(&mut stream, "100 Continue").await;
    let address = harness.sandbox.addresses().push;
    let mut shutdown = Box::pin(harness.sandbox.shutdown());
    assert!(futures_util::poll!(&mut shutdown).is_pending());
    stream.write_all(b"body").await.unwrap();
    let (answer, ()) = tokio::join!(read_until(&mut stream, "\r\n\r\n"), shutdown);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let limits =
        SandboxLimits { shutdown_timeout: std::time::Duration::from_millis(50), ..SandboxLimits::default() };
    let settings = SandboxSettings { https: false, limits, ..SandboxSettings::default() };
    let harness = Harness::start(settings).await;
    let mut stream = TcpStream::connect(harness.sandbox.addresses().push).await.unwrap();
    let head = "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut stream, "100 Continue").await;
    harness.sandbox.shutdown().await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "{rest:?}");
}

#[tokio::test]
async fn many_streams_share_a_connection_within_their_limit() {
    let limits = SandboxLimits { concurrent_streams_max: 20, ..SandboxLimits::default() };
    let harness = Harness::start(SandboxSettings { limits, ..SandboxSettings::default() }).await;
    let group = harness.group(serde_json::json!({"count": 200})).await;
    let subscriptions = harness.subscriptions(group).await;
    // The first request brings the connection up and the server's settings to the client.
    assert_eq!(harness.send(&subscriptions[0], ContentEncoding::Aes128Gcm, b"x", &[]).await.status, 201);
    let sends = subscriptions[1..].iter().map(|to| harness.send(to, ContentEncoding::Aes128Gcm, b"x", &[]));
    let answers = futures_util::future::join_all(sends).await;
    assert!(answers.iter().all(|answer| answer.status == 201));
    let counts = harness.counts().await;
    assert_eq!((counts.connections.total, counts.requests.total), (1, 200));
    assert!(counts.requests.peak <= 20, "{counts:?}");
    assert_eq!((counts.statuses[&201], counts.decrypt_failures, counts.duplicates), (200, 0, 0));
}

#[tokio::test]
async fn a_connection_without_a_request_ends() {
    // Enough for the handshake of the connection that is used, whatever else the machine does.
    let request_timeout = std::time::Duration::from_secs(2);
    let limits = SandboxLimits { request_timeout, ..SandboxLimits::default() };
    let ends = async |https: bool| {
        let settings = SandboxSettings { https, limits: limits.clone(), ..SandboxSettings::default() };
        let harness = Harness::start(settings).await;
        let to = harness.subscription().await;
        assert_eq!(harness.status(&to, "a").await, 201);
        let address = harness.sandbox.addresses().push;
        let idle = async |begun: &[u8]| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(begun).await.unwrap();
            let mut read = Vec::new();
            // Ended in whatever way.
            let _ = stream.read_to_end(&mut read).await;
            assert!(!read.starts_with(b"HTTP/1.1 2"), "{read:?}");
        };
        tokio::join!(idle(b""), idle(b"PRI * HT"));
        assert_eq!(harness.status(&to, "b").await, 201);
        harness.counts().await.connections.total
    };
    let (https, _) = tokio::join!(ends(true), ends(false));
    assert_eq!(https, 3, "the HTTP/2 connection that had a request goes on");
}

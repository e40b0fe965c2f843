//! Calls of servers that are unavailable, or never answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::net::TcpListener;

use super::*;
use crate::client::{Client, Options, connect};
use crate::proto::v1::{CreateSubscriberTokenRequest, GetVapidPublicKeyRequest};

/// A server that is unavailable so often, and then gives an empty answer; how often it was called.
async fn server(unavailable: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let answer = move |headers: HeaderMap| async move {
        assert_eq!(headers[AUTHORIZATION], "Bearer fft_secret");
        assert!(headers.contains_key(GRPC_TIMEOUT));
        let call = counted.fetch_add(1, Ordering::SeqCst);
        let status = if call < unavailable { "14" } else { "0" };
        let mut response = http::Response::builder().header("content-type", "application/grpc");
        let trailers = HeaderMap::from_iter([(
            http::HeaderName::from_static(GRPC_STATUS),
            HeaderValue::from_static(status),
        )]);
        // An error is told in the head, as gRPC servers do that have nothing else to tell.
        if call < unavailable {
            response = response.header(GRPC_STATUS, status);
            return response.body(axum::body::Body::empty()).unwrap().into_response();
        }
        let frames = [Frame::data(Bytes::from_static(&[0; 5])), Frame::trailers(trailers)];
        let body = StreamBody::new(stream::iter(frames.map(Ok::<_, std::convert::Infallible>)));
        response.body(axum::body::Body::new(body)).unwrap().into_response()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, Router::new().fallback(answer)).into_future());
    (address, calls)
}

fn client(address: SocketAddr) -> Client {
    let options = Options { token: "fft_secret".to_owned(), ..Options::default() };
    connect(&format!("http://{address}"), options).unwrap()
}

#[tokio::test]
async fn an_unavailable_call_is_repeated_if_that_does_no_harm() {
    let (address, calls) = server(2).await;
    client(address).push().get_vapid_public_key(GetVapidPublicKeyRequest::default()).await.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 3);

    let (address, calls) = server(1).await;
    let request = CreateSubscriberTokenRequest::default();
    let refused = client(address).push().create_subscriber_token(request).await.unwrap_err();
    assert_eq!((refused.code(), calls.load(Ordering::SeqCst)), (Code::Unavailable, 1));
}

#[tokio::test]
async fn it_is_not_repeated_for_ever() {
    let (address, calls) = server(usize::MAX).await;
    let request = GetVapidPublicKeyRequest::default();
    let refused = client(address).push().get_vapid_public_key(request).await.unwrap_err();
    assert_eq!((refused.code(), calls.load(Ordering::SeqCst)), (Code::Unavailable, 5));
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_whatever_it_waits_for() {
    // Connections are taken, and nothing is ever answered.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(listener.local_addr().unwrap()).within(Duration::from_millis(50));
    let request = GetVapidPublicKeyRequest::default();
    let late = client.push().get_vapid_public_key(request).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    let late = client.watch(crate::proto::v1::WatchDeliveriesRequest::default()).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
}

#[test]
fn a_deadline_is_told_in_eight_digits() {
    let told = |limit| {
        let mut headers = HeaderMap::new();
        announce(&mut headers, limit);
        headers[GRPC_TIMEOUT].to_str().unwrap().to_owned()
    };
    assert_eq!(told(Duration::from_secs(10)), "10000m");
    assert_eq!(told(Duration::from_millis(99_999_999)), "99999999m");
    assert_eq!(told(Duration::from_secs(100_000)), "100000S");
    assert_eq!(told(Duration::MAX), "99999999S");
}

#[test]
fn the_callers_own_deadline_stays() {
    let mut headers =
        HeaderMap::from_iter([(http::HeaderName::from_static(GRPC_TIMEOUT), HeaderValue::from_static("5S"))]);
    announce(&mut headers, Duration::from_secs(10));
    assert_eq!(headers[GRPC_TIMEOUT], "5S");
}

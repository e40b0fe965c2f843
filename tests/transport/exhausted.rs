//! A machine that has no more descriptors: nobody else is to blame.

use std::fs::File;
use std::process::Command;
use std::time::Duration;

use fanfare::open_files;
use fanfare::transport::resolver::{Lookup as _, SystemLookup};
use fanfare::transport::{Transport as _, TransportError};

use crate::server::Server;
use crate::{request, settings, transport};

/// Takes all descriptors that are left.
fn take_all() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

/// Run by the next test, in a process with few descriptors.
#[tokio::test]
async fn without_descriptors() {
    if std::env::var_os("TEST_OF_DESCRIPTORS").is_none() {
        return;
    }
    let server = Server::answering(201).await;
    let transport = transport(settings(), &server.exception());
    let name_server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let lookup = || SystemLookup::new(&[name_server.local_addr().unwrap()], Duration::from_secs(2));
    let (lookup, unread) = (lookup(), lookup());
    // The hosts file is read.
    lookup.lookup("localhost").await.unwrap();
    let taken = take_all();
    let error = transport.post(request(&server.endpoint())).await.unwrap_err();
    assert!(matches!(error, TransportError::Exhausted(_)), "{error}");
    let error = lookup.lookup("push.example.net").await.unwrap_err();
    assert!(open_files::exhausted(&error), "{error:?}");
    let error = unread.lookup("localhost").await.unwrap_err();
    assert!(open_files::exhausted(&error), "{error:?}");
    drop(taken);
    assert!(!unread.lookup("localhost").await.unwrap().is_empty(), "it was not taken for an empty file");
    assert_eq!(transport.post(request(&server.endpoint())).await.unwrap().status, 201);
    println!("there were none");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lack_of_descriptors_is_told_as_what_it_is() {
    let mut child = Command::new("prlimit");
    child.arg("--nofile=64:64").arg(std::env::current_exe().unwrap());
    child.args(["--exact", "exhausted::without_descriptors", "--nocapture"]);
    child.env("TEST_OF_DESCRIPTORS", "1");
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("there were none"), "{text}");
}

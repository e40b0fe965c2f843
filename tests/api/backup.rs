//! Backup as callers get it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::harness::Server;

#[tokio::test]
async fn a_backup_is_the_octets_of_a_file_and_says_what_they_are() {
    let server = Server::start().await;
    let answers = server.call("Backup", json!({})).await.unwrap();
    let (last, pieces) = answers.split_last().unwrap();
    let mut file = Vec::new();
    for piece in pieces {
        assert!(piece.get("summary").is_none(), "{piece}");
        file.extend(STANDARD.decode(piece["data"].as_str().unwrap()).unwrap());
        assert_eq!(piece["doneOctets"], file.len().to_string());
    }
    assert!(file.starts_with(b"fanfare backup 1\n"));
    let summary = &last["summary"];
    assert_eq!(summary["octets"], file.len().to_string());
    assert_eq!(summary["sha256"], STANDARD.encode(Sha256::digest(&file)));
    assert!(summary["snapshotTime"].as_str().is_some_and(|time| time.starts_with("20")), "{summary}");
    // One after the other.
    assert!(!server.call("Backup", json!({})).await.unwrap().is_empty());
}

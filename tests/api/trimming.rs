//! What callers see of history that was trimmed: never a silent gap.

use serde_json::{Value, json};
use tonic::Code;

use crate::harness::{Server, as_in_frames};

#[tokio::test]
async fn trimmed_history_is_an_error_and_the_counts_stay() {
    let server = Server::start().await;
    let name = server.subscribe("a", "anna", &[]).await;
    let send = json!({"subscription": name, "message": {"empty": {}}});
    let sent = server.call("Send", send.clone()).await.unwrap();
    let token = &sent[0]["frame"]["resumeToken"];
    let message = &sent[0]["frame"]["accepted"]["message"]["name"];
    let summary = &sent.last().unwrap()["frame"]["summary"];
    // The log is trimmed up to what is still to be seen: a second message lies behind the first.
    server.call("Send", send).await.unwrap();
    server.trim().await;

    let expired = |refused: crate::harness::Refused| {
        assert_eq!((refused.code, refused.reason.as_str()), (Code::OutOfRange, "RESUME_TOKEN_EXPIRED"));
        humantime::parse_rfc3339(&refused.metadata["oldest_time"]).expect("a time");
    };
    expired(server.refused("WatchDeliveries", json!({"parent": message, "resumeToken": token})).await);
    expired(server.refused("WatchDeliveries", json!({"parent": message})).await);
    let refused = server.refused("ListDeliveries", json!({"parent": message})).await;
    assert_eq!((refused.code, refused.reason.as_str()), (Code::OutOfRange, "HISTORY_TRIMMED"));
    let read = server.one("GetMessage", json!({"name": message})).await;
    assert_eq!(&as_in_frames(&read["message"]), summary);
    server.stop().await;
}

#[tokio::test]
async fn a_token_of_trimmed_changes_has_expired() {
    let server = Server::start().await;
    let first = server.subscribe("a", "anna", &[]).await;
    let told = next(&server, json!({"startTime": "2001-01-01T00:00:00Z"})).await;
    assert_eq!(told.last().unwrap()["changes"][0]["subscription"]["name"], json!(first));
    let token = told[0]["resumeToken"].clone();
    server.subscribe("b", "bob", &[]).await;
    server.trim().await;
    let refused = server.refused("WatchSubscriptions", json!({"resumeToken": token})).await;
    assert_eq!((refused.code, refused.reason.as_str()), (Code::OutOfRange, "RESUME_TOKEN_EXPIRED"));
    assert!(refused.metadata.contains_key("oldest_time"));
    // From a time instead: the oldest that is kept.
    let third = server.subscribe("c", "carl", &[]).await;
    let told = next(&server, json!({"startTime": "2001-01-01T00:00:00Z"})).await;
    let names: Vec<&Value> =
        told.iter().filter_map(|response| response["changes"].as_array()).flatten().collect();
    assert_eq!(names.last().unwrap()["subscription"]["name"], json!(third));
    server.stop().await;
}

/// The responses up to the first with changes.
async fn next(server: &Server, request: Value) -> Vec<Value> {
    let request = crate::harness::read("WatchSubscriptions", request);
    let mut stream = server.client.clone().watch_subscriptions(request).await.unwrap().into_inner();
    let mut told = Vec::new();
    loop {
        let response = stream.message().await.unwrap().unwrap();
        let last = !response.changes.is_empty();
        told.push(crate::harness::show(&response, "WatchSubscriptions"));
        if last {
            return told;
        }
    }
}

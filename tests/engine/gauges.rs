//! What operators see as gauges: lanes, and subscriptions by push service.

use super::*;

/// Waits until a line is shown.
async fn shows(server: &Server, line: &str) {
    eventually(async || {
        server.metrics.encode().unwrap().lines().find(|shown| *shown == line).map(str::to_owned)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_of_lanes_and_of_subscriptions_by_push_service() {
    let memory = Memory::default();
    let transport = ScriptedTransport::always(201);
    let first = Server::start(&memory, &transport, settings()).await;
    shows(&first, "fanfare_subscriptions{push_service=\"fcm\",state=\"active\"} 0").await;
    first.subscribe_at("https://fcm.googleapis.com/fcm/send/a", 0, &[]).await;
    first.subscribe_at("https://updates.push.services.mozilla.com/wpush/v2/a", 1, &[]).await;
    let subscribed = first.subscribe_at("https://updates.push.services.mozilla.com/wpush/v2/b", 2, &[]).await;
    let message = first.send(subscribed.subscription.target.id, MINUTE).await;
    first.read(&message, Start::Beginning).await;
    shows(&first, "fanfare_lanes{push_service=\"mozilla\",state=\"open\"} 1").await;
    first.engine.shutdown().await;

    // Counted anew with each start.
    let second = Server::start(&memory, &transport, settings()).await;
    shows(&second, "fanfare_subscriptions{push_service=\"fcm\",state=\"active\"} 1").await;
    shows(&second, "fanfare_subscriptions{push_service=\"mozilla\",state=\"active\"} 2").await;
    second.engine.shutdown().await;
}

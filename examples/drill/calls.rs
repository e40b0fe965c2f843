//! Requests, and the frames that answer them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use fanfare::proto::v1::audience::Selector;
use fanfare::proto::v1::delivery_frame::Kind;
use fanfare::proto::v1::message::Payload;
use fanfare::proto::v1::send_request::Recipient;
use fanfare::proto::v1::{
    Audience, BroadcastRequest, DeliveryCounts, DeliveryFrame, GetMessageRequest, Message, MessageStatus,
    ReportLevel, SendRequest, TopicList, WatchDeliveriesRequest,
};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use sha2::{Digest as _, Sha256};
use tonic::Status;

use crate::stage::Client;

/// What any status stream brings.
pub(crate) type Frames = BoxStream<'static, Result<DeliveryFrame, Status>>;

/// A message with this text and nothing else.
pub(crate) fn message(text: &str) -> Message {
    Message { payload: Some(Payload::Data(text.as_bytes().to_vec().into())), ..Message::default() }
}

/// To all who want to hear of a topic, with every event.
pub(crate) fn broadcast(topic: &str, text: &str, request_id: &str) -> BroadcastRequest {
    let topics = TopicList { topics: vec![topic.to_owned()] };
    BroadcastRequest {
        audience: Some(Audience { selector: Some(Selector::Topics(topics)) }),
        message: Some(message(text)),
        request_id: request_id.to_owned(),
        report_level: ReportLevel::Attempts.into(),
        ..BroadcastRequest::default()
    }
}

/// To a subscription, with every event.
pub(crate) fn send(subscription: &str, text: &str, request_id: &str) -> SendRequest {
    SendRequest {
        recipient: Some(Recipient::Subscription(subscription.to_owned())),
        message: Some(message(text)),
        request_id: request_id.to_owned(),
        report_level: ReportLevel::Attempts.into(),
        ..SendRequest::default()
    }
}

/// Calls Broadcast.
pub(crate) async fn call_broadcast(client: &mut Client, request: BroadcastRequest) -> Result<Frames, Status> {
    let responses = client.broadcast(request).await?.into_inner();
    Ok(responses.map(|response| Ok(response?.frame.unwrap_or_default())).boxed())
}

/// Calls Send.
pub(crate) async fn call_send(client: &mut Client, request: SendRequest) -> Result<Frames, Status> {
    let responses = client.send(request).await?.into_inner();
    Ok(responses.map(|response| Ok(response?.frame.unwrap_or_default())).boxed())
}

/// Calls WatchDeliveries.
pub(crate) async fn call_watch(
    client: &mut Client,
    request: WatchDeliveriesRequest,
) -> Result<Frames, Status> {
    let responses = client.watch_deliveries(request).await?.into_inner();
    Ok(responses.map(|response| Ok(response?.frame.unwrap_or_default())).boxed())
}

/// A message of the default application as it stands.
pub(crate) async fn message_status(client: &mut Client, name: &str) -> Result<MessageStatus, Status> {
    let request = GetMessageRequest { name: name.to_owned(), ..GetMessageRequest::default() };
    Ok(client.get_message(request).await?.into_inner().message.unwrap_or_default())
}

/// As the sandbox tells what it decrypted.
pub(crate) fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().concat()
}

/// A broadcast of which only how far it is is told.
pub(crate) fn quiet_broadcast(application: &str, topic: &str, text: &str) -> BroadcastRequest {
    BroadcastRequest {
        application: application.to_owned(),
        report_level: ReportLevel::Progress.into(),
        ..broadcast(topic, text, "")
    }
}

/// Starts a quiet broadcast, and leaves it to itself. Gives its name.
pub(crate) async fn start_broadcast(
    client: &mut Client,
    request: BroadcastRequest,
) -> anyhow::Result<String> {
    let mut frames = call_broadcast(client, request).await?;
    let frame = frames.next().await.context("Broadcast ended without a frame")??;
    let Some(Kind::Accepted(accepted)) = frame.kind else { bail!("Broadcast began without `accepted`") };
    Ok(accepted.message.unwrap_or_default().name)
}

/// Plays a quiet broadcast to its end; gives its counts and how long it took from its acceptance.
pub(crate) async fn play_broadcast(
    client: &mut Client,
    request: BroadcastRequest,
) -> anyhow::Result<(DeliveryCounts, Duration)> {
    let mut frames = call_broadcast(client, request).await?;
    let mut began = Instant::now();
    while let Some(frame) = frames.next().await {
        match frame?.kind {
            Some(Kind::Accepted(_)) => began = Instant::now(),
            Some(Kind::Summary(summary)) => return Ok((summary.counts.unwrap_or_default(), began.elapsed())),
            Some(Kind::Progress(_) | Kind::Events(_) | Kind::Receipts(_)) | None => {}
        }
    }
    bail!("Broadcast ended without a summary")
}

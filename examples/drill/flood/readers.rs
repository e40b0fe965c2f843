//! Attackers who do not read what they ask for, and those who ask for all that there is and wait.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fanfare::proto::v1;
use h2::RecvStream;
use h2::client::SendRequest;
use prost::Message;
use tokio::time::{Instant, sleep, timeout_at};

use super::attack::{Counters, Plan, add, connect};
use crate::calls::{broadcast, message};

/// Before a call that was refused is made again.
const REFUSED_PAUSE: Duration = Duration::from_secs(2);
/// Between the calls that a connection begins: this is about what is held, not about how fast it is asked for.
const OPENING_PAUSE: Duration = Duration::from_millis(20);
/// Streams of one connection: as many as the server takes.
const STREAMS: usize = 200;
/// The messages of an import that does not end.
const IMPORT: &str = "ImportSubscriptions";

/// What a call asks for.
type Call = (&'static str, &'static str, Vec<u8>);

const PUSH: &str = "fanfare.v1.PushService";
const ADMIN: &str = "fanfare.v1.AdminService";

/// Each RPC that an application's own callers may call, as a slow reader calls it.
fn every_rpc() -> Vec<Call> {
    let user = "mallory".to_owned();
    let recipient = Some(v1::send_request::Recipient::UserId(user.clone()));
    let send = v1::SendRequest { recipient, message: Some(message("slow")), ..v1::SendRequest::default() };
    let broadcast = broadcast("nobody", "slow", "");
    let all = "messages/-".to_owned();
    let list = v1::ListSubscriptionsRequest { page_size: 1_000, ..Default::default() };
    let selector = Some(v1::get_subscription_request::Selector::Endpoint("https://localhost:1/0".into()));
    vec![
        // The most that a caller can get at once goes first, and again in between.
        (PUSH, "ListSubscriptions", list.encode_to_vec()),
        (PUSH, "Send", send.encode_to_vec()),
        (PUSH, "Broadcast", broadcast.encode_to_vec()),
        (PUSH, "SendStream", v1::SendStreamRequest { send: Some(send) }.encode_to_vec()),
        (PUSH, "ListSubscriptions", list.encode_to_vec()),
        (
            PUSH,
            "WatchDeliveries",
            v1::WatchDeliveriesRequest { parent: all, ..Default::default() }.encode_to_vec(),
        ),
        (PUSH, "WatchSubscriptions", v1::WatchSubscriptionsRequest::default().encode_to_vec()),
        (PUSH, IMPORT, v1::ImportSubscriptionsRequest::default().encode_to_vec()),
        (
            PUSH,
            "ListMessages",
            v1::ListMessagesRequest { page_size: 1_000, ..Default::default() }.encode_to_vec(),
        ),
        (PUSH, "ListDeliveries", v1::ListDeliveriesRequest::default().encode_to_vec()),
        (PUSH, "GetMessage", v1::GetMessageRequest::default().encode_to_vec()),
        (
            PUSH,
            "GetSubscription",
            v1::GetSubscriptionRequest { selector, ..Default::default() }.encode_to_vec(),
        ),
        (PUSH, "GetVapidPublicKey", v1::GetVapidPublicKeyRequest::default().encode_to_vec()),
        (
            PUSH,
            "CreateSubscriberToken",
            v1::CreateSubscriberTokenRequest { user_id: user, ..Default::default() }.encode_to_vec(),
        ),
        (ADMIN, "ListApplications", v1::ListApplicationsRequest::default().encode_to_vec()),
        (ADMIN, "GetApplication", v1::GetApplicationRequest::default().encode_to_vec()),
        (ADMIN, "ListVapidKeys", v1::ListVapidKeysRequest::default().encode_to_vec()),
        (ADMIN, "ListApiTokens", v1::ListApiTokensRequest::default().encode_to_vec()),
        (ADMIN, "ListAuditEntries", v1::ListAuditEntriesRequest::default().encode_to_vec()),
    ]
}

/// Calls that take places and do nothing with them: imports without an entry, and watchers.
fn places(connection: usize) -> Vec<Call> {
    let watch = v1::WatchDeliveriesRequest { parent: "messages/-".into(), ..Default::default() };
    match connection {
        0 => vec![(PUSH, IMPORT, Vec::new())],
        _ => vec![(PUSH, "WatchDeliveries", watch.encode_to_vec())],
    }
}

/// Opens as many calls as a connection takes and holds them, without ever reading. PINGs are answered.
pub(super) async fn do_not_read(plan: &Plan, number: usize, until: Instant, counters: &Arc<Counters>) {
    let calls = every_rpc();
    // Each begins elsewhere in the list: all are called as often.
    hold(plan, h2::client::Builder::new().initial_window_size(0), until, counters, |stream| {
        calls[(stream + number) % calls.len()].clone()
    })
    .await;
}

/// Opens as many calls as a connection takes and holds them; what comes is read.
pub(super) async fn take_places(plan: &Plan, number: usize, until: Instant, counters: &Arc<Counters>) {
    let calls = places(number);
    hold(plan, &mut h2::client::Builder::new(), until, counters, |stream| {
        calls[stream % calls.len()].clone()
    })
    .await;
}

async fn hold(
    plan: &Plan,
    builder: &mut h2::client::Builder,
    until: Instant,
    counters: &Arc<Counters>,
    call_of: impl Fn(usize) -> Call,
) {
    while Instant::now() < until {
        let Ok(stream) = connect(plan.target()).await else {
            sleep(REFUSED_PAUSE).await;
            continue;
        };
        add(&counters.connections);
        let Ok((sender, connection)) = builder.handshake::<_, Bytes>(stream).await else {
            sleep(REFUSED_PAUSE).await;
            continue;
        };
        let mut connection = tokio::spawn(connection);
        let mut streams = tokio::task::JoinSet::new();
        for stream in 0..STREAMS {
            let (sender, call) = (sender.clone(), call_of(stream));
            let (token, counters) = (plan.token().to_owned(), Arc::clone(counters));
            streams.spawn(async move { hold_call(sender, &call, &token, &counters).await });
            sleep(OPENING_PAUSE).await;
        }
        let _ = timeout_at(until, &mut connection).await;
        if connection.is_finished() {
            add(&counters.ended_by_server);
        } else {
            connection.abort();
        }
        sleep(REFUSED_PAUSE).await;
    }
}

/// Makes a call again and again, and holds each until the server ends it.
async fn hold_call(sender: SendRequest<Bytes>, call: &Call, token: &str, counters: &Counters) {
    loop {
        match open(sender.clone(), call, token).await {
            Err(_) => return,
            Ok((answer, _request)) => {
                let is_refused = answer.headers().contains_key("grpc-status");
                let mut body = answer.into_body();
                if is_refused {
                    add(&counters.refused);
                } else {
                    add(&counters.streams);
                    read(&mut body).await;
                }
            }
        }
        sleep(REFUSED_PAUSE).await;
    }
}

/// To the end. What does not come because there is no window is not read.
async fn read(body: &mut RecvStream) {
    while let Some(Ok(octets)) = body.data().await {
        let _ = body.flow_control().release_capacity(octets.len());
    }
}

async fn open(
    sender: SendRequest<Bytes>,
    (service, rpc, message): &Call,
    token: &str,
) -> anyhow::Result<(http::Response<RecvStream>, h2::SendStream<Bytes>)> {
    let mut sender = sender.ready().await?;
    let request = http::Request::post(format!("http://fanfare/{service}/{rpc}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {token}"))
        .body(())?;
    let (answer, mut body) = sender.send_request(request, false)?;
    // An import, and a stream of Sends, goes on.
    let ends = *rpc != IMPORT && *rpc != "SendStream";
    if !message.is_empty() || ends {
        let mut octets = vec![0];
        octets.extend(u32::try_from(message.len())?.to_be_bytes());
        octets.extend(message);
        body.send_data(octets.into(), ends)?;
    }
    Ok((answer.await?, body))
}

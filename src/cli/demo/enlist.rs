//! Subscribing the sandbox's subscribers at the server, and looking whether the right ones are removed.

use std::time::Duration;

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::ProgressBar;
use tokio::time::{Instant, sleep};
use tonic::Code;

use super::control::Control;
use super::{SEND_USER, TOPIC};
use crate::cli::connection::Client;
use crate::cli::subscribe::parse_push_subscriptions;
use crate::domain::limits::PAGE_SIZE_MAX;
use crate::proto::v1::list_subscriptions_request::Selector as ListSelector;
use crate::proto::v1::{
    GetSubscriptionRequest, ListSubscriptionsRequest, PushSubscription, SubscribeRequest,
    get_subscription_request,
};

/// Calls in flight.
const CONCURRENCY: usize = 128;
/// Subscribers read from the sandbox at once.
const CHUNK: u32 = 1_000;
/// How long the removal of gone subscriptions may take after the last delivery ended.
const REMOVED_WITHIN: Duration = Duration::from_secs(30);

/// Subscribes the `count` subscribers of the group; `chosen` becomes the user of the Send. Gives their names, by index.
pub(super) async fn subscribe_all(
    client: &Client,
    control: &Control,
    group: u32,
    count: u32,
    chosen: u32,
    bar: &ProgressBar,
) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::with_capacity(count as usize);
    for from in (0..count).step_by(CHUNK as usize) {
        let lines = control.subscriptions(group, from, CHUNK.min(count - from)).await?;
        let subscriptions = parse_push_subscriptions(&lines)?;
        let calls = stream::iter((from..).zip(subscriptions)).map(|(index, subscription)| async move {
            let name = subscribe(client.clone(), subscription, index == chosen).await;
            bar.inc(1);
            name
        });
        // In their order: the sandbox tells what arrived by index.
        names.extend(calls.buffered(CONCURRENCY).try_collect::<Vec<_>>().await?);
    }
    bar.finish_and_clear();
    anyhow::ensure!(names.len() == count as usize, "the sandbox gave {} of {count}", names.len());
    Ok(names)
}

async fn subscribe(
    mut client: Client,
    subscription: PushSubscription,
    chosen: bool,
) -> anyhow::Result<String> {
    let request = SubscribeRequest {
        push_subscription: Some(subscription),
        topics: vec![TOPIC.to_owned()],
        user_id: if chosen { SEND_USER.to_owned() } else { String::new() },
        ..SubscribeRequest::default()
    };
    let response = client.subscribe(request).await.context("Subscribe")?.into_inner();
    Ok(response.subscription.context("Subscribe answered without a subscription")?.name)
}

/// Waits until the gone ones are removed, and compares how many are left. Tells what is not as it must be.
pub(super) async fn check_removed(
    client: &Client,
    gone: &[String],
    subscribed: usize,
) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    let deadline = Instant::now() + REMOVED_WITHIN;
    for name in gone {
        while is_there(client.clone(), name).await? {
            if Instant::now() > deadline {
                problems.push(format!("{name} is gone but was not removed"));
                break;
            }
            // The server tells of removals only by WatchSubscriptions, which it does not have yet.
            sleep(Duration::from_millis(20)).await;
        }
    }
    let (left, expected) = (count(client.clone()).await?, subscribed - gone.len());
    if left != expected && problems.is_empty() {
        problems.push(format!("{left} subscriptions are left instead of {expected}"));
    }
    Ok(problems)
}

async fn is_there(mut client: Client, name: &str) -> anyhow::Result<bool> {
    let selector = Some(get_subscription_request::Selector::Name(name.to_owned()));
    let request = GetSubscriptionRequest { selector, ..GetSubscriptionRequest::default() };
    match client.get_subscription(request).await {
        Ok(_) => Ok(true),
        Err(status) if status.code() == Code::NotFound => Ok(false),
        Err(status) => Err(status).context("GetSubscription"),
    }
}

async fn count(mut client: Client) -> anyhow::Result<usize> {
    let mut request = ListSubscriptionsRequest {
        page_size: i32::try_from(PAGE_SIZE_MAX)?,
        selector: Some(ListSelector::Topic(TOPIC.to_owned())),
        ..ListSubscriptionsRequest::default()
    };
    let mut count = 0;
    loop {
        let page =
            client.list_subscriptions(request.clone()).await.context("ListSubscriptions")?.into_inner();
        count += page.subscriptions.len();
        if page.next_page_token.is_empty() {
            return Ok(count);
        }
        request.page_token = page.next_page_token;
    }
}

//! Storing the synthetic subscriptions.

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::ProgressBar;

use super::subscriptions::Synthetic;
use crate::cli::connection::Client;
use crate::proto::v1::SubscribeRequest;

/// Calls in flight.
const CONCURRENCY: usize = 256;

/// The topic of a broadcast to so many.
pub(super) fn topic(endpoints: usize) -> String {
    format!("first-{endpoints}")
}

/// Users that Sends go to, with a subscription each, which no broadcast is for.
const USERS: usize = 1_000;

/// The user of a Send, by its number.
pub(super) fn user(number: usize) -> String {
    format!("user-{}", number % USERS)
}

/// Stores the subscriptions of [`USERS`].
pub(super) async fn subscribe_users(client: &Client, origin: &str) -> anyhow::Result<()> {
    stream::iter(0..USERS)
        .map(|number| async move {
            let request = SubscribeRequest {
                push_subscription: Some(Synthetic::new(origin)?.into_proto()),
                user_id: user(number),
                ..SubscribeRequest::default()
            };
            client.clone().subscribe(request).await.context("Subscribe")?;
            anyhow::Ok(())
        })
        .buffer_unordered(CONCURRENCY)
        .try_collect::<()>()
        .await
}

/// Stores as many as the largest of `sizes`. Each size is a topic, its subscriptions spread over the whole store.
pub(super) async fn subscribe_all(
    client: &Client,
    origin: &str,
    sizes: &[usize],
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let all = sizes.iter().copied().max().unwrap_or(0);
    stream::iter(0..all)
        .map(|index| async move {
            // Spread as evenly as whole numbers go.
            let is_of = |size: usize| (index + 1) * size / all > index * size / all;
            let topics = sizes.iter().filter(|size| is_of(**size)).map(|size| topic(*size)).collect();
            let subscription = Some(Synthetic::new(origin)?.into_proto());
            let request =
                SubscribeRequest { push_subscription: subscription, topics, ..SubscribeRequest::default() };
            client.clone().subscribe(request).await.context("Subscribe")?;
            bar.inc(1);
            anyhow::Ok(())
        })
        .buffer_unordered(CONCURRENCY)
        .try_collect::<()>()
        .await?;
    bar.finish_and_clear();
    Ok(())
}

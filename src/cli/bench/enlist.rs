//! Storing the synthetic subscriptions, by `ImportSubscriptions`.

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{StreamExt as _, stream};
use indicatif::ProgressBar;

use super::subscriptions::Synthetic;
use crate::cli::connection::Client;
use crate::proto::v1::import_answer::Answer;
use crate::proto::v1::{
    ImportSubscriptionsRequest, PushSubscription, PushSubscriptionKeys, SubscribeRequest,
};

/// Subscriptions in one request.
const CHUNK: usize = 500;

/// The topic of a broadcast to so many.
pub(super) fn topic(endpoints: usize) -> String {
    format!("first-{endpoints}")
}

/// Stores as many as the largest of `sizes`. Each size is a topic, its subscriptions spread over the whole store.
pub(super) async fn import(
    client: &Client,
    origin: &str,
    sizes: &[usize],
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let all = sizes.iter().copied().max().unwrap_or(0);
    let (origin, sizes) = (origin.to_owned(), sizes.to_vec());
    let requests = stream::iter((0..all).step_by(CHUNK)).map(move |from| {
        let entry = |index: usize| {
            // The index of each size's next subscription is spread as evenly as whole numbers go.
            let is_of = |size: usize| (index + 1) * size / all > index * size / all;
            let topics = sizes.iter().filter(|size| is_of(**size)).map(|size| topic(*size)).collect();
            subscribe_request(&origin, topics)
        };
        (from..all.min(from + CHUNK)).map(entry).collect::<anyhow::Result<Vec<_>>>()
    });
    let failure = std::sync::Arc::new(std::sync::Mutex::new(None));
    let noted = std::sync::Arc::clone(&failure);
    let requests = requests.scan((), move |(), made| {
        let made = made.map_err(|error| noted.lock().map(|mut noted| *noted = Some(error)));
        std::future::ready(made.ok().map(|subscriptions| ImportSubscriptionsRequest { subscriptions }))
    });
    let mut answers = client.clone().import_subscriptions(requests).await.context("import")?.into_inner();
    let mut stored = 0;
    while let Some(response) = answers.message().await.context("import")? {
        for answer in response.answers {
            if let Some(Answer::Rejected(status)) = answer.answer {
                anyhow::bail!("a subscription was rejected: {}", status.message);
            }
            stored += 1;
        }
        bar.set_position(stored as u64);
    }
    if let Some(error) = failure.lock().ok().and_then(|mut noted| noted.take()) {
        return Err(error);
    }
    ensure!(stored == all, "{stored} of {all} subscriptions were stored");
    bar.finish_and_clear();
    Ok(())
}

fn subscribe_request(origin: &str, topics: Vec<String>) -> anyhow::Result<SubscribeRequest> {
    let Synthetic { endpoint, keys } = Synthetic::new(origin)?;
    let keys = PushSubscriptionKeys {
        p256dh: URL_SAFE_NO_PAD.encode(keys.p256dh),
        auth: URL_SAFE_NO_PAD.encode(keys.auth),
    };
    let subscription = PushSubscription { endpoint, keys: Some(keys), ..PushSubscription::default() };
    Ok(SubscribeRequest { push_subscription: Some(subscription), topics, ..SubscribeRequest::default() })
}

//! Whom a server of the stage sends to: origins, groups and subscribers in the sandbox.

use std::ops::Range;

use anyhow::{Context as _, ensure};
use fanfare::proto::v1::{PushSubscription, PushSubscriptionKeys, SubscribeRequest};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::{Server, Stage, exception};

/// Calls in flight while subscribing.
const CONCURRENCY: usize = 64;
/// Subscribers read from the sandbox at once.
const CHUNK: u32 = 1_000;

impl Stage {
    /// Makes origins in the sandbox beside its first, all with these settings, and lets the server post to them from its
    /// next start on. Gives the number of the first.
    pub(crate) async fn make_origins(&mut self, count: u32, settings: Value) -> anyhow::Result<u32> {
        let body = json!({"count": count, "settings": settings});
        let lines = self.call_text("POST", "/origins", Some(body)).await?;
        let mut first = None;
        for line in lines.lines() {
            let origin: Value = serde_json::from_str(line)?;
            let number = origin["origin"].as_u64().context("an origin without a number")?;
            first.get_or_insert(u32::try_from(number)?);
            let url = url::Url::parse(origin["url"].as_str().context("an origin without a URL")?)?;
            let port = url.port().context("an origin without a port")?;
            self.exceptions.push_str(&exception(&self.host, port, &self.certificate));
        }
        first.context("no origin was made")
    }

    /// Makes a group in the sandbox for an application of the server; gives its number.
    pub(crate) async fn make_group(
        &self,
        server: &Server,
        application: &str,
        mut group: Value,
    ) -> anyhow::Result<u32> {
        group["application_server_key"] = server.key(application)?.into();
        let made = self.call("POST", "/groups", Some(group)).await?;
        Ok(u32::try_from(made["group"].as_u64().context("a group without a number")?)?)
    }

    /// Makes subscribers in the sandbox and subscribes them at the default application, each with this topic. Gives the
    /// group's number, and their names by index.
    pub(crate) async fn subscribe(
        &self,
        server: &Server,
        count: u32,
        topic: &str,
        user_of: impl Fn(u32) -> String,
    ) -> anyhow::Result<(u32, Vec<String>)> {
        let group = self.make_group(server, "default", json!({"count": count})).await?;
        let enlist = |index, request: &mut SubscribeRequest| {
            request.user_id = user_of(index);
            request.topics = vec![topic.to_owned()];
        };
        Ok((group, self.enlist(server, group, 0..count, enlist).await?))
    }

    /// Subscribes some of a group; what is asked for beside the browser's part says `describe`, by index. Gives their names.
    pub(crate) async fn enlist(
        &self,
        server: &Server,
        group: u32,
        indices: Range<u32>,
        describe: impl Fn(u32, &mut SubscribeRequest),
    ) -> anyhow::Result<Vec<String>> {
        let bar = progress_bar(u64::from(indices.end - indices.start), "subscribed");
        let describe = &describe;
        let chunks = stream::iter(indices.clone().step_by(CHUNK as usize)).map(|from| async move {
            let count = CHUNK.min(indices.end - from);
            let lines = self.control.subscriptions(group, from, count).await?;
            let requests = (from..).zip(lines.lines()).map(|(index, line)| {
                let browser = push_subscription(line)?;
                let mut request =
                    SubscribeRequest { push_subscription: Some(browser), ..SubscribeRequest::default() };
                describe(index, &mut request);
                Ok(request)
            });
            anyhow::Ok(stream::iter(requests.collect::<Vec<anyhow::Result<_>>>()))
        });
        let calls = chunks.buffered(2).try_flatten().map(|request| {
            let mut client = server.client.clone();
            async move { anyhow::Ok(client.subscribe(request?).await?.into_inner()) }
        });
        let names: Vec<String> = calls
            .buffered(CONCURRENCY)
            .map_ok(|response| {
                bar.inc(1);
                response.subscription.unwrap_or_default().name
            })
            .try_collect()
            .await?;
        bar.finish_and_clear();
        ensure!(names.len() == indices.len(), "{} of {} were subscribed", names.len(), indices.len());
        Ok(names)
    }
}

/// Progress on stderr; nothing where that is no terminal.
pub(crate) fn progress_bar(length: u64, unit: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    if let Ok(style) =
        ProgressStyle::with_template(&format!("{{wide_bar}} {{pos}}/{{len}} {unit} {{per_sec}} {{eta}}"))
    {
        bar.set_style(style);
    }
    bar
}

/// Of the JSON that a browser gives.
pub(crate) fn push_subscription(json: &str) -> anyhow::Result<PushSubscription> {
    let value: Value = serde_json::from_str(json)?;
    let member =
        |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned).unwrap_or_default();
    Ok(PushSubscription {
        endpoint: member("/endpoint"),
        keys: Some(PushSubscriptionKeys { p256dh: member("/keys/p256dh"), auth: member("/keys/auth") }),
        ..PushSubscription::default()
    })
}

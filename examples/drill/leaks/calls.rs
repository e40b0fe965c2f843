//! Every kind of call, rightly and wrongly.

use std::collections::BTreeMap;

use anyhow::Context as _;
use fanfare::proto::v1::message::Payload;
use fanfare::proto::v1::send_request::Recipient;
use fanfare::proto::v1::{self, DeliveryFrame, PushSubscription, SendRequest, SubscribeRequest};
use futures_util::StreamExt as _;
use serde_json::json;
use tonic::Status;

use super::needles::{Kind, Needles};
use super::{Captured, Group};
use crate::calls::{broadcast, call_broadcast, call_send};
use crate::stage::{Client, Server, Stage, push_subscription};

/// What was provoked.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) statuses: BTreeMap<String, usize>,
    pub(super) outcomes: BTreeMap<String, usize>,
}

struct Player<'a> {
    client: Client,
    needles: &'a mut Needles,
    captured: &'a mut Captured,
    told: Told,
    payloads: u32,
}

/// Plays all of it against a group of subscribers.
pub(super) async fn play(
    stage: &Stage,
    server: &Server,
    group: &Group,
    needles: &mut Needles,
    captured: &mut Captured,
) -> anyhow::Result<Told> {
    let mut player =
        Player { client: server.client.clone(), needles, captured, told: Told::default(), payloads: 0 };
    let names = player.subscribe(group).await?;
    faults(stage, group).await?;
    player.send(group, &names).await?;
    player.ask(group, &names).await?;
    player.wrongly(group, &names).await?;
    player.unsubscribe(group).await?;
    Ok(player.told)
}

/// Every other subscriber has a fault; many repeat in their answer what they were sent.
async fn faults(stage: &Stage, group: &Group) -> anyhow::Result<()> {
    let endpoint = |index: usize| group.browsers[index]["endpoint"].as_str().unwrap_or_default().to_owned();
    let echo = |index: usize| {
        format!(
            "cannot POST {} authorization: vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL2xvY2FsaG9zdCJ9.c2ln\nno such path: {}",
            endpoint(index),
            endpoint(index)
                .split_once("://")
                .and_then(|(_, rest)| rest.split_once('/'))
                .map_or("", |(_, path)| path),
        )
    };
    let answer = |index: usize, status: u16| json!({"answer": {"status": status, "body": echo(index), "headers": {"x-echo": endpoint(index), "location": endpoint(index)}}});
    let faults = [
        (1, json!({"not_found": {}})),
        (3, json!({"gone": {}})),
        (5, json!({"throttled": {"times": 2}})),
        (7, json!({"failing": {"times": 2}})),
        (9, answer(9, 400)),
        (11, answer(11, 403)),
        (13, answer(13, 503)),
        (15, answer(15, 307)),
        (17, json!({"reset": {}})),
        (19, json!({"close": {}})),
        (21, answer(21, 413)),
        (23, json!({"truncated": {"status": 500}})),
    ];
    for (index, fault) in faults {
        let path = format!("/groups/{}/subscribers/{index}/faults", group.number);
        stage.call("POST", &path, Some(fault)).await?;
    }
    Ok(())
}

impl Player<'_> {
    /// What is told of a call is kept.
    fn note<T: std::fmt::Debug>(&mut self, answer: Result<T, Status>) -> Option<T> {
        match answer {
            Ok(answer) => {
                *self.told.statuses.entry("Ok".to_owned()).or_default() += 1;
                self.captured.add("answers", format!("{answer:?}"));
                Some(answer)
            }
            Err(status) => {
                *self.told.statuses.entry(format!("{:?}", status.code())).or_default() += 1;
                self.captured.add("errors", format!("{status} {status:?} {:?}", status.metadata()));
                self.captured.add("errors", status.details());
                None
            }
        }
    }

    /// A text that nobody else has.
    fn payload(&mut self) -> String {
        self.payloads += 1;
        let text = format!("payload-that-is-secret-{}-{:016x}", self.payloads, rand::random::<u64>());
        self.needles.add_text(Kind::Payload, &text);
        text
    }

    /// A text about a person or a message that nobody else has.
    fn person(&mut self, what: &str) -> String {
        self.payloads += 1;
        let text = format!("{what}-of-somebody-{}-{:016x}", self.payloads, rand::random::<u64>());
        self.needles.add_person(&text);
        text
    }

    async fn subscribe(&mut self, group: &Group) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        for browser in &group.browsers {
            let request = SubscribeRequest {
                push_subscription: Some(push_subscription(&browser.to_string())?),
                user_id: self.person("user"),
                topics: vec!["leaks".to_owned(), self.person("topic")],
                labels: [(self.person("label"), self.person("value"))].into(),
                ..SubscribeRequest::default()
            };
            let answer = self.client.subscribe(request).await;
            let answer = self.note(answer).context("a subscription was refused")?.into_inner();
            names.push(answer.subscription.unwrap_or_default().name);
        }
        Ok(names)
    }

    /// Reads a status stream to its end.
    async fn follow(&mut self, frames: Result<crate::calls::Frames, Status>) {
        let mut frames = match frames {
            Ok(frames) => frames,
            Err(status) => {
                self.note::<()>(Err(status));
                return;
            }
        };
        while let Some(frame) = frames.next().await {
            let Some(frame): Option<DeliveryFrame> = self.note(frame) else { return };
            self.needles.add_text(Kind::Position, &frame.resume_token);
            if let Some(v1::delivery_frame::Kind::Events(events)) = &frame.kind {
                for event in &events.events {
                    *self.told.outcomes.entry(format!("{:?}", event.outcome())).or_default() += 1;
                }
            }
        }
    }

    async fn send(&mut self, group: &Group, names: &[String]) -> anyhow::Result<()> {
        let text = self.payload();
        let mut request = broadcast("leaks", &text, &format!("leaks-{}", group.number));
        if let Some(message) = &mut request.message {
            // Long enough for everybody to be tried.
            message.ttl = Some(prost_types::Duration { seconds: 30, nanos: 0 });
        }
        let ttl = prost_types::Duration { seconds: 3, nanos: 0 };
        let frames = call_broadcast(&mut self.client, request.clone()).await;
        self.follow(frames).await;
        // The same request_id with another body.
        request.max_per_second = 5.0;
        let frames = call_broadcast(&mut self.client, request).await;
        self.follow(frames).await;

        let (title, body, json) = (self.payload(), self.payload(), self.payload());
        let notification = v1::Notification {
            title,
            body,
            navigate: format!("https://app.example.com/{}", self.payload()),
            ..v1::Notification::default()
        };
        let value =
            prost_types::Struct { fields: [("secret".to_owned(), prost_types::Value::from(json))].into() };
        for payload in [Payload::Notification(notification), Payload::Json(value)] {
            let request = SendRequest {
                recipient: Some(Recipient::Subscription(names[0].clone())),
                message: Some(v1::Message {
                    payload: Some(payload),
                    ttl: Some(ttl),
                    collapse_key: self.person("collapse"),
                    note: self.person("note"),
                    labels: [(self.person("label"), self.person("value"))].into(),
                    ..v1::Message::default()
                }),
                request_id: self.person("request"),
                ..SendRequest::default()
            };
            let frames = call_send(&mut self.client, request).await;
            self.follow(frames).await;
        }
        // Places that do not answer, that must not be dialled, or that are not allowed.
        for (index, host) in
            ["unreachable.example", "127.0.0.1:1", "localhost:1", "evil.example", "169.254.169.254"]
                .iter()
                .enumerate()
        {
            let path = format!("capability-of-{index}-{:016x}", rand::random::<u64>());
            self.needles.add_text(Kind::EndpointPath, &path);
            let mut browser = push_subscription(&group.browsers[index].to_string())?;
            browser.endpoint = format!("https://{host}/push/{path}");
            let text = self.payload();
            let mut message = crate::calls::message(&text);
            message.ttl = Some(ttl);
            let request = SendRequest {
                recipient: Some(Recipient::PushSubscription(browser)),
                message: Some(message),
                ..SendRequest::default()
            };
            let frames = call_send(&mut self.client, request).await;
            self.follow(frames).await;
        }
        Ok(())
    }

    async fn ask(&mut self, group: &Group, names: &[String]) -> anyhow::Result<()> {
        let page = v1::ListSubscriptionsRequest { page_size: 2, ..Default::default() };
        let answer = self.client.list_subscriptions(page).await;
        if let Some(answer) = self.note(answer) {
            self.needles.add_text(Kind::Position, &answer.into_inner().next_page_token);
        }
        let answer = self.client.list_messages(v1::ListMessagesRequest::default()).await;
        let messages = self.note(answer).map(|answer| answer.into_inner().messages).unwrap_or_default();
        for message in messages {
            let get = v1::GetMessageRequest { name: message.name.clone(), ..Default::default() };
            let answer = self.client.get_message(get).await;
            self.note(answer);
            let list = v1::ListDeliveriesRequest { parent: message.name, ..Default::default() };
            let answer = self.client.list_deliveries(list).await;
            self.note(answer);
        }
        let endpoint = group.browsers[0]["endpoint"].as_str().unwrap_or_default().to_owned();
        for selector in [
            v1::get_subscription_request::Selector::Endpoint(endpoint),
            v1::get_subscription_request::Selector::Name(names[0].clone()),
        ] {
            let get = v1::GetSubscriptionRequest { selector: Some(selector), ..Default::default() };
            let answer = self.client.get_subscription(get).await;
            self.note(answer);
        }
        let answer = self.client.get_vapid_public_key(v1::GetVapidPublicKeyRequest::default()).await;
        self.note(answer);
        Ok(())
    }

    /// Secrets where they do not belong, and everything else that is refused.
    async fn wrongly(&mut self, group: &Group, names: &[String]) -> anyhow::Result<()> {
        let good = push_subscription(&group.browsers[2].to_string())?;
        let endpoint = good.endpoint.clone();
        let auth = group.browsers[2]["keys"]["auth"].as_str().unwrap_or_default().to_owned();
        let keys = good.keys.clone().unwrap_or_default();
        let with = |endpoint: &str, p256dh: &str, auth: &str| PushSubscription {
            endpoint: endpoint.to_owned(),
            keys: Some(v1::PushSubscriptionKeys { p256dh: p256dh.to_owned(), auth: auth.to_owned() }),
            ..PushSubscription::default()
        };
        let path = endpoint.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
        for browser in [
            with(&format!("http://{path}"), &keys.p256dh, &keys.auth),
            with(&format!("https://user:password@{path}"), &keys.p256dh, &keys.auth),
            with(&format!("{endpoint}#{auth}"), &keys.p256dh, &keys.auth),
            with(&endpoint.replace("localhost", "evil.example"), &keys.p256dh, &keys.auth),
            with(&endpoint.replace("https", "ftp"), &keys.p256dh, &keys.auth),
            with(&endpoint, &keys.auth, &keys.p256dh),
            with(&endpoint, &endpoint, &endpoint),
            with(&endpoint, &keys.p256dh, &format!("{auth}{auth}")),
            with(&endpoint, &format!("{}=", keys.p256dh), "!"),
            with(&auth, &keys.p256dh, &keys.auth),
            with(&endpoint.repeat(60), &keys.p256dh, &keys.auth),
        ] {
            let request = SubscribeRequest { push_subscription: Some(browser), ..Default::default() };
            let answer = self.client.subscribe(request).await;
            self.note(answer);
        }
        // In every other field.
        let secrets = [endpoint.clone(), auth.clone(), endpoint.repeat(3)];
        for secret in &secrets {
            let request = SubscribeRequest {
                application: String::new(),
                push_subscription: Some(with(&endpoint, &keys.p256dh, "")),
                user_id: format!("{secret}\u{7}"),
                topics: vec![format!("{secret} {secret}")],
                labels: [(secret.clone(), secret.repeat(9))].into(),
                locale: secret.clone(),
                time_zone: secret.clone(),
                replaces: format!("{secret} "),
                validate_only: false,
            };
            let answer = self.client.subscribe(request).await;
            self.note(answer);
            let request = v1::WatchDeliveriesRequest {
                parent: "messages/-".into(),
                resume_token: secret.clone(),
                ..Default::default()
            };
            let answer = self.client.watch_deliveries(request).await;
            self.note(answer.map(|_| "a stream"));
            let request = v1::ListMessagesRequest { page_token: secret.clone(), ..Default::default() };
            let answer = self.client.list_messages(request).await;
            self.note(answer);
            let selector = v1::unsubscribe_request::Selector::Endpoint(format!("{endpoint}x"));
            let request = v1::UnsubscribeRequest { selector: Some(selector), ..Default::default() };
            let answer = self.client.unsubscribe(request).await;
            self.note(answer);
            let request = SendRequest {
                recipient: Some(Recipient::UserId("nobody".to_owned())),
                message: Some(v1::Message {
                    collapse_key: secret.repeat(9),
                    note: secret.repeat(9),
                    ..Default::default()
                }),
                request_id: secret.repeat(3),
                ..SendRequest::default()
            };
            let frames = call_send(&mut self.client, request).await;
            self.follow(frames).await;
        }
        // Too large, in the wrong place, of another application, not there.
        let text = self.payload();
        let mut request = crate::calls::send(&names[2], &text.repeat(200), "");
        let frames = call_send(&mut self.client, request.clone()).await;
        self.follow(frames).await;
        request.message = Some(crate::calls::message(&text.repeat(3_000)));
        let frames = call_send(&mut self.client, request.clone()).await;
        self.follow(frames).await;
        "nobodys".clone_into(&mut request.application);
        let frames = call_send(&mut self.client, request).await;
        self.follow(frames).await;
        let get = v1::GetMessageRequest {
            name: "messages/00000000000000000000000000000000".into(),
            ..Default::default()
        };
        let answer = self.client.get_message(get).await;
        self.note(answer);
        let token = v1::CreateSubscriberTokenRequest::default();
        let answer = self.client.create_subscriber_token(token).await;
        self.note(answer.map(|_| "a token"));
        Ok(())
    }

    async fn unsubscribe(&mut self, group: &Group) -> anyhow::Result<()> {
        for browser in group.browsers.iter().take(3) {
            let endpoint = browser["endpoint"].as_str().map(str::to_owned).unwrap_or_default();
            let selector = v1::unsubscribe_request::Selector::Endpoint(endpoint);
            let request = v1::UnsubscribeRequest { selector: Some(selector), ..Default::default() };
            for _ in 0..2 {
                let answer = self.client.unsubscribe(request.clone()).await;
                self.note(answer);
            }
        }
        Ok(())
    }
}

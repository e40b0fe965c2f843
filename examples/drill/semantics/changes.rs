//! Subscriptions that change in the middle of a broadcast.

use std::collections::BTreeSet;

use fanfare::proto::v1::unsubscribe_request::Selector;
use fanfare::proto::v1::{DeliveryState, SubscribeRequest, UnsubscribeRequest};
use serde_json::json;

use super::{SUBSCRIBERS, Scenes};
use crate::stage::push_subscription;

/// How many of each kind there are.
const EACH: u32 = 200;

/// Attempts a second: the changes must come before the attempts.
const PACE: f64 = 200.0;

/// Of those at the end of the audience, some move to another endpoint, some leave, some subscribe once more; and others
/// join after the start.
pub(super) async fn play(scenes: &mut Scenes, origin: u32) -> anyhow::Result<()> {
    let (topic, text) = ("changes", "in the middle of changes");
    let (group, names) = scenes.subscribe(topic, SUBSCRIBERS, origin).await?;
    let spare = json!({"count": 2 * EACH, "origins": {"from": origin, "count": 1}});
    let spare = scenes.stage.make_group(&scenes.server, "default", spare).await?;
    let lines = scenes.stage.control.subscriptions(spare, 0, 2 * EACH).await?;
    let spares: Vec<&str> = lines.lines().collect();
    let own = scenes.stage.control.subscriptions(group, 0, SUBSCRIBERS).await?;
    let own: Vec<&str> = own.lines().collect();

    let name = scenes.broadcast_until(topic, text, PACE, 100).await?;
    // Names are in the order of the audience: the later ones have not been attempted yet, but for some.
    let mut order: Vec<u32> = (0..SUBSCRIBERS).collect();
    order.sort_by_key(|index| names[*index as usize].clone());
    let last: Vec<u32> = order.into_iter().rev().take(3 * EACH as usize).collect();
    let (moved, rest) = last.split_at(EACH as usize);
    let (left, again) = rest.split_at(EACH as usize);
    let mut kept = 0;
    for (place, index) in moved.iter().enumerate() {
        let request = SubscribeRequest {
            push_subscription: Some(push_subscription(spares[place])?),
            replaces: names[*index as usize].clone(),
            ..SubscribeRequest::default()
        };
        let answer = scenes.client.subscribe(request).await?.into_inner();
        kept += usize::from(answer.subscription.unwrap_or_default().name == names[*index as usize]);
    }
    for index in left {
        let selector = Some(Selector::Name(names[*index as usize].clone()));
        scenes.client.unsubscribe(UnsubscribeRequest { selector, ..UnsubscribeRequest::default() }).await?;
    }
    for index in again {
        let request = SubscribeRequest {
            push_subscription: Some(push_subscription(own[*index as usize])?),
            ..SubscribeRequest::default()
        };
        let answer = scenes.client.subscribe(request).await?.into_inner();
        kept += usize::from(answer.subscription.unwrap_or_default().name == names[*index as usize]);
    }
    let mut joined = BTreeSet::new();
    for spare in &spares[EACH as usize..] {
        let request = SubscribeRequest {
            push_subscription: Some(push_subscription(spare)?),
            topics: vec![topic.to_owned()],
            ..SubscribeRequest::default()
        };
        joined.insert(
            scenes.client.subscribe(request).await?.into_inner().subscription.unwrap_or_default().name,
        );
    }
    scenes.checks.check(kept == 2 * EACH as usize, || {
        format!("only {kept} of {} who subscribed again kept their name", 2 * EACH)
    });

    let log = scenes.end_of("changes", &name).await?;
    let (first, second) = (scenes.arrivals(group, text).await?, scenes.arrivals(spare, text).await?);
    let left: BTreeSet<u32> = left.iter().copied().collect();
    let (mut wrong, mut ended_otherwise) = (Vec::new(), 0);
    for index in 0..SUBSCRIBERS {
        let place = moved.iter().position(|of| *of == index).and_then(|place| u32::try_from(place).ok());
        let at_new = place.and_then(|place| second.get(&place)).copied().unwrap_or_default();
        let arrived = first.get(&index).copied().unwrap_or_default() + at_new;
        let expected = match log.state(&names[index as usize]) {
            Some(DeliveryState::Accepted) => 1,
            Some(DeliveryState::Failed) | None if left.contains(&index) => 0,
            state => {
                ended_otherwise += 1;
                wrong.push(format!("{index} ended as {state:?}"));
                arrived
            }
        };
        if arrived != expected {
            wrong.push(format!("{index} got it {arrived} times"));
        }
    }
    scenes.checks.check(wrong.is_empty(), || {
        format!(
            "changes: {} subscribers are wrong ({ended_otherwise} in their end): {:?}",
            wrong.len(),
            &wrong[..wrong.len().min(5)]
        )
    });
    let late = log.ended.keys().filter(|name| joined.contains(*name)).count();
    let late_arrivals = second.keys().filter(|index| **index >= EACH).count();
    scenes.checks.check(late == 0 && late_arrivals == 0, || {
        format!("{late} who joined after the start are targets, {late_arrivals} got it")
    });
    let unsubscribed = log.of(DeliveryState::Failed).count();
    let moved_on = second.keys().filter(|index| **index < EACH).count();
    scenes.checks.check(unsubscribed > 0 && moved_on > 0, || {
        format!("too late to prove anything: {unsubscribed} had left and {moved_on} had moved before their attempt")
    });
    Ok(())
}

//! Messages that end before everybody got them.

use std::time::{Duration, Instant};

use fanfare::proto::v1::{CancelMessageRequest, DeliveryState};
use serde_json::json;

use super::Scenes;
use crate::calls::{broadcast, call_broadcast, message_status};
use crate::witness::Witness;

const CANCELLED: u32 = 300_000;
const CANCELLED_SHORT: u32 = 20_000;
/// Within this all that waited has ended, once cancelled.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(30);
const TTL: Duration = Duration::from_secs(4);
/// How long after its ttl a message may take to end: an attempt that has begun is bounded by its own timeout, which is
/// `transport.deadline`.
const EXPIRY_SLACK: Duration = Duration::from_secs(36);
const EXPIRED_EACH: u32 = 500;

/// A message with very many that wait, most of them not even planned.
pub(super) async fn cancel(scenes: &mut Scenes, origin: u32) -> anyhow::Result<()> {
    let count = if scenes.short { CANCELLED_SHORT } else { CANCELLED };
    let text = "cancelled";
    let (group, _) = scenes.subscribe(text, count, origin).await?;
    let name = scenes.broadcast_until(text, text, 0.0, 200).await?;
    let request = CancelMessageRequest { name: name.clone(), ..CancelMessageRequest::default() };
    let before = message_status(&mut scenes.client, &name).await?.counts.unwrap_or_default();
    let began = Instant::now();
    scenes.client.cancel_message(request.clone()).await?;
    let log = scenes.end_of("cancel", &name).await?;
    let took = began.elapsed();
    // Once more does no harm.
    scenes.client.cancel_message(request).await?;
    scenes.figures.cancelled_waiting = before.pending + before.retrying;
    scenes.figures.cancel_seconds = took.as_secs_f64();
    let (accepted, cancelled) =
        (log.of(DeliveryState::Accepted).count(), log.of(DeliveryState::Cancelled).count());
    eprintln!("  {cancelled} of {count} cancelled in {:.2} s", took.as_secs_f64());
    scenes.checks.check(accepted + cancelled == count as usize && cancelled > count as usize / 2, || {
        format!("cancel: {accepted} accepted and {cancelled} cancelled of {count}")
    });
    scenes.checks.check(took <= CANCEL_TIMEOUT, || format!("to cancel took {took:?}"));
    let arrived = scenes.arrivals(group, text).await?.len();
    scenes.checks.check(arrived == accepted, || format!("cancel: {arrived} got it, {accepted} are ACCEPTED"));
    Ok(())
}

/// The ttl runs out while deliveries wait in the store, in their lane, for a retry, and in an attempt.
pub(super) async fn expire(scenes: &mut Scenes, origins: [u32; 3]) -> anyhow::Result<()> {
    let [slow, silent, throttling] = origins;
    // Far more than can be sent to it within the ttl.
    let settings = json!({"delay_ms": 3_000});
    scenes.stage.call("PUT", &format!("/origins/{slow}"), Some(settings)).await?;
    for (topic, count, origin) in [
        ("waiting", 40_000 / if scenes.short { 4 } else { 1 }, slow),
        ("attempted", EXPIRED_EACH, silent),
        ("retrying", EXPIRED_EACH, throttling),
    ] {
        let (group, _) = scenes.subscribe(topic, count, origin).await?;
        let mut request = broadcast(topic, topic, "");
        request.message.get_or_insert_default().ttl =
            Some(prost_types::Duration { seconds: i64::try_from(TTL.as_secs())?, nanos: 0 });
        let began = Instant::now();
        let mut frames = call_broadcast(&mut scenes.client, request).await?;
        let mut witness = Witness::default();
        while witness.parent.is_empty() {
            witness.read_one(&mut frames).await?;
        }
        drop(frames);
        let log = scenes.end_of(topic, &witness.parent).await?;
        let took = began.elapsed();
        let expired = log.of(DeliveryState::Expired).count();
        let accepted = log.of(DeliveryState::Accepted).count();
        eprintln!(
            "  {topic}: {expired} of {count} expired, {accepted} accepted, after {:.1} s",
            took.as_secs_f64()
        );
        scenes.checks.check(expired + accepted == count as usize && expired > 0, || {
            format!("{topic}: {expired} expired and {accepted} accepted of {count}")
        });
        scenes.checks.check(took <= TTL + EXPIRY_SLACK, || format!("{topic}: its end came after {took:?}"));
        let arrived = scenes.arrivals(group, topic).await?.len();
        // Who did not answer in time may have got it: nobody can know.
        scenes.checks.check(arrived >= accepted, || format!("{topic}: {arrived} of {accepted} arrived"));
    }
    Ok(())
}

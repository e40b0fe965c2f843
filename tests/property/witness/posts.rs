//! The rules for every POST, and for what a delivery's end must follow from.

use std::time::Duration;

use fanfare::domain::{Clock, DeliveryEvent, DeliveryState, Outcome, Timestamp};
use fanfare::transport::TransportError;
use fanfare::transport::scripted::Answered;
use fanfare::webpush::request::PushRequest;
use fanfare::webpush::{AgreementKey, AwsLcKey, PushService, aes128gcm};

use super::{Delivery, State, Witness};

/// The POSTs of one delivery.
#[derive(Debug, Default)]
pub(super) struct Posts {
    /// How the last one of this life stands; `None`: there was none.
    pub(super) last: Option<Post>,
    /// To whom.
    user: Option<String>,
    /// One of them was answered with 2xx.
    taken: bool,
    /// One of them could be repeated.
    failed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Post {
    UnderWay,
    /// Another one may follow.
    MayRepeat,
    /// No other one may follow in this life.
    Final,
}

impl Witness {
    /// A POST arrives. Answers whose it is.
    pub(crate) fn posting(&self, request: &PushRequest) -> Delivery {
        let now = self.clock.now();
        let mut state = self.state();
        state.tick();
        state.posted += 1;
        let browser = state.browsers.get(request.endpoint.expose()).unwrap();
        let opened = browser.iter().rev().find_map(|(key, auth)| {
            aes128gcm::decrypt(key, auth, &request.body).ok().map(|payload| (*key.public(), payload))
        });
        let (public, payload) = opened.expect("a browser can read what it is sent");
        let (subscription, _) = state.registered[&public];
        let id = state.by_payload[&payload];
        let delivery = (id, subscription);
        let message = state.messages[&id].clone();

        let ended = state.ended.contains(&delivery);
        state.check(!ended, || format!("{delivery:?} is posted although it has ended"));
        state.check(!message.closed, || format!("{delivery:?} is posted although it is stopped"));
        state.check(message.begun.is_some(), || format!("{delivery:?} is posted before its time"));
        state.check(now < message.ends_at, || {
            format!("{delivery:?} is posted {:?} past its ttl", now.since(message.ends_at))
        });
        let ttl: u64 = request.headers["ttl"].to_str().unwrap().parse().unwrap();
        let left = message.ends_at.since(now);
        // Rounded up to a whole second.
        state.check(ttl <= left.as_secs() + 1, || format!("{delivery:?} has ttl {ttl}, of {left:?} left"));
        let user = state.users[&public].clone();
        let first = state.posts.entry(delivery).or_default().user.get_or_insert_with(|| user.clone()).clone();
        state.check(first == user, || format!("{delivery:?} was for {first} and is posted to {user}"));
        let last = state.posts.entry(delivery).or_default().last.replace(Post::UnderWay);
        let repeats = matches!(last, None | Some(Post::MayRepeat));
        state.check(repeats, || format!("{delivery:?} is posted again, the last one is {last:?}"));
        state.unsettled.insert(delivery);
        let (unsettled, bound) = (state.unsettled.len(), self.max_unsettled);
        state.check(unsettled <= bound, || format!("{unsettled} deliveries are unsettled"));
        if let Some(older) = message.superseded.and_then(|older| state.messages.get_mut(&older)) {
            older.closed = true;
        }
        delivery
    }

    /// A POST is answered.
    pub(crate) fn answering(&self, request: &PushRequest, delivery: Delivery, answer: &Answered) {
        let young_is_tried_again = PushService::of(&request.endpoint) == PushService::Fcm;
        let mut state = self.state();
        let status = answer.as_ref().ok().map(|response| response.status);
        let last = match status {
            Some(200..=299 | 400 | 404 | 413) => Post::Final,
            Some(410) if !young_is_tried_again => Post::Final,
            Some(_) | None => Post::MayRepeat,
        };
        if matches!(answer, Err(TransportError::StreamRefused)) {
            state.unsettled.remove(&delivery);
        }
        if let Some(404 | 410) = status {
            let browser = state.browsers.get(request.endpoint.expose()).unwrap();
            let reads = |(key, auth): &&(AwsLcKey, _)| aes128gcm::decrypt(key, auth, &request.body).is_ok();
            let public = *browser.iter().find(reads).unwrap().0.public();
            let registration = state.registered[&public];
            state.proven.insert(registration);
        }
        let posts = state.posts.entry(delivery).or_default();
        posts.last = Some(last);
        posts.taken |= matches!(status, Some(200..=299));
        posts.failed |= last == Post::MayRepeat;
    }
}

impl State {
    /// What is wrong with a terminal event.
    pub(super) fn why_not(&self, event: &DeliveryEvent, latest: Timestamp) -> Option<&'static str> {
        let subscription = event.subscription?;
        let delivery = (event.message, subscription);
        let (message, posts) = (&self.messages[&event.message], self.posts.get(&delivery));
        if message.ended.is_some() {
            return Some("an event of a message that has ended");
        }
        match (event.state, event.outcome) {
            (DeliveryState::Accepted, _) => {
                (!posts.is_some_and(|posts| posts.taken)).then_some("nobody accepted it")
            }
            (DeliveryState::Failed, Outcome::Gone) => {
                let registration = (subscription, event.generation);
                let proven = self.proven.contains(&registration);
                let expires = self.expiries.get(&registration);
                (!proven && expires.is_none_or(|expires| *expires > latest))
                    .then_some("nobody said that it is gone")
            }
            (DeliveryState::Failed, Outcome::Internal) => Some("the server is at fault"),
            (DeliveryState::Expired, _) => {
                let failed = posts.is_some_and(|posts| posts.failed);
                let late = latest.plus(Duration::from_secs(1)) >= message.ends_at;
                (!failed && !late).then_some("there is time left")
            }
            (DeliveryState::Cancelled, _) => (!message.stopped).then_some("nobody stopped it"),
            (DeliveryState::Failed, _) => None,
            (DeliveryState::Pending | DeliveryState::Retrying, _) => Some("it has not ended"),
        }
    }
}

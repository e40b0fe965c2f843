//! Evidence against many at once is no proof: removals wait, are held, and can be undone.

use std::sync::atomic::{AtomicU16, Ordering};

use fanfare::domain::SubscriptionState;
use fanfare::store::{Decision, DecisionStep};

use super::*;

const PATIENCE: Duration = Duration::from_secs(15);
const TICK: Duration = Duration::from_millis(20);

/// What the push service answers is what the test says.
fn answering() -> (ScriptedTransport, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(201));
    let transport = ScriptedTransport::new({
        let status = Arc::clone(&status);
        move |_| Answer::status(status.load(Ordering::SeqCst))
    });
    (transport, status)
}

fn waiting(removal_window: Duration) -> EngineSettings {
    EngineSettings { removal_window, ..settings() }
}

impl Server {
    async fn states(&self, of: &[SubscriptionId]) -> Vec<Option<SubscriptionState>> {
        let targets = self.store.targets(self.application.id, of).await.unwrap();
        targets.into_iter().map(|target| target.map(|target| target.state)).collect()
    }

    /// Waits until all of these are in a state.
    async fn become_all(&self, of: &[SubscriptionId], state: Option<SubscriptionState>) {
        let all = async {
            while self.states(of).await.iter().any(|found| *found != state) {
                tokio::time::sleep(TICK).await;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.expect("they become so");
    }

    async fn outcomes(&self, audience: Audience) -> BTreeMap<&'static str, usize> {
        let message = self.broadcast(audience, MINUTE).await;
        let (events, summary) = self.read(&message, Start::Beginning).await;
        assert_reconciles(&events, &summary);
        let mut counts = BTreeMap::new();
        for event in events.iter().filter(|event| event.state.is_terminal()) {
            *counts.entry(event.outcome.as_str()).or_default() += 1;
        }
        counts
    }

    async fn decide(&self, decision: Decision) -> usize {
        let step = DecisionStep { limit: 1_000, ..DecisionStep::default() };
        let decided = self.engine.decide(self.application.id, decision, step).await.unwrap();
        assert_eq!(decided.next, None);
        decided.subscriptions.len()
    }
}

#[tokio::test]
async fn one_that_is_gone_waits_and_goes() {
    let (transport, status) = answering();
    let memory = Memory::new();
    let window = Duration::from_secs(2);
    let server = Server::start(&memory, &transport, waiting(window)).await;
    let to = server.subscribe(1, 1, &[]).await.subscription.target.id;
    status.store(404, Ordering::SeqCst);
    let began = SystemClock.now();
    let message = server.send(to, MINUTE).await;
    server.read(&message, Start::Beginning).await;
    // Nothing is sent to it while it waits, nor after a restart.
    status.store(201, Ordering::SeqCst);
    for restart in [false, true] {
        let again;
        let server = if restart {
            again = Server::start(&memory, &transport, waiting(window)).await;
            &again
        } else {
            &server
        };
        let message = server.send(to, MINUTE).await;
        let (events, _) = server.read(&message, Start::Beginning).await;
        assert_eq!((events[0].outcome, events[0].attempt), (Outcome::Gone, 0), "{restart}");
        assert_eq!(server.states(&[to]).await, [Some(SubscriptionState::Active)]);
        assert_eq!(transport.counts().started, 1);
        if restart {
            server.become_all(&[to], None).await;
            assert!(SystemClock.now().since(began) >= window);
            // And it comes back, with its name.
            let restore =
                Decision::Restore { origin: None, since: Timestamp::default(), until: Timestamp::MAX };
            assert_eq!(server.decide(restore).await, 1);
            let message = server.send(to, MINUTE).await;
            let (events, _) = server.read(&message, Start::Beginning).await;
            assert_eq!(events[0].outcome, Outcome::Accepted);
        }
    }
}

#[tokio::test]
async fn a_push_service_that_lost_its_keys_removes_nobody() {
    let (transport, status) = answering();
    // With the window that people have: the alarm comes long before it ends.
    let server = Server::start(&Memory::new(), &transport, waiting(MINUTE)).await;
    let ids = server.subscribe_many(200, 1).await;
    assert_eq!(server.outcomes(Audience::All).await, BTreeMap::from([("accepted", 200)]));
    status.store(404, Ordering::SeqCst);
    assert_eq!(server.outcomes(Audience::All).await, BTreeMap::from([("gone", 200)]));
    server.become_all(&ids, Some(SubscriptionState::SetAside(Outcome::Gone))).await;
    let origins = server.engine.origins().await;
    let [held] = &origins[0].held[..] else { panic!("{origins:?}") };
    assert_eq!((held.outcome, held.subscriptions), (Outcome::Gone, 200));
    assert!(held.share.refused >= 10 && held.what_to_do("default", "x").contains("release"));
    // It says so to who sends.
    let message = server.send(ids[0], MINUTE).await;
    let (events, _) = server.read(&message, Start::Beginning).await;
    assert_eq!((events[0].outcome, events[0].attempt), (Outcome::Gone, 0));
    assert!(events[0].detail.contains("set aside"), "{:?}", events[0].detail);
    status.store(201, Ordering::SeqCst);
    let origin =
        server.store.targets(server.application.id, &ids[..1]).await.unwrap().remove(0).unwrap().origin;
    assert_eq!(server.decide(Decision::Release { origin, outcome: None }).await, 200);
    assert_eq!(server.outcomes(Audience::All).await, BTreeMap::from([("accepted", 200)]));
    assert!(server.engine.origins().await.iter().all(|origin| origin.held.is_empty()));
}

#[tokio::test]
async fn a_wrong_key_disables_nobody() {
    let transport = ScriptedTransport::new(|_| {
        let mut refusal = response(403);
        refusal.body = Bytes::from_static(br#"{"reason":"VapidPkHashMismatch"}"#);
        Answer::Now(Ok(refusal))
    });
    let server = Server::start(&Memory::new(), &transport, waiting(MINUTE)).await;
    let mut ids = Vec::new();
    for number in 0..30 {
        let url = format!("https://web.push.apple.com/{number}");
        ids.push(server.subscribe_at(&url, number, &["news"]).await.subscription.target.id);
    }
    assert_eq!(server.outcomes(Audience::All).await, BTreeMap::from([("key_mismatch", 30)]));
    server.become_all(&ids, Some(SubscriptionState::SetAside(Outcome::KeyMismatch))).await;
}

#[tokio::test]
async fn an_old_list_loses_those_that_are_gone() {
    // A third of those that were never sent to from here is gone, and the others are there.
    let transport = ScriptedTransport::new(|request| {
        let number: usize = request.endpoint.expose().rsplit('/').next().unwrap().parse().unwrap();
        Answer::status(if number.is_multiple_of(3) { 410 } else { 201 })
    });
    let server = Server::start(&Memory::new(), &transport, waiting(Duration::from_secs(1))).await;
    let ids = server.subscribe_many(90, 1).await;
    server.outcomes(Audience::All).await;
    let gone: Vec<_> = ids.iter().copied().step_by(3).collect();
    server.become_all(&gone, None).await;
    assert_eq!(server.states(&ids).await.iter().flatten().count(), 60);
    assert!(server.engine.origins().await.iter().all(|origin| origin.held.is_empty()));
}

//! What all lives together came to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fanfare::proto::v1::{DeliveryEvent, DeliveryState, MessageState, Outcome};

use super::{Crash, MAX_UNSETTLED};
use crate::calls::{message_status, sha256};
use crate::metrics::Metrics;
use crate::stage::{End, Server, directory_octets};
use crate::story::is_terminal;
use crate::witness::{Witness, event_key};

/// What the log says of one message, read from its beginning.
#[derive(Debug, Default)]
struct Told {
    events: Vec<u64>,
    /// Terminal states by subscriber.
    terminal: HashMap<u32, Vec<DeliveryState>>,
    /// Terminal events by state.
    states: BTreeMap<i32, i32>,
}

impl Crash {
    /// Reads the whole log, and compares with it what the watchers were told and what the counters say.
    pub(super) async fn look_back(&mut self, mut server: Server, messages: usize) -> anyhow::Result<()> {
        let index_of: HashMap<&str, u32> = self.names.iter().map(String::as_str).zip(0..).collect();
        let place_of: HashMap<&str, usize> = self
            .messages
            .iter()
            .enumerate()
            .map(|(place, sent)| (sent.witness.parent.as_str(), place))
            .collect();
        let mut log: BTreeMap<usize, Told> = BTreeMap::new();
        let mut strangers = 0;
        let mut reaped = BTreeSet::new();
        let mut whole = Witness::of_all(self.all.start.unwrap_or_default());
        let see = |event: &DeliveryEvent| {
            let (Some(place), Some(index)) =
                (place_of.get(event.message.as_str()), index_of.get(event.subscription.as_str()))
            else {
                strangers += 1;
                return;
            };
            let told = log.entry(*place).or_default();
            told.events.push(event_key(event));
            if is_terminal(event.state()) {
                told.terminal.entry(*index).or_default().push(event.state());
                *told.states.entry(event.state).or_default() += 1;
                if event.outcome() == Outcome::Gone {
                    reaped.insert(*index);
                }
            }
        };
        whole.watch(&mut server.client, messages, see).await?;
        self.checks
            .check(strangers == 0, || format!("{strangers} events are of nobody's message or subscriber"));

        let all = self.all.clone();
        self.compare("messages/-", &all.told, &whole.told);
        for (what, told) in [("accepted", &all.accepted), ("ended", &all.ended)] {
            let once = told.values().all(|times| *times == 1);
            self.checks.check(once && told.len() == messages, || {
                format!("messages/- told of {} messages that they had {what}, once each: {once}", told.len())
            });
        }
        self.figures.messages = messages;
        for (place, sent) in self.messages.clone().iter().enumerate().filter(|(_, sent)| !sent.refused) {
            let told = log.remove(&place).unwrap_or_default();
            self.compare(&sent.text, &sent.witness.told, &told.events);
            self.deliveries(place, &told);
            let status = message_status(&mut server.client, &sent.witness.parent).await?;
            let counts = status.counts.unwrap_or_default();
            let of = |state: DeliveryState| told.states.get(&state.into()).copied().unwrap_or_default();
            let reconciles = status.state() == MessageState::Done
                && counts.targets == told.states.values().sum::<i32>()
                && counts.targets == counts.accepted + counts.failed + counts.expired + counts.cancelled
                && counts.accepted == of(DeliveryState::Accepted)
                && counts.failed == of(DeliveryState::Failed);
            self.figures.unreconciled += usize::from(!reconciles);
            self.checks.check(reconciles, || {
                format!("{}: {:?} with {counts:?}, the log has {:?}", sent.text, status.state(), told.states)
            });
        }

        let listed = server.subscriptions().await?;
        let expected = (0..).zip(&self.names).filter(|(index, _)| !reaped.contains(index));
        let expected: BTreeSet<String> = expected.map(|(_, name)| name.clone()).collect();
        self.checks.check(listed == expected, || {
            format!("{} subscriptions are there instead of {}", listed.len(), expected.len())
        });
        let unasked = reaped.iter().filter(|index| !self.gone.contains(index)).count();
        self.checks.check(unasked == 0, || format!("{unasked} are gone whom the sandbox did not answer 410"));
        self.checks
            .check(!reaped.is_empty(), || "nobody was removed: it proves nothing of the reaper".to_owned());
        let metrics = Metrics::read(server.admin).await?;
        for gauge in ["fanfare_unsettled_deliveries", "fanfare_pages_waiting", "fanfare_messages_open"] {
            let left = metrics.sum(gauge, "");
            self.checks.check(left == 0.0, || format!("{gauge} is {left} although all has ended"));
        }
        server.end(End::Terminate).await?;
        self.figures.store_octets = directory_octets(&self.stage.data())?;
        Ok(())
    }

    /// Each event of the log must have been told once, whatever the server died of meanwhile.
    fn compare(&mut self, what: &str, told: &[u64], log: &[u64]) {
        let mut times: HashMap<u64, i64> = HashMap::with_capacity(log.len());
        for event in told {
            *times.entry(*event).or_default() += 1;
        }
        let repeated = times.values().filter(|times| **times > 1).count();
        let gaps = log.iter().filter(|event| !times.contains_key(event)).count();
        let log_of: std::collections::HashSet<&u64> = log.iter().collect();
        let invented = times.keys().filter(|event| !log_of.contains(event)).count();
        self.figures.gaps += gaps;
        self.figures.repeated += repeated;
        self.checks.check(gaps + repeated + invented == 0, || {
            format!(
                "{what}: the watcher missed {gaps} events, was told {repeated} twice and {invented} that are not there"
            )
        });
        self.checks.check(log_of.len() == log.len(), || format!("{what}: the log itself repeats events"));
    }

    /// Each delivery must have ended once.
    fn deliveries(&mut self, place: usize, told: &Told) {
        let sent = &self.messages[place];
        let targets = match sent.subscriber {
            Some((index, _)) => index..index + 1,
            None => 0..self.size.targets,
        };
        let (mut lost, mut refused) = (0, 0);
        for index in targets {
            // Who was removed before the page was planned is no target.
            let may_miss = self.gone.contains(&index);
            match told.terminal.get(&index).map(Vec::as_slice) {
                None => lost += usize::from(!may_miss),
                Some([DeliveryState::Accepted]) => {
                    self.accepted.insert((place, index));
                }
                Some([_]) => refused += usize::from(!may_miss),
                Some(_) => self.figures.double_terminal += 1,
            }
        }
        let text = sent.text.clone();
        let double = told.terminal.values().filter(|states| states.len() > 1).count();
        self.figures.lost += lost;
        self.figures.deliveries += told.terminal.len();
        self.checks.check(lost == 0, || format!("{text}: {lost} deliveries have no terminal event"));
        self.checks.check(refused == 0, || format!("{text}: {refused} deliveries did not end ACCEPTED"));
        self.checks.check(double == 0, || format!("{text}: {double} deliveries have two terminal events"));
    }

    /// Compares with what the subscribers decrypted.
    pub(super) async fn judge(&mut self) -> anyhow::Result<()> {
        let place_of: HashMap<String, usize> =
            self.messages.iter().enumerate().map(|(place, sent)| (sha256(&sent.text), place)).collect();
        let mut arrived: HashMap<(usize, u32), Vec<u64>> = HashMap::new();
        let mut strangers = 0;
        for line in self.stage.control.received(self.group).await? {
            match line.sha256.as_ref().and_then(|digest| place_of.get(digest)) {
                Some(place) => arrived.entry((*place, line.index)).or_default().push(line.time_micros),
                None => strangers += 1,
            }
        }
        self.checks.check(strangers == 0, || format!("{strangers} arrived that nobody sent"));
        let missing = self.accepted.iter().filter(|delivery| !arrived.contains_key(delivery)).count();
        self.figures.lost += missing;
        self.checks.check(missing == 0, || format!("{missing} ended ACCEPTED and did not arrive"));

        // What arrives again was unsettled when the server died that had posted it before.
        let mut by_life = vec![0_usize; self.started.len()];
        let mut unexplained = 0;
        for times in arrived.values_mut() {
            times.sort_unstable();
            for pair in times.windows(2) {
                let life_of = |time| self.started.partition_point(|started| *started <= time);
                let (first, second) = (life_of(pair[0]), life_of(pair[1]));
                if first == second {
                    unexplained += 1;
                } else if let Some(duplicates) = by_life.get_mut(first.saturating_sub(1)) {
                    *duplicates += 1;
                }
            }
        }
        self.figures.duplicates = by_life.iter().sum();
        self.figures.duplicates_max = by_life.into_iter().max().unwrap_or_default();
        let most = self.figures.duplicates_max;
        self.checks.check(unexplained == 0, || {
            format!("{unexplained} arrived twice although no server died between")
        });
        self.checks.check(most <= MAX_UNSETTLED, || {
            format!("one kill made {most} arrive twice, at most {MAX_UNSETTLED} may")
        });
        Ok(())
    }
}

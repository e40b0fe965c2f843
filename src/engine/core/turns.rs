//! Fair turns among applications: each gets what its weight says of whatever all of them want.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::domain::{ApplicationId, MessageKind, OriginId};

/// What one start costs an application of weight 1: large, so that division by a weight stays exact enough.
const STRIDE: u128 = 1 << 32;

/// Stride scheduling: an application's pass grows by `1 / weight` with each start, and whoever has the least pass goes
/// first. Who comes anew begins where the others are: nobody saves up turns.
#[derive(Debug, Default)]
pub(super) struct Shares {
    passes: HashMap<ApplicationId, u128>,
    waiting: BTreeSet<(u128, ApplicationId)>,
    /// The pass of whoever went last.
    present: u128,
}

impl Shares {
    /// The application has something to start.
    pub(super) fn join(&mut self, application: ApplicationId) {
        let pass = self.passes.entry(application).or_default();
        if !self.waiting.contains(&(*pass, application)) {
            *pass = self.present.max(*pass);
            self.waiting.insert((*pass, application));
        }
    }

    /// The application has nothing to start.
    pub(super) fn leave(&mut self, application: ApplicationId) {
        if let Some(pass) = self.passes.get(&application) {
            self.waiting.remove(&(*pass, application));
        }
    }

    /// Forgets an application that will not come back soon.
    pub(super) fn forget(&mut self, application: ApplicationId) {
        self.leave(application);
        self.passes.remove(&application);
    }

    /// All that have something to start, in the order of their turns.
    pub(super) fn in_order(&self) -> impl Iterator<Item = ApplicationId> {
        self.waiting.iter().map(|(_, application)| *application)
    }

    /// Whose turn it is.
    pub(super) fn first(&self) -> Option<ApplicationId> {
        self.in_order().next()
    }

    /// The application had a turn that counts.
    pub(super) fn charge(&mut self, application: ApplicationId, weight: u32) {
        let pass = self.passes.entry(application).or_insert(self.present);
        let waits = self.waiting.remove(&(*pass, application));
        self.present = self.present.max(*pass);
        *pass += STRIDE / u128::from(weight.max(1));
        if waits {
            self.waiting.insert((*pass, application));
        }
    }
}

/// Which application's turn it is, and at which lane: of one class.
#[derive(Debug, Default)]
struct Class {
    shares: Shares,
    /// Lanes that may start something of an application, in turn; none stands here twice.
    lanes: HashMap<ApplicationId, VecDeque<OriginId>>,
}

/// Turns of applications at lanes, by class.
#[derive(Debug, Default)]
pub(super) struct Turns {
    classes: [Class; 2],
}

impl Turns {
    /// A lane may start something of an application. The caller sees to it that it is offered once. One that others wait
    /// for is the application's next: else they would get no more of it than the application's other lanes leave it.
    pub(super) fn offer(
        &mut self,
        kind: MessageKind,
        application: ApplicationId,
        origin: OriginId,
        others_wait: bool,
    ) {
        let class = &mut self.classes[kind as usize];
        let lanes = class.lanes.entry(application).or_default();
        if others_wait {
            lanes.push_front(origin);
        } else {
            lanes.push_back(origin);
        }
        class.shares.join(application);
    }

    /// Takes the next turn out: of the applications the one with the least pass, of its lanes the next.
    pub(super) fn next(&mut self, kind: MessageKind) -> Option<(ApplicationId, OriginId)> {
        let class = &mut self.classes[kind as usize];
        let application = class.shares.first()?;
        let lanes = class.lanes.get_mut(&application)?;
        let origin = lanes.pop_front()?;
        if lanes.is_empty() {
            class.lanes.remove(&application);
            class.shares.leave(application);
        }
        Some((application, origin))
    }

    /// An attempt of the application was started.
    pub(super) fn charge(&mut self, kind: MessageKind, application: ApplicationId, weight: u32) {
        self.classes[kind as usize].shares.charge(application, weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEND: MessageKind = MessageKind::Send;
    const ONE: ApplicationId = ApplicationId(1);
    const THREE: ApplicationId = ApplicationId(3);

    fn run(turns: &mut Turns, count: usize) -> [usize; 4] {
        let mut starts = [0; 4];
        for _ in 0..count {
            let (application, origin) = turns.next(SEND).unwrap();
            turns.offer(SEND, application, origin, false);
            turns.charge(SEND, application, application.0);
            starts[application.0 as usize] += 1;
        }
        starts
    }

    #[test]
    fn shares_follow_weights_and_nobody_saves_up() {
        let mut turns = Turns::default();
        turns.offer(SEND, ONE, OriginId(1), false);
        assert_eq!(run(&mut turns, 1_000), [0, 1_000, 0, 0]);
        turns.offer(SEND, THREE, OriginId(1), false);
        turns.offer(SEND, THREE, OriginId(2), false);
        let starts = run(&mut turns, 400);
        assert!(starts[1].abs_diff(100) <= 1 && starts[3].abs_diff(300) <= 1, "{starts:?}");
    }
}

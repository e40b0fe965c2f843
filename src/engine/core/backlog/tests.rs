//! What may be loaded next, without a store.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::domain::OriginId;

fn head(kind: MessageKind, message: u8, number: u32, due: u64) -> PageHead {
    PageHead {
        application: ApplicationId(1),
        key: PageKey { message: MessageId([message; 16]), number },
        group: GroupId(1),
        kind,
        due: Timestamp::from_secs(due),
        starts: 0,
    }
}

fn take_all(backlog: &mut Backlog) -> Vec<u8> {
    let memory = Memory::new(1_000 * PAGE_DELIVERIES_MAX);
    std::iter::from_fn(|| backlog.take(&memory)).map(|head| head.key.message.0[0]).collect()
}

#[test]
fn sends_first_then_broadcasts_in_turn_when_due() {
    let mut backlog = Backlog::new(3);
    for number in 0..3 {
        backlog.add(head(MessageKind::Broadcast, 1, number, 10));
    }
    backlog.add(head(MessageKind::Broadcast, 2, 0, 10));
    backlog.add(head(MessageKind::Send, 3, 0, 10));
    backlog.add(head(MessageKind::Send, 4, 0, 20));
    backlog.wake(Timestamp::from_secs(9));
    assert_eq!(take_all(&mut backlog), [0; 0]);
    backlog.wake(Timestamp::from_secs(10));
    assert_eq!(backlog.next_due(), Some(Timestamp::from_secs(20)));
    assert_eq!(take_all(&mut backlog), [3, 1, 2, 1], "three broadcasts fit");
    backlog.rest(&head(MessageKind::Broadcast, 1, 0, 10));
    assert_eq!(take_all(&mut backlog), [1]);
    assert_eq!(backlog.len(), 1);
}

#[test]
fn applications_have_rooms_of_their_own_and_turns_by_weight() {
    let mut backlog = Backlog::new(100);
    for (application, weight) in [(1, 1), (2, 3)] {
        backlog.set_weight(ApplicationId(application), weight);
        for number in 0..90 {
            let of = head(MessageKind::Broadcast, u8::try_from(application).unwrap(), number, 0);
            backlog.add(PageHead { application: ApplicationId(application), ..of });
        }
    }
    backlog.wake(Timestamp::from_secs(1));
    let order = take_all(&mut backlog);
    assert_eq!(order.len(), 180);
    let of_first = order[..40].iter().fold(0, |count, message| count + u32::from(*message == 1));
    assert!((9..=11).contains(&of_first), "{of_first} of 40");
}

#[test]
fn a_blocked_group_is_not_loaded_but_for_endings() {
    let mut backlog = Backlog::new(8);
    for number in 0..3 {
        backlog.add(head(MessageKind::Broadcast, 1, number, 0));
    }
    backlog.block(GroupId(1), Timestamp::from_secs(60), true);
    backlog.wake(Timestamp::from_secs(1));
    assert_eq!(take_all(&mut backlog), [0; 0]);
    assert_eq!(backlog.next_due(), Some(Timestamp::from_secs(60)));
    assert!(backlog.take_of(ApplicationId(1), MessageId([1; 16])).is_some());
    backlog.leave(&head(MessageKind::Broadcast, 1, 0, 0), false);
    backlog.wake(Timestamp::from_secs(60));
    assert_eq!(take_all(&mut backlog), [1], "for a probe");
    backlog.unblock(GroupId(1));
    assert_eq!(take_all(&mut backlog), [1]);
    assert_eq!((backlog.len(), backlog.next_due()), (0, None));
}

#[test]
fn a_paced_message_has_two_pages_and_takes_no_room() {
    let mut backlog = Backlog::new(3);
    backlog.pace(ApplicationId(1), MessageId([9; 16]));
    for number in 0..9 {
        backlog.add(head(MessageKind::Broadcast, 9, number, 0));
        backlog.add(head(MessageKind::Broadcast, 1, number, 0));
    }
    backlog.wake(Timestamp::from_secs(1));
    assert_eq!(take_all(&mut backlog), [9, 9, 1, 1, 1]);
    backlog.leave(&head(MessageKind::Broadcast, 9, 0, 0), false);
    assert_eq!(take_all(&mut backlog), [9]);
    backlog.forget(ApplicationId(1), MessageId([9; 16]));
    assert_eq!(backlog.len(), 6);
}

#[test]
fn of_groups_that_do_not_answer_one_page_at_a_time_comes_after_all_others() {
    let mut backlog = Backlog::new(3);
    let of = |origin, message, number| PageHead {
        group: GroupId::of(OriginId(origin)),
        ..head(MessageKind::Broadcast, message, number, 0)
    };
    for number in 0..4 {
        backlog.add(of(1, 1, number));
        backlog.add(of(2, 2, number));
    }
    backlog.hear(GroupId::of(OriginId(2)), true);
    backlog.wake(Timestamp::from_secs(1));
    assert_eq!(take_all(&mut backlog), [2, 2, 2, 1]);
    backlog.leave(&of(1, 1, 0), false);
    assert_eq!(take_all(&mut backlog), [1]);
    backlog.hear(GroupId::of(OriginId(2)), false);
    backlog.leave(&of(2, 2, 0), false);
    assert_eq!(take_all(&mut backlog), [0; 0], "two are there still");
    backlog.hear(GroupId::of(OriginId(1)), true);
    assert_eq!(take_all(&mut backlog), [1, 1]);
}

#[test]
fn a_paced_message_does_not_wait_for_groups_that_do_not_answer() {
    let mut backlog = Backlog::new(3);
    let message = MessageId([9; 16]);
    backlog.pace(ApplicationId(1), message);
    for origin in 1..=5 {
        for number in 0..2 {
            let group = GroupId::of(OriginId(origin));
            backlog.add(PageHead { group, ..head(MessageKind::Broadcast, 9, 10 * origin + number, 0) });
        }
    }
    backlog.hear(GroupId::of(OriginId(5)), true);
    backlog.wake(Timestamp::from_secs(1));
    let memory = Memory::new(1_000 * PAGE_DELIVERIES_MAX);
    let pages: Vec<_> = std::iter::from_fn(|| backlog.take(&memory)).map(|head| head.key.number).collect();
    assert_eq!(pages, [50, 51, 10, 20, 30, 40]);
}

impl Backlog {
    /// Each room and each paced message stands among those that may have a page loaded exactly once, at the rank that follows
    /// from what it holds, and nothing else stands there.
    fn check(&self) {
        let limits = &self.limits;
        for of in self.applications.values() {
            let mut open = BTreeSet::new();
            for (group, room) in &of.rooms {
                assert!(!room.is_unused(), "it is forgotten");
                let most = limits.pages_max(*group);
                let opens = !room.ready.is_empty()
                    && room.in_memory < most
                    && room.resting <= 4 * limits.pages_max
                    && limits.loads_beside(*group, room.resting);
                let rank = opens.then(|| room.in_memory + limits.rank(*group));
                assert_eq!(room.rank, rank, "{group:?} {room:?}");
                open.extend(rank.map(|rank| (rank, *group)));
            }
            assert_eq!(of.open, open);
            let paced = of.paced.iter();
            let rank = |(id, paced): (&MessageId, &Paced)| {
                let rank = paced.next(limits).map(|group| paced.pages() + limits.rank(group));
                assert_eq!(paced.rank, rank, "{paced:?}");
                Some((rank?, *id))
            };
            assert_eq!(of.paced_open, paced.filter_map(rank).collect::<BTreeSet<_>>());
            let in_memory: usize = of.paced.values().map(Paced::pages).sum();
            assert_eq!(of.paced_in_memory, in_memory);
        }
    }
}

#[test]
fn every_room_stands_at_its_own_place_through_any_history() {
    let memory = Memory::new(1_000 * PAGE_DELIVERIES_MAX);
    for seed in 0..64 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut backlog = Backlog::new(3);
        backlog.pace(ApplicationId(1), MessageId([9; 16]));
        // Pages that have something to start, and those that rest.
        let (mut present, mut resting) = (Vec::new(), Vec::new());
        let mut number = 0;
        for _ in 0..400 {
            let group = GroupId::of(OriginId(random.random_range(1..4)));
            match random.random_range(0..10) {
                0..3 => {
                    let message = [1, 2, 9][random.random_range(0..3_usize)];
                    number += 1;
                    backlog.add(PageHead { group, ..head(MessageKind::Broadcast, message, number, 0) });
                    backlog.wake(Timestamp::from_secs(1));
                }
                3 | 4 => present.extend(backlog.take(&memory)),
                5 => {
                    let of = MessageId([[1, 2, 9][random.random_range(0..3_usize)]; 16]);
                    present.extend(backlog.take_of(ApplicationId(1), of));
                }
                6 => {
                    backlog.hear(group, random.random_range(0..2) == 0);
                }
                7 if random.random_range(0..2) == 0 => backlog.unblock(group),
                7 => backlog.block(group, Timestamp::from_secs(1), random.random_range(0..2) == 0),
                8 => {
                    if let Some(head) = present.pop() {
                        backlog.rest(&head);
                        resting.push(head);
                    }
                }
                _ => {
                    if let Some(head) = present.pop() {
                        backlog.leave(&head, false);
                    } else if let Some(head) = resting.pop() {
                        backlog.leave(&head, true);
                    }
                }
            }
            backlog.check();
        }
    }
}

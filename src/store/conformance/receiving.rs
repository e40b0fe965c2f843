//! Receipts: each kind counts once, whatever the delivery's state; the log has them; they go with the events.

use std::time::Duration;

use super::trimming::trim;
use super::{
    Harness, START, application, broadcast, commit, events, message, page, planned, settling, stranger,
};
use crate::domain::{
    ApplicationId, Audience, Clock as _, DeliveryState, MessageId, MessageSpec, Outcome, Receipt,
    ReceiptCounts, ReceiptKind, Report, SubscriptionId,
};
use crate::store::{FeedEntry, NewMessage, PageKey, Received, Recipients, Retention, Segment, Store};

const MINUTE: Duration = Duration::from_secs(60);
const RETENTION: Retention =
    Retention { events: MINUTE, messages: Duration::from_secs(86_400), changes: MINUTE, removed: MINUTE };

fn receipt(message: MessageId, delivery: SubscriptionId, kind: ReceiptKind) -> Receipt {
    let action = if kind == ReceiptKind::Clicked { "open" } else { "" };
    Receipt {
        message,
        delivery,
        inline: false,
        user_id: "anna".to_owned(),
        report: Report { kind, action: action.to_owned(), time: START, occurred: Some(START.minus(MINUTE)) },
    }
}

async fn receive(store: &dyn Store, app: ApplicationId, receipts: &[Receipt]) -> Vec<Received> {
    store.receive(app, receipts.to_vec()).await.unwrap()
}

async fn segments(store: &dyn Store, app: ApplicationId, message: MessageId) -> Vec<Segment> {
    store.segments(app, message, 0, 999).await.unwrap()
}

fn receipts_of(segments: &[Segment]) -> Vec<Receipt> {
    segments.iter().flat_map(|segment| segment.receipts.clone()).collect()
}

pub(crate) async fn receipts_count_once_of_each_kind(harness: &dyn Harness) {
    use ReceiptKind::{Clicked, Closed, Displayed};
    let store = harness.open();
    let app = application(&*store).await;
    let id = planned(&*store, app, vec![page(0, 2)]).await;
    let (one, other) = (stranger(0, 0), stranger(0, 1));
    let all = [receipt(id, one, Displayed), receipt(id, one, Clicked), receipt(id, other, Displayed)];
    // Before the delivery has ended; twice in one call.
    let twice = [all.as_slice(), &all[..1]].concat();
    let answers = receive(&*store, app, &twice).await;
    assert_eq!(answers, [Received::Recorded, Received::Recorded, Received::Recorded, Received::Repeated]);
    let store = harness.reopen(store);
    assert_eq!(receive(&*store, app, &all).await, [Received::Repeated; 3]);
    assert_eq!(receipts_of(&segments(&*store, app, id).await), all);

    let ids = [one, other];
    let key = PageKey { message: id, number: 0 };
    let ends = settling(key, &ids, DeliveryState::Accepted, Outcome::Accepted);
    assert_eq!(commit(&*store, app, id, vec![ends]).await, [id]);
    let ended = store.message(app, id).await.unwrap().unwrap();
    // And after it has.
    let late = receipt(id, other, Closed);
    assert_eq!(receive(&*store, app, std::slice::from_ref(&late)).await, [Received::Recorded]);
    let store = harness.reopen(store);
    let record = store.message(app, id).await.unwrap().unwrap();
    assert_eq!(record.status.receipts, ReceiptCounts { displayed: 2, clicked: 1, closed: 1 });
    assert_eq!(record.status.counts, ended.status.counts, "receipts change nothing else");
    assert_eq!((record.last_seq, record.status.ended), (ended.last_seq, ended.status.ended));
    let found = segments(&*store, app, id).await;
    assert_eq!(receipts_of(&found).last(), Some(&late));
    assert!(found.last().unwrap().seq > ended.last_seq);
    assert_eq!(events(&*store, app, id).await.len(), 2);
    // The feed tells of it like of events.
    let feed = store.feed(app, 0, 99).await.unwrap();
    assert_eq!(feed.last().unwrap().entries, [FeedEntry::Events(id)]);
    assert_eq!(store.log_octets(), store.log_octets().max(1));
    let reports = store.reports(id, vec![Some(other), Some(one), Some(stranger(9, 9)), None]).await.unwrap();
    let kinds: Vec<Vec<ReceiptKind>> =
        reports.iter().map(|of| of.iter().map(|report| report.kind).collect()).collect();
    assert_eq!(kinds, [vec![Displayed, Closed], vec![Displayed, Clicked], vec![], vec![]]);
    assert_eq!(reports[1][1], all[1].report);
}

pub(crate) async fn receipts_of_what_is_not_there_do_not_count(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let other = store.application("other").await.unwrap().id;
    let id = planned(&*store, app, vec![page(0, 1)]).await;
    let seq = *store.synced(app).borrow();
    let unknown = receipt(MessageId([9; 16]), stranger(0, 0), ReceiptKind::Displayed);
    assert_eq!(receive(&*store, app, &[unknown]).await, [Received::TooLate]);
    let foreign = receipt(id, stranger(0, 0), ReceiptKind::Displayed);
    assert_eq!(receive(&*store, other, &[foreign]).await, [Received::TooLate]);
    assert_eq!(*store.synced(app).borrow(), seq, "nothing was written");
}

pub(crate) async fn inline_deliveries_are_reported_by_their_message(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let id = broadcast(&*store, app, Audience::All).await;
    let inline = Receipt { inline: true, ..receipt(id, stranger(7, 7), ReceiptKind::Displayed) };
    assert_eq!(receive(&*store, app, std::slice::from_ref(&inline)).await, [Received::Recorded]);
    let store = harness.reopen(store);
    assert_eq!(store.reports(id, vec![None]).await.unwrap(), [vec![inline.report.clone()]]);
    assert_eq!(receipts_of(&segments(&*store, app, id).await), [inline]);
}

pub(crate) async fn many_receipts_share_commits(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let id = planned(&*store, app, vec![page(0, 1)]).await;
    let before = *store.synced(app).borrow();
    let all: Vec<Receipt> = (0..500)
        .map(|number| receipt(id, stranger(number, 0), ReceiptKind::ALL[number as usize % 3]))
        .collect();
    assert_eq!(receive(&*store, app, &all).await, vec![Received::Recorded; 500]);
    let commits = *store.synced(app).borrow() - before;
    assert!((2..50).contains(&commits), "{commits}");
    assert_eq!(receipts_of(&segments(&*store, app, id).await), all);
    let ReceiptCounts { displayed, clicked, closed } =
        store.message(app, id).await.unwrap().unwrap().status.receipts;
    assert_eq!((displayed, clicked, closed), (167, 167, 166));
}

pub(crate) async fn whether_receipts_are_requested_is_kept(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let asking = MessageSpec { receipt_token_at: Some(17), ..super::spec() };
    let new = NewMessage { spec: asking.into(), ..message(app, Recipients::Audience(Audience::All)) };
    let id = store.accept(new).await.unwrap().record.status.id;
    let store = harness.reopen(store);
    let open = store.open_messages().await.unwrap();
    assert_eq!(open[0].spec.receipt_token_at, Some(17));
    assert!(store.message(app, id).await.unwrap().unwrap().status.requests_receipts);
    let plain = broadcast(&*store, app, Audience::All).await;
    assert!(!store.message(app, plain).await.unwrap().unwrap().status.requests_receipts);
}

pub(crate) async fn receipts_go_with_the_events(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let mut ids = Vec::new();
    for number in 0..2 {
        let id = planned(&*store, app, vec![page(number, 1)]).await;
        let key = PageKey { message: id, number };
        let ends = settling(key, &[stranger(number, 0)], DeliveryState::Accepted, Outcome::Accepted);
        assert_eq!(commit(&*store, app, id, vec![ends]).await, [id]);
        ids.push(id);
    }
    let many: Vec<Receipt> =
        (0..300).map(|number| receipt(ids[0], stranger(number, 0), ReceiptKind::Displayed)).collect();
    harness.clock().advance(MINUTE * 2);
    // Late ones keep their message for their own time, and no other.
    receive(&*store, app, &many).await;
    let last = *store.synced(app).borrow();
    store.reap(app, Vec::new(), last).await.unwrap();
    assert_eq!(trim(&*store, RETENTION).await.events_of, 1);
    assert!(store.message(app, ids[1]).await.unwrap().unwrap().trimmed);
    assert!(!store.message(app, ids[0]).await.unwrap().unwrap().trimmed);
    assert_eq!(receipts_of(&segments(&*store, app, ids[0]).await), many);

    harness.clock().advance(Duration::from_secs(7_200));
    assert_eq!(trim(&*store, RETENTION).await.events_of, 1);
    let store = harness.reopen(store);
    assert_eq!((store.log_octets(), segments(&*store, app, ids[0]).await), (0, vec![]));
    assert_eq!(store.reports(ids[0], vec![Some(stranger(5, 0))]).await.unwrap(), [vec![]]);
    let late = receipt(ids[0], stranger(301, 0), ReceiptKind::Displayed);
    assert_eq!(receive(&*store, app, &[late]).await, [Received::TooLate]);
    assert_eq!(store.message(app, ids[0]).await.unwrap().unwrap().status.receipts.displayed, 300);
    harness.clock().advance(RETENTION.messages);
    assert_eq!(trim(&*store, RETENTION).await.messages, 2);
    assert!(harness.clock().now() > START);
}

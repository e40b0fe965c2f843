//! The audit log.

use std::time::Duration;

use super::{Harness, START, application, message};
use crate::domain::{
    Addressed, ApplicationId, Audience, AuditEntry, AuditFilter, CalledBy, Clock as _, FieldChange,
    MessageKind, Stop, Timestamp,
};
use crate::store::{AuditRetention, MessageFilter, NewMessage, Recipients, Store};

const MINUTE: Duration = Duration::from_secs(60);
const ALL: AuditRetention = AuditRetention { age: Duration::from_secs(86_400), octets_max: 1 << 20 };

fn caller(name: &str) -> CalledBy {
    CalledBy { name: name.into(), address: Some([192, 0, 2, 7].into()) }
}

fn entry(application: ApplicationId, object: &str) -> AuditEntry {
    AuditEntry {
        time: Timestamp::default(),
        caller: caller("apiTokens/0102030405060708090a0b0c0d0e0f10"),
        action: "UpdateApplication".to_owned(),
        application,
        application_name: "shop".to_owned(),
        object: object.to_owned(),
        count: Some(3),
        changes: vec![FieldChange::new("quotas.weight", "1", "2")],
    }
}

/// The objects of all entries, newest first, read two at a time.
async fn objects(store: &dyn Store, filter: &AuditFilter) -> Vec<String> {
    let (mut objects, mut before) = (Vec::new(), None);
    loop {
        let listed = store.audit_entries(filter, before, 2).await.unwrap();
        assert!(listed.entries.len() <= 2);
        objects.extend(listed.entries.into_iter().map(|(_, entry)| entry.object));
        before = listed.next;
        if before.is_none() {
            return objects;
        }
    }
}

pub(crate) async fn entries_come_newest_first(harness: &dyn Harness) {
    let store = harness.open();
    let (one, other) = (ApplicationId(1), ApplicationId(2));
    for (application, object) in [(one, "a"), (other, "b"), (one, "c")] {
        store.audit(entry(application, object)).await.unwrap();
        harness.clock().advance(MINUTE);
    }
    // A clock that is set back takes nothing out of order.
    let now = harness.clock().now();
    harness.clock().set(START.minus(MINUTE));
    store.audit(entry(one, "d")).await.unwrap();
    harness.clock().set(now);
    let store = harness.reopen(store);
    let all = AuditFilter::default();
    assert_eq!(objects(&*store, &all).await, ["d", "c", "b", "a"]);
    let listed = store.audit_entries(&all, None, 9).await.unwrap();
    let times: Vec<_> = listed.entries.iter().map(|(_, entry)| entry.time).collect();
    let at = |minutes: u32| START.plus(MINUTE * minutes);
    assert_eq!(times, [at(2), at(2), at(1), at(0)]);
    assert_eq!(listed.entries[3].1, AuditEntry { time: START, ..entry(one, "a") });
    let of = AuditFilter { application: Some(one), ..all.clone() };
    assert_eq!(objects(&*store, &of).await, ["d", "c", "a"]);
    let between = AuditFilter { since: Some(at(1)), until: Some(at(2)), ..all };
    assert_eq!(objects(&*store, &between).await, ["b"]);
}

pub(crate) async fn the_oldest_go_first(harness: &dyn Harness) {
    let store = harness.open();
    let all = AuditFilter::default();
    for number in 0..200 {
        store.audit(entry(ApplicationId(1), &format!("{number:03}"))).await.unwrap();
        harness.clock().advance(MINUTE);
    }
    assert_eq!(store.trim_audit(ALL).await.unwrap().rows, 0);
    let trim = async |retention| while store.trim_audit(retention).await.unwrap().more {};
    // The entries of the last hour stay.
    trim(AuditRetention { age: MINUTE * 60, ..ALL }).await;
    let kept = objects(&*store, &all).await;
    assert_eq!((kept.len(), kept.last().map(String::as_str)), (59, Some("141")));
    // Then those that fit: all are as long as the other.
    let octets_max = 10 * 128;
    trim(AuditRetention { octets_max, ..ALL }).await;
    let fitting = objects(&*store, &all).await;
    assert!((8..=20).contains(&fitting.len()), "{}", fitting.len());
    assert_eq!(fitting, kept[..fitting.len()]);
    // What came meanwhile counts too.
    store.audit(entry(ApplicationId(1), "new")).await.unwrap();
    trim(AuditRetention { octets_max, ..ALL }).await;
    assert_eq!(objects(&*store, &all).await.len(), fitting.len());
    trim(AuditRetention { octets_max: 0, ..ALL }).await;
    assert!(objects(&*store, &all).await.is_empty());
}

pub(crate) async fn messages_keep_who_sent_them(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let accept = async |kind: MessageKind, by: Option<CalledBy>| {
        let recipients = Recipients::Audience(Audience::Users(vec!["ada".to_owned()]));
        let new = NewMessage { kind, caller: by, ..message(app, recipients) };
        harness.clock().advance(MINUTE);
        store.accept(new).await.unwrap().record
    };
    let send = accept(MessageKind::Send, Some(caller("anonymous"))).await;
    let broadcast = accept(MessageKind::Broadcast, Some(caller("anonymous"))).await;
    let nobody = accept(MessageKind::Broadcast, None).await;
    assert_eq!(send.status.caller, Some(caller("anonymous")));
    assert_eq!(send.status.addressed.as_deref(), Some(&Addressed::User("ada".to_owned())));
    // Only the broadcast is in the audit log.
    assert_eq!(objects(&*store, &AuditFilter::default()).await, [broadcast.status.id.name()]);
    let stopped = store.stop(app, broadcast.status.id, Stop::Cancelled).await.unwrap().unwrap();
    assert_eq!(stopped.status.caller, Some(caller("anonymous")));
    let found = async |filter: MessageFilter| -> Vec<_> {
        let listed = store.list_messages(app, &filter, None, 9).await.unwrap();
        listed.messages.into_iter().map(|status| status.id).collect()
    };
    let all = MessageFilter::default();
    let [send, broadcast, nobody] = [send, broadcast, nobody].map(|record| record.status);
    assert_eq!(found(all.clone()).await, [nobody.id, broadcast.id, send.id]);
    let by = MessageFilter { callers: Some(["anonymous".into()].into()), ..all.clone() };
    assert_eq!(found(by).await, [broadcast.id, send.id]);
    let for_ada = MessageFilter { user_id: Some("ada".to_owned()), ..all.clone() };
    assert_eq!(found(for_ada).await.len(), 3);
    let (since, until) = (Some(broadcast.created), Some(nobody.created));
    assert_eq!(found(MessageFilter { since, until, ..all.clone() }).await, [broadcast.id]);
    assert_eq!(found(MessageFilter { until: since, ..all.clone() }).await, [send.id]);
    assert_eq!(found(MessageFilter { since: until, note: "a no".to_owned(), ..all }).await, [nobody.id]);
}

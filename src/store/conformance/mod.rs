//! What every store must do, as tests: the promises of [`super::Store`], one by one. A store of another kind brings a
//! [`Harness`] and calls [`conformance!`]; a change of the contract changes this suite first.

pub(crate) mod addressees;
pub(crate) mod administering;
pub(crate) mod applications;
pub(crate) mod audiences;
pub(crate) mod auditing;
pub(crate) mod changing;
pub(crate) mod held;
pub(crate) mod learning;
pub(crate) mod messages;
pub(crate) mod model;
pub(crate) mod origins;
pub(crate) mod planning;
pub(crate) mod receiving;
pub(crate) mod recording;
pub(crate) mod stopping;
pub(crate) mod subscribing;
pub(crate) mod subscriptions;
pub(crate) mod trimming;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Accepted, AudienceChunk, EntryState, GroupId, MessageCommit, MessageFilter, NewMessage, NewPage, Owner,
    PageCommit, PageEntry, PageKey, PageUpdate, PlanStep, Recipients, Store, Subscribe, Subscribed,
};
use crate::domain::{
    ApplicationId, Audience, ContentEncoding, DeliveryEvent, DeliveryState, Endpoint, ManualClock, MessageId,
    MessageKind, MessageSpec, MessageState, MessageStatus, Outcome, Padding, Payload, Subscription,
    SubscriptionId, SubscriptionKeys, Target, Timestamp, Urgency, VapidKeyId,
};

/// A place for a store's data, which outlives the store.
pub(crate) trait Harness: Send + Sync {
    /// Opens the store.
    fn open(&self) -> Arc<dyn Store>;

    /// Ends a store without closing it, as hard as its kind allows, and opens it again.
    fn reopen(&self, store: Arc<dyn Store>) -> Arc<dyn Store>;

    /// What the store takes for the time.
    fn clock(&self) -> &ManualClock;
}

/// Runs the whole suite over new harnesses that an expression makes.
macro_rules! conformance {
    ($harness:expr) => {
        $crate::store::conformance::conformance!($harness;
            applications: are_made_once, keys_are_numbered, tokens_are_replaced, secrets_stay, origins_are_numbered,
                api_tokens_are_kept_used_and_removed;
            administering: applications_are_made_and_changed, subscriptions_beyond_the_quota_are_refused,
                subscriptions_are_counted_by_their_key, keys_are_retired, retired_keys_are_removed, a_deleted_application_is_cleared_away;
            addressees: deliveries_are_for_their_user, members_who_have_left_are_told, who_is_named_is_who_it_was_then;
            subscribing: the_endpoint_decides, empty_fields_stay, another_user_gets_nothing,
                a_page_takes_nothing_without_its_keys, all_spellings_are_one_subscription,
                topics_keep_their_time, replaces_keeps_the_name, replaces_a_stored_endpoint,
                replaces_of_another_user, unknown_replaces_is_passed_over, very_many_are_stored_as_one;
            subscriptions: are_selected_and_removed, many_of_a_user_are_removed, are_patched, are_listed_in_order,
                targets_come_as_asked, only_evidence_on_this_generation_counts, applications_are_apart;
            messages: are_accepted_with_their_pages, recipients_are_looked_up_with_the_message,
                who_sends_again_joins_though_the_recipient_has_gone, big_sends_take_several_pages, nobody_is_an_end,
                request_ids_are_used_once, racing_request_ids_have_one_winner, are_listed_newest_first,
                are_estimated_from_counters, survive_open, identifiers_rise;
            auditing: entries_come_newest_first, the_oldest_go_first, messages_keep_who_sent_them;
            audiences: topics_are_merged, everyone_who_had_joined, lists_tell_who_is_missing,
                users_are_read_in_pieces, long_lists_keep_their_order;
            planning: pages_come_before_the_cursor, an_interrupted_step_is_told, missing_ones_count,
                an_empty_plan_ends, wrong_pages_are_refused, pages_count_how_often_they_are_taken_up,
                pages_have_the_targets_of_now;
            recording: events_come_back_whole, retries_are_kept, counters_reconcile, settled_pages_stay_settled,
                commits_must_match_their_pages, big_commits_leave_no_gap, messages_share_a_commit,
                cancelled_deliveries_tell, feeds_tell_of_all, times_lead_to_numbers, ended_messages_lose_their_payload;
            changing: tell_what_became_of_subscriptions, tell_why_push_services_caused_them, have_a_sequence_of_their_own,
                times_lead_to_changes;
            stopping: scheduled_messages_wait, stopped_messages_end_cancelled, stopped_before_its_start,
                the_newest_with_a_collapse_key_goes_on;
            learning: evidence_is_found_in_segments, limits_of_bodies_are_kept,
                acceptances_are_noted_once_a_day, refusals_on_many_days_disable;
            held: those_set_aside_are_kept_whole, operators_release_and_discard, the_disabled_are_enabled,
                what_evidence_removed_is_restored, acceptances_are_counted_in_the_log, subscribing_again_revives;
            trimming: events_go_first_and_messages_later, what_is_open_stays, request_ids_keep_their_messages,
                big_messages_go_in_steps, changes_go_by_their_age, times_lead_past_what_has_gone;
            origins: unused_ones_are_forgotten, rows_may_move_while_they_are_read;
            receiving: receipts_count_once_of_each_kind, receipts_of_what_is_not_there_do_not_count,
                inline_deliveries_are_reported_by_their_message, many_receipts_share_commits,
                whether_receipts_are_requested_is_kept, receipts_go_with_the_events;
            model: subscriptions_behave_like_the_model;
        );
    };
    ($harness:expr; $($file:ident: $($name:ident),+;)+) => {$(
        mod $file {
            $(
                #[tokio::test]
                async fn $name() {
                    $crate::store::conformance::$file::$name(&$harness).await;
                }
            )+
        }
    )+};
}
pub(crate) use conformance;

/// When the clocks of harnesses start.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// The application that most tests use.
pub(crate) async fn application(store: &dyn Store) -> ApplicationId {
    store.application("default").await.unwrap().id
}

pub(crate) fn endpoint(number: u32) -> Endpoint {
    Endpoint::parse(&format!("https://push{}.example.net/p/{number}", number % 3), false).unwrap()
}

/// A request for endpoint `number`, with what a browser says and nothing else.
pub(crate) fn browser(application: ApplicationId, number: u32) -> Subscribe {
    Subscribe {
        application,
        endpoint: endpoint(number),
        keys: SubscriptionKeys { p256dh: [4; 65], auth: [number as u8; 16] },
        encoding: ContentEncoding::Aes128Gcm,
        expires: None,
        vapid_key: None,
        current_vapid_key: VapidKeyId(1),
        user_id: String::new(),
        topics: Vec::new(),
        labels: BTreeMap::new(),
        locale: String::new(),
        time_zone: String::new(),
        replaces: None,
        subscriptions_max: None,
        validate_only: false,
        bulk: false,
        by_page: false,
    }
}

pub(crate) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Subscribes endpoint `number` with topics.
pub(crate) async fn subscribe(
    store: &dyn Store,
    application: ApplicationId,
    number: u32,
    topics: &[&str],
) -> Subscribed {
    let subscribe = Subscribe { topics: names(topics), ..browser(application, number) };
    store.subscribe(subscribe).await.unwrap()
}

/// Subscribes endpoint `number` for a user.
pub(crate) async fn subscribe_user(
    store: &dyn Store,
    application: ApplicationId,
    number: u32,
    user: &str,
) -> Subscription {
    let subscribe = Subscribe { user_id: user.to_owned(), ..browser(application, number) };
    store.subscribe(subscribe).await.unwrap().subscription
}

/// A subscription as the change feed shows it.
pub(crate) fn blank(subscription: &Subscription) -> Subscription {
    let mut blank = subscription.clone();
    blank.target.endpoint = Endpoint::parse(blank.target.endpoint.origin().as_str(), false).unwrap();
    blank.target.keys = SubscriptionKeys { p256dh: [0; 65], auth: [0; 16] };
    blank
}

pub(crate) fn spec() -> MessageSpec {
    MessageSpec {
        payload: Payload("a payload".into()),
        ttl: Duration::from_secs(3_600),
        urgency: Urgency::High,
        topic_header: Some("abc".to_owned()),
        padding: Padding::PowerOfTwo,
        max_per_second: Some(12.5),
        labels: [("campaign".to_owned(), "autumn".to_owned())].into(),
        note: "a note".to_owned(),
        receipt_token_at: None,
    }
}

pub(crate) fn message(application: ApplicationId, recipients: Recipients) -> NewMessage {
    let kind = match &recipients {
        Recipients::Named { .. } | Recipients::Targets(_) => MessageKind::Send,
        Recipients::Audience(_) => MessageKind::Broadcast,
    };
    NewMessage {
        application,
        kind,
        spec: Arc::new(spec()),
        recipients,
        request_id: String::new(),
        request_hash: [0; 32],
        targets_estimate: 7,
        start: None,
        collapse: None,
        caller: None,
    }
}

/// Accepts a Send to these targets.
pub(crate) async fn send(store: &dyn Store, application: ApplicationId, targets: Vec<Target>) -> Accepted {
    store.accept(message(application, Recipients::Targets(targets))).await.unwrap()
}

/// Accepts a Broadcast.
pub(crate) async fn broadcast(
    store: &dyn Store,
    application: ApplicationId,
    audience: Audience,
) -> MessageId {
    let message = message(application, Recipients::Audience(audience));
    store.accept(message).await.unwrap().record.status.id
}

/// Reads an audience to its end, in pieces of `limit`.
pub(crate) async fn read_audience(
    store: &dyn Store,
    application: ApplicationId,
    message: MessageId,
    limit: usize,
) -> AudienceChunk {
    let mut all = AudienceChunk::default();
    while !all.done {
        let chunk = store.audience(application, message, &all.cursor, limit).await.unwrap();
        assert!(chunk.targets.len() + chunk.missing.len() <= limit);
        assert!(chunk.done || chunk.cursor != all.cursor, "no progress");
        all.targets.extend(chunk.targets);
        all.missing.extend(chunk.missing);
        (all.cursor, all.done) = (chunk.cursor, chunk.done);
    }
    all
}

pub(crate) fn ids_of(targets: &[Target]) -> Vec<SubscriptionId> {
    targets.iter().map(|target| target.id).collect()
}

/// A page of subscriptions that need not exist.
pub(crate) fn page(number: u32, entries: u8) -> NewPage {
    NewPage {
        number,
        group: GroupId(3),
        entries: (0..entries)
            .map(|place| PageEntry::Stored(stranger(number, place), Owner::NOBODY))
            .collect(),
        due: START,
    }
}

/// A subscription that does not exist.
pub(crate) fn stranger(page: u32, place: u8) -> SubscriptionId {
    let mut id = [place; 16];
    id[1..5].copy_from_slice(&page.to_be_bytes());
    SubscriptionId(id)
}

/// A step that does nothing.
pub(crate) fn step(application: ApplicationId, message: MessageId) -> PlanStep {
    PlanStep {
        application,
        message,
        kind: MessageKind::Broadcast,
        pages: Vec::new(),
        cursor: None,
        ended: Vec::new(),
        done: false,
    }
}

/// A Broadcast to everyone whose plan is done, with these pages.
pub(crate) async fn planned(store: &dyn Store, application: ApplicationId, pages: Vec<NewPage>) -> MessageId {
    let message = broadcast(store, application, Audience::All).await;
    let ended = store.plan(PlanStep { pages, done: true, ..step(application, message) }).await.unwrap();
    assert!(!ended);
    message
}

/// A plain event.
pub(crate) fn event(
    message: MessageId,
    subscription: SubscriptionId,
    state: DeliveryState,
    outcome: Outcome,
) -> DeliveryEvent {
    DeliveryEvent {
        message,
        subscription: Some(subscription),
        generation: 1,
        user_id: String::new(),
        origin: "https://push.example.net".to_owned(),
        state,
        outcome,
        attempt: 1,
        http_status: Some(201),
        time: START,
        next_attempt: None,
        latency: Some(Duration::from_millis(12)),
        granted_ttl: None,
        detail: String::new(),
        past: Vec::new(),
    }
}

/// The commit that settles a whole page, each entry with this end.
pub(crate) fn settling(
    key: PageKey,
    ids: &[SubscriptionId],
    state: DeliveryState,
    outcome: Outcome,
) -> PageCommit {
    PageCommit {
        events: ids.iter().map(|id| event(key.message, *id, state, outcome)).collect(),
        update: PageUpdate { key, entries: vec![EntryState::Settled; ids.len()], due: START },
        retrying_change: 0,
    }
}

/// Commits pages of one message.
pub(crate) async fn commit(
    store: &dyn Store,
    application: ApplicationId,
    message: MessageId,
    pages: Vec<PageCommit>,
) -> Vec<MessageId> {
    let messages = vec![MessageCommit { message, pages }];
    store.commit(super::Commit { application, urgent: false, messages }.into()).await.unwrap()
}

/// Messages as callers list them: on and on, until there are `limit` or no more.
pub(crate) async fn listed(
    store: &dyn Store,
    application: ApplicationId,
    states: &[MessageState],
    before: Option<MessageId>,
    limit: usize,
) -> Vec<MessageStatus> {
    let filter = MessageFilter::of_states(states);
    let (mut found, mut before) = (Vec::new(), before);
    loop {
        let most = limit - found.len();
        let some = store.list_messages(application, &filter, before, most).await.unwrap();
        found.extend(some.messages);
        before = some.next;
        if found.len() >= limit || before.is_none() {
            return found;
        }
    }
}

/// All events of a message, in order, out of its segments, read two at a time.
pub(crate) async fn events(
    store: &dyn Store,
    application: ApplicationId,
    message: MessageId,
) -> Vec<DeliveryEvent> {
    let (mut from, mut events) = (0, Vec::new());
    loop {
        let segments = store.segments(application, message, from, 2).await.unwrap();
        let Some(last) = segments.last() else { return events };
        assert!(segments.len() <= 2 && segments[0].seq >= from);
        from = last.seq + 1;
        events.extend(segments.into_iter().flat_map(|segment| segment.events));
    }
}

//! No field is silently ignored: each field of each message that a request can hold is in the table below, and each entry
//! proves that the field is read or refused. A field that is missing from the table fails the test.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{Kind, MessageDescriptor, Value as Reflected};
use serde_json::{Value, json};
use tonic::Code;

use crate::harness::{POOL, Refused, Server, browser};

/// How a field shows that it is not ignored.
enum Proof {
    /// A wrong value is reported under this path.
    Violation(&'static str, Value, &'static str),
    /// A wrong value is refused with this reason.
    Reason(&'static str, Value, &'static str),
    /// It is refused as something still to come.
    NotImplemented(&'static str, Value),
    /// The answer is another one than without it: with it, without it.
    Changes(&'static str, Value, Value),
    /// No answer shows it: this test does.
    ProvedBy(&'static str),
    /// The contract says that it is only ever answered, never asked.
    OutputOnly,
}
use Proof::{Changes, NotImplemented, OutputOnly, ProvedBy, Reason, Violation};

const NOBODY: &str = "subscriptions/00000000000000000000000000000000";

/// A dry run of a Send with this message.
fn send(message: Value) -> Value {
    json!({"pushSubscription": browser("p"), "message": message, "validateOnly": true})
}

fn broadcast(audience: Value) -> Value {
    json!({"audience": audience, "message": {"empty": {}}, "validateOnly": true})
}

/// A Send of a notification with a title and these members.
fn notification(members: Value) -> Value {
    let mut notification = json!({"title": "t"});
    notification.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    send(json!({"notification": notification}))
}

/// A text that makes any payload too large that it is written into.
fn long() -> String {
    "x".repeat(3_993)
}

fn with(mut request: Value, member: &str, value: impl Into<Value>) -> Value {
    request[member] = value.into();
    request
}

/// A browser's subscription with one member changed.
fn subscribe(member: &str, value: Value) -> Value {
    json!({"pushSubscription": with(browser("p"), member, value), "validateOnly": true})
}

fn update(subscription: Value, mask: &str) -> Value {
    json!({"name": NOBODY, "subscription": subscription, "updateMask": mask})
}

/// A dry run of CreateApplication with one member changed.
fn application(member: &str, value: Value) -> Value {
    let application = json!({"id": "made", "contact": "mailto:ops@example.com"});
    json!({"application": with(application, member, value), "validateOnly": true})
}

/// Exactly as large as a payload may be; one octet more is too large.
fn full_notification(members: Value) -> Value {
    let around = r#"{"notification":{"title":"t","body":""}}"#.len();
    notification(with(members, "body", "x".repeat(3_993 - around)))
}

#[rustfmt::skip]
fn proofs() -> Vec<(&'static str, Proof)> {
    let elsewhere = json!({"application": "none"});
    let none = "APPLICATION_NOT_FOUND";
    let ok = json!({"empty": {}});
    let quota = |name: &str, value: i32| application("quotas", json!({name: value}));
    vec![
        ("CreateApplicationRequest.application", Violation("CreateApplication", json!({}), "application")),
        ("CreateApplicationRequest.validate_only", ProvedBy("one_is_made_used_changed_and_listed")),
        ("GetApplicationRequest.application", Reason("GetApplication", elsewhere.clone(), none)),
        ("ListApplicationsRequest.page_size", Violation("ListApplications", json!({"pageSize": -1}), "page_size")),
        ("ListApplicationsRequest.page_token", Reason("ListApplications", json!({"pageToken": "AAAA"}), "PAGE_TOKEN_INVALID")),
        ("UpdateApplicationRequest.application", Violation("UpdateApplication", json!({"updateMask": "contact"}), "application")),
        ("UpdateApplicationRequest.update_mask", Violation("UpdateApplication", json!({"application": {}}), "update_mask")),
        ("DeleteApplicationRequest.application", Violation("DeleteApplication", json!({}), "application")),
        ("DeleteApplicationRequest.allow_missing", ProvedBy("all_that_is_wrong_is_told_at_once")),
        ("DeleteApplicationRequest.force", ProvedBy("a_deleted_one_is_gone_at_once_and_cleared_away_behind")),
        ("Application.id", Violation("CreateApplication", application("id", json!("No")), "application.id")),
        ("Application.display_name", Violation("CreateApplication", application("displayName", json!(long())), "application.display_name")),
        ("Application.contact", Violation("CreateApplication", application("contact", json!("nobody")), "application.contact")),
        ("Application.defaults", ProvedBy("one_is_made_used_changed_and_listed")),
        ("Application.quotas", ProvedBy("quotas_bound_one_application_and_no_other")),
        ("Application.host_policy", ProvedBy("hosts_are_chosen_for_one_application")),
        ("Application.suspended", ProvedBy("a_suspended_one_sends_nothing_until_it_goes_on")),
        ("Application.stopped_origins", OutputOnly),
        ("Application.subscription_count", OutputOnly),
        ("Application.held", OutputOnly),
        ("Application.create_time", OutputOnly),
        ("Application.update_time", OutputOnly),
        ("Application.etag", Violation("UpdateApplication", json!({"application": {"etag": "*"}, "updateMask": "contact"}), "application.etag")),
        ("StoppedOrigin.origin", OutputOnly),
        ("StoppedOrigin.outcome", OutputOnly),
        ("StoppedOrigin.stop_time", OutputOnly),
        ("StoppedOrigin.detail", OutputOnly),
        ("StoppedOrigin.next_attempt_time", OutputOnly),
        ("StoppedOrigin.vapid_key", OutputOnly),
        ("StoppedOrigin.refused_count", OutputOnly),
        ("StoppedOrigin.slowed", OutputOnly),
        ("StoppedOrigin.remedy", OutputOnly),
        ("HeldSubscriptions.application", OutputOnly),
        ("HeldSubscriptions.outcome", OutputOnly),
        ("HeldSubscriptions.subscription_count", OutputOnly),
        ("HeldSubscriptions.hold_time", OutputOnly),
        ("HeldSubscriptions.refused_count", OutputOnly),
        ("HeldSubscriptions.answered_count", OutputOnly),
        ("HeldSubscriptions.reason", OutputOnly),
        ("HeldSubscriptions.remedy", OutputOnly),
        ("HeldSubscriptions.origin", OutputOnly),
        ("MessageDefaults.ttl", Violation("CreateApplication", application("defaults", json!({"ttl": "-1s"})), "application.defaults.ttl")),
        ("MessageDefaults.urgency", Violation("CreateApplication", application("defaults", json!({"urgency": 77})), "application.defaults.urgency")),
        ("MessageDefaults.padding", Violation("CreateApplication", application("defaults", json!({"padding": 77})), "application.defaults.padding")),
        ("Quotas.max_subscriptions", Violation("CreateApplication", quota("maxSubscriptions", -1), "application.quotas.max_subscriptions")),
        ("Quotas.max_messages_per_second", Violation("CreateApplication", quota("maxMessagesPerSecond", -1), "application.quotas.max_messages_per_second")),
        ("Quotas.max_broadcast_targets", Violation("CreateApplication", quota("maxBroadcastTargets", -1), "application.quotas.max_broadcast_targets")),
        ("Quotas.max_pending_deliveries", Violation("CreateApplication", quota("maxPendingDeliveries", -1), "application.quotas.max_pending_deliveries")),
        ("Quotas.max_streams", Violation("CreateApplication", quota("maxStreams", -1), "application.quotas.max_streams")),
        ("Quotas.weight", Violation("CreateApplication", quota("weight", 1_001), "application.quotas.weight")),
        ("HostPolicy.profile", Violation("CreateApplication", application("hostPolicy", json!({"profile": 77})), "application.host_policy.profile")),
        ("HostPolicy.extra_hosts", ProvedBy("hosts_are_chosen_for_one_application")),
        ("HostPolicy.exceptions", Violation("CreateApplication", application("hostPolicy", json!({"exceptions": ["none"]})), "application.host_policy.exceptions[0]")),
        ("CreateVapidKeyRequest.application", Reason("CreateVapidKey", elsewhere.clone(), none)),
        ("CreateVapidKeyRequest.private_key", Violation("CreateVapidKey", json!({"privateKey": "nonsense"}), "private_key")),
        ("CreateVapidKeyRequest.make_current", ProvedBy("retiring_by_force_disables_those_who_had_the_key")),
        ("ListVapidKeysRequest.application", Reason("ListVapidKeys", elsewhere.clone(), none)),
        ("ListVapidKeysRequest.page_size", Violation("ListVapidKeys", json!({"pageSize": -1}), "page_size")),
        ("ListVapidKeysRequest.page_token", Reason("ListVapidKeys", json!({"pageToken": "AAAA"}), "PAGE_TOKEN_INVALID")),
        ("SetCurrentVapidKeyRequest.application", Reason("SetCurrentVapidKey", elsewhere.clone(), none)),
        ("SetCurrentVapidKeyRequest.name", Violation("SetCurrentVapidKey", json!({}), "name")),
        ("RetireVapidKeyRequest.application", Reason("RetireVapidKey", elsewhere.clone(), none)),
        ("RetireVapidKeyRequest.name", Violation("RetireVapidKey", json!({}), "name")),
        ("RetireVapidKeyRequest.force", ProvedBy("retiring_by_force_disables_those_who_had_the_key")),
        (
            "RetireVapidKeyRequest.remove",
            Violation("RetireVapidKey", json!({"name": "vapidKeys/1", "remove": true, "force": true}), "remove"),
        ),
        ("SubscribeRequest.application", Reason("Subscribe", elsewhere.clone(), none)),
        ("SubscribeRequest.push_subscription", Violation("Subscribe", json!({}), "push_subscription")),
        ("SubscribeRequest.user_id", Violation("Subscribe", json!({"userId": long()}), "user_id")),
        ("SubscribeRequest.topics", Violation("Subscribe", json!({"topics": [""]}), "topics[0]")),
        ("SubscribeRequest.labels", Violation("Subscribe", json!({"labels": {"": ""}}), "labels")),
        ("SubscribeRequest.locale", Violation("Subscribe", json!({"locale": "-"}), "locale")),
        ("SubscribeRequest.time_zone", Violation("Subscribe", json!({"timeZone": "/"}), "time_zone")),
        ("SubscribeRequest.replaces", Violation("Subscribe", json!({"replaces": "x"}), "replaces")),
        ("SubscribeRequest.validate_only", Changes("Subscribe",
            json!({"pushSubscription": browser("p"), "validateOnly": true}), json!({"pushSubscription": browser("p")}))),
        ("PushSubscription.endpoint", Violation("Subscribe", subscribe("endpoint", "".into()), "push_subscription.endpoint")),
        ("PushSubscription.keys", Violation("Subscribe", subscribe("keys", Value::Null), "push_subscription.keys")),
        ("PushSubscription.expiration_time_ms", Violation("Subscribe", subscribe("expirationTime", (-1.0).into()),
            "push_subscription.expiration_time_ms")),
        ("PushSubscription.supported_content_encodings", Violation("Subscribe",
            subscribe("supportedContentEncodings", json!(["x"])), "push_subscription.supported_content_encodings")),
        ("PushSubscription.application_server_key", Violation("Subscribe", subscribe("applicationServerKey", "x".into()),
            "push_subscription.application_server_key")),
        ("PushSubscriptionKeys.p256dh", Violation("Subscribe", subscribe("keys", json!({"p256dh": "AAAA"})),
            "push_subscription.keys.p256dh")),
        ("PushSubscriptionKeys.auth", Violation("Subscribe", subscribe("keys", json!({"auth": "AAAA"})),
            "push_subscription.keys.auth")),

        ("UnsubscribeRequest.application", Reason("Unsubscribe", elsewhere.clone(), none)),
        ("UnsubscribeRequest.name", Violation("Unsubscribe", json!({"name": "x"}), "name")),
        ("UnsubscribeRequest.endpoint", Violation("Unsubscribe", json!({"endpoint": "x"}), "endpoint")),
        ("UnsubscribeRequest.user_id", Violation("Unsubscribe", json!({"userId": ""}), "user_id")),
        ("UnsubscribeRequest.allow_missing", Changes("Unsubscribe",
            json!({"name": NOBODY, "allowMissing": true}), json!({"name": NOBODY}))),

        ("GetSubscriptionRequest.application", Reason("GetSubscription", elsewhere.clone(), none)),
        ("GetSubscriptionRequest.name", Violation("GetSubscription", json!({"name": "x"}), "name")),
        ("GetSubscriptionRequest.endpoint", Violation("GetSubscription", json!({"endpoint": "x"}), "endpoint")),

        ("UpdateSubscriptionRequest.application", Reason("UpdateSubscription", elsewhere.clone(), none)),
        ("UpdateSubscriptionRequest.name", Violation("UpdateSubscription", json!({"name": "x"}), "name")),
        ("UpdateSubscriptionRequest.endpoint", Violation("UpdateSubscription", json!({"endpoint": "x"}), "endpoint")),
        ("UpdateSubscriptionRequest.subscription", Violation("UpdateSubscription", json!({"updateMask": "locale"}),
            "subscription")),
        ("UpdateSubscriptionRequest.update_mask", Violation("UpdateSubscription", update(json!({}), "name"),
            "update_mask.paths[0]")),
        ("UpdateSubscriptionRequest.add_topics", Violation("UpdateSubscription", json!({"addTopics": [""]}),
            "add_topics[0]")),
        ("UpdateSubscriptionRequest.remove_topics", Violation("UpdateSubscription", json!({"removeTopics": [""]}),
            "remove_topics[0]")),
        ("Subscription.name", OutputOnly),
        ("Subscription.application", OutputOnly),
        ("Subscription.endpoint_origin", OutputOnly),
        ("Subscription.user_id", Violation("UpdateSubscription", update(json!({"userId": long()}), "userId"),
            "subscription.user_id")),
        ("Subscription.topics", Violation("UpdateSubscription", update(json!({"topics": [""]}), "topics"),
            "subscription.topics[0]")),
        ("Subscription.labels", Violation("UpdateSubscription", update(json!({"labels": {"": ""}}), "labels"),
            "subscription.labels")),
        ("Subscription.locale", Violation("UpdateSubscription", update(json!({"locale": "-"}), "locale"),
            "subscription.locale")),
        ("Subscription.time_zone", Violation("UpdateSubscription", update(json!({"timeZone": "/"}), "timeZone"),
            "subscription.time_zone")),
        ("Subscription.state", OutputOnly),
        ("Subscription.disabled_outcome", OutputOnly),
        ("Subscription.application_server_key", OutputOnly),
        ("Subscription.expire_time", Violation("UpdateSubscription",
            update(json!({"expireTime": "0001-01-01T00:00:00Z"}), "expireTime"), "subscription.expire_time")),
        ("Subscription.create_time", OutputOnly),
        ("Subscription.update_time", OutputOnly),
        ("Subscription.etag", Violation("UpdateSubscription", update(json!({"etag": "x"}), "locale"),
            "subscription.etag")),

        ("ListSubscriptionsRequest.application", Reason("ListSubscriptions", elsewhere.clone(), none)),
        ("ListSubscriptionsRequest.page_size", Violation("ListSubscriptions", json!({"pageSize": -1}), "page_size")),
        ("ListSubscriptionsRequest.page_token", Reason("ListSubscriptions", json!({"pageToken": "x"}),
            "PAGE_TOKEN_INVALID")),
        ("ListSubscriptionsRequest.user_id", Violation("ListSubscriptions", json!({"userId": ""}), "user_id")),
        ("ListSubscriptionsRequest.topic", Violation("ListSubscriptions", json!({"topic": ""}), "topic")),

        ("SendRequest.application", Reason("Send", elsewhere.clone(), none)),
        ("SendRequest.subscription", Violation("Send", json!({"subscription": "x"}), "subscription")),
        ("SendRequest.user_id", Violation("Send", json!({"userId": ""}), "user_id")),
        ("SendRequest.push_subscription", Violation("Send", json!({"pushSubscription": {}}), "push_subscription.keys")),
        ("SendRequest.message", Violation("Send", json!({}), "message")),
        ("SendRequest.request_id", Violation("Send", json!({"requestId": long()}), "request_id")),
        ("SendRequest.validate_only", Changes("Send",
            json!({"pushSubscription": browser("p"), "message": ok, "validateOnly": true}),
            json!({"pushSubscription": browser("p"), "message": ok}))),
        ("SendRequest.report_level", Violation("Send", json!({"reportLevel": 99}), "report_level")),
        ("SendRequest.include_receipts", ProvedBy("a_stream_that_includes_receipts_outlives_the_deliveries")),
        ("SendRequest.cancel_on_disconnect", ProvedBy("a_caller_who_goes_away_cancels_if_it_said_so")),

        ("Message.data", Violation("Send", send(json!({"data": "A".repeat(5_328)})), "message.data")),
        ("Message.json", Violation("Send", send(json!({"json": {"a": long()}})), "message.json")),
        ("Message.notification", Violation("Send", send(json!({"notification": {}})), "message.notification.title")),
        ("Message.empty", Changes("Send", send(ok.clone()), send(json!({})))),
        ("Message.ttl", Violation("Send", send(json!({"ttl": "-1s"})), "message.ttl")),
        ("Message.urgency", Violation("Send", send(json!({"urgency": 99})), "message.urgency")),
        ("Message.collapse_key", Violation("Send", send(json!({"collapseKey": long()})), "message.collapse_key")),
        ("Message.padding", Violation("Send", send(json!({"padding": 99})), "message.padding")),
        ("Message.send_time", Violation("Send", send(json!({"sendTime": "9999-01-01T00:00:00Z"})), "message.send_time")),
        ("Message.request_receipts", Violation("Send", send(json!({"empty": {}, "requestReceipts": true})),
            "message.request_receipts")),
        ("Message.labels", Violation("Send", send(json!({"labels": {"": ""}})), "message.labels")),
        ("Message.note", Violation("Send", send(json!({"note": long()})), "message.note")),

        ("Notification.title", Violation("Send", notification(json!({"title": ""})), "message.notification.title")),
        ("Notification.body", Violation("Send", notification(json!({"body": long()})), "message.notification")),
        ("Notification.icon", Violation("Send", notification(json!({"icon": long()})), "message.notification")),
        ("Notification.image", Violation("Send", notification(json!({"image": long()})), "message.notification")),
        ("Notification.badge", Violation("Send", notification(json!({"badge": long()})), "message.notification")),
        ("Notification.sound", Violation("Send", notification(json!({"sound": long()})), "message.notification")),
        ("Notification.lang", Violation("Send", notification(json!({"lang": long()})), "message.notification")),
        ("Notification.dir", Violation("Send", notification(json!({"dir": 99})), "message.notification.dir")),
        ("Notification.tag", Violation("Send", notification(json!({"tag": long()})), "message.notification")),
        ("Notification.renotify", Violation("Send", notification(json!({"renotify": true})),
            "message.notification.renotify")),
        ("Notification.silent", Violation("Send", notification(json!({"silent": true, "vibrate": [1]})),
            "message.notification.vibrate")),
        ("Notification.require_interaction", Changes("Send",
            full_notification(json!({"requireInteraction": true})), full_notification(json!({})))),
        ("Notification.vibrate", Violation("Send", notification(json!({"vibrate": [-1]})),
            "message.notification.vibrate")),
        ("Notification.timestamp", Violation("Send", notification(json!({"timestamp": "0001-01-01T00:00:00Z"})),
            "message.notification.timestamp")),
        ("Notification.data", Violation("Send", notification(json!({"data": {"a": long()}})), "message.notification")),
        ("Notification.actions", Violation("Send", notification(json!({"actions": [{}]})),
            "message.notification.actions[0].title")),
        ("Notification.navigate", Violation("Send", notification(json!({"navigate": "x"})),
            "message.notification.navigate")),
        ("Notification.app_badge", Violation("Send", notification(json!({"appBadge": -1})),
            "message.notification.app_badge")),
        ("Notification.mutable", Changes("Send",
            full_notification(json!({"mutable": true})), full_notification(json!({})))),
        ("NotificationAction.action", Violation("Send", notification(json!({"actions": [{"title": "t"}]})),
            "message.notification.actions[0].action")),
        ("NotificationAction.title", Violation("Send", notification(json!({"actions": [{"action": "a"}]})),
            "message.notification.actions[0].title")),
        ("NotificationAction.icon", Violation("Send",
            notification(json!({"actions": [{"action": "a", "title": "t", "icon": long()}]})), "message.notification")),
        ("NotificationAction.navigate", Violation("Send", notification(json!({"actions": [{"navigate": "x"}]})),
            "message.notification.actions[0].navigate")),

        ("BroadcastRequest.application", Reason("Broadcast", elsewhere.clone(), none)),
        ("BroadcastRequest.audience", Violation("Broadcast", json!({}), "audience")),
        ("BroadcastRequest.message", Violation("Broadcast", json!({}), "message")),
        ("BroadcastRequest.request_id", Violation("Broadcast", json!({"requestId": long()}), "request_id")),
        ("BroadcastRequest.validate_only", Changes("Broadcast", broadcast(json!({"all": {}})),
            with(broadcast(json!({"all": {}})), "validateOnly", false))),
        ("BroadcastRequest.report_level", Violation("Broadcast", json!({"reportLevel": 99}), "report_level")),
        ("BroadcastRequest.include_receipts", ProvedBy("a_stream_that_includes_receipts_outlives_the_deliveries")),
        ("BroadcastRequest.cancel_on_disconnect", ProvedBy(
            "a_caller_who_goes_away_cancels_if_it_said_so")),
        ("BroadcastRequest.max_per_second", Violation("Broadcast",
            with(broadcast(json!({"all": {}})), "maxPerSecond", -1.0), "max_per_second")),
        ("Audience.subscriptions", Violation("Broadcast", broadcast(json!({"subscriptions": {}})),
            "audience.subscriptions.names")),
        ("Audience.topics", Violation("Broadcast", broadcast(json!({"topics": {}})), "audience.topics.topics")),
        ("Audience.users", Violation("Broadcast", broadcast(json!({"users": {}})), "audience.users.user_ids")),
        ("Audience.all", Changes("Broadcast", broadcast(json!({"all": {}})), broadcast(json!({})))),
        ("Audience.filter", NotImplemented("Broadcast", broadcast(json!({"filter": "x"})))),
        ("SubscriptionList.names", Violation("Broadcast", broadcast(json!({"subscriptions": {"names": ["x"]}})),
            "audience.subscriptions.names[0]")),
        ("TopicList.topics", Violation("Broadcast", broadcast(json!({"topics": {"topics": [""]}})),
            "audience.topics.topics[0]")),
        ("UserList.user_ids", Violation("Broadcast", broadcast(json!({"users": {"userIds": [""]}})),
            "audience.users.user_ids[0]")),

        ("WatchDeliveriesRequest.application", Reason("WatchDeliveries", elsewhere.clone(), none)),
        ("WatchDeliveriesRequest.parent", Violation("WatchDeliveries", json!({"parent": "x"}), "parent")),
        ("WatchDeliveriesRequest.resume_token", Reason("WatchDeliveries",
            json!({"parent": "messages/-", "resumeToken": "x"}), "RESUME_TOKEN_INVALID")),
        ("WatchDeliveriesRequest.start_time", Violation("WatchDeliveries",
            json!({"startTime": "2030-01-01T00:00:00Z"}), "start_time")),
        ("WatchDeliveriesRequest.report_level", Violation("WatchDeliveries", json!({"reportLevel": 99}),
            "report_level")),
        ("WatchDeliveriesRequest.include_receipts",
            ProvedBy("what_a_browser_reports_is_told_on_streams_in_counts_and_lists")),

        ("GetMessageRequest.application", Reason("GetMessage", elsewhere.clone(), none)),
        ("GetMessageRequest.name", Violation("GetMessage", json!({"name": "x"}), "name")),
        ("ListMessagesRequest.application", Reason("ListMessages", elsewhere.clone(), none)),
        ("ListMessagesRequest.page_size", Violation("ListMessages", json!({"pageSize": -1}), "page_size")),
        ("ListMessagesRequest.page_token", Reason("ListMessages", json!({"pageToken": "x"}), "PAGE_TOKEN_INVALID")),
        ("ListMessagesRequest.states", Violation("ListMessages", json!({"states": [99]}), "states[0]")),
        ("ListMessagesRequest.kind", Violation("ListMessages", json!({"kind": 99}), "kind")),
        ("ListMessagesRequest.caller", Violation("ListMessages", json!({"caller": long()}), "caller")),
        ("ListMessagesRequest.note", Violation("ListMessages", json!({"note": long()}), "note")),
        ("ListMessagesRequest.user_id", Violation("ListMessages", json!({"userId": long()}), "user_id")),
        ("ListMessagesRequest.start_time", Violation("ListMessages", json!({"startTime": "0001-01-01T00:00:00Z"}),
            "start_time")),
        ("ListMessagesRequest.end_time", Violation("ListMessages",
            json!({"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-01T00:00:00Z"}), "end_time")),
        ("ListDeliveriesRequest.application", Reason("ListDeliveries", elsewhere.clone(), none)),
        ("ListDeliveriesRequest.parent", Violation("ListDeliveries", json!({"parent": "x"}), "parent")),
        ("ListDeliveriesRequest.page_size", Violation("ListDeliveries", json!({"pageSize": -1}), "page_size")),
        ("ListDeliveriesRequest.page_token", Reason("ListDeliveries",
            json!({"parent": "messages/00000000000000000000000000000000", "pageToken": "x"}), "PAGE_TOKEN_INVALID")),
        ("ListDeliveriesRequest.states", Violation("ListDeliveries", json!({"states": [99]}), "states[0]")),
        ("ListDeliveriesRequest.outcomes", Violation("ListDeliveries", json!({"outcomes": [99]}), "outcomes[0]")),
        ("ListDeliveriesRequest.subscription", Violation("ListDeliveries", json!({"subscription": "x"}),
            "subscription")),
        ("GetVapidPublicKeyRequest.application", Reason("GetVapidPublicKey", elsewhere.clone(), none)),

        ("WatchSubscriptionsRequest.application", Reason("WatchSubscriptions", elsewhere.clone(), none)),
        ("WatchSubscriptionsRequest.resume_token", Reason("WatchSubscriptions", json!({"resumeToken": "x"}),
            "RESUME_TOKEN_INVALID")),
        ("WatchSubscriptionsRequest.start_time", Violation("WatchSubscriptions",
            json!({"startTime": "2030-01-01T00:00:00Z", "resumeToken": "x"}), "start_time")),
        ("ImportSubscriptionsRequest.subscriptions", Changes("ImportSubscriptions",
            json!({"subscriptions": [{"pushSubscription": browser("imported")}]}), json!({}))),
        ("SendStreamRequest.send", Changes("SendStream", json!({"send": with(with(send(ok.clone()),
            "validateOnly", false), "requestId", "r")}), json!({}))),
        ("CancelMessageRequest.application", Reason("CancelMessage", elsewhere.clone(), none)),
        ("CancelMessageRequest.name", Violation("CancelMessage", json!({"name": "x"}), "name")),
        ("CreateSubscriberTokenRequest.application", Reason("CreateSubscriberToken", elsewhere.clone(), none)),
        ("CreateSubscriberTokenRequest.user_id", Violation("CreateSubscriberToken", json!({}), "user_id")),
        ("CreateSubscriberTokenRequest.topics", Violation("CreateSubscriberToken", json!({"topics": [""]}), "topics[0]")),
        ("CreateSubscriberTokenRequest.ttl", Violation("CreateSubscriberToken", json!({"userId": "x", "ttl": "3601s"}),
            "ttl")),

        ("CreateApiTokenRequest.application", Reason("CreateApiToken", elsewhere.clone(), none)),
        ("CreateApiTokenRequest.api_token", Violation("CreateApiToken", json!({}), "api_token")),
        ("ApiToken.name", OutputOnly),
        ("ApiToken.application", OutputOnly),
        ("ApiToken.all_applications", Violation("CreateApiToken",
            json!({"application": "shop", "apiToken": {"allApplications": true}}), "application")),
        ("ApiToken.roles", Violation("CreateApiToken", json!({"apiToken": {"roles": [0]}}), "api_token.roles[0]")),
        ("ApiToken.display_name", Violation("CreateApiToken", json!({"apiToken": {"displayName": long()}}),
            "api_token.display_name")),
        ("ApiToken.hint", OutputOnly),
        ("ApiToken.expire_time", Violation("CreateApiToken", json!({"apiToken": {"expireTime": "2020-01-01T00:00:00Z"}}),
            "api_token.expire_time")),
        ("ApiToken.create_time", OutputOnly),
        ("ApiToken.last_used_time", OutputOnly),
        ("ListApiTokensRequest.application", Reason("ListApiTokens", elsewhere.clone(), none)),
        ("ListApiTokensRequest.all_applications", Violation("ListApiTokens",
            json!({"application": "shop", "allApplications": true}), "application")),
        ("ListApiTokensRequest.page_size", Violation("ListApiTokens", json!({"pageSize": -1}), "page_size")),
        ("ListApiTokensRequest.page_token", Reason("ListApiTokens", json!({"pageToken": "x"}), "PAGE_TOKEN_INVALID")),
        ("RevokeApiTokenRequest.name", Violation("RevokeApiToken", json!({"name": "x"}), "name")),
        ("RevokeApiTokenRequest.allow_missing", Changes("RevokeApiToken",
            json!({"name": "apiTokens/00000000000000000000000000000000", "allowMissing": true}),
            json!({"name": "apiTokens/00000000000000000000000000000000"}))),

        ("ListOriginsRequest.page_size", Violation("ListOrigins", json!({"pageSize": -1}), "page_size")),
        ("ListOriginsRequest.page_token", Reason("ListOrigins", json!({"pageToken": "x"}), "PAGE_TOKEN_INVALID")),
        ("ResumeOriginRequest.application", Reason("ResumeOrigin", elsewhere.clone(), none)),
        ("ResumeOriginRequest.origin", Violation("ResumeOrigin", json!({"origin": "x"}), "origin")),
        ("ReleaseHeldSubscriptionsRequest.application", Reason("ReleaseHeldSubscriptions", elsewhere.clone(), none)),
        ("ReleaseHeldSubscriptionsRequest.origin", Violation("ReleaseHeldSubscriptions", json!({"origin": "x"}), "origin")),
        ("ReleaseHeldSubscriptionsRequest.outcome", Violation("ReleaseHeldSubscriptions", json!({"origin": "https://push.example.net", "outcome": 99}), "outcome")),
        ("ReleaseHeldSubscriptionsRequest.validate_only", ProvedBy("operators_decide_on_what_is_held")),
        ("ReleaseHeldSubscriptionsRequest.page_token", ProvedBy("operators_decide_on_what_is_held")),
        ("DiscardHeldSubscriptionsRequest.application", Reason("DiscardHeldSubscriptions", elsewhere.clone(), none)),
        ("DiscardHeldSubscriptionsRequest.origin", Violation("DiscardHeldSubscriptions", json!({"origin": "x"}), "origin")),
        ("DiscardHeldSubscriptionsRequest.outcome", Violation("DiscardHeldSubscriptions", json!({"origin": "https://push.example.net", "outcome": 99}), "outcome")),
        ("DiscardHeldSubscriptionsRequest.validate_only", ProvedBy("operators_decide_on_what_is_held")),
        ("DiscardHeldSubscriptionsRequest.page_token", ProvedBy("operators_decide_on_what_is_held")),
        ("RestoreSubscriptionsRequest.application", Reason("RestoreSubscriptions", elsewhere.clone(), none)),
        ("RestoreSubscriptionsRequest.origin", Violation("RestoreSubscriptions", json!({"origin": "x", "startTime": "2026-01-01T00:00:00Z"}), "origin")),
        ("RestoreSubscriptionsRequest.start_time", Violation("RestoreSubscriptions", json!({}), "start_time")),
        ("RestoreSubscriptionsRequest.end_time", Violation("RestoreSubscriptions", json!({"startTime": "2026-01-02T00:00:00Z", "endTime": "2026-01-01T00:00:00Z"}), "end_time")),
        ("RestoreSubscriptionsRequest.validate_only", ProvedBy("what_was_removed_by_evidence_comes_back")),
        ("RestoreSubscriptionsRequest.page_token", Reason("RestoreSubscriptions", json!({"startTime": "2026-01-01T00:00:00Z", "pageToken": "x"}), "PAGE_TOKEN_INVALID")),
        ("ListAuditEntriesRequest.application", Reason("ListAuditEntries", elsewhere.clone(), none)),
        ("ListAuditEntriesRequest.all_applications", Violation("ListAuditEntries",
            json!({"application": "shop", "allApplications": true}), "application")),
        ("ListAuditEntriesRequest.page_size", Violation("ListAuditEntries", json!({"pageSize": -1}), "page_size")),
        ("ListAuditEntriesRequest.page_token", Reason("ListAuditEntries", json!({"pageToken": "x"}), "PAGE_TOKEN_INVALID")),
        ("ListAuditEntriesRequest.caller", Violation("ListAuditEntries", json!({"caller": long()}), "caller")),
        ("ListAuditEntriesRequest.action", Violation("ListAuditEntries", json!({"action": "Explode"}), "action")),
        ("ListAuditEntriesRequest.start_time", Violation("ListAuditEntries",
            json!({"startTime": "0001-01-01T00:00:00Z"}), "start_time")),
        ("ListAuditEntriesRequest.end_time", Violation("ListAuditEntries",
            json!({"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-01T00:00:00Z"}), "end_time")),
        ("EnableSubscriptionsRequest.application", Reason("EnableSubscriptions", elsewhere, none)),
        ("EnableSubscriptionsRequest.name", Violation("EnableSubscriptions", json!({"name": "x"}), "name")),
        ("EnableSubscriptionsRequest.outcome", Violation("EnableSubscriptions", json!({"name": NOBODY, "outcome": "OUTCOME_GONE"}), "outcome")),
        ("EnableSubscriptionsRequest.origin", Violation("EnableSubscriptions", json!({"origin": "x"}), "origin")),
        ("EnableSubscriptionsRequest.start_time", Violation("EnableSubscriptions", json!({"name": NOBODY, "startTime": "2026-01-01T00:00:00Z"}), "start_time")),
        ("EnableSubscriptionsRequest.end_time", Violation("EnableSubscriptions", json!({"startTime": "2026-01-02T00:00:00Z", "endTime": "2026-01-01T00:00:00Z"}), "end_time")),
        ("EnableSubscriptionsRequest.validate_only", ProvedBy("a_disabled_one_is_revived_by_its_browser_or_enabled")),
        ("EnableSubscriptionsRequest.page_token", Reason("EnableSubscriptions", json!({"pageToken": "x"}), "PAGE_TOKEN_INVALID")),
    ]
}

/// Every field of every message of ours that a request can hold.
fn fields() -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let services = POOL.services().filter(|service| service.package_name() == "fanfare.v1");
    let mut waiting: Vec<MessageDescriptor> = services
        .flat_map(|service| service.methods().map(|method| method.input()).collect::<Vec<_>>())
        .collect();
    let mut seen = BTreeSet::new();
    while let Some(message) = waiting.pop() {
        if message.package_name() != "fanfare.v1"
            || message.is_map_entry()
            || !seen.insert(message.full_name().to_owned())
        {
            continue;
        }
        for field in message.fields() {
            fields.insert(format!("{}.{}", message.name(), field.name()));
            if let Kind::Message(of) = field.kind() {
                waiting.push(of);
            }
        }
    }
    fields
}

/// Whether the contract marks a field as OUTPUT_ONLY or IDENTIFIER.
fn is_output(name: &str) -> bool {
    let (message, field) = name.split_once('.').unwrap();
    let message = POOL.get_message_by_name(&format!("fanfare.v1.{message}")).unwrap();
    let behavior = POOL.get_extension_by_name("google.api.field_behavior").unwrap();
    let options = message.get_field_by_name(field).unwrap().options();
    let Reflected::List(values) = options.get_extension(&behavior).into_owned() else { return false };
    values.iter().any(|value| matches!(value, Reflected::EnumNumber(3 | 8)))
}

/// What can be compared of an answer: how the call ended, and whether something got a name.
async fn observed(server: &Server, method: &str, request: Value) -> String {
    match server.call(method, request).await {
        Ok(answers) => {
            let text = answers.iter().map(ToString::to_string).collect::<String>();
            format!("OK, named: {}", text.contains("subscriptions/") || text.contains("messages/"))
        }
        Err(status) => {
            let refused = Refused::of(&status);
            format!("{:?} {} {:?}", refused.code, refused.reason, refused.paths())
        }
    }
}

#[tokio::test]
async fn every_field_is_read_or_refused() {
    let proofs = proofs();
    let proved: BTreeMap<&str, usize> = proofs.iter().map(|(name, _)| (*name, 1)).collect();
    assert_eq!(proved.len(), proofs.len(), "a field stands twice in the table");
    let proved: BTreeSet<String> = proved.into_keys().map(str::to_owned).collect();
    let fields = fields();
    assert_eq!(
        fields.difference(&proved).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "fields without a proof"
    );
    assert_eq!(
        proved.difference(&fields).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "proofs without a field"
    );

    let server = Server::start().await;
    for (name, proof) in proofs {
        match proof {
            Violation(method, request, path) => {
                let refused = server.refused(method, request).await;
                assert!(refused.violations.contains_key(path), "{name}: {refused:?}");
            }
            Reason(method, request, reason) => {
                assert_eq!(server.refused(method, request).await.reason, reason, "{name}");
            }
            NotImplemented(method, request) => {
                let refused = server.refused(method, request).await;
                assert_eq!(
                    (refused.code, refused.reason.as_str()),
                    (Code::Unimplemented, "NOT_IMPLEMENTED"),
                    "{name}"
                );
            }
            Changes(method, with, without) => {
                let with = observed(&server, method, with).await;
                assert_ne!(with, observed(&server, method, without).await, "{name}");
            }
            ProvedBy(test) => {
                let tests = [
                    include_str!("applications.rs"),
                    include_str!("control.rs"),
                    include_str!("held.rs"),
                    include_str!("receipts.rs"),
                    include_str!("vapid_keys.rs"),
                ];
                let stands = tests.iter().any(|tests| tests.contains(&format!("async fn {test}()")));
                assert!(stands, "{name}: there is no test {test}");
            }
            OutputOnly => assert!(is_output(name), "{name} is not marked as output in the contract"),
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn without_what_is_to_come_the_same_requests_pass() {
    let server = Server::start().await;
    for (method, request) in [
        ("Send", send(json!({"empty": {}}))),
        ("Send", notification(json!({}))),
        ("Send", full_notification(json!({}))),
        ("Broadcast", broadcast(json!({"all": {}}))),
        ("Subscribe", json!({"pushSubscription": browser("p"), "validateOnly": true})),
    ] {
        let answers = server.call(method, request).await;
        assert!(answers.is_ok(), "{method}: {answers:?}");
    }
    server.stop().await;
}

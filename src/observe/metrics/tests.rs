//! Names and labels, as dashboards and alerts know them.

use std::time::Duration;

use super::*;
use crate::domain::{DeliveryState, EngineLoad, MessageKind, Outcome, ReceiptKind};
use crate::observe::{APPLICATIONS_SHOWN_MAX, QuotaUse, SubscriptionChange};
use crate::store::{Disk, Room};
use crate::webpush::push_service::PushService;

fn quota(application: &str, used: u64) -> QuotaUse {
    QuotaUse { application: application.to_owned(), quota: "max_streams", used, most: 2 }
}

#[test]
fn names_and_labels_are_as_documented() {
    let metrics = Metrics::new();
    let second = Duration::from_secs(1);
    metrics.message_accepted(MessageKind::Broadcast);
    metrics.delivery_ended(MessageKind::Send, DeliveryState::Failed, Outcome::KeyMismatch, second);
    metrics.attempt_ended(PushService::Fcm, Outcome::TimedOut, second);
    metrics.send_started(second);
    metrics.targets_loaded(512);
    metrics.commit_ended(true, 512, second);
    let method = |name, streams| Method { name, streams };
    metrics.rpc_started(method("Send", true));
    metrics.rpc_started(method("Send", true));
    metrics.rpc_ended(method("Send", true), tonic::Code::NotFound, second);
    metrics.rpc_started(method("Subscribe", false));
    metrics.rpc_ended(method("Subscribe", false), tonic::Code::Ok, second);
    metrics.engine_holds(EngineLoad {
        unsettled: 7,
        targets_in_memory: 512,
        pages_waiting: 3,
        messages: 2,
        waiting_deliveries: 9,
        gone: 1,
        ..EngineLoad::default()
    });
    metrics.log_holds(4_096);
    metrics.disk(Disk {
        room: Room::EndingsOnly,
        missing_octets: 512,
        free_octets: Some(1_024),
        file_octets: 2_048,
    });
    metrics.trimmed(1, 2, 30);
    metrics.clock_jumped();
    metrics.subscriptions_changed(SubscriptionChange::Gone, 3);
    metrics.receipt(ReceiptKind::Clicked, "recorded");
    metrics.stream_opened();
    metrics.log_read();
    metrics.limits.held("streams", 5);
    metrics.limits.refused("streams", "share");
    metrics.limits.answers_hold(4_096);
    metrics.limits.answer_given_up("stalled");
    metrics.limits.connection_closed("caller");
    metrics.lanes_changed(LaneChanges { broken: 2, ..LaneChanges::default() });
    metrics
        .lanes(PushService::Fcm, LaneCounts { broken: 2, applications_stopped: 1, ..LaneCounts::default() });
    metrics
        .subscriptions(PushService::Apple, SubscriptionCounts { active: 3, ..SubscriptionCounts::default() });
    metrics.limits.setting("engine.max_unsettled", 4_096);
    metrics.limits.places("streams", 10);
    metrics.limits.quotas(&[quota("shop", 1)]);
    let text = metrics.encode().unwrap();
    for line in [
        concat!("fanfare_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        "fanfare_messages_accepted_total{kind=\"broadcast\"} 1",
        "fanfare_deliveries_total{state=\"failed\",outcome=\"key_mismatch\"} 1",
        "fanfare_delivery_age_seconds_bucket{le=\"1.0\",kind=\"send\"} 1",
        "fanfare_delivery_attempts_total{outcome=\"timed_out\",push_service=\"fcm\"} 1",
        "fanfare_delivery_attempt_duration_seconds_sum{push_service=\"fcm\"} 1.0",
        "fanfare_send_start_seconds_bucket{le=\"2.5\"} 1",
        "fanfare_engine_targets_loaded_total 512",
        "fanfare_unsettled_deliveries 7",
        "fanfare_targets_in_memory 512",
        "fanfare_commits_total{result=\"ok\"} 1",
        "fanfare_commit_outcomes_bucket{le=\"512.0\"} 1",
        "fanfare_commit_duration_seconds_count 1",
        "fanfare_rpc_requests_total{method=\"Send\",code=\"not_found\"} 1",
        "fanfare_pages_waiting 3",
        "fanfare_messages_open 2",
        "fanfare_waiting_deliveries 9",
        "fanfare_log_octets 4096",
        "fanfare_disk_free_octets 1024",
        "fanfare_disk_missing_octets 512",
        "fanfare_store_file_octets 2048",
        "fanfare_trimmed_messages_events_total 1",
        "fanfare_trimmed_messages_total 2",
        "fanfare_trimmed_rows_total 30",
        "fanfare_clock_jumps_total 1",
        "fanfare_rpc_in_flight{method=\"Send\"} 1",
        "fanfare_rpc_stream_duration_seconds_count{method=\"Send\"} 1",
        "fanfare_rpc_duration_seconds_count{method=\"Subscribe\"} 1",
        "fanfare_lanes{push_service=\"fcm\",state=\"broken\"} 2",
        "fanfare_applications_stopped{push_service=\"fcm\"} 1",
        "fanfare_subscriptions{push_service=\"apple\",state=\"active\"} 3",
        "fanfare_limit{setting=\"engine.max_unsettled\"} 4096",
        "fanfare_places{pool=\"streams\"} 10",
        "fanfare_application_quota_used{application=\"shop\",quota=\"max_streams\"} 1",
        "fanfare_application_quota{application=\"shop\",quota=\"max_streams\"} 2",
        "fanfare_lane_changes_total{change=\"broken\"} 2",
        "fanfare_subscription_changes_total{change=\"gone\"} 3",
        "fanfare_receipts_total{kind=\"clicked\",result=\"recorded\"} 1",
        "fanfare_streams_open 1",
        "fanfare_log_reads_total 1",
        "fanfare_places_held{pool=\"streams\"} 5",
        "fanfare_places_refused_total{pool=\"streams\",cause=\"share\"} 1",
        "fanfare_answers_octets 4096",
        "fanfare_answers_given_up_total{cause=\"stalled\"} 1",
        "fanfare_connections_closed_total{cause=\"caller\"} 1",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn what_is_known_begins_at_zero() {
    let metrics = Metrics::new();
    metrics.methods([Method { name: "Send", streams: true }]);
    let text = metrics.encode().unwrap();
    for line in [
        "fanfare_messages_accepted_total{kind=\"send\"} 0",
        "fanfare_deliveries_total{state=\"failed\",outcome=\"internal\"} 0",
        "fanfare_delivery_attempts_total{outcome=\"throttled\",push_service=\"wns\"} 0",
        "fanfare_lane_changes_total{change=\"application_stopped\"} 0",
        "fanfare_commits_total{result=\"error\"} 0",
        "fanfare_subscription_changes_total{change=\"restored\"} 0",
        "fanfare_removals_held_total{outcome=\"key_mismatch\"} 0",
        "fanfare_receipts_total{kind=\"closed\",result=\"bad_token\"} 0",
        "fanfare_rpc_requests_total{method=\"Send\",code=\"unavailable\"} 0",
        "fanfare_answers_given_up_total{cause=\"stalled\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_is_told_under_the_names_that_others_have() {
    let text = Metrics::new().encode().unwrap();
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
    ] {
        assert!(text.lines().any(|line| line.starts_with(&format!("{name} "))), "{name}\n{text}");
    }
}

#[test]
fn quotas_that_are_gone_are_not_shown_and_applications_are_bounded() {
    let metrics = Metrics::new();
    let many: Vec<_> =
        (0..=APPLICATIONS_SHOWN_MAX).map(|number| quota(&format!("a{number:03}"), 1)).collect();
    metrics.limits.quotas(&many);
    let shown = |text: &str| text.matches("fanfare_application_quota{").count();
    assert_eq!(shown(&metrics.encode().unwrap()), APPLICATIONS_SHOWN_MAX);
    metrics.limits.quotas(&many[..1]);
    assert_eq!(shown(&metrics.encode().unwrap()), 1);
}

//! Names and labels, as dashboards and alerts know them.

use std::time::Duration;

use super::*;
use crate::domain::{DeliveryState, EngineLoad, MessageKind, Outcome, ReceiptKind};
use crate::observe::SubscriptionChange;
use crate::store::{Disk, Room};
use crate::webpush::push_service::PushService;

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
    metrics.rpc_started("Send");
    metrics.rpc_started("Send");
    metrics.rpc_ended("Send", tonic::Code::NotFound, second);
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
        "fanfare_rpc_duration_seconds_count{method=\"Send\"} 1",
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

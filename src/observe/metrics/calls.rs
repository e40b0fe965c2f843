//! Calls of the API, and status streams.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::{Durations, Metrics, Register, ages};
use crate::observe::labels::{MethodLabels, RpcLabels};

/// See the [module's documentation](self).
pub(super) struct CallMetrics {
    rpc_requests: Family<RpcLabels, Counter>,
    rpc_duration: Durations<MethodLabels>,
    rpc_in_flight: Family<MethodLabels, Gauge>,
    streams_open: Gauge,
    log_reads: Counter,
}

impl CallMetrics {
    /// All at zero, and registered.
    pub(super) fn new(register: &mut Register) -> Self {
        Self {
            rpc_requests: register.add("rpc_requests", "gRPC requests that ended", Family::default()),
            rpc_duration: register.seconds(
                "rpc_duration",
                "gRPC requests, for streams to their end",
                Family::new_with_constructor(ages as fn() -> Histogram),
            ),
            rpc_in_flight: register.add("rpc_in_flight", "gRPC requests and streams open", Family::default()),
            streams_open: register.add("streams_open", "Status streams open", Gauge::default()),
            log_reads: register.add("log_reads", "Reads of the store for status streams", Counter::default()),
        }
    }
}

impl Metrics {
    /// A request began. `method` is a name in the code, not what a caller sent.
    pub fn rpc_started(&self, method: &'static str) {
        self.of_calls.rpc_in_flight.get_or_create(&MethodLabels { method: method.into() }).inc();
    }

    /// A request that began ended with this code.
    pub fn rpc_ended(&self, method: &'static str, code: tonic::Code, duration: Duration) {
        let labels = MethodLabels { method: method.into() };
        self.of_calls.rpc_in_flight.get_or_create(&labels).dec();
        self.of_calls.rpc_duration.get_or_create(&labels).observe(duration.as_secs_f64());
        let labels = RpcLabels { method: method.into(), code: code.into() };
        self.of_calls.rpc_requests.get_or_create(&labels).inc();
    }

    /// A status stream was opened.
    pub fn stream_opened(&self) {
        self.of_calls.streams_open.inc();
    }

    /// A status stream ended.
    pub fn stream_closed(&self) {
        self.of_calls.streams_open.dec();
    }

    /// The store was read for status streams.
    pub fn log_read(&self) {
        self.of_calls.log_reads.inc();
    }

    /// How often that was.
    #[must_use]
    pub fn log_reads(&self) -> u64 {
        self.of_calls.log_reads.get()
    }
}

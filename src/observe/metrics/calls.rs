//! Calls of the API, and status streams.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::{Durations, Metrics, Register, ages, round_trips};
use crate::observe::labels::{MethodLabels, RpcLabels};

/// The codes whose counts begin at 0: those that alerts watch.
const WATCHED: [tonic::Code; 5] = [
    tonic::Code::Ok,
    tonic::Code::Internal,
    tonic::Code::ResourceExhausted,
    tonic::Code::Unauthenticated,
    tonic::Code::Unavailable,
];

/// A method of the contract, or [`Self::name`] `other` for all that is not of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// A name in the code, not what a caller sent.
    pub name: &'static str,
    /// Whether requests or answers come one after the other, so that how long it lasts says nothing of how fast it is.
    pub streams: bool,
}

/// See the [module's documentation](self).
pub(super) struct CallMetrics {
    rpc_requests: Family<RpcLabels, Counter>,
    stream_duration: Durations<MethodLabels>,
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
                "gRPC requests with one answer",
                Family::new_with_constructor(round_trips as fn() -> Histogram),
            ),
            stream_duration: register.seconds(
                "rpc_stream_duration",
                "gRPC streams, to their end",
                Family::new_with_constructor(ages as fn() -> Histogram),
            ),
            rpc_in_flight: register.add("rpc_in_flight", "gRPC requests and streams open", Family::default()),
            streams_open: register.add("streams_open", "Status streams open", Gauge::default()),
            log_reads: register.add("log_reads", "Reads of the store for status streams", Counter::default()),
        }
    }
}

impl CallMetrics {
    fn duration(&self, method: Method) -> &Durations<MethodLabels> {
        if method.streams { &self.stream_duration } else { &self.rpc_duration }
    }
}

impl Metrics {
    /// There are these methods: they are shown from now on, at 0.
    pub fn methods(&self, methods: impl IntoIterator<Item = Method>) {
        for method in methods {
            let labels = MethodLabels { method: method.name.into() };
            drop(self.of_calls.rpc_in_flight.get_or_create(&labels));
            drop(self.of_calls.duration(method).get_or_create(&labels));
            for code in WATCHED {
                let labels = RpcLabels { method: method.name.into(), code: code.into() };
                drop(self.of_calls.rpc_requests.get_or_create(&labels));
            }
        }
    }

    /// A request began.
    pub fn rpc_started(&self, method: Method) {
        self.of_calls.rpc_in_flight.get_or_create(&MethodLabels { method: method.name.into() }).inc();
    }

    /// A request that began ended with this code.
    pub fn rpc_ended(&self, method: Method, code: tonic::Code, duration: Duration) {
        let labels = MethodLabels { method: method.name.into() };
        self.of_calls.rpc_in_flight.get_or_create(&labels).dec();
        self.of_calls.duration(method).get_or_create(&labels).observe(duration.as_secs_f64());
        let labels = RpcLabels { method: method.name.into(), code: code.into() };
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

//! What operators see: [`metrics`], [`logs`] and the [`admin`] port. Nothing here is global but the log subscriber; no
//! secret gets in, because none of the types here takes one.

pub mod admin;
mod cpu;
mod labels;
mod limits;
mod lines;
pub mod logs;
pub mod metrics;
mod process;
mod text_format;

pub use cpu::CpuTime;
pub use labels::SubscriptionChange;
pub use limits::{APPLICATIONS_SHOWN_MAX, LimitMetrics, QuotaUse};
pub use lines::Lines;
pub use logs::{LogFormat, LogSettings};
pub use metrics::{LaneChanges, LaneCounts, Method, Metrics, SubscriptionCounts};

#[cfg(test)]
mod tests_operations;

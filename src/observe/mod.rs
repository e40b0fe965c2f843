//! What operators see: [`metrics`], [`logs`] and the [`admin`] port. Nothing here is global but the log subscriber; no
//! secret gets in, because none of the types here takes one.

pub mod admin;
mod labels;
mod limits;
mod lines;
pub mod logs;
pub mod metrics;

pub use labels::SubscriptionChange;
pub use limits::LimitMetrics;
pub use lines::Lines;
pub use logs::{LogFormat, LogSettings};
pub use metrics::{LaneChanges, Metrics};

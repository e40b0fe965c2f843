//! How full the server is: what admission decides by, and operators see.

/// How full the engine is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineLoad {
    /// Deliveries whose POST has begun and whose outcome is not yet synced.
    pub unsettled: usize,
    /// Deliveries that wait in memory, with what is reserved for pages that are being read.
    pub targets_in_memory: usize,
    /// The most there were, with those reserved, since the start.
    pub targets_in_memory_peak: usize,
    /// The most there were since the start.
    pub unsettled_peak: usize,
    /// Pages of broadcasts in memory or being read.
    pub pages_in_memory: usize,
    /// The most there were since the start.
    pub pages_in_memory_peak: usize,
    /// Pages that wait in the store.
    pub pages_waiting: usize,
    /// Messages that have not ended.
    pub messages: usize,
    /// Deliveries of these that have not ended, as far as they are known before planning is done.
    pub waiting_deliveries: u64,
    /// Subscriptions that push services declared gone and that are not removed yet.
    pub gone: usize,
}

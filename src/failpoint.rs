//! Places where a drill lets the program die: only with the cargo feature `failpoints`, which no release has.
//!
//! The variable `FAILPOINT=name` ends the process where [`failpoint`] is passed with that name, at once and without any
//! cleaning up, as SIGKILL would; `FAILPOINT=name:3` at the third pass.

/// A place to die at. Without the feature it is nothing.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn failpoint(_name: &'static str) {}

/// A place to die at.
#[cfg(feature = "failpoints")]
pub(crate) fn failpoint(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static ARMED: OnceLock<Option<(String, AtomicU64)>> = OnceLock::new();
    let armed = ARMED.get_or_init(|| {
        let order = std::env::var("FAILPOINT").ok()?;
        let (place, pass) = order.split_once(':').unwrap_or((&order, "1"));
        Some((place.to_owned(), AtomicU64::new(pass.parse().unwrap_or(1))))
    });
    let Some((place, passes_left)) = armed else { return };
    if place == name && passes_left.fetch_sub(1, Ordering::SeqCst) == 1 {
        tracing::error!(name, "the process ends at a failpoint");
        std::process::abort();
    }
}

//! How many files the process may have open: each connection is one.

use crate::config::Config;

/// What is open beside callers' connections: the store's files, connections to push services, listeners.
const RESERVE: u64 = 1_024;

/// The soft limit of this process; `None` where the system does not tell, and for no limit.
#[must_use]
pub fn limit() -> Option<u64> {
    of(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

/// proc(5): the name, the soft limit, the hard limit, the unit.
fn of(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// What a server with this configuration may need.
#[must_use]
pub fn needed(config: &Config) -> u64 {
    (config.server.http.connections_max as u64).saturating_add(RESERVE)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_soft_limit_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max processes             128                  256                  processes\n\
                      Max open files            1024                 524288               files\n";
        assert_eq!(super::of(limits), Some(1_024));
        assert_eq!(super::of(&limits.replace("1024 ", "unlimited ")), None);
        assert_eq!(super::of(""), None);
    }
}

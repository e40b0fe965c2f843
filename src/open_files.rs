//! How many files the process may have open: each connection is one. And telling that there are no more from what others do.

use std::io;

use rustix::io::Errno;

use crate::api::receipts;
use crate::config::Config;

/// What is open beside connections of callers and browsers and lookups of names: the store's files, connections to push
/// services, listeners.
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

/// Whether an error says that this process or this machine has no more descriptors, or no memory for another connection
/// (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`): nobody else is to blame for it, and it passes.
#[must_use]
pub fn exhausted(error: &io::Error) -> bool {
    let lacking = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|code| lacking.contains(&code))
}

/// What a server with this configuration may need.
#[must_use]
pub fn needed(config: &Config) -> u64 {
    let receipts = if config.receipts.listen.is_some() { receipts::CONNECTIONS_MAX } else { 0 };
    let all = [config.server.http.connections_max, receipts, config.transport.lookup_sockets_max()];
    all.iter().fold(RESERVE, |sum, part| sum.saturating_add(*part as u64))
}

#[cfg(test)]
mod tests {
    use crate::config::{Sources, load};

    #[test]
    fn the_soft_limit_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max processes             128                  256                  processes\n\
                      Max open files            1024                 524288               files\n";
        assert_eq!(super::of(limits), Some(1_024));
        assert_eq!(super::of(&limits.replace("1024 ", "unlimited ")), None);
        assert_eq!(super::of(""), None);
    }

    #[test]
    fn what_may_be_open_at_once_is_added_up() {
        let mut config = load(&Sources::default()).unwrap().config;
        let (connections, lookups) =
            (config.server.http.connections_max, config.transport.lookup_sockets_max());
        assert_eq!(lookups, 64 * 3 * 6, "in each of three groups of places, six sockets each");
        assert_eq!(super::needed(&config), (connections + lookups) as u64 + super::RESERVE);
        config.transport.dns_lookups_max += 1;
        config.receipts.listen = Some(([127, 0, 0, 1], 0).into());
        let more = 3 * 6 + crate::api::receipts::CONNECTIONS_MAX;
        assert_eq!(super::needed(&config), (connections + lookups + more) as u64 + super::RESERVE);
    }

    #[test]
    fn what_this_machine_lacks_is_told_from_what_others_do() {
        let of = |errno: super::Errno| std::io::Error::from_raw_os_error(errno.raw_os_error());
        for errno in [super::Errno::MFILE, super::Errno::NFILE, super::Errno::NOBUFS] {
            assert!(super::exhausted(&of(errno)), "{errno}");
        }
        for errno in [super::Errno::CONNREFUSED, super::Errno::HOSTUNREACH, super::Errno::ADDRNOTAVAIL] {
            assert!(!super::exhausted(&of(errno)), "{errno}");
        }
        assert!(!super::exhausted(&std::io::ErrorKind::TimedOut.into()));
    }
}

//! How many files a server may come to have open.

use super::Config;
use crate::api::receipts;

/// What is open beside connections of callers and browsers and lookups of names: the store's files, connections to push
/// services, listeners.
const RESERVE: u64 = 1_024;

impl Config {
    /// How many files a server with this configuration may need to have open at once.
    #[must_use]
    pub fn open_files_needed(&self) -> u64 {
        let receipts = if self.receipts.listen.is_some() { receipts::CONNECTIONS_MAX } else { 0 };
        let all = [self.server.http.connections_max, receipts, self.transport.lookup_sockets_max()];
        all.iter().fold(RESERVE, |sum, part| sum.saturating_add(*part as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    #[test]
    fn what_may_be_open_at_once_is_added_up() {
        let mut config = load(&Sources::default()).unwrap().config;
        let (connections, lookups) =
            (config.server.http.connections_max, config.transport.lookup_sockets_max());
        assert_eq!(lookups, 64 * 3 * 6, "in each of three groups of places, six sockets each");
        assert_eq!(config.open_files_needed(), (connections + lookups) as u64 + RESERVE);
        config.transport.dns_lookups_max += 1;
        config.receipts.listen = Some(([127, 0, 0, 1], 0).into());
        let more = 3 * 6 + receipts::CONNECTIONS_MAX;
        assert_eq!(config.open_files_needed(), (connections + lookups + more) as u64 + RESERVE);
    }
}

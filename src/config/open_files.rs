//! How many files a server may come to have open.

use super::Config;

/// What is open beside callers' connections: the store's files, connections to push services, listeners.
const RESERVE: u64 = 1_024;

impl Config {
    /// How many files a server with this configuration may need to have open at once.
    #[must_use]
    pub fn open_files_needed(&self) -> u64 {
        (self.server.http.connections_max as u64).saturating_add(RESERVE)
    }
}

//! Where listeners listen: an address and a port.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Deserializer, de};

/// The one name that is taken for an address.
const LOCALHOST: &str = "localhost";

/// Reads `127.0.0.1:8030`, `[::1]:8030` or `localhost:8030`, which is 127.0.0.1. Other names are not looked up: what they
/// stand for may change.
///
/// # Errors
/// What is none, and what would be right.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let local = text.rsplit_once(':').filter(|(host, _)| host.eq_ignore_ascii_case(LOCALHOST));
    if let Some(port) = local.and_then(|(_, port)| port.parse().ok()) {
        return Ok(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    }
    text.parse().map_err(|_| {
        format!("{text:?} is no address and port such as 127.0.0.1:8030, [::1]:8030, 0.0.0.0:8030 or localhost:8030")
    })
}

pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    listen_address(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

pub(super) fn read_optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    read(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_are_taken() {
        for (text, address) in [
            ("127.0.0.1:8030", "127.0.0.1:8030"),
            ("[::1]:8030", "[::1]:8030"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("localhost:8030", "127.0.0.1:8030"),
            ("LOCALHOST:0", "127.0.0.1:0"),
        ] {
            assert_eq!(listen_address(text).unwrap().to_string(), address);
        }
        for text in
            ["localhost", "localhost:", "localhost:70000", "8030", ":8030", "fanfare:8030", "127.0.0.1"]
        {
            let refused = listen_address(text).unwrap_err();
            assert!(refused.contains(&format!("{text:?}")) && refused.contains("[::1]:8030"), "{refused}");
        }
    }
}

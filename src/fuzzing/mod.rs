//! What reads a stranger's octets, for the fuzz targets in `fuzz/`: one function for each, which takes anything, and
//! panics where a promise does not hold. Not part of the library's interface. The seeds of all targets run as a test.

mod answers;
mod endpoints;
mod records;
mod requests;
mod sandbox_connections;
mod sandbox_posts;
mod tokens;

pub use answers::answers;
pub use endpoints::endpoints;
pub use records::records;
pub use requests::requests;
pub use sandbox_connections::sandbox_connections;
pub use sandbox_posts::sandbox_posts;
pub use tokens::tokens;

use crate::domain::Timestamp;

/// When everything happens: fuzzing must be repeatable.
const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

/// The first octet chooses; none, and there is nothing to do.
fn choice(data: &[u8]) -> Option<(u8, &[u8])> {
    data.split_first().map(|(first, rest)| (*first, rest))
}

/// `name: value` lines up to an empty one, as far as they are header fields; and the rest.
fn message(data: &[u8]) -> (http::HeaderMap, &[u8]) {
    let mut headers = http::HeaderMap::new();
    let mut rest = data;
    while let Some(end) = rest.iter().position(|octet| *octet == b'\n') {
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|octet| *octet == b':') else { continue };
        let name = http::HeaderName::from_bytes(&line[..colon]);
        let value = http::HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    (headers, rest)
}

#[cfg(test)]
mod tests;

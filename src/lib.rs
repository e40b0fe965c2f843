//! Fanfare, a self-hosted Web Push delivery service. `docs/architecture.md` is the map.
//!
//! Programs that call a server need [`client`] alone: `default-features = false, features = ["client"]`.

#[cfg(feature = "server")]
mod accept;
#[cfg(feature = "server")]
pub mod api;
#[cfg(feature = "server")]
pub mod app;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod domain;
#[cfg(feature = "server")]
pub mod engine;
#[cfg(feature = "server")]
mod failpoint;
#[doc(hidden)]
#[cfg(all(feature = "server", any(test, feature = "fuzzing")))]
pub mod fuzzing;
#[cfg(feature = "server")]
pub mod observe;
#[cfg(feature = "server")]
pub mod open_files;
pub mod proto;
#[cfg(feature = "server")]
pub mod sandbox;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
mod tls_time;
#[cfg(feature = "server")]
pub mod transport;
#[cfg(feature = "server")]
pub mod web;
#[cfg(feature = "server")]
pub mod webpush;

/// An identifier that nobody else has, by chance alone: those with a time in them can not be made before 1970.
#[cfg(feature = "client")]
pub(crate) fn unique_id() -> String {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string()
}

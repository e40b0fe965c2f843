//! Fanfare, a self-hosted Web Push delivery service. `docs/architecture.md` is the map.
//!
//! Programs that call a server need [`client`] alone: `default-features = false, features = ["client"]`.

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
pub mod transport;
#[cfg(feature = "server")]
pub mod web;
#[cfg(feature = "server")]
pub mod webpush;

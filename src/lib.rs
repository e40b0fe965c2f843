//! Fanfare, a self-hosted Web Push delivery service. `docs/architecture.md` is the map.

pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod engine;
mod failpoint;
#[doc(hidden)]
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod observe;
pub mod open_files;
pub mod proto;
pub mod sandbox;
pub mod store;
pub mod transport;
pub mod web;
pub mod webpush;

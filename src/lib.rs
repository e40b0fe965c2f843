//! Fanfare, a self-hosted Web Push delivery service. `docs/architecture.md` is the map.

pub mod api;
pub mod domain;
pub mod engine;
pub mod proto;
pub mod sandbox;
pub mod store;
pub mod transport;
pub mod webpush;

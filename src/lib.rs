//! Fanfare, a self-hosted Web Push delivery service. `docs/architecture.md` is the map.

pub mod domain;
pub mod proto;
pub mod sandbox;
pub mod webpush;

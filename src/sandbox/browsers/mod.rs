//! Real browsers as subscribers. A browser (a user agent, RFC 8030 section 2) keeps one connection open, makes channels
//! over it, each with a push resource, and is told of messages; what it does not acknowledge waits for it.
//!
//! ```text
//! push_resource ─► Browsers (registry: user agents, channels, what waits) ◄─ autopush (WebSocket) ◄── Firefox
//!                     └─► events (what happened, for the control API)     ◄─ fcm_routes, mcs (TLS) ◄─ Chromium
//! ```

pub(crate) mod autopush;
mod autopush_frames;
mod events;
mod fcm_messages;
mod fcm_names;
mod fcm_routes;
pub(crate) mod mcs;
mod mcs_listener;
pub(crate) mod registry;
mod routes;
mod token;
mod user_agent;

pub(crate) use fcm_names::{FCM_HOSTS, FCM_PUSH_PATH};
pub(crate) use fcm_routes::{CHECKIN_PATH, REGISTER_PATH};
pub(crate) use mcs_listener::listen;
pub(crate) use registry::Browsers;
pub use routes::AUTOPUSH_PATH;
pub(crate) use routes::{BrowserRoutes, router};

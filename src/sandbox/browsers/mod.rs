//! Real browsers as subscribers. A browser (a user agent, RFC 8030 section 2) keeps one connection open, makes channels
//! over it, each with a push resource, and is told of messages; what it does not acknowledge waits for it.
//!
//! ```text
//! push_resource ─► Browsers (registry: user agents, channels, what waits) ◄─ autopush (WebSocket) ◄─ Firefox
//!                     └─► events (what happened, for the control API)
//! ```

mod autopush;
mod autopush_frames;
mod events;
mod registry;
mod routes;
mod token;
mod user_agent;

pub(crate) use registry::Browsers;
pub use routes::AUTOPUSH_PATH;
pub(crate) use routes::{BrowserRoutes, router};

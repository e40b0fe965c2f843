//! The sandbox from outside: its push resource by a real HTTP client, its control API as anybody with curl sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod browsers;
mod checks;
mod chromium;
mod connections;
mod control;
mod documentation;
mod effects;
mod faults;
mod harness;
mod origins;
mod subscribers;

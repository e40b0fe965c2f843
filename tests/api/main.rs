//! The API over a real socket on loopback: a real server and engine over the store in memory, with a scripted transport.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod applications;
mod audit;
mod backup;
mod bad_input;
mod callers;
mod certificates;
mod changes;
mod contract;
mod control;
mod fields;
mod harness;
mod held;
mod import;
mod matrix;
mod messages;
mod origins;
mod person;
mod receipts;
mod sealed;
mod send_stream;
mod sending;
mod serving;
mod shares;
mod slow_readers;
mod subscriptions;
mod trimming;
mod vapid_keys;
mod watching;

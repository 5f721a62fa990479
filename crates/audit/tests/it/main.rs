//! The audit from outside: a file that is written by processes that die, sinks that fail, and a check that misses nothing.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail like tests")]

mod cost;
mod kill;
mod page;
mod schema;
mod sinks;
mod support;
mod tampering;
mod tampers;

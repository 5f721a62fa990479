//! The client against a server that answers what Azure is known to answer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod details;
mod leaks;
mod query;
mod retry;
mod subscriptions;
mod support;

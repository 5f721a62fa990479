//! The client against a server that answers what Azure is known to answer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod as_it_is;
mod budgets;
mod commitments;
mod dimensions;
mod export;
mod forecast;
mod leaks;
mod management_groups;
mod query;
mod raw;
mod retry;
mod subscriptions;
mod support;

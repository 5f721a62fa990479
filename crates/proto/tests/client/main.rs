//! The client against servers that are scripted, broken, slow, gone or of somebody else.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod balance;
mod connections;
mod support;
mod tries;

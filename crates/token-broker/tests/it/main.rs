//! The broker over real gRPC, against an Entra ID that the tests steer, over real TLS.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod exchange;
mod refusals;
mod server;
mod support;
#[path = "../../src/testing.rs"]
#[expect(dead_code, reason = "shared with the unit tests, which use more of it")]
mod testing;

//! The harness: emulator, token broker and gateway in one process, on ports the system chooses, and a caller.
//!
//! | module | what it holds |
//! |---|---|
//! | [`Stack`] | the services, started by the same `serve` functions that their binaries call |
//! | [`Caller`] | an MCP client that shows every byte: status, headers, document |
//! | [`Conformance`] | the gateway's router with the tools that MCP's own conformance suite calls |
//! | [`Kubelet`] | probes as kubelet does, and says what it saw |
//! | [`Prometheus`] | a real Prometheus that scrapes the services |
//! | [`Redis`] | a real Redis that broker replicas share |
//! | [`envoy`] | a real Envoy in front |
//! | [`picture`] | the picture in the README, from what the stack answers |
//! | [`rotel`] | a real collector of telemetry |
//! | [`schema`] | whether an answer fits its tool's schema |
//! | [`series`] | which series a service has, and which it may have |
//! | [`processes`] | the same stack as real processes, for the demo, for `make up` and for the benchmark |

#![expect(clippy::expect_used, reason = "a test whose stack does not work cannot go on")]

pub use caller::{Answer, Caller, Era, Fetched};
pub use clock::ShiftedClock;
pub use conformance::Conformance;
pub use credential::{Credential, Volume};
pub use hop::Hop;
pub use kubelet::Kubelet;
pub use policy::BUILT_IN_POLICY;
pub use prometheus::{INSTALL_PROMETHEUS, Prometheus, Scrape};
pub use redis::{Recording, Redis};
pub use stack::{Stack, StackBuilder};
pub use testkit::INSTALL_REDIS;

pub mod envoy;
pub mod picture;
pub mod processes;
pub mod rotel;
pub mod schema;
pub mod series;

mod caller;
mod clock;
mod conformance;
mod credential;
mod hop;
mod kubelet;
mod policy;
mod prometheus;
mod redis;
mod stack;

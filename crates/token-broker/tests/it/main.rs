//! The broker over real gRPC, against an Entra ID that the tests steer, over real TLS.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod admin_tls;
mod audit;
mod consumers;
mod credentials;
mod exchange;
mod heartbeats;
mod help;
mod limits;
mod metadata;
mod model;
mod mutual_tls;
mod preflight;
mod probe;
mod purge;
mod redis_tls;
mod refresh;
mod refusals;
mod replicas;
mod server;
mod serving;
mod sockets;
mod support;
mod throttle;
mod tls;

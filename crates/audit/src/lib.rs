//! The audit: who was let through to what, and how it ended, in records that cannot be changed unseen.
//!
//! Each process writes one chain of records, one line of JSON each, to standard output or a file. A call is let through
//! only when its decision is written, and its outcome follows. Checkpoints of the chain go out another way, with the log.
//!
//! - [`Audit`]: what the services write with; [`Call`], [`Outcome`] and [`Person`] are what they say.
//! - [`AuditArgs`], [`Settings`]: where to, and what holds when that cannot be written.
//! - [`verify`]: whether records are as they were written; [`command`] is that for people.
//!
//! A record names a person by tenant and object id. The types have no room for tokens, claims, names, mail addresses,
//! arguments or links: what has no field cannot be written. This crate must not know HTTP, gRPC, MCP or Azure.

pub use checkpoint::{Checkpoint, KeyFileError, SigningKey};
pub use handle::{AUDIT_UNAVAILABLE, Audit, Decided, Origin, StartError, Unavailable};
pub use record::{Call, Outcome, Person};
pub use settings::{AuditArgs, Destination, InvalidDestination, Settings, WhenFull};
pub use text::Text;

pub mod command;
pub mod verify;

mod chain;
mod checkpoint;
mod handle;
mod head;
mod metrics;
mod record;
mod settings;
mod sink;
mod state;
mod summaries;
mod text;
mod writer;

/// Tells the time.
pub type Clock = std::sync::Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

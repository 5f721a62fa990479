//! The gateway: MCP clients on one side, Azure on the other, and between them the proof of who is calling.
//!
//! The life of a request, by module:
//!
//! 1. [`server`] puts it together; `listen`: connections, bounded in number and patience, TLS, graceful shutdown
//! 2. `front`: one host, bounded fields, and which pages a browser may let call
//! 3. `guard`: bearer token, body, policy; what is refused goes no further (`calls`: what its sender
//!    ends, neither); `rpc`: what a message says; `caller`: who was proved
//! 4. `mcp`: the protocol (rmcp), the table of tools, and one file for each tool
//! 5. `broker`: the caller's token for Azure, from the token broker
//! 6. `refusal`: every refusal, as HTTP; `audited`: what of all this is recorded
//!
//! [`doctor`] is the other thing the binary can do: it looks at all of this from outside, and says what is wrong.
//!
//! [`exports`] keeps files of costs, sealed, until whoever asked for them fetches them, beside MCP and by the same rules.
//!
//! [`sign_in`] is for clients that Entra ID alone does not serve: it exists where a file says so.
//!
//! [`users`] is what people are called in traces and in the log. Settings are in [`config`], who may call what in [`policy`],
//! what a client can discover in `metadata`, where the service says how it is in [`health`], and whom it believes what of others
//! in [`proxies`]. No module but [`server`] and [`doctor`] knows the settings: each part is handed what it needs.

pub mod config;
pub mod doctor;
pub mod engine;
pub mod exports;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod health;
pub mod policy;
pub mod proxies;
pub mod server;
pub mod sign_in;
pub mod users;

mod audited;
mod broker;
mod caller;
mod calls;
mod front;
mod guard;
mod listen;
mod mcp;
mod metadata;
mod metrics;
mod rate;
mod refusal;
mod rpc;

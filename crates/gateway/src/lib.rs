//! The gateway: MCP clients on one side, Azure on the other, and between them the proof of who is calling.
//!
//! The life of a request, by module:
//!
//! 1. [`server`]: listeners, TLS, routes, graceful shutdown
//! 2. `guard`: bearer token, body, policy; what is refused goes no further
//! 3. `mcp`: the protocol (rmcp), the table of tools, and one file for each tool
//! 4. `broker`: the caller's token for Azure, from the token broker
//! 5. `refusal`: every refusal, as HTTP
//!
//! [`doctor`] is the other thing the binary can do: it looks at all of this from outside, and says what is wrong.
//!
//! Settings are in [`config`], who may call what in [`policy`], what a client can discover in `metadata`.

pub mod config;
pub mod doctor;
pub mod policy;
pub mod server;

mod broker;
mod guard;
mod listen;
mod mcp;
mod metadata;
mod metrics;
mod rate;
mod refusal;

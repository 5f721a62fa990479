//! The emulator through real HTTPS, as its clients see it.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it should be")]

mod arm;
mod authorize;
mod benefits;
mod budgets;
mod control;
mod cost_details;
mod cost_scopes;
mod dimensions;
mod discovery;
mod federation;
mod forecast;
mod graph;
mod harness;
mod help;
mod hostile;
mod load;
mod metadata;
mod obo;
mod raw_rows;
mod refusals;
mod registering;
mod replay;
mod rights;

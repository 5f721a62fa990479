//! Flows through the real services over real HTTP and gRPC. One binary, one module for each promise.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail like tests")]

extern crate proto as token_broker_proto; // as the example of a consumer calls it

mod architecture;
mod audit;
mod audit_down;
mod browser_page;
mod callers_text;
mod cancellation;
mod challenges;
mod collector;
mod compose;
mod concurrency;
mod conformance;
mod consumers;
mod cost_tools;
mod costs;
mod credentials;
mod dashboards;
mod deploy;
mod deployment;
mod doctor;
mod doors;
mod envoy;
mod facade;
mod foreign_text;
mod happy_path;
mod hostile;
mod hostile_hour;
mod hostile_tokens;
mod interop;
mod kill;
mod leaks;
mod ledger;
mod mcp_http;
mod odd_answers;
mod pages;
mod picture;
mod preflight;
mod probes;
mod prompts;
mod proxies;
mod refusals;
mod replicas;
mod rollover;
mod second_check;
mod settings;
mod shutdown;
mod sign_in;
mod sign_in_page;
mod slow_senders;
mod tools_page;
mod traces;

//! The policy that is built in, for tests that change a line of it.

/// Who may call which tool, where no file says so.
pub const BUILT_IN_POLICY: &str = include_str!("../../crates/gateway/src/policy/default.toml");

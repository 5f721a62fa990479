//! Why the policy does not let a caller call a tool.

use serde_json::Value;

/// What a caller lacks for a tool.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Denied {
    /// A user: the token is an application's.
    AppOnly,
    /// The sign-in that the tool's authentication context asks for; these claims ask for it.
    Context { claims: Value },
    /// An app role; any of `any_of` would do.
    MissingRole { role: String, any_of: Vec<String> },
    /// A delegated scope. `scopes` are the granted and the required ones together.
    MissingScope { missing: String, scopes: Vec<String> },
    /// An entry of the policy: there is none of this tool.
    NoEntry { tool: String },
}

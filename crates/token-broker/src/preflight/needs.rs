//! What the gateway's policy needs of the tenant. Whether the policy itself makes sense is the gateway's to say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

/// What the gateway's policy needs of the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Delegated scopes that some tool requires.
    pub scopes: BTreeSet<String>,
    /// Scopes that open no tool by themselves: each tool of theirs asks for an app role as well.
    pub with_role: BTreeSet<String>,
    /// App roles that open some tool.
    pub roles: BTreeSet<String>,
    /// Whether some tool requires an authentication context, for which tokens must carry `acrs`.
    pub auth_context: bool,
}

#[derive(Deserialize)]
struct Entries {
    tools: BTreeMap<String, Rule>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
    auth_context: Option<String>,
}

impl Needs {
    /// Of the policy that is built into the gateway.
    pub fn built_in() -> Self {
        let scopes = ["cost.read", "cost.export"].map(str::to_owned).into();
        Self { scopes, with_role: BTreeSet::new(), roles: BTreeSet::new(), auth_context: false }
    }

    /// Of a policy file.
    ///
    /// # Errors
    /// [`NeedsError`] names the file and the fix.
    pub fn read(path: &Path) -> Result<Self, NeedsError> {
        let error = |problem| NeedsError { file: path.display().to_string(), problem };
        let text = std::fs::read_to_string(path).map_err(|source| error(source.to_string()))?;
        Self::parse(&text).map_err(|source| error(source.to_string()))
    }

    /// Of a policy as text.
    ///
    /// # Errors
    /// When it is not TOML, or has no tools.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let rules: Vec<_> = toml::from_str::<Entries>(text)?.tools.into_values().collect();
        let alone: BTreeSet<_> = rules
            .iter()
            .filter(|rule| rule.roles.is_empty())
            .flat_map(|rule| &rule.scopes)
            .cloned()
            .collect();
        let scopes: BTreeSet<_> = rules.iter().flat_map(|rule| rule.scopes.iter().cloned()).collect();
        Ok(Self {
            with_role: scopes.difference(&alone).cloned().collect(),
            auth_context: rules.iter().any(|rule| rule.auth_context.is_some()),
            roles: rules.iter().flat_map(|rule| rule.roles.iter().cloned()).collect(),
            scopes,
        })
    }
}

/// A policy file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "GATEWAY_POLICY_FILE `{file}` cannot be read as the gateway's policy ({problem}); leave it unset for the built-in one"
)]
pub struct NeedsError {
    file: String,
    problem: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_adds_its_needs() {
        let needs = Needs::parse(
            "[tools.a]\nscopes = [\"cost.read\"]\n[tools.b]\nscopes = [\"cost.read\", \"x\"]\nroles = [\"R\"]\n\
             auth_context = \"c1\"\nanything = \"newer\"",
        )
        .unwrap();
        assert_eq!(needs.scopes.iter().collect::<Vec<_>>(), ["cost.read", "x"]);
        assert!(needs.auth_context && needs.roles.contains("R"));
        assert!(Needs::parse("tools = 1").is_err());
    }

    #[test]
    fn a_role_decides_where_no_tool_is_open_without_one() {
        let needs = Needs::parse(
            "[tools.a]\nscopes = [\"cost.read\", \"both\"]\n[tools.b]\nscopes = [\"cost.export\", \"both\"]\nroles = [\"R\"]",
        )
        .unwrap();
        assert_eq!(needs.with_role.iter().collect::<Vec<_>>(), ["cost.export"]);
    }
}

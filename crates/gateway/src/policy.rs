//! Who may call which tool: a table, and the one function that decides.
//!
//! Default deny: a tool without an entry cannot be called, and the gateway does not start with such a tool.
//!
//! This module must not know what a tool does, nor how a caller is told no.

use std::collections::BTreeMap;

use identity::Principal;
use serde::Deserialize;
use serde_json::{Value, json};
use toml::Spanned;

pub(crate) use denied::Denied;
pub use error::PolicyError;
pub use in_force::Policies;

mod denied;
mod error;
mod in_force;

/// The tool that every conversation begins with: its scopes are the least a client asks for.
const BASE_TOOL: &str = "list_subscriptions";

/// The policy in force unless a file says otherwise.
const BUILT_IN: &str = include_str!("policy/default.toml");

/// Who may call which tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    tools: BTreeMap<String, Rule>,
}

/// The file as it is written: each entry with its place, so that an error can name the line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entries {
    tools: BTreeMap<String, Spanned<Rule>>,
}

/// What one tool demands. All of it must hold.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Delegated scopes, all of which must be granted: what the client may ask in the user's name.
    pub scopes: Vec<String>,
    /// App roles, one of which must be assigned: what this person may do.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Conditional Access authentication context (`c1` to `c99`) that the sign-in must have satisfied.
    pub auth_context: Option<String>,
}

impl Policy {
    /// The built-in policy, for these tools.
    ///
    /// # Errors
    /// None in a tested build: the text is compiled in, and checked like a file all the same.
    pub fn built_in(tools: &[&str]) -> Result<Self, PolicyError> {
        Self::of("built-in policy", BUILT_IN, tools)
    }

    /// The policy of a text in TOML, for these tools: each must have an entry, and no entry may be of another.
    ///
    /// # Errors
    /// Names the file, the line and the fix.
    pub fn of(file: &str, text: &str, tools: &[&str]) -> Result<Self, PolicyError> {
        let entries: Entries = toml::from_str(text)
            .map_err(|error| PolicyError::Syntax { file: file.to_owned(), text: error.to_string() })?;
        error::check(file, text, &entries.tools, tools)?;
        let tools = entries.tools.into_iter().map(|(tool, rule)| (tool, rule.into_inner())).collect();
        Ok(Self { tools })
    }

    /// The rule of a tool, or `None` for a tool that does not exist: every tool has an entry.
    pub fn rule(&self, tool: &str) -> Option<&Rule> {
        self.tools.get(tool)
    }

    /// The scopes that everybody needs: what a client asks for at first.
    pub fn base_scopes(&self) -> &[String] {
        self.tools.get(BASE_TOOL).map_or(&[], |rule| rule.scopes.as_slice())
    }

    /// Decides whether `principal` may call `tool`. The one place that does.
    ///
    /// # Errors
    /// What is missing.
    pub(crate) fn decide(&self, tool: &str, principal: &Principal) -> Result<(), Denied> {
        if principal.is_app_only() {
            return Err(Denied::AppOnly);
        }
        let rule = self.rule(tool).ok_or_else(|| Denied::NoEntry { tool: tool.to_owned() })?;
        // What the person may not do comes first: nobody should consent to a scope only to be refused for a role.
        rule.check_roles(principal)?;
        self.check_scopes(rule, principal)?;
        rule.check_auth_context(principal)
    }

    fn check_scopes(&self, rule: &Rule, principal: &Principal) -> Result<(), Denied> {
        let granted = principal.scopes();
        let Some(missing) = rule.scopes.iter().find(|scope| !granted.contains(scope)) else {
            return Ok(());
        };
        // Granted and required together, for several clients replace the scopes they hold by the challenge's. Of the
        // granted, those that the policy knows: others (`openid`, or what Entra ID makes up where client and API share a
        // registration) are not scopes of this API, and asking for them fails (AADSTS650053).
        let mut scopes: Vec<String> = self.known().filter(|scope| granted.contains(scope)).cloned().collect();
        scopes.extend(rule.scopes.iter().filter(|scope| !granted.contains(scope)).cloned());
        Err(Denied::MissingScope { missing: missing.clone(), scopes })
    }

    /// Every scope that some tool needs, once.
    pub(crate) fn known(&self) -> impl Iterator<Item = &String> {
        let mut known: Vec<_> = self.tools.values().flat_map(|rule| &rule.scopes).collect();
        known.sort_unstable();
        known.dedup();
        known.into_iter()
    }
}

impl Rule {
    fn check_roles(&self, principal: &Principal) -> Result<(), Denied> {
        let Some(first) = self.roles.first() else { return Ok(()) };
        if self.roles.iter().any(|role| principal.roles().contains(role)) {
            return Ok(());
        }
        Err(Denied::MissingRole { role: first.clone(), any_of: self.roles.clone() })
    }

    fn check_auth_context(&self, principal: &Principal) -> Result<(), Denied> {
        let Some(context) = &self.auth_context else { return Ok(()) };
        if principal.acrs().contains(context) {
            return Ok(());
        }
        Err(Denied::Context { claims: demand(context) })
    }
}

/// The claims request for an authentication context (Microsoft: "Developer guide to Conditional Access
/// authentication context").
fn demand(context: &str) -> Value {
    json!({"access_token": {"acrs": {"essential": true, "value": context}}})
}

#[cfg(test)]
mod tests;

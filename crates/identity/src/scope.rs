//! The delegated scopes of a token: what the client may ask in the user's name.

use std::collections::HashSet;
use std::fmt;

/// The scopes of a token, as `scp` lists them.
///
/// Compared without regard to ASCII case, as Entra ID does: it lets no application define two scopes that differ
/// in case only.
#[derive(Clone, Debug, Default)]
pub struct ScopeSet(Vec<String>);

impl ScopeSet {
    /// Reads a space separated list; order and repetition do not matter. Takes time in proportion to the text.
    pub fn parse(text: &str) -> Self {
        let mut seen = HashSet::new();
        let first_time = |scope: &&str| seen.insert(scope.to_ascii_lowercase());
        Self(text.split_ascii_whitespace().filter(first_time).map(str::to_owned).collect())
    }

    /// Whether `scope` was granted.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|s| s.eq_ignore_ascii_case(scope))
    }

    /// The scopes, in the token's order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_whole_word() {
        let scopes = ScopeSet::parse("  cost.read  Cost.Export cost.read COST.READ ");
        assert!(scopes.contains("COST.READ") && scopes.contains("cost.export"));
        assert!(
            !scopes.contains("cost") && !scopes.contains("cost.read cost.export") && !scopes.contains("")
        );
        assert_eq!(scopes.to_string(), "cost.read Cost.Export");
        assert_eq!(scopes.iter().collect::<Vec<_>>(), ["cost.read", "Cost.Export"]);
    }
}

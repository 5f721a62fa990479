//! What can be wrong with a policy file, with the line it stands on.

use std::collections::BTreeMap;

use toml::Spanned;

use super::Rule;

/// A policy that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// An entry says something it cannot mean.
    #[error("{file}, line {line}: [tools.{tool}] {problem}")]
    Entry {
        /// The file.
        file: String,
        /// The line of the entry, from 1.
        line: usize,
        /// The tool.
        tool: String,
        /// What is wrong, and the fix.
        problem: String,
    },
    /// A tool has no entry.
    #[error(
        "{file}: the tool `{tool}` has no entry: add [tools.{tool}] with its scopes, or nobody could ever call it"
    )]
    Missing {
        /// The file.
        file: String,
        /// The tool.
        tool: String,
    },
    /// It is no such TOML. The text names the line.
    #[error("{file}: {text}")]
    Syntax {
        /// The file.
        file: String,
        /// What the parser says.
        text: String,
    },
    /// The file cannot be read.
    #[error("the policy file {file} cannot be read")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Checks every entry against the tools there are.
pub(super) fn check(
    file: &str,
    text: &str,
    entries: &BTreeMap<String, Spanned<Rule>>,
    tools: &[&str],
) -> Result<(), PolicyError> {
    for (tool, rule) in entries {
        if let Some(problem) = problem(tool, rule.get_ref(), tools) {
            let (file, line, tool) = (file.to_owned(), line_of(text, rule.span().start), tool.clone());
            return Err(PolicyError::Entry { file, line, tool, problem });
        }
    }
    match tools.iter().find(|tool| !entries.contains_key(**tool)) {
        Some(tool) => Err(PolicyError::Missing { file: file.to_owned(), tool: (*tool).to_owned() }),
        None => Ok(()),
    }
}

fn problem(tool: &str, rule: &Rule, tools: &[&str]) -> Option<String> {
    if !tools.contains(&tool) {
        return Some(format!("names no tool; there are: {}", tools.join(", ")));
    }
    if rule.scopes.is_empty() {
        return Some("has no scopes: name at least one, e.g. scopes = [\"cost.read\"]".to_owned());
    }
    for (name, list) in [("scopes", &rule.scopes), ("roles", &rule.roles)] {
        // A scope travels in a space separated list inside a quoted header value (RFC 6749 appendix A.4).
        let plain = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if let Some(odd) = list.iter().find(|entry| entry.is_empty() || !entry.bytes().all(plain)) {
            return Some(format!(
                "{name} holds `{}`: an entry is one word of printable ASCII",
                odd.escape_debug()
            ));
        }
        if let Some(twice) = list.iter().enumerate().find(|(i, entry)| list[..*i].contains(entry)) {
            return Some(format!("{name} holds `{}` twice", twice.1));
        }
    }
    let context = rule.auth_context.as_deref()?;
    if (1..=99).any(|number| context == format!("c{number}")) {
        return None;
    }
    Some(format!("auth_context is `{}`: it is one of c1 to c99", context.escape_debug()))
}

/// The line, from 1, that the byte at `offset` stands on.
fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

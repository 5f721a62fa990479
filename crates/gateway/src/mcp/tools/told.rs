//! What every cost tool tells beside its figures: what failed, what it took at Azure, and what was left out.

use std::io;

use cost::{Money, Scope, Totals};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::money::{self, Amount};
use crate::mcp::answer::ToolError;
use crate::mcp::foreign;

/// The most bytes of an answer's text.
pub(super) const MOST_TEXT: usize = 6_000;
/// The most bytes of an answer's text and data together.
pub(super) const MOST_BYTES: usize = 24_000;

/// A scope that did not answer.
#[derive(Clone)]
pub(super) struct Failed {
    /// Its path, or the name it was asked for by.
    pub(super) scope: String,
    /// Its name, where it is known.
    pub(super) name: Option<String>,
    /// What it is called in a sentence.
    pub(super) called: String,
    pub(super) error: ToolError,
}

/// A part of what was asked that is not in the answer.
#[derive(Clone, Debug, JsonSchema, PartialEq, Eq, Serialize)]
pub(super) struct Partial {
    /// Its path, or the name it was asked for by.
    pub(super) scope: String,
    /// Why, as a stable code.
    pub(super) code: String,
    /// What happened and what to do next.
    pub(super) detail: String,
    /// Its name for a text, where it is known.
    #[serde(skip)]
    name: Option<String>,
}

impl Partial {
    /// The most characters of a sentence; twenty of them leave room for the figures.
    const MOST: usize = 240;

    pub(super) fn new(scope: &Scope, code: &str, detail: &str) -> Self {
        Self::named(&scope.to_string(), code, detail)
    }

    /// A part that is no scope, by its id.
    pub(super) fn named(id: &str, code: &str, detail: &str) -> Self {
        let detail = cost::visible(detail, Self::MOST);
        Self { scope: foreign::exact(id), code: code.to_owned(), detail, name: None }
    }

    /// The same, called by its name in a text.
    pub(super) fn called(self, name: Option<String>) -> Self {
        Self { name, ..self }
    }
}

impl From<&Failed> for Partial {
    fn from(failed: &Failed) -> Self {
        let detail = cost::visible(failed.error.detail(), Self::MOST);
        let (scope, code) = (foreign::exact(&failed.scope), failed.error.code().to_owned());
        Self { scope, code, detail, name: failed.name.clone() }
    }
}

/// Sentences about what is missing, for a text: one for each reason, at most three, with the scopes that it is of.
pub(super) fn missing(partial: &[Partial]) -> Vec<String> {
    const MOST: usize = 3;
    let mut reasons: Vec<Vec<&Partial>> = Vec::new();
    for part in partial {
        let is_same = |of: &&mut Vec<&Partial>| of[0].code == part.code && of[0].detail == part.detail;
        match reasons.iter_mut().find(is_same) {
            Some(of) => of.push(part),
            None => reasons.push(vec![part]),
        }
    }
    let said = |of: &Vec<&Partial>| {
        format!("Not in it: {} ({}). {}", few(of), of[0].code, foreign::message(&of[0].detail))
    };
    let mut lines: Vec<_> = reasons.iter().take(MOST).map(said).collect();
    let rest: usize = reasons.iter().skip(MOST).map(Vec::len).sum();
    if rest > 0 {
        lines.push(format!("Not in it either: {rest} more, which `partial` names."));
    }
    lines
}

/// Scopes in a sentence, by name where one is known.
fn few(parts: &[&Partial]) -> String {
    const MOST: usize = 5;
    let called = |part: &&Partial| foreign::name(part.name.as_deref().unwrap_or(&part.scope));
    let mut few: Vec<_> = parts.iter().take(MOST).map(called).collect();
    let more = parts.len().saturating_sub(MOST);
    if more > 0 {
        few.push(format!("and {more} more"));
    }
    few.join(", ")
}

/// What the answer took at Azure.
#[derive(Clone, Debug, Default, JsonSchema, PartialEq, Eq, Serialize)]
pub(super) struct AzureUse {
    /// Requests for costs.
    pub(super) calls: u64,
    /// Query units: days/31, rounded up, a query.
    pub(super) query_units: u64,
    /// Whether all of it is from answers that you were given before.
    pub(super) cached: bool,
    /// When Azure gave the oldest part.
    pub(super) as_of: Option<Timestamp>,
}

impl AzureUse {
    /// Adds what further questions took.
    pub(super) fn add(&mut self, more: &Self) {
        self.calls += more.calls;
        self.query_units += more.query_units;
        self.cached &= more.cached;
        self.as_of = [self.as_of, more.as_of].into_iter().flatten().min();
    }

    /// A line for people.
    pub(super) fn line(&self) -> String {
        let as_of =
            self.as_of.map(|at| format!(", as of {}", at.strftime("%Y-%m-%d %H:%M UTC"))).unwrap_or_default();
        if self.cached {
            return format!("From answers you were given before{as_of}.");
        }
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        let (calls, units) = (self.calls, self.query_units);
        format!("Azure: {calls} call{}, {units} query unit{}{as_of}.", plural(calls), plural(units))
    }
}

/// What was left out of an answer, and how to get it.
#[derive(JsonSchema, Serialize)]
pub(super) struct More {
    /// How many.
    pub(super) left_out: usize,
    /// What they cost.
    pub(super) amounts: Vec<Amount>,
    /// The arguments of the call that gets them.
    pub(super) arguments: Map<String, Value>,
    /// Said where `arguments` are only those that differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<&'static str>,
}

impl More {
    /// The most bytes of arguments that are repeated.
    const MOST_ARGUMENTS: usize = 1_200;

    /// `given` with other values for `changed`; null takes a member out.
    pub(super) fn new(
        left_out: usize,
        amounts: Vec<Amount>,
        given: &Map<String, Value>,
        changed: &[(&str, Value)],
    ) -> Self {
        let small = length(given) <= Self::MOST_ARGUMENTS;
        let mut arguments = if small { given.clone() } else { Map::new() };
        for (name, value) in changed {
            // Whatever the member was called.
            arguments.retain(|given, _| !given.eq_ignore_ascii_case(name));
            if !(small && value.is_null()) {
                arguments.insert((*name).to_owned(), value.clone());
            }
        }
        let note = (!small).then_some("Give the other arguments as before.");
        Self { left_out, amounts, arguments, note }
    }
}

/// Sums as they stand in data.
pub(super) fn amounts(totals: &Totals) -> Vec<Amount> {
    totals.iter().map(Amount::from).collect()
}

/// Sums for people.
pub(super) fn sums(totals: impl Iterator<Item = Money>) -> String {
    totals.map(money::readable).collect::<Vec<_>>().join(" and ")
}

/// The length of a value as JSON.
pub(super) fn length(value: &impl Serialize) -> usize {
    let mut counted = Counted(0);
    // Counting does not fail; what cannot be written as JSON is noticed where the answer is.
    let _ = serde_json::to_writer(&mut counted, value);
    counted.0
}

struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(scope: &str, name: Option<&str>, code: &'static str) -> Partial {
        let error = ToolError::new(code, format!("What to do about {code}."));
        let name = name.map(str::to_owned);
        Partial::from(&Failed { scope: scope.to_owned(), name, called: String::new(), error })
    }

    #[test]
    fn a_reason_is_said_once_with_all_that_it_is_of() {
        let mut partial = vec![
            failed("/a", Some("Prod|EU"), "no_access"),
            failed("Nope", None, "subscription_not_found"),
            failed("/b", None, "no_access"),
        ];
        let refused = r"Not in it: Prod\|EU, /b (no_access). What to do about no_access.";
        let unseen = "Not in it: Nope (subscription_not_found). What to do about subscription_not_found.";
        assert_eq!(missing(&partial), [refused, unseen]);
        partial.extend((0..6).map(|number| failed(&format!("/{number}"), None, "timeout")));
        partial.extend([failed("/x", None, "internal"), failed("/y", None, "internal")]);
        let late = "Not in it: /0, /1, /2, /3, /4, and 1 more (timeout). What to do about timeout.";
        let rest = "Not in it either: 2 more, which `partial` names.";
        assert_eq!(missing(&partial), [refused, unseen, late, rest]);
        assert_eq!(serde_json::to_value(&partial[0]).unwrap().get("name"), None);
    }
}

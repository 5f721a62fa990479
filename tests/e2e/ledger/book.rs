//! The ledger: what was done, written down call by call, and what the broker must have held meanwhile.

use std::collections::BTreeMap;

use e2e::Answer;

use super::script::{CHALLENGED, Call};
use crate::audit::seen;

/// For so many steps the broker keeps a token. In the last of them it is refreshed: four fifths of its life are over.
const KEPT: usize = 6;

/// Numbers by what they are of.
pub(super) type Counts = BTreeMap<Vec<String>, u64>;

pub(super) fn add(counts: &mut Counts, of: &[&str]) {
    *counts.entry(of.iter().map(ToString::to_string).collect()).or_default() += 1;
}

/// What the test has written down.
#[derive(Default)]
pub(super) struct Ledger {
    /// Who was let through to which tool, and how it ended.
    pub(super) through: Counts,
    /// Who was refused, though known.
    pub(super) refused: Counts,
    /// Causes of refusals that anybody can have.
    pub(super) counted: Counts,
    pub(super) refusals: Counts,
    pub(super) tools: Counts,
    pub(super) http: Counts,
    pub(super) exchanges: Counts,
    /// The same by person, without what came to no decision.
    pub(super) of_broker: Counts,
    pub(super) counted_at_broker: Counts,
    pub(super) kept: Kept,
}

/// What the broker holds, by the rules of its cache: since which step, and for how many.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) since: BTreeMap<String, [usize; 2]>,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) refreshes: u64,
}

impl Kept {
    pub(super) fn asked(&mut self, who: &str, step: usize, code: &str) {
        match self.since.get(who) {
            Some([since, life]) if step - since < *life => {
                self.hits += 1;
                if *life == KEPT && step - since == KEPT - 1 {
                    self.refreshes += 1;
                    self.since.insert(who.to_owned(), [step, KEPT]);
                }
            }
            _ => self.exchanged(who, step, code),
        }
    }

    pub(super) fn exchanged(&mut self, who: &str, step: usize, code: &str) {
        self.misses += 1;
        // A refusal is kept for a minute.
        self.since.insert(who.to_owned(), [step, if code == "ok" { KEPT } else { 1 }]);
    }
}

impl Ledger {
    /// A call that asked for a tool.
    pub(super) fn note(&mut self, call: &Call, oid: &str, step: usize, answer: &Answer) {
        let Call { who, tool, code, exchanges, .. } = *call;
        assert_eq!(seen(answer), code, "{who}: {}", answer.text);
        self.answered(answer);
        if code.starts_with("missing_scope") {
            return add(&mut self.refused, &[oid, tool, code]);
        }
        self.called(oid, tool, code);
        for (number, code) in exchanges.iter().enumerate() {
            self.exchanged(oid, code);
            match number {
                // Azure's challenge: Entra ID is asked again, and what was held is replaced.
                1 if step == CHALLENGED && who == "bob" => self.kept.exchanged(who, step, code),
                _ => self.kept.asked(who, step, code),
            }
        }
    }

    pub(super) fn called(&mut self, oid: &str, tool: &str, code: &str) {
        let outcome = match code {
            "ok" | "cancelled" => code,
            _ => "error",
        };
        add(&mut self.through, &[oid, tool, code]);
        add(&mut self.tools, &[tool, outcome, if outcome == "error" { code } else { "" }]);
    }

    pub(super) fn exchanged(&mut self, oid: &str, code: &str) {
        let label = if code == "ok" { "" } else { code };
        add(&mut self.exchanges, &[if code == "ok" { "ok" } else { "error" }, label]);
        add(&mut self.of_broker, &[oid, "arm", code]);
    }

    /// What every answer is counted as.
    pub(super) fn answered(&mut self, answer: &Answer) {
        let (status, code) = (answer.status.to_string(), answer.code());
        add(&mut self.http, &[&status, code]);
        if !code.is_empty() && code != "not_found" {
            add(&mut self.refusals, &[code]);
        }
    }
}

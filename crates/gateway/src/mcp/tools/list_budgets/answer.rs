//! The answer of `list_budgets`: as many budgets as it may hold, and what is left out.

use cost::Scope;
use serde_json::json;

use super::empty::Empty;
use super::live::Asked;
use super::output::{BudgetOutput, Output};
use super::standing::{Days, Standing};
use super::text;
use crate::mcp::answer::Answer;
use crate::mcp::foreign;
use crate::mcp::tools::ask::question::BudgetsInput;
use crate::mcp::tools::scopes::Scopes;
use crate::mcp::tools::told::{AzureUse, MOST_BYTES, MOST_TEXT, More, Partial, length, sums};

/// What is known when the answer is written.
pub(super) struct Known<'a> {
    pub(super) input: &'a BudgetsInput,
    pub(super) scopes: Scopes,
    /// The scopes that are in it.
    pub(super) answered: Vec<Scope>,
    pub(super) days: Days,
    /// Every budget, in the order of Azure's own figures, so that a place in it is the same in the next call.
    pub(super) all: Vec<Standing>,
    pub(super) partial: Vec<Partial>,
    pub(super) azure: AzureUse,
    pub(super) live: Option<Asked>,
}

/// Room for what is said of budgets that do not fit in, in bytes.
const MORE_TEXT: usize = 500;
const MORE_DATA: usize = 3_200;
/// The most entries of `partial`: with two hundred budgets there could be as many.
const MOST_PARTIAL: usize = 12;

impl Known<'_> {
    /// The answer.
    pub(super) fn answer(mut self) -> Answer<Output> {
        let left_out = self.partial.len().saturating_sub(MOST_PARTIAL);
        self.partial.truncate(MOST_PARTIAL);
        if left_out > 0 {
            self.scopes
                .notes
                .push(format!("{left_out} more things are not in it, of the kinds that partial names."));
        }
        let mut output = self.output();
        let mut end = text::tail(&self);
        let mut said = text::head(&self);
        let shown = self.fill(said.len() + end.len(), length(&output));
        self.tell_rest(shown, &mut output, &mut end);
        let from = self.input.skip.min(self.all.len());
        let mut rows: Vec<&Standing> = self.all.iter().skip(from).take(shown).collect();
        rows.sort_by(|one, other| one.worst_first(other));
        if !rows.is_empty() {
            let mut table = text::table();
            for row in &rows {
                table.push(&text::line(row, &self.scopes));
            }
            said.push_str("\n\n");
            said.push_str(&table.into_text());
        }
        output.budgets = rows.into_iter().map(BudgetOutput::new).collect();
        Answer { text: said + &end, data: output }
    }

    /// All of the data but the budgets.
    fn output(&self) -> Output {
        Output {
            budgets: Vec::new(),
            total: self.all.len(),
            complete_until: self.days.complete,
            scopes: self.answered.iter().map(|scope| foreign::exact(&scope.to_string())).collect(),
            partial: self.partial.clone(),
            notes: self.notes(),
            empty: self.empty(),
            azure: self.azure.clone(),
            more: None,
            more_live: None,
        }
    }

    pub(super) fn empty(&self) -> Option<Empty> {
        if self.all.is_empty() {
            // One that cannot be read is one.
            let unread = self.partial.iter().any(|part| part.code == "unreadable_budget");
            return (!unread).then(|| Empty::no_budgets(&self.answered));
        }
        (self.input.skip >= self.all.len()).then(|| Empty::none_left(self.all.len()))
    }

    /// What a reader must know: scopes that are not in it, currencies that no budget counts.
    pub(super) fn notes(&self) -> Vec<String> {
        let beside = self.all.iter().find_map(|one| {
            let beside = one.live.as_ref().filter(|live| !live.beside.is_empty())?;
            Some(format!(
                "The costs of {} hold {} too, which is not counted: a budget has one currency.",
                foreign::name(&one.budget.name),
                sums(beside.beside.iter().copied())
            ))
        });
        self.scopes.notes.iter().cloned().chain(beside).collect()
    }

    /// How many budgets fit in, whole. One is always taken, so that the next call gets on.
    fn fill(&self, text: usize, data: usize) -> usize {
        let (mut text, mut data) = (text + text::table().len() + MORE_TEXT, data + MORE_DATA);
        let mut shown = 0;
        for standing in self.all.iter().skip(self.input.skip) {
            text += text::line(standing, &self.scopes).len();
            data += length(&BudgetOutput::new(standing)) + 1;
            if shown > 0 && (text > MOST_TEXT || text + data > MOST_BYTES) {
                break;
            }
            shown += 1;
        }
        shown
    }

    /// Tells of the budgets that did not fit in, and of those whose live spend was not asked for.
    fn tell_rest(&self, shown: usize, output: &mut Output, end: &mut String) {
        let given = &self.input.given;
        let next = self.input.skip.saturating_add(shown);
        let left = self.all.len().saturating_sub(next);
        if left > 0 {
            output.more = Some(More::new(left, Vec::new(), given, &[("skip", json!(next))]));
            end.insert_str(
                0,
                &format!(
                    "\n{left} more budgets did not fit in: the same call with \"skip\": {next} gets them."
                ),
            );
        }
        let unasked = self.live.as_ref().and_then(|asked| Some((asked.next?, asked.left)));
        if let Some((place, left)) = unasked.filter(|(place, _)| *place < shown) {
            let skip = self.input.skip.saturating_add(place);
            output.more_live = Some(More::new(left, Vec::new(), given, &[("skip", json!(skip))]));
            end.insert_str(
                0,
                &format!("\nOf {left} budgets the live spend was not asked for, to spare the quota: the same call with \"skip\": {skip} does."),
            );
        }
    }
}

#[cfg(test)]
mod tests;

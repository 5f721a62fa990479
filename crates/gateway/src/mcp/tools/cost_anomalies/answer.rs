//! The answer of `cost_anomalies`: as many events as it may hold.

use cost::{AmountOverflow, AnomalyQuestion, Daily, Event, Key, Money, Odds, OneOff, Scope, Totals};
use serde_json::{Map, Value, json};

use super::explained::Explained;
use super::output::{EventOutput, NotJudged, OneOffOutput, Output, tenth};
use crate::mcp::answer::{Answer, Failure};
use crate::mcp::foreign;
use crate::mcp::tools::ask::question::AnomaliesInput;
use crate::mcp::tools::ask::words::{metric_word, sensitivity_word};
use crate::mcp::tools::told::{AzureUse, MOST_BYTES, MOST_TEXT, More, Partial, amounts, length};

/// What is known when the answer is written.
pub(super) struct Known<'a> {
    pub(super) input: &'a AnomaliesInput,
    pub(super) question: AnomalyQuestion,
    pub(super) title: String,
    /// Those that answered, in the order of `parts`.
    pub(super) scopes: Vec<Scope>,
    pub(super) notes: Vec<String>,
    pub(super) parts: Vec<Daily>,
    pub(super) odds: Odds,
    pub(super) explained: Vec<Explained>,
    pub(super) partial: Vec<Partial>,
    pub(super) azure: AzureUse,
}

/// The most charges at once, and the most series without a history, that are named.
pub(super) const MOST_ONE_OFFS: usize = 10;
pub(super) const MOST_UNJUDGED: usize = 5;
/// Room for what is said of events that do not fit in, in bytes.
const MORE_TEXT: usize = 200;
const MORE_DATA: usize = 1_500;

impl Known<'_> {
    /// The answer.
    pub(super) fn answer(mut self) -> Result<Answer<Output>, Failure> {
        self.note_what_is_left_out();
        let mut output = self.output();
        let (head, tail) = (self.head(), self.tail());
        let (lines, shown) = self.fill(&mut output, head.len() + tail.len());
        let left = self.odds.events.get(self.input.skip + shown..).unwrap_or_default();
        let mut rest = String::new();
        if !left.is_empty() {
            let skip = self.input.skip + shown;
            let sums = excess(left).map_err(cost::Error::from)?;
            output.more =
                Some(More::new(left.len(), amounts(&sums), &self.input.given, &[("skip", json!(skip))]));
            rest = format!(
                "\n{} more events did not fit in: the same call with \"skip\": {skip} gets them.",
                left.len()
            );
        }
        Ok(Answer { text: format!("{head}{lines}{rest}{tail}"), data: output })
    }

    /// Lists that are cut say so.
    fn note_what_is_left_out(&mut self) {
        let one_offs = self.one_offs().count();
        if one_offs > MOST_ONE_OFFS {
            self.notes.push(format!(
                "{} more charges at once: cost_query with \"filter\": {{\"ChargeType\": [\"Purchase\", \"Refund\"]}} has all.",
                one_offs - MOST_ONE_OFFS
            ));
        }
        if self.parts.iter().any(|part| !part.tells_one_offs) {
            self.notes.push(
                "The agreement does not tell purchases and refunds from use: a spike of one day may be one."
                    .to_owned(),
            );
        }
        let unjudged = self.odds.unjudged.len().saturating_sub(MOST_UNJUDGED);
        if unjudged > 0 {
            self.notes
                .push(format!("{unjudged} more services or resource groups have no history of 28 days yet."));
        }
    }

    /// Charges at once of all scopes, the largest of each first.
    pub(super) fn one_offs(&self) -> impl Iterator<Item = &OneOff> {
        self.parts.iter().flat_map(|part| &part.one_offs)
    }

    pub(super) fn explained(&self, event: usize) -> Option<&Explained> {
        self.explained.iter().find(|one| one.event == event)
    }

    fn output(&self) -> Output {
        Output {
            events: Vec::new(),
            one_offs: self.one_offs().take(MOST_ONE_OFFS).map(OneOffOutput::from).collect(),
            judged_from: self.question.from(),
            judged_until: self.question.until,
            not_judged: self.odds.unjudged.iter().take(MOST_UNJUDGED).map(NotJudged::from).collect(),
            series: self.odds.series,
            cut: tenth(self.odds.cut),
            metric: metric_word(self.question.metric),
            sensitivity: sensitivity_word(self.input.sensitivity),
            scopes: self.scopes.iter().map(|scope| foreign::exact(&scope.to_string())).collect(),
            partial: self.partial.clone(),
            notes: self.notes.clone(),
            azure: self.azure.clone(),
            more: None,
            next: self.next(),
        }
    }

    /// Takes events until the answer is full.
    fn fill(&self, output: &mut Output, text: usize) -> (String, usize) {
        let (mut lines, mut data) = (String::new(), length(output) + MORE_DATA);
        let text = text + MORE_TEXT;
        for (place, event) in self.odds.events.iter().enumerate().skip(self.input.skip) {
            let line = self.line(place, event);
            let scope = self.scopes.get(event.scope).map(ToString::to_string).unwrap_or_default();
            let one = EventOutput::new(event, &scope, self.odds.cut, self.explained(place));
            let bytes = length(&one) + 1;
            let is_full = text + lines.len() + line.len() > MOST_TEXT
                || text + lines.len() + line.len() + data + bytes > MOST_BYTES;
            if is_full && !output.events.is_empty() {
                break;
            }
            data += bytes;
            lines += &line;
            output.events.push(one);
        }
        (lines, output.events.len())
    }

    /// Arguments for `cost_compare` about the first event.
    pub(super) fn next(&self) -> Map<String, Value> {
        let Some((event, explained)) = self.odds.events.first().zip(self.explained(0)) else {
            return Map::new();
        };
        let Some(scope) = self.scopes.get(event.scope) else { return Map::new() };
        let span = |(from, to): (_, _)| format!("{from}..{to}");
        let filter = match &event.key {
            Key::Service(Some(name)) => json!({"ServiceName": [name]}),
            Key::Group(Some(name)) => json!({"ResourceGroupName": [name]}),
            _ => json!({}),
        };
        let suspect = &explained.suspect;
        let asked = json!({
            "scopes": [scope.to_string()], "period": span(suspect.after), "baseline": span(suspect.before),
            "group_by": if scope.subscription().is_some() { "ResourceId" } else { "SubscriptionId" },
            "filter": filter, "metric": metric_word(self.question.metric),
        });
        asked.as_object().cloned().unwrap_or_default()
    }
}

/// What events are more or less than was expected, by currency.
fn excess(events: &[Event]) -> Result<Totals, AmountOverflow> {
    Totals::of(events.iter().map(|event| Money::new(event.excess, event.currency)))
}

#[cfg(test)]
mod tests;

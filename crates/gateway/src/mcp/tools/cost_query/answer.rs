//! The answer of `cost_query`: as many rows as it may hold, and what is left out.

use std::collections::BTreeMap;

use cost::{Breakdown, Granularity, Line, Money, Other, Totals};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::empty::Empty;
use super::output::{DateTotal, Output, Rest, Row};
use super::text::{Columns, Series, tail};
use crate::mcp::answer::{Answer, Failure};
use crate::mcp::foreign;
use crate::mcp::tools::ask::dimension;
use crate::mcp::tools::ask::question::QueryInput;
use crate::mcp::tools::ask::words::metric_word;
use crate::mcp::tools::money::exact;
use crate::mcp::tools::period::{Days, PeriodOutput};
use crate::mcp::tools::table::Table;
use crate::mcp::tools::told::{AzureUse, MOST_BYTES, MOST_TEXT, More, Partial, amounts, length, sums};

/// What is known when the answer is written.
pub(super) struct Known<'a> {
    pub(super) input: &'a QueryInput,
    /// What the scopes are called together.
    pub(super) title: String,
    /// The scopes that are in it.
    pub(super) scopes: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) days: Days,
    pub(super) costs: Breakdown,
    pub(super) complete_until: Date,
    pub(super) partial: Vec<Partial>,
    pub(super) azure: AzureUse,
    pub(super) empty: Option<Empty>,
}

/// Room for what is said of rows that do not fit in, in bytes.
const MORE_TEXT: usize = 400;
const MORE_DATA: usize = 2_000;
/// The most bytes of the totals by date. A month in three currencies fits in.
const DATES: usize = 7_000;

impl Known<'_> {
    /// The answer.
    pub(super) fn answer(self) -> Result<Answer<Output>, Failure> {
        let window = Window::of(&self.costs, self.input.skip_groups, self.input.top)?;
        let totals = self.costs.totals()?;
        let series = Series::of(&self.costs, self.input.granularity, self.days.period)?;
        let mut output = self.output(&window, &totals)?;
        let columns = Columns::of(self.input, &totals, &series);
        let mut text = super::text::head(&self, &window, &totals, &series);
        let mut end = tail(&self, &window);
        let mut page = Page::new(&columns, text.len() + end.len(), length(&output));
        page.fill(&window.lines, self.input, &totals);
        if let Some((more, said)) = page.rest(&window.lines, self.input)? {
            end.insert_str(0, &said);
            output.more = Some(more);
        }
        if !page.rows.is_empty() {
            text.push_str("\n\n");
            text.push_str(&page.table.into_text());
        }
        text.push_str(&end);
        output.rows = page.rows;
        Ok(Answer { text, data: output })
    }

    /// All of the data but the rows.
    fn output(&self, window: &Window, totals: &Totals) -> Result<Output, Failure> {
        let input = self.input;
        let (dates, more_dates) = self.dates()?;
        let usd = || {
            let sum = |sum: Decimal, line: &Line| sum.checked_add(line.usd?);
            self.costs.lines.iter().try_fold(Decimal::ZERO, sum).map(exact)
        };
        Ok(Output {
            rows: Vec::new(),
            other: window.other.iter().map(Rest::from).collect(),
            totals: amounts(totals),
            total_usd: input.measures.usd.then(usd),
            totals_by_date: dates,
            period: PeriodOutput::from(self.days),
            complete_until: self.complete_until,
            metric: metric_word(input.metric),
            scopes: self.scopes.iter().map(|scope| foreign::exact(scope)).collect(),
            partial: self.partial.clone(),
            notes: self.notes.clone(),
            empty: self.empty.clone(),
            azure: self.azure.clone(),
            rows_without_figure: self.costs.without_figure,
            more: None,
            more_groups: window.more(input),
            more_dates,
        })
    }

    /// The totals by date, as many as fit in. They stand in the first part of an answer.
    fn dates(&self) -> Result<(Option<Vec<DateTotal>>, Option<More>), Failure> {
        if self.input.granularity == Granularity::None || self.input.skip > 0 {
            return Ok((None, None));
        }
        let all = self.costs.totals_by_date()?;
        let (mut shown, mut bytes) = (Vec::new(), 0);
        for (date, money) in &all {
            let total =
                DateTotal { date: *date, currency: money.currency.to_string(), amount: exact(money.amount) };
            bytes += length(&total) + 1;
            // A date is whole: its currencies stand together.
            if bytes > DATES && shown.last().is_some_and(|last: &DateTotal| last.date != *date) {
                break;
            }
            shown.push(total);
        }
        let rest = &all[shown.len()..];
        let more = match rest.first() {
            None => None,
            Some((from, _)) => {
                let left = Totals::of(rest.iter().map(|(_, money)| *money)).map_err(cost::Error::from)?;
                let to = self.days.period.to();
                let changed = [("period", Value::Null), ("from", json!(from)), ("to", json!(to))];
                Some(More::new(rest.len(), amounts(&left), &self.input.given, &changed))
            }
        };
        Ok((Some(shown), more))
    }
}

/// The groups that the answer is about.
pub(super) struct Window {
    pub(super) lines: Vec<Line>,
    /// What is outside.
    pub(super) other: Vec<Other>,
    /// How many groups follow.
    after: usize,
}

impl Window {
    /// `top` groups of each currency, behind the first `skipped`.
    fn of(costs: &Breakdown, skipped: usize, top: usize) -> Result<Self, Failure> {
        let ranked = costs.ranked(skipped.saturating_add(top))?;
        let after = ranked.other.iter().map(|other| other.groups).sum();
        let mut other = ranked.other;
        let mut lines: Vec<Line> = Vec::new();
        let mut groups: BTreeMap<_, usize> = BTreeMap::new();
        let mut last: Option<Line> = None;
        for line in ranked.lines {
            let is_new = last.as_ref().is_none_or(|last| !same_group(last, &line));
            let group = groups.entry(line.cost.currency).or_default();
            *group += usize::from(is_new);
            last = Some(line.clone());
            if *group > skipped {
                lines.push(line);
            } else {
                add(&mut other, &line, is_new)?;
            }
        }
        other.sort_by_key(|other| other.currency);
        Ok(Self { lines, other, after })
    }

    /// The call that gets the groups after these.
    fn more(&self, input: &QueryInput) -> Option<More> {
        let next = input.skip_groups.saturating_add(input.top);
        let amounts =
            self.other.iter().map(|other| Money::new(other.amount, other.currency).into()).collect();
        let changed = [("skip_groups", json!(next)), ("skip", Value::Null)];
        // With groups before these, their sum is not that of those after.
        let amounts = if input.skip_groups == 0 { amounts } else { Vec::new() };
        (self.after > 0).then(|| More::new(self.after, amounts, &input.given, &changed))
    }
}

fn add(other: &mut Vec<Other>, line: &Line, is_new: bool) -> Result<(), Failure> {
    let Money { amount, currency } = line.cost;
    match other.iter_mut().find(|other| other.currency == currency) {
        Some(other) => {
            let sum =
                Totals::of([Money::new(other.amount, currency), line.cost]).map_err(cost::Error::from)?;
            other.amount = sum.get(currency).map_or(other.amount, |sum| sum.amount);
            other.groups += usize::from(is_new);
        }
        None => other.push(Other { currency, groups: usize::from(is_new), amount }),
    }
    Ok(())
}

/// Whether two lines are of one group: its days or months.
pub(super) fn same_group(one: &Line, other: &Line) -> bool {
    one.cost.currency == other.cost.currency && one.keys == other.keys
}

/// The rows that fit in.
struct Page<'a> {
    columns: &'a Columns<'a>,
    table: Table,
    rows: Vec<Row>,
    /// Bytes of the text and the data around the rows.
    text: usize,
    data: usize,
    /// How many lines of the window are not in it: those that came before.
    skipped: usize,
}

impl<'a> Page<'a> {
    fn new(columns: &'a Columns<'a>, text: usize, data: usize) -> Self {
        let (text, data) = (text + MORE_TEXT, data + MORE_DATA);
        Self { columns, table: columns.table(), rows: Vec::new(), text, data, skipped: 0 }
    }

    /// Takes whole rows until the answer is full. One is always taken, so that the next call gets on.
    fn fill(&mut self, lines: &[Line], input: &QueryInput, totals: &Totals) {
        let names: Vec<_> = input.group_by.iter().map(dimension::title).collect();
        let row = |line| Row::new(line, &names, whole(totals, line), input.measures);
        self.skipped = input.skip.min(lines.len());
        let listed = self.list(lines, totals, lines.first().map(row).as_ref());
        let mut last: Option<&Line> = None;
        for (index, line) in lines.iter().enumerate().skip(self.skipped) {
            let row = row(line);
            let is_listed = index < listed || last.is_some_and(|last| same_group(last, line));
            let group = || self.columns.line(group_at(lines, index), whole(totals, line));
            let cells = if is_listed { String::new() } else { group() };
            let bytes = length(&row) + 1;
            if self.is_full(cells.len(), bytes) && !self.rows.is_empty() {
                break;
            }
            self.table.push(&cells);
            self.data += bytes;
            self.rows.push(row);
            last = Some(line);
        }
    }

    /// Lists the groups of a series where it begins, as many as the text and a first row beside it leave room for: their sums and
    /// bars are seen at once, however few of their days fit in. Says how many lines they are.
    fn list(&mut self, lines: &[Line], totals: &Totals, first: Option<&Row>) -> usize {
        let mut listed = 0;
        if self.skipped > 0 || !self.columns.is_series() {
            return listed;
        }
        for group in lines.chunk_by(same_group) {
            let cells = self.columns.line(group, whole(totals, &group[0]));
            if self.is_full(cells.len(), length(&first) + 1) {
                break;
            }
            self.table.push(&cells);
            listed += group.len();
        }
        listed
    }

    /// Whether these bytes of a text's table and of data are too many.
    fn is_full(&self, cells: usize, bytes: usize) -> bool {
        let text = self.text + self.table.len() + cells;
        text > MOST_TEXT || text + self.data + bytes > MOST_BYTES
    }

    /// What follows the rows of this page, and a sentence about it.
    fn rest(&self, lines: &[Line], input: &QueryInput) -> Result<Option<(More, String)>, Failure> {
        let next = self.skipped + self.rows.len();
        let rest = &lines[next..];
        if rest.is_empty() {
            return Ok(None);
        }
        let left = Totals::of(rest.iter().map(|line| line.cost)).map_err(cost::Error::from)?;
        let said = format!(
            "\n{} more rows{} did not fit in: {}. The same call with \"skip\": {next} gets them.",
            rest.len(),
            self.columns.each(),
            few(&left)
        );
        let more = More::new(rest.len(), amounts(&left), &input.given, &[("skip", json!(next))]);
        Ok(Some((more, said)))
    }
}

/// The total that a line is a share of.
fn whole(totals: &Totals, line: &Line) -> Decimal {
    totals.get(line.cost.currency).map_or(Decimal::ZERO, |total| total.amount)
}

/// Sums for people; more currencies than these are in the data.
fn few(totals: &Totals) -> String {
    const MOST: usize = 5;
    let more = totals.iter().count().saturating_sub(MOST);
    let more = if more > 0 { format!(" and {more} more currencies") } else { String::new() };
    sums(totals.iter().take(MOST)) + &more
}

/// All lines of the group that a line belongs to.
fn group_at(lines: &[Line], index: usize) -> &[Line] {
    let of = |line: &&Line| same_group(line, &lines[index]);
    let before = lines[..index].iter().rev().take_while(of).count();
    let after = lines[index..].iter().take_while(of).count();
    &lines[index - before..index + after]
}

#[cfg(test)]
mod tests;

//! What `cost_query` answers, for people and for models that read: the answer first, then the table, then what to know.

use std::collections::BTreeMap;

use cost::{
    Breakdown, Condition, Currency, Granularity, Grouping, Line, Measures, Money, Period, Quantity, Totals,
    counts_tokens, share,
};
use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::answer::{Known, Window, same_group};
use crate::mcp::answer::Failure;
use crate::mcp::foreign;
use crate::mcp::tools::ask::dimension::{in_words, title};
use crate::mcp::tools::ask::question::QueryInput;
use crate::mcp::tools::ask::words::metric_word;
use crate::mcp::tools::money::{percent, readable};
use crate::mcp::tools::shown::shown;
use crate::mcp::tools::spark::bar;
use crate::mcp::tools::table::Table;
use crate::mcp::tools::told::{missing, sums};
use crate::mcp::tools::units;

/// The days or months of a series, each with a place in its bar.
pub(super) struct Series {
    dates: Vec<Date>,
    /// The sum of each date.
    totals: Vec<(Date, Money)>,
    by: &'static str,
}

impl Series {
    pub(super) fn of(costs: &Breakdown, granularity: Granularity, period: Period) -> Result<Self, Failure> {
        let (first, step, by) = match granularity {
            Granularity::None => return Ok(Self { dates: Vec::new(), totals: Vec::new(), by: "" }),
            Granularity::Daily => (period.from(), 1.day(), "day"),
            Granularity::Monthly => (period.from().first_of_month(), 1.month(), "month"),
        };
        let dates = first.series(step).take_while(|date| *date <= period.to()).collect();
        Ok(Self { dates, totals: costs.totals_by_date()?, by })
    }

    const fn is_none(&self) -> bool {
        self.dates.is_empty()
    }

    /// The bar of the figures that stand at these dates.
    fn bar(&self, figures: impl Iterator<Item = (Date, Decimal)>) -> String {
        let mut by_date: BTreeMap<Date, Decimal> = BTreeMap::new();
        for (date, amount) in figures {
            let sum = by_date.entry(date).or_default();
            // A picture needs no exactness.
            *sum = sum.saturating_add(amount);
        }
        let series: Vec<_> =
            self.dates.iter().map(|date| by_date.get(date).copied().unwrap_or_default()).collect();
        bar(&series).0
    }

    /// A line for each currency: the bar, and its highest day or month.
    fn lines(&self, totals: &Totals) -> Vec<String> {
        /// More currencies than this are in the data.
        const MOST: usize = 4;
        let step = self.dates.len().div_ceil(40).max(1);
        let each = if step > 1 { format!(", {step} {}s a bar", self.by) } else { String::new() };
        let line = |total: Money| {
            let of = self.totals.iter().filter(|(_, money)| money.currency == total.currency);
            let highest = of.clone().max_by_key(|(_, money)| money.amount)?;
            let bar = self.bar(of.map(|(date, money)| (*date, money.amount)));
            let (date, money) = (highest.0, readable(highest.1));
            Some(format!("{} by {}{each}: {bar} (highest: {money}, {date})", total.currency, self.by))
        };
        totals.iter().take(MOST).filter_map(line).collect()
    }
}

/// What stands above the table: the answer in a sentence, the series, what is missing, what to know.
pub(super) fn head(known: &Known<'_>, window: &Window, totals: &Totals, series: &Series) -> String {
    let (title, days, metric) = (&known.title, known.days, metric_word(known.input.metric));
    let of = filtered(known.input);
    let mut lines = Vec::new();
    if totals.is_empty() {
        lines.push(format!("{title}: no {metric} costs{of} {days}."));
        lines.extend(known.empty.as_ref().map(|empty| foreign::message(&empty.detail)));
    } else {
        let driver = driver(known.input, window, totals).unwrap_or_default();
        lines.push(format!("{title}, {metric} costs{of} {days}: {}.{driver}", sums(totals.iter())));
    }
    lines.extend(series.lines(totals));
    lines.extend(missing(&known.partial));
    let days = days.note().trim().to_owned();
    lines.extend(Some(days).filter(|note| !note.is_empty()));
    lines.extend(known.notes.iter().map(|note| foreign::message(note)));
    lines.join("\n")
}

/// What stands below the table.
pub(super) fn tail(known: &Known<'_>, window: &Window) -> String {
    let mut lines = Vec::new();
    if !window.other.is_empty() {
        let sum = |other: &cost::Other| {
            format!("{} groups, {}", other.groups, readable(Money::new(other.amount, other.currency)))
        };
        let all: Vec<_> = window.other.iter().map(sum).collect();
        let next = known.input.skip_groups.saturating_add(known.input.top);
        lines.push(format!("Other: {}. For those after these: \"skip_groups\": {next}.", all.join("; ")));
    }
    if known.costs.without_figure > 0 {
        let count = known.costs.without_figure;
        lines.push(format!("Rows that Azure sent without a figure, which are in no sum: {count}."));
    }
    if known.input.measures.usd {
        lines.push("US dollars are Microsoft's own conversion.".to_owned());
    }
    let wants_price = known.input.measures.unit_price;
    if wants_price && window.lines.iter().any(|line| has_tokens_of_no_unit(&line.quantity)) {
        lines.push(
            "A unit of these tokens is not known, and may be a thousand or a million: it comes from agreements that have \
             UnitOfMeasure, where costs are grouped by Meter alone."
                .to_owned(),
        );
    }
    lines.extend(known.days.caution().map(str::to_owned));
    lines.push(known.azure.line());
    format!("\n{}", lines.join("\n"))
}

/// Whether a price is of tokens, and the agreement does not say of how many.
fn has_tokens_of_no_unit(quantity: &Quantity) -> bool {
    matches!(quantity, Quantity::Of(of) if of.unit.is_none() && of.meter.as_deref().is_some_and(counts_tokens))
}

/// ` with ServiceName Storage`: what the costs were narrowed by.
fn filtered(input: &QueryInput) -> String {
    /// The most values that a sentence names.
    const MOST: usize = 3;
    let part = |condition: &Condition| {
        let values: Vec<_> =
            condition.values.iter().take(MOST).map(|value| said(&condition.by, Some(value))).collect();
        let rest = condition.values.len().saturating_sub(MOST);
        let rest = if rest > 0 { format!(" or {rest} more") } else { String::new() };
        format!("{} {}{rest}", foreign::name(&in_words(&condition.by)), values.join(" or "))
    };
    let list = |conditions: &[Condition]| conditions.iter().take(MOST).map(part).collect::<Vec<_>>();
    let (with, without) = (list(&input.filter), list(&input.exclude));
    let with = if with.is_empty() { String::new() } else { format!(" with {}", with.join(" and ")) };
    let without =
        if without.is_empty() { String::new() } else { format!(" without {}", without.join(" or ")) };
    with + &without
}

/// The dearest group of the first currency.
fn driver(input: &QueryInput, window: &Window, totals: &Totals) -> Option<String> {
    let first = window.lines.first().filter(|_| !input.group_by.is_empty() && input.skip_groups == 0)?;
    let group: Vec<_> = window.lines.iter().take_while(|line| same_group(line, first)).collect();
    let sum = Totals::of(group.iter().map(|line| line.cost)).ok()?.get(first.cost.currency)?;
    let whole = totals.get(first.cost.currency)?;
    let part = percent(share(sum.amount, whole.amount));
    let part = if part.is_empty() { part } else { format!(" ({part})") };
    let by: Vec<_> = input.group_by.iter().map(in_words).collect();
    let keys = input.group_by.iter().zip(first.keys.iter());
    let names: Vec<_> = keys.map(|(by, key)| said(by, key.as_deref())).collect();
    let by = foreign::name(&by.join(" and "));
    Some(format!(" Dearest {by}: {}, {}{part}.", names.join(", "), readable(sum)))
}

/// A value in a sentence.
fn said(by: &Grouping, value: Option<&str>) -> String {
    foreign::name(&shown(by, value))
}

/// The columns of the table.
pub(super) struct Columns<'a> {
    by: &'a [Grouping],
    measures: Measures,
    series: &'a Series,
    /// The one currency there is.
    only: Option<Currency>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(input: &'a QueryInput, totals: &Totals, series: &'a Series) -> Self {
        let mut currencies = totals.iter().map(|total| total.currency);
        let only = currencies.next().filter(|_| currencies.next().is_none());
        Self { by: &input.group_by, measures: input.measures, series, only }
    }

    pub(super) const fn is_series(&self) -> bool {
        !self.series.is_none()
    }

    /// What a row of the data is, where the table has none of its own for it.
    pub(super) fn each(&self) -> String {
        if self.is_series() { format!(" of a {} each", self.series.by) } else { String::new() }
    }

    pub(super) fn table(&self) -> Table {
        let mut titles: Vec<String> = self.by.iter().map(|by| foreign::name(&title(by))).collect();
        titles.push("Cost".to_owned());
        titles.push(self.only.map_or("Share".to_owned(), |only| format!("Share of {only}")));
        for (is, title) in [
            (self.measures.quantity && self.series.is_none(), "Quantity"),
            (self.measures.unit_price && self.series.is_none(), "Unit price"),
            (self.measures.usd, "USD"),
        ] {
            titles.extend(is.then(|| title.to_owned()));
        }
        titles.extend((!self.series.is_none()).then(|| format!("By {}", self.series.by)));
        Table::new(&titles.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// A group in the table: one line of it, or the sum of its days or months with their bar.
    pub(super) fn line(&self, group: &[Line], whole: Decimal) -> String {
        let Some(first) = group.first() else { return String::new() };
        let sum = Totals::of(group.iter().map(|line| line.cost)).ok();
        let cost = sum.and_then(|sum| sum.get(first.cost.currency)).unwrap_or(first.cost);
        let mut cells: Vec<_> =
            self.by.iter().zip(first.keys.iter()).map(|(by, key)| shown(by, key.as_deref())).collect();
        cells.push(readable(cost));
        let part = percent(share(cost.amount, whole));
        let of = if self.only.is_none() && !part.is_empty() {
            format!(" of {}", cost.currency)
        } else {
            String::new()
        };
        cells.push(part + &of);
        if self.measures.quantity && self.series.is_none() {
            cells.push(units::quantity(&first.quantity));
        }
        if self.measures.unit_price && self.series.is_none() {
            cells.push(units::price(first).unwrap_or_default());
        }
        if self.measures.usd {
            let usd = group.iter().try_fold(Decimal::ZERO, |sum, line| sum.checked_add(line.usd?));
            cells.push(usd.map(|usd| format!("{:.2}", usd.round_dp(2))).unwrap_or_default());
        }
        if !self.series.is_none() {
            cells.push(self.series.bar(group.iter().filter_map(|line| Some((line.date?, line.cost.amount)))));
        }
        // An empty cell would be said to have no name.
        let or_none = |cell: String| if cell.is_empty() { "–".to_owned() } else { cell };
        Table::line(&cells.into_iter().map(or_none).collect::<Vec<_>>())
    }
}

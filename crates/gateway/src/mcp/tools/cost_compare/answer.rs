//! The answer of `cost_compare`: as many drivers as it may hold, those that it does not hold in the rest.

use cost::{AmountOverflow, Change, Currency, Difference, Driver, Money, Totals, share};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::json;

use super::output::{DriverOutput, InCurrency, Output, Rest, kind};
use crate::mcp::answer::{Answer, Failure};
use crate::mcp::foreign;
use crate::mcp::tools::ask::dimension::{in_words, title};
use crate::mcp::tools::ask::question::CompareInput;
use crate::mcp::tools::ask::words::metric_word;
use crate::mcp::tools::money::{percent, readable};
use crate::mcp::tools::period::{Days, PeriodOutput};
use crate::mcp::tools::shown::shown;
use crate::mcp::tools::table::Table;
use crate::mcp::tools::told::{AzureUse, MOST_BYTES, MOST_TEXT, More, Partial, amounts, length, missing};

/// What is known when the answer is written.
pub(super) struct Known<'a> {
    pub(super) input: &'a CompareInput,
    pub(super) title: String,
    pub(super) scopes: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) before: Days,
    pub(super) after: Days,
    /// Each with `skip + top` drivers.
    pub(super) differences: Vec<Difference>,
    pub(super) complete_until: Date,
    pub(super) partial: Vec<Partial>,
    pub(super) azure: AzureUse,
}

/// Room for what is said of drivers that do not fit in, in bytes.
const MORE_TEXT: usize = 300;
const MORE_DATA: usize = 2_500;

impl Known<'_> {
    /// The answer.
    pub(super) fn answer(mut self) -> Result<Answer<Output>, Failure> {
        self.leave_out_first().map_err(cost::Error::from)?;
        let mut output = self.output();
        let mut text = self.head();
        let mut end = self.tail();
        let (table, shown) = self.fill(&mut output, text.len() + end.len());
        let left = self.left_out(shown).map_err(cost::Error::from)?;
        if left.0 > 0 {
            let skip = self.input.skip + shown;
            output.more =
                Some(More::new(left.0, amounts(&left.1), &self.input.given, &[("skip", json!(skip))]));
            end = format!(
                "\n{} more drivers did not fit in: the same call with \"skip\": {skip} gets them.{end}",
                left.0
            );
        }
        for (currency, difference) in output.currencies.iter_mut().zip(&self.differences) {
            let rest = difference.drivers.iter().skip(shown);
            currency.rest = Rest::new(with(difference.rest, rest).map_err(cost::Error::from)?);
        }
        if shown > 0 {
            text = format!("{text}\n\n{}", table.into_text());
        }
        Ok(Answer { text: text + &end, data: output })
    }

    /// Puts the drivers that an answer before had into the rest.
    fn leave_out_first(&mut self) -> Result<(), AmountOverflow> {
        for difference in &mut self.differences {
            let behind = difference.drivers.split_off(self.input.skip.min(difference.drivers.len()));
            let first = std::mem::replace(&mut difference.drivers, behind);
            difference.rest = with(difference.rest, first.iter())?;
        }
        Ok(())
    }

    fn output(&self) -> Output {
        Output {
            currencies: self.differences.iter().map(InCurrency::new).collect(),
            period: PeriodOutput::from(self.after),
            baseline: PeriodOutput::from(self.before),
            complete_until: self.complete_until,
            metric: metric_word(self.input.metric),
            scopes: self.scopes.iter().map(|scope| foreign::exact(scope)).collect(),
            partial: self.partial.clone(),
            notes: self.notes.clone(),
            azure: self.azure.clone(),
            more: None,
        }
    }

    /// Takes drivers until the answer is full: the first of each currency, then the second of each, so that the next call can go
    /// on from a number. Says how many of each there are.
    fn fill(&self, output: &mut Output, text: usize) -> (Table, usize) {
        let by = title(&self.input.group_by);
        let mut table = self.table();
        let (text, mut data) = (text + MORE_TEXT, length(output) + MORE_DATA);
        let most =
            self.differences.iter().map(|difference| difference.drivers.len()).max().unwrap_or_default();
        for rank in 0..most {
            let of_rank = |difference: &Difference| {
                difference.drivers.get(rank).map(|driver| self.line(driver, difference.currency))
            };
            let lines: String = self.differences.iter().filter_map(of_rank).collect();
            let outputs: Vec<_> = self
                .differences
                .iter()
                .map(|difference| difference.drivers.get(rank).map(|driver| DriverOutput::new(driver, &by)))
                .collect();
            let bytes: usize = outputs.iter().flatten().map(|driver| length(driver) + 1).sum();
            let text = text + table.len() + lines.len();
            if rank > 0 && (text > MOST_TEXT || text + data + bytes > MOST_BYTES) {
                return (table, rank);
            }
            data += bytes;
            table.push(&lines);
            for (currency, driver) in output.currencies.iter_mut().zip(outputs) {
                currency.drivers.extend(driver);
            }
        }
        (table, most)
    }

    /// How many drivers are not shown, and their changes.
    fn left_out(&self, shown: usize) -> Result<(usize, Totals), AmountOverflow> {
        let (mut count, mut changes) = (0, Totals::default());
        for difference in &self.differences {
            for driver in difference.drivers.iter().skip(shown) {
                count += 1;
                changes.add(Money::new(driver.change.change, difference.currency))?;
            }
        }
        Ok((count, changes))
    }

    fn head(&self) -> String {
        let metric = metric_word(self.input.metric);
        let (title, before, after) = (&self.title, self.before, self.after);
        let mut lines = vec![format!("{title}, {metric} costs {after}, against {}:", before.period)];
        if self.differences.is_empty() {
            lines.push("There are no costs in either period.".to_owned());
        }
        lines.extend(self.differences.iter().map(|difference| self.sentence(difference)));
        lines.extend(missing(&self.partial));
        let days = after.note().trim().to_owned();
        lines.extend(Some(days).filter(|note| !note.is_empty()));
        lines.extend(self.notes.iter().map(|note| foreign::message(note)));
        lines.join("\n")
    }

    /// The difference in a currency, and what drove it most.
    fn sentence(&self, difference: &Difference) -> String {
        let money = |amount| readable(Money::new(amount, difference.currency));
        let Change { before, after, change } = difference.change;
        let part = percent(share(change, before));
        let part = if part.is_empty() { part } else { format!(", {}{part}", sign(change)) };
        let days =
            format!("a day {} after {}", money(difference.per_day_after), money(difference.per_day_before));
        let first = difference.drivers.first().filter(|_| self.input.skip == 0).map(|driver| {
            let key = foreign::name(&shown(&self.input.group_by, driver.key.as_deref()));
            let by = foreign::name(&in_words(&self.input.group_by));
            format!(
                " Largest driver: {by} {key}, {}{}.",
                sign(driver.change.change),
                money(driver.change.change)
            )
        });
        let first = first.unwrap_or_default();
        format!(
            "{} after {}: {}{}{part}; {days}.{first}",
            money(after),
            money(before),
            sign(change),
            money(change)
        )
    }

    fn table(&self) -> Table {
        let by = foreign::name(&title(&self.input.group_by));
        Table::new(&[&by, "Before", "After", "Change", "Kind", "By usage", "By rate", "By other"])
    }

    fn line(&self, driver: &Driver, currency: Currency) -> String {
        let money = |amount| readable(Money::new(amount, currency));
        Table::line(&[
            shown(&self.input.group_by, driver.key.as_deref()),
            money(driver.change.before),
            money(driver.change.after),
            money(driver.change.change),
            kind(driver.kind).to_owned(),
            money(driver.usage_effect),
            money(driver.rate_effect),
            money(driver.other_effect),
        ])
    }

    fn tail(&self) -> String {
        let mut lines = Vec::new();
        for difference in &self.differences {
            let money = |amount| readable(Money::new(amount, difference.currency));
            let (groups, rest) = difference.rest;
            if groups > 0 {
                lines.push(format!("Rest: {groups} groups, {}{}.", sign(rest.change), money(rest.change)));
            }
            if let Ok(effect) = difference.calendar_effect {
                lines.push(format!(
                    "Of the change, {} is what the other number of weekdays makes.",
                    money(effect)
                ));
            }
            if let (Ok(before), Ok(after)) = (difference.coverage_before, difference.coverage_after) {
                let part = |coverage| percent(Some(coverage));
                lines.push(format!("Covered by commitments: {} after {}.", part(after), part(before)));
            }
        }
        lines.extend(self.after.caution().map(str::to_owned));
        lines.push(self.azure.line());
        format!("\n{}", lines.join("\n"))
    }
}

/// A plus in front of what grew; less has its own sign.
fn sign(change: Decimal) -> &'static str {
    if change > Decimal::ZERO { "+" } else { "" }
}

/// A rest with further groups in it.
fn with<'a>(
    (groups, rest): (usize, Change),
    drivers: impl Iterator<Item = &'a Driver>,
) -> Result<(usize, Change), AmountOverflow> {
    let mut sum = (groups, rest);
    for driver in drivers {
        let add = |one: Decimal, other: Decimal| one.checked_add(other).ok_or(AmountOverflow);
        let Change { before, after, change } = driver.change;
        sum = (
            sum.0 + 1,
            Change {
                before: add(sum.1.before, before)?,
                after: add(sum.1.after, after)?,
                change: add(sum.1.change, change)?,
            },
        );
    }
    Ok(sum)
}

#[cfg(test)]
mod tests;

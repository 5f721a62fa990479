//! Answers made of answers.

use std::sync::Arc;

use jiff::civil::Date;

use crate::caseless;
use crate::chunks::Chunks;
use crate::period::Period;
use crate::plan::cut::coarser;
use crate::query::{Filter, Granularity, Grouping, Operation, Query, QueryResult, Row};

/// The answer to `wanted`, made of the answer to another query of the same scope, where that holds all that it takes: a roll-up of
/// its days or groups, a part of its days, a filter on what it is grouped by.
///
/// The rows are summed: one for each day, currency and group, and they came on no page. `None` where the answer holds too little:
/// another metric or sum, days it lacks, a group it lacks, a filter that is wider, or that asks for what it is not grouped by. An
/// answer that is a part serves nothing; one with rows that had no figure only what takes all of it.
pub fn derive(asked: &Query, answer: &QueryResult, wanted: &Query) -> Option<QueryResult> {
    let same_sums = asked.metric() == wanted.metric()
        && asked.column() == wanted.column()
        && wanted.beside().is_none_or(|beside| asked.beside() == Some(beside));
    // A forecast is made for the days that it was asked for.
    let is_forecast = [asked, wanted].iter().any(|query| query.operation() == Operation::Forecast);
    if answer.truncated.is_some() || !same_sums || is_forecast {
        return None;
    }
    let days = Days::of(asked, wanted)?;
    let conditions = added_conditions(asked.filter(), wanted.filter())?;
    let places = places(asked.grouping(), wanted.grouping())?;
    let takes_all = conditions.is_empty() && days.0.is_none();
    if answer.without_figure > 0 && !takes_all {
        return None;
    }
    let keeps_beside = wanted.beside().is_some();
    let regrouped = !places.iter().copied().eq(0..asked.grouping().len());
    let mut rows = Chunks::default();
    for row in &answer.rows {
        let counts = |condition: &&Filter| holds(condition, asked.grouping(), row);
        let conditions: Vec<bool> = conditions.iter().map(counts).collect::<Option<_>>()?;
        if conditions.contains(&false) || !days.holds(row.date)? {
            continue;
        }
        let groups =
            || places.iter().map(|place| row.groups.get(*place).cloned().unwrap_or_default()).collect();
        let date = coarser(row.date, wanted.granularity());
        if date.is_none() && wanted.granularity() != Granularity::None {
            return None;
        }
        rows.push(Row {
            cost: row.cost,
            beside: row.beside.filter(|_| keeps_beside),
            date,
            groups: if regrouped { groups() } else { Arc::clone(&row.groups) },
        });
    }
    let without_figure = answer.without_figure;
    QueryResult { rows, without_figure, ..QueryResult::default() }.summed().ok()
}

/// The days to keep; `None` where all are.
struct Days(Option<(Date, Date)>);

impl Days {
    /// `None` where the answer does not hold them, or not in so fine a grain.
    fn of(asked: &Query, wanted: &Query) -> Option<Self> {
        let (held, period) = (asked.period(), wanted.period());
        if grain(asked.granularity()) < grain(wanted.granularity()) {
            return None;
        }
        let (from, to) = (period.from(), period.to());
        if (from, to) == (held.from(), held.to()) {
            return Some(Self(None));
        }
        let is_part = held.from() <= from && to <= held.to();
        match asked.granularity() {
            Granularity::Daily if is_part => Some(Self(Some((from, to)))),
            Granularity::Monthly if is_part && of_whole_months(held, period) => {
                Some(Self(Some((from.first_of_month(), to))))
            }
            _ => None,
        }
    }

    /// Whether a row is of these days; `None` where it does not say its day.
    fn holds(&self, date: Option<Date>) -> Option<bool> {
        self.0.map_or(Some(true), |(from, to)| date.map(|date| (from..=to).contains(&date)))
    }
}

/// Whether a period splits none of the months that an answer has, which may be parts at its ends.
fn of_whole_months(held: Period, period: Period) -> bool {
    let (from, to) = (period.from(), period.to());
    (from == held.from() || from == from.first_of_month()) && (to == held.to() || to == to.last_of_month())
}

/// The finer, the larger.
const fn grain(granularity: Granularity) -> u8 {
    match granularity {
        Granularity::None => 0,
        Granularity::Monthly => 1,
        Granularity::Daily => 2,
    }
}

/// Where each wanted group is among those that were asked for.
fn places(asked: &[Grouping], wanted: &[Grouping]) -> Option<Vec<usize>> {
    wanted.iter().map(|by| asked.iter().position(|group| group.is_same(by))).collect()
}

/// What must hold beyond what held already. `None` where the answer lacks costs that are wanted.
fn added_conditions<'a>(asked: Option<&Filter>, wanted: Option<&'a Filter>) -> Option<Vec<&'a Filter>> {
    let held = asked.map_or_else(Vec::new, conjuncts);
    let mut conditions = wanted.map_or_else(Vec::new, conjuncts);
    let is_held = |held: &&Filter| conditions.iter().any(|condition| implies(condition, held));
    if !held.iter().all(is_held) {
        return None;
    }
    conditions.retain(|condition| !held.iter().any(|held| implies(held, condition)));
    Some(conditions)
}

/// The conditions that must all hold.
fn conjuncts(filter: &Filter) -> Vec<&Filter> {
    match filter {
        Filter::And(children) => children.iter().flat_map(conjuncts).collect(),
        Filter::Dimension { .. } | Filter::Tag { .. } | Filter::Or(_) => vec![filter],
    }
}

/// Whether what meets one condition meets the other, as far as that is plain.
fn implies(one: &Filter, other: &Filter) -> bool {
    match (leaf(one), leaf(other)) {
        (Some((by, values)), Some((other_by, others))) => {
            by.is_same(&other_by) && values.iter().all(|value| has(others, value))
        }
        (None, None) => one == other,
        _ => false,
    }
}

/// Whether a row meets a condition; `None` where it is not grouped by what decides.
fn holds(filter: &Filter, grouping: &[Grouping], row: &Row) -> Option<bool> {
    match filter {
        Filter::And(children) => every(children, grouping, row).map(|held| held.into_iter().all(|held| held)),
        Filter::Or(children) => every(children, grouping, row).map(|held| held.into_iter().any(|held| held)),
        Filter::Dimension { .. } | Filter::Tag { .. } => {
            let (by, values) = leaf(filter)?;
            let place = grouping.iter().position(|group| group.is_same(&by))?;
            row.groups.get(place).map(|value| has(values, value))
        }
    }
}

fn every(children: &[Filter], grouping: &[Grouping], row: &Row) -> Option<Vec<bool>> {
    children.iter().map(|child| holds(child, grouping, row)).collect()
}

fn leaf(filter: &Filter) -> Option<(Grouping, &[String])> {
    match filter {
        Filter::Dimension { name, values } => Some((Grouping::Dimension(name.clone()), values)),
        Filter::Tag { name, values } => Some((Grouping::Tag(name.clone()), values)),
        Filter::And(_) | Filter::Or(_) => None,
    }
}

fn has(values: &[String], value: &str) -> bool {
    values.iter().any(|held| caseless::same(held, value))
}

#[cfg(test)]
mod tests;

//! What caused an event: its days against as many days of the same weekdays before, by resource and meter, with the split of
//! [`crate::Comparison`].

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::plan::{AnomalyQuestion, charge_type, dimension, group, service};
use super::suspect::{Suspect, hull};
use crate::breakdown::{Cell, Cells, Figures, values};
use crate::caseless;
use crate::compare::{Change, Effects, less, priced};
use crate::error::Error;
use crate::invalid::InvalidQuery;
use crate::money::{AmountOverflow, Money};
use crate::plan::{Asked, Common, Selection};
use crate::query::{Beside, Granularity, Grouping, Query, QueryResult};
use crate::question::Condition;

/// The most days that one query has.
const MOST_ASKED: i32 = 31;
/// The most causes of an event.
pub(super) const MOST_CAUSES: usize = 5;
/// The part of a meter's cost at which a resource has left it, or was not there yet, in per cent.
const LEFT: i64 = 20;

/// What Azure is to be asked about the causes of some events of one scope: one query, if they lie within 31 days.
#[derive(Clone, Debug)]
pub struct CausePlan {
    suspects: Vec<Suspect>,
    asked: Asked,
    queries: Vec<Query>,
}

impl CausePlan {
    /// As few plans as tell the events apart. At a management group or a billing scope (`is_wide`) Azure does not tell resources,
    /// and subscriptions stand in their place.
    pub fn all(
        question: AnomalyQuestion,
        suspects: Vec<Suspect>,
        is_wide: bool,
        dimensions: Option<&[String]>,
    ) -> Result<Vec<Self>, InvalidQuery> {
        let mut parts: Vec<Vec<Suspect>> = Vec::new();
        for suspect in suspects {
            let takes = |part: &&mut Vec<Suspect>| {
                let first = part
                    .iter()
                    .map(|one| one.before.0)
                    .min()
                    .map_or(suspect.before.0, |day| day.min(suspect.before.0));
                let last = part
                    .iter()
                    .map(|one| one.after.1)
                    .max()
                    .map_or(suspect.after.1, |day| day.max(suspect.after.1));
                (last - first).get_days() < MOST_ASKED
                    && !part.iter().any(|one| one.is_mixed_with(&suspect, !is_wide))
            };
            match parts.iter_mut().find(takes) {
                Some(part) => part.push(suspect),
                None => parts.push(vec![suspect]),
            }
        }
        parts.into_iter().map(|part| Self::of(question, part, is_wide, dimensions)).collect()
    }

    fn of(
        question: AnomalyQuestion,
        suspects: Vec<Suspect>,
        is_wide: bool,
        dimensions: Option<&[String]>,
    ) -> Result<Self, InvalidQuery> {
        let knows = |by: &Grouping| {
            dimensions.is_none_or(|names| names.iter().any(|name| name.eq_ignore_ascii_case(by.name())))
        };
        let mut filter = Vec::new();
        filter.extend(condition(service(), &suspects, Suspect::services));
        filter.extend(condition(group(), &suspects, Suspect::groups));
        filter.extend(knows(&charge_type()).then(|| priced(charge_type())));
        let by = dimension(if is_wide { "SubscriptionId" } else { "ResourceId" });
        let common = Common {
            metric: question.metric,
            period: hull(&suspects, question.today)?,
            granularity: Granularity::Daily,
            beside: Some(Beside::Quantity),
        };
        let asked = Asked::new(common, Selection::new(&[by, dimension("Meter")], &[], &filter, &[])?)?;
        Ok(Self { suspects, queries: asked.queries().cloned().collect(), asked })
    }

    /// What to ask, in the order in which [`Self::join`] wants the answers.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// The events.
    pub fn suspects(&self) -> &[Suspect] {
        &self.suspects
    }

    /// The causes of each of its events, the largest first.
    pub fn join(&self, answers: &[Arc<QueryResult>]) -> Result<Vec<(Suspect, Vec<Cause>)>, Error> {
        if answers.len() != self.queries.len() {
            return Err(Error::unexpected("answers to other questions than were asked"));
        }
        let cells = self.asked.added_up(answers, &[0, 1])?;
        let explained = |suspect: &Suspect| Ok((suspect.clone(), suspect.causes(&cells)?));
        self.suspects.iter().map(explained).collect()
    }
}

/// The values that all of the events have; no condition where one may have any.
fn condition(
    by: Grouping,
    suspects: &[Suspect],
    of: impl Fn(&Suspect) -> Option<Vec<&str>>,
) -> Option<Condition> {
    let all: Vec<Vec<&str>> = suspects.iter().map(of).collect::<Option<_>>()?;
    let mut values: Vec<String> = Vec::new();
    for value in all.into_iter().flatten() {
        if !values.iter().any(|held| caseless::same(held, value)) {
            values.push(value.to_owned());
        }
    }
    Some(Condition { by, values })
}

/// A resource on a meter whose cost changed. The three effects add up to its change, as in [`crate::Driver`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The id of the resource; at a management group or a billing scope of the subscription, unless that was asked for its own.
    pub resource: Option<String>,
    /// The meter; of a resized resource the one that it is on now.
    pub meter: Option<String>,
    /// The meter that a resized resource was on.
    pub meter_before: Option<String>,
    /// What it cost on the days compared with, and on the event's.
    pub change: Change,
    /// What became of it.
    pub kind: CauseKind,
    /// More or less was used.
    pub usage_effect: Decimal,
    /// It was dearer or cheaper.
    pub rate_effect: Decimal,
    /// What has no quantity.
    pub other_effect: Decimal,
    /// How much of its usage commitments covered before and on the event's days, where that was asked.
    pub coverage: Option<Uncovered>,
}

/// Committed against committed and on-demand usage, from 0 to 1: before, and on the event's days.
pub(super) type Uncovered = (Decimal, Decimal);

/// What became of a resource on a meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CauseKind {
    /// It had no cost before.
    New,
    /// It has none on the event's days.
    Gone,
    /// It cost more.
    Grown,
    /// It cost less.
    Shrunk,
    /// The same resource on another meter.
    Resized,
    /// A commitment covers less of it.
    Uncovered,
}

/// A resource's meter, before and on the event's days.
type Both<'a> = (Option<String>, [Option<&'a Cell>; 2]);

impl Suspect {
    fn causes(&self, cells: &Cells) -> Result<Vec<Cause>, AmountOverflow> {
        let sides = self.sides(cells)?;
        let mut causes = Vec::new();
        for (resource, meters) in meters_of(&sides) {
            let (moved, stayed): (Vec<_>, Vec<_>) = if is_moved(&meters)? {
                let mut moved = Vec::new();
                let mut stayed = Vec::new();
                for meter in meters {
                    if left(&meter)? || came(&meter)? { moved.push(meter) } else { stayed.push(meter) }
                }
                (moved, stayed)
            } else {
                (Vec::new(), meters)
            };
            if !moved.is_empty() {
                causes.push(resized(&resource, &moved)?);
            }
            for meter in &stayed {
                causes.push(cause(&resource, meter)?);
            }
        }
        causes.retain(|cause| cause.change.change * self.sign() > Decimal::ZERO);
        causes.sort_by_key(|cause| Reverse(cause.change.change.abs()));
        causes.truncate(MOST_CAUSES);
        Ok(causes)
    }

    /// Its rows before and on its days, each side added up.
    fn sides(&self, cells: &Cells) -> Result<[Cells; 2], AmountOverflow> {
        let mut sides = [Cells::default(), Cells::default()];
        for cell in cells.iter().filter(|cell| cell.currency == self.currency()) {
            let Some(side) = cell.date.and_then(|date| self.side(date)) else { continue };
            let keys = cells.keys(cell);
            if !keys.first().is_some_and(|resource| self.may_be(resource.as_deref().unwrap_or_default())) {
                continue;
            }
            let figures = Figures {
                date: None,
                cost: Money::new(cell.cost.amount()?, cell.currency),
                beside: cell.beside().map(|sum| sum.amount()).transpose()?,
                taken: false,
            };
            sides[side].add(values(&keys), figures)?;
        }
        Ok(sides)
    }
}

/// The meters of each resource, whatever case its id is written in.
fn meters_of(sides: &[Cells; 2]) -> BTreeMap<String, Vec<Both<'_>>> {
    let mut found: BTreeMap<String, Vec<Both<'_>>> = BTreeMap::new();
    for (side, cells) in sides.iter().enumerate() {
        for cell in cells.iter() {
            let keys = cells.keys(cell);
            let [resource, meter] = &keys[..] else { continue };
            let meters = found.entry(caseless::small(resource.as_deref().unwrap_or_default())).or_default();
            let name = meter.as_deref().unwrap_or_default();
            let known = meters
                .iter_mut()
                .find(|(other, _)| caseless::same(other.as_deref().unwrap_or_default(), name));
            if let Some((_, both)) = known {
                both[side] = Some(cell);
            } else {
                let mut both = [None, None];
                both[side] = Some(cell);
                meters.push((meter.clone(), both));
            }
        }
    }
    found
}

fn costs((_, both): &Both<'_>) -> Result<[Decimal; 2], AmountOverflow> {
    let cost = |cell: Option<&Cell>| cell.map_or(Ok(Decimal::ZERO), |cell| cell.cost.amount());
    Ok([cost(both[0])?, cost(both[1])?])
}

/// Whether next to nothing is left of a meter's cost: a change in the middle of a day leaves some.
fn left(meter: &Both<'_>) -> Result<bool, AmountOverflow> {
    let [before, after] = costs(meter)?;
    Ok(before > Decimal::ZERO && after <= before * Decimal::new(LEFT, 2))
}

fn came(meter: &Both<'_>) -> Result<bool, AmountOverflow> {
    let [before, after] = costs(meter)?;
    Ok(after > Decimal::ZERO && before <= after * Decimal::new(LEFT, 2))
}

/// Whether a resource has left a meter for another one.
fn is_moved(meters: &[Both<'_>]) -> Result<bool, AmountOverflow> {
    let (mut has_left, mut has_come) = (false, false);
    for meter in meters {
        has_left |= left(meter)?;
        has_come |= came(meter)?;
    }
    Ok(has_left && has_come)
}

fn cause(resource: &str, meter: &Both<'_>) -> Result<Cause, AmountOverflow> {
    let (name, both) = meter;
    let [before, after] = costs(meter)?;
    let change = Change::of(before, after)?;
    let effects = Effects::of(both[0], both[1])?;
    let kind = match (before.is_zero(), after.is_zero()) {
        (true, false) => CauseKind::New,
        (false, true) => CauseKind::Gone,
        _ if change.change.is_sign_negative() => CauseKind::Shrunk,
        _ => CauseKind::Grown,
    };
    with_effects(resource, name.clone(), kind, (change, effects))
}

/// Several meters of one resource as one cause.
fn resized(resource: &str, meters: &[Both<'_>]) -> Result<Cause, AmountOverflow> {
    let (mut sums, mut effects) = ([Decimal::ZERO; 2], Effects::default());
    let mut dearest: [(Decimal, Option<String>); 2] = Default::default();
    for meter in meters {
        effects.add(Effects::of(meter.1[0], meter.1[1])?)?;
        for (side, cost) in costs(meter)?.into_iter().enumerate() {
            sums[side] = sums[side].checked_add(cost).ok_or(AmountOverflow)?;
            if cost > dearest[side].0 {
                dearest[side] = (cost, meter.0.clone());
            }
        }
    }
    let [(_, meter_before), (_, meter)] = dearest;
    let change = Change::of(sums[0], sums[1])?;
    let cause = with_effects(resource, meter, CauseKind::Resized, (change, effects))?;
    Ok(Cause { meter_before, ..cause })
}

fn with_effects(
    resource: &str,
    meter: Option<String>,
    kind: CauseKind,
    (change, effects): (Change, Effects),
) -> Result<Cause, AmountOverflow> {
    let other_effect = less(less(change.change, effects.usage)?, effects.rate)?;
    let resource = (!resource.is_empty()).then(|| resource.to_owned());
    let (usage_effect, rate_effect) = (effects.usage, effects.rate);
    Ok(Cause {
        resource,
        meter,
        meter_before: None,
        change,
        kind,
        usage_effect,
        rate_effect,
        other_effect,
        coverage: None,
    })
}

#[cfg(test)]
mod tests;

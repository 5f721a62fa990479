//! The answers of a comparison, added up: of one scope or of several.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use rust_decimal::Decimal;

use super::coverage::Coverage;
use super::effects::{Effects, less};
use super::weekdays::{self, Weekdays};
use super::{Change, Comparison, Difference, Driver, DriverKind};
use crate::breakdown::{Cell, Cells, Groups, values};
use crate::caseless;
use crate::error::Error;
use crate::money::{AmountOverflow, Currency, Exact, Sum};
use crate::period::Period;

/// What is compared, the same for all scopes.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    before: Period,
    after: Period,
    by_resource: bool,
    /// Whether the period before is known by day.
    days: bool,
}

impl Frame {
    pub(super) fn of(comparison: &Comparison, days: bool) -> Self {
        let by_resource = comparison.by.name().eq_ignore_ascii_case("ResourceId");
        Self { before: comparison.before, after: comparison.after, by_resource, days }
    }

    #[cfg(test)]
    pub(super) const fn is_by_day(&self) -> bool {
        self.days
    }
}

/// What the answers of one or several scopes say: not yet ranked.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    parts: Option<Parts>,
}

#[derive(Clone, Debug)]
struct Parts {
    frame: Frame,
    /// By group and meter, before and after.
    meters: [Cells; 2],
    /// By group; before, where days are known, by day.
    groups: [Cells; 2],
    /// By pricing model.
    coverage: Result<[Cells; 2], &'static str>,
    without_figure: u64,
}

impl Compared {
    pub(super) const fn of(
        frame: Frame,
        meters: [Cells; 2],
        groups: [Cells; 2],
        coverage: Result<[Cells; 2], &'static str>,
        without_figure: u64,
    ) -> Self {
        Self { parts: Some(Parts { frame, meters, groups, coverage, without_figure }) }
    }

    /// Several scopes as one; of the same comparison.
    pub fn merged(parts: impl IntoIterator<Item = Self>) -> Result<Self, Error> {
        let mut all = parts.into_iter().filter_map(|part| part.parts);
        let Some(mut merged) = all.next() else { return Ok(Self::default()) };
        all.try_for_each(|part| merged.join(part))?;
        Ok(Self { parts: Some(merged) })
    }

    /// How many rows Azure sent without a figure, which are in no sum.
    pub fn without_figure(&self) -> u64 {
        self.parts.as_ref().map_or(0, |parts| parts.without_figure)
    }

    /// The difference of each currency, with its `top` largest drivers (by absolute change) and the rest.
    pub fn currencies(&self, top: usize) -> Result<Vec<Difference>, Error> {
        Ok(self.parts.as_ref().map_or(Ok(Vec::new()), |parts| parts.differences(top))?)
    }
}

impl Parts {
    fn join(&mut self, more: Self) -> Result<(), AmountOverflow> {
        join(&mut self.meters, &more.meters)?;
        join(&mut self.groups, &more.groups)?;
        match (&mut self.coverage, more.coverage) {
            (Ok(cells), Ok(more)) => join(cells, &more)?,
            (Ok(_), Err(reason)) => self.coverage = Err(reason),
            (Err(_), _) => {}
        }
        // Agreements that have less to ask for may leave room for the days.
        self.frame.days &= more.frame.days;
        self.without_figure += more.without_figure;
        Ok(())
    }

    fn differences(&self, top: usize) -> Result<Vec<Difference>, AmountOverflow> {
        let weekdays = Weekdays::of(self.frame.before, self.frame.after, &self.groups[0])?;
        let coverage = match &self.coverage {
            Ok([before, after]) => Ok([Coverage::of(before)?, Coverage::of(after)?]),
            Err(reason) => Err(*reason),
        };
        let ratio = |place: usize, currency: Currency| match &coverage {
            Ok(both) => both[place].ratio(currency),
            Err(reason) => Ok(Err(*reason)),
        };
        let per_day = |amount: Decimal, period: Period| {
            Exact::from(amount).by(weekdays::days(period).into()).map_or(Ok(amount), Exact::rounded)
        };
        let mut differences = Vec::new();
        for (currency, groups) in self.drivers()? {
            let change = sum_of(groups.iter().map(|driver| driver.change))?;
            let (drivers, rest) = ranked(groups, top)?;
            differences.push(Difference {
                currency,
                change,
                per_day_before: per_day(change.before, self.frame.before)?,
                per_day_after: per_day(change.after, self.frame.after)?,
                drivers,
                rest,
                calendar_effect: if self.frame.days {
                    weekdays.effect(currency)?
                } else {
                    Err(weekdays::NOT_BY_DAY)
                },
                coverage_before: ratio(0, currency)?,
                coverage_after: ratio(1, currency)?,
            });
        }
        Ok(differences)
    }

    /// All groups of each currency.
    fn drivers(&self) -> Result<BTreeMap<Currency, Vec<Driver>>, AmountOverflow> {
        let meters = Meters::of(&self.meters);
        let mut names = Groups::default();
        let mut found: Vec<(u32, Currency, [Sum; 2])> = Vec::new();
        let mut places: HashMap<(u32, Currency), usize> = HashMap::new();
        for (period, cells) in self.groups.iter().enumerate() {
            for cell in cells.iter() {
                let group = names.number(values(&cells.keys(cell)));
                let place = *places.entry((group, cell.currency)).or_insert(found.len());
                if place == found.len() {
                    found.push((group, cell.currency, <[Sum; 2]>::default()));
                }
                if let Some((_, _, sums)) = found.get_mut(place) {
                    sums[period].join(cell.cost)?;
                }
            }
        }
        let mut drivers: BTreeMap<Currency, Vec<Driver>> = BTreeMap::new();
        for (group, currency, [before, after]) in found {
            let key = names.keys(group).first().cloned().flatten();
            let change = Change::of(before.amount()?, after.amount()?)?;
            let of_meters = meters.of_group(key.as_deref().unwrap_or_default(), currency);
            let driver = driver(key, change, of_meters, self.frame.by_resource)?;
            drivers.entry(currency).or_default().push(driver);
        }
        Ok(drivers)
    }
}

/// The usage of a meter before and after.
type Both<'a> = [Option<&'a Cell>; 2];

/// The meters of each group.
struct Meters<'a> {
    groups: Groups,
    meters: HashMap<(u32, Currency), Vec<Both<'a>>>,
}

impl<'a> Meters<'a> {
    fn of(cells: &'a [Cells; 2]) -> Self {
        let mut groups = Groups::default();
        let mut meters: HashMap<(u32, Currency), Vec<Both<'a>>> = HashMap::new();
        let [before, after] = cells;
        let mut add = |keys: &[Option<String>], currency, both| {
            meters.entry((groups.number(values(keys).take(1)), currency)).or_default().push(both);
        };
        for cell in before.iter() {
            let keys = before.keys(cell);
            let same = after.find(&values(&keys), None, cell.currency);
            add(&keys, cell.currency, [Some(cell), same]);
        }
        for cell in after.iter() {
            let keys = after.keys(cell);
            if before.find(&values(&keys), None, cell.currency).is_none() {
                add(&keys, cell.currency, [None, Some(cell)]);
            }
        }
        Self { groups, meters }
    }

    fn of_group(&self, name: &str, currency: Currency) -> &[Both<'a>] {
        let group = self.groups.find(&std::iter::once(name));
        group.and_then(|group| self.meters.get(&(group, currency))).map_or(&[], Vec::as_slice)
    }
}

fn driver(
    key: Option<String>,
    change: Change,
    meters: &[Both<'_>],
    by_resource: bool,
) -> Result<Driver, AmountOverflow> {
    let mut effects = Effects::default();
    for [before, after] in meters {
        effects.add(Effects::of(*before, *after)?)?;
    }
    let Effects { usage, rate } = effects;
    let kind = kind(change, meters, by_resource);
    let other_effect = less(less(change.change, usage)?, rate)?;
    Ok(Driver { key, change, kind, usage_effect: usage, rate_effect: rate, other_effect })
}

fn kind(change: Change, meters: &[Both<'_>], by_resource: bool) -> DriverKind {
    let has = |place: usize| meters.iter().any(|both| both[place].is_some());
    let changed_meter = has(0) && has(1) && meters.iter().all(|both| both.iter().any(Option::is_none));
    match (change.before.is_zero(), change.after.is_zero()) {
        (true, false) => DriverKind::New,
        (false, true) => DriverKind::Gone,
        _ if by_resource && changed_meter => DriverKind::Resized,
        _ if change.change.is_sign_negative() => DriverKind::Shrunk,
        _ => DriverKind::Grown,
    }
}

/// The `top` largest changes, and what is left: how many groups, and their part.
fn ranked(mut groups: Vec<Driver>, top: usize) -> Result<(Vec<Driver>, (usize, Change)), AmountOverflow> {
    let name = |driver: &Driver| caseless::small(driver.key.as_deref().unwrap_or_default());
    groups.sort_by_cached_key(|driver| (Reverse(driver.change.change.abs()), name(driver)));
    let changed = groups.iter().take_while(|driver| !driver.change.change.is_zero()).count();
    let rest = groups.split_off(changed.min(top));
    let sum = sum_of(rest.iter().map(|driver| driver.change))?;
    Ok((groups, (rest.len(), sum)))
}

fn sum_of(changes: impl Iterator<Item = Change>) -> Result<Change, AmountOverflow> {
    let (mut before, mut after) = (Sum::default(), Sum::default());
    for change in changes {
        before.add(change.before)?;
        after.add(change.after)?;
    }
    Change::of(before.amount()?, after.amount()?)
}

fn join(cells: &mut [Cells; 2], more: &[Cells; 2]) -> Result<(), AmountOverflow> {
    cells.iter_mut().zip(more).try_for_each(|(cells, more)| cells.join(more))
}

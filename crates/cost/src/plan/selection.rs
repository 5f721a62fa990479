//! Which costs count, as far as Azure can say it. It knows `In` and no "not", and no condition on what has no value; the rest is
//! done here, on rows that are grouped by what decides.

use crate::caseless;
use crate::invalid::InvalidQuery;
use crate::query::{Filter, Grouping, Row};
use crate::question::Condition;

/// The most that Azure groups by at once.
const MOST_GROUPS: usize = 2;

/// What Azure groups and filters by, and what is left to decide here.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    /// First what is shown, then what is looked at alone.
    pub(crate) grouping: Vec<Grouping>,
    pub(crate) filter: Option<Filter>,
    /// What passes this as well is taken off again.
    pub(crate) taken: Option<Filter>,
    checks: Vec<Check>,
}

/// A condition that is looked at here, at the place of its group.
#[derive(Clone, Debug)]
struct Check {
    place: usize,
    condition: Condition,
    /// Whether a cost must meet it or must not.
    must_hold: bool,
}

impl Selection {
    /// How to ask for the costs that meet all of `filter` and none of `exclude`, split by `shown` and, where there is room for it,
    /// by `wished`. `None` where no cost can meet them.
    ///
    /// # Errors
    /// [`InvalidQuery::NoRoomForNone`] where a condition on the empty value has no place among the groups.
    pub(crate) fn new(
        shown: &[Grouping],
        wished: &[Grouping],
        filter: &[Condition],
        exclude: &[Condition],
    ) -> Result<Option<Self>, InvalidQuery> {
        let Conditions { filter, exclude } = Conditions::read(filter, exclude)?;
        if filter.iter().any(|condition| condition.values.is_empty()) {
            return Ok(None);
        }
        let mut groups = Groups(shown.to_vec());
        for condition in filter.iter().chain(&exclude).filter(|condition| condition.holds("")) {
            let room = groups.has_room_for(std::slice::from_ref(&condition.by));
            room.then(|| groups.take(&condition.by))
                .ok_or_else(|| InvalidQuery::NoRoomForNone { name: condition.by.name().to_owned() })?;
        }
        groups.take_if_room(wished.iter().take(1));
        groups.take_if_room(exclude.iter().map(|condition| &condition.by));
        groups.take_if_room(wished.iter().skip(1));
        Ok(Some(Self::divided(groups.0, filter, exclude)))
    }

    /// Divides the conditions between Azure and us.
    fn divided(grouping: Vec<Grouping>, filter: Vec<Condition>, exclude: Vec<Condition>) -> Self {
        let place = |by: &Grouping| grouping.iter().position(|group| group.is_same(by));
        let (mut sent, mut taken, mut checks) = (Vec::new(), Vec::new(), Vec::new());
        for condition in filter {
            match place(&condition.by).filter(|_| condition.holds("")) {
                Some(place) => checks.push(Check { place, condition, must_hold: true }),
                None => sent.push(in_filter(condition)),
            }
        }
        for condition in exclude {
            match place(&condition.by) {
                Some(place) => checks.push(Check { place, condition, must_hold: false }),
                None => taken.push(in_filter(condition)),
            }
        }
        let filter = joined(sent.clone(), Filter::And);
        let taken = joined(taken, Filter::Or).and_then(|taken| {
            sent.push(taken);
            joined(sent, Filter::And)
        });
        Self { grouping, filter, taken, checks }
    }

    /// Whether a row counts.
    pub(crate) fn admits(&self, row: &Row) -> bool {
        self.checks.iter().all(|check| {
            let value = row.groups.get(check.place).map_or("", String::as_str);
            check.condition.holds(value) == check.must_hold
        })
    }

    /// Where the costs are split by something.
    pub(crate) fn place(&self, by: &Grouping) -> Option<usize> {
        self.grouping.iter().position(|group| group.is_same(by))
    }
}

fn in_filter(condition: Condition) -> Filter {
    let Condition { by, values } = condition;
    match by {
        Grouping::Dimension(name) => Filter::Dimension { name, values },
        Grouping::Tag(name) => Filter::Tag { name, values },
    }
}

/// A single condition stands bare: Azure refuses it inside `and` and `or`.
fn joined(mut conditions: Vec<Filter>, by: fn(Vec<Filter>) -> Filter) -> Option<Filter> {
    if conditions.len() > 1 { Some(by(conditions)) } else { conditions.pop() }
}

/// What Azure groups by, as it fills up.
struct Groups(Vec<Grouping>);

impl Groups {
    fn has(&self, by: &Grouping) -> bool {
        self.0.iter().any(|group| group.is_same(by))
    }

    fn has_room_for(&self, more: &[Grouping]) -> bool {
        self.0.len() + more.iter().filter(|by| !self.has(by)).count() <= MOST_GROUPS
    }

    fn take(&mut self, by: &Grouping) {
        if !self.has(by) {
            self.0.push(by.clone());
        }
    }

    /// All of them or none: a part would make more rows and save no query.
    fn take_if_room<'a>(&mut self, more: impl Iterator<Item = &'a Grouping>) {
        let more: Vec<Grouping> = more.cloned().collect();
        if self.has_room_for(&more) {
            for by in &more {
                self.take(by);
            }
        }
    }
}

/// Conditions with each dimension or tag once, and none both ways.
struct Conditions {
    filter: Vec<Condition>,
    exclude: Vec<Condition>,
}

impl Conditions {
    fn read(filter: &[Condition], exclude: &[Condition]) -> Result<Self, InvalidQuery> {
        if filter.iter().chain(exclude).any(|condition| condition.values.is_empty()) {
            return Err(InvalidQuery::NoValues);
        }
        let mut all = Self { filter: Vec::new(), exclude: Vec::new() };
        for condition in filter {
            match find(&mut all.filter, &condition.by) {
                // Both must hold.
                Some(held) => held.values.retain(|value| condition.holds(value)),
                None => all.filter.push(once_each(condition)),
            }
        }
        for condition in exclude {
            let filtered = find(&mut all.filter, &condition.by);
            match (filtered, find(&mut all.exclude, &condition.by)) {
                // What may stay is listed: what may not is taken off the list.
                (Some(held), _) => held.values.retain(|value| !condition.holds(value)),
                (None, Some(held)) => held.add(condition),
                (None, None) => all.exclude.push(once_each(condition)),
            }
        }
        Ok(all)
    }
}

fn find<'a>(conditions: &'a mut [Condition], by: &Grouping) -> Option<&'a mut Condition> {
    conditions.iter_mut().find(|condition| condition.by.is_same(by))
}

fn once_each(condition: &Condition) -> Condition {
    let mut once = Condition { by: condition.by.clone(), values: Vec::new() };
    once.add(condition);
    once
}

impl Condition {
    fn add(&mut self, more: &Self) {
        for value in &more.values {
            if !self.values.iter().any(|held| caseless::same(held, value)) {
                self.values.push(value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! An event whose cause is looked for: its days, those that they are compared with, and where it arose.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::events::{Event, Place};
use crate::caseless;
use crate::invalid::InvalidQuery;
use crate::money::Currency;
use crate::period::Period;

/// The most days of an event that are compared: those of its first week.
const MOST_DAYS: i32 = 7;
/// How far back days are looked for that were not odd themselves, in weeks.
const MOST_WEEKS: i32 = 3;

/// An event whose cause is looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspect {
    /// Which event it is, by its place.
    pub event: usize,
    /// What the event's days are compared with: the first day and the last one.
    pub before: (Date, Date),
    /// The event's days, at most a week.
    pub after: (Date, Date),
    currency: Currency,
    sign: Decimal,
    /// Where it arose; without any, anywhere.
    places: Vec<Place>,
}

impl Suspect {
    /// An event; `others` are all events that there are.
    pub fn of(place: usize, event: &Event, others: &[Event]) -> Self {
        let last = event.to.min(event.from.saturating_add((MOST_DAYS - 1).days()));
        let back = |day: Date, weeks: i32| day.saturating_sub((7 * weeks).days());
        let is_quiet = |weeks: &i32| {
            let (from, to) = (back(event.from, *weeks), back(last, *weeks));
            !others.iter().any(|other| {
                let is_its = other.scope == event.scope && other.currency == event.currency;
                is_its && shares_place(event, other) && other.from <= to && from <= other.to
            })
        };
        let weeks = (1..=MOST_WEEKS).find(is_quiet).unwrap_or(1);
        Self {
            event: place,
            before: (back(event.from, weeks), back(last, weeks)),
            after: (event.from, last),
            currency: event.currency,
            sign: if event.excess.is_sign_negative() { Decimal::NEGATIVE_ONE } else { Decimal::ONE },
            places: event.places.clone(),
        }
    }

    /// The resource groups that it arose in; `None` where it may be any.
    pub(super) fn groups(&self) -> Option<Vec<&str>> {
        self.places
            .iter()
            .map(|(_, group)| group.as_deref())
            .collect::<Option<Vec<_>>>()
            .filter(|all| !all.is_empty())
    }

    pub(super) fn services(&self) -> Option<Vec<&str>> {
        self.places
            .iter()
            .map(|(service, _)| service.as_deref())
            .collect::<Option<Vec<_>>>()
            .filter(|all| !all.is_empty())
    }

    /// Whether the rows of two events cannot be told apart: the days of both, in a group of both, of other services.
    pub(super) fn is_mixed_with(&self, other: &Self, tells_groups: bool) -> bool {
        let is_apart = self.before.0 > other.after.1 || other.before.0 > self.after.1;
        let has_same = match (self.groups(), other.groups()) {
            (Some(its), Some(others)) if tells_groups => {
                its.iter().any(|one| others.iter().any(|other| caseless::same(one, other)))
            }
            _ => true,
        };
        !is_apart && has_same && self.services() != other.services()
    }

    /// Which side of the comparison a day is on.
    pub(super) fn side(&self, day: Date) -> Option<usize> {
        let is_in = |(from, to): (Date, Date)| (from..=to).contains(&day);
        if is_in(self.before) { Some(0) } else { is_in(self.after).then_some(1) }
    }

    pub(super) const fn currency(&self) -> Currency {
        self.currency
    }

    /// 1 where the event is more, -1 where it is less.
    pub(super) const fn sign(&self) -> Decimal {
        self.sign
    }

    /// Whether a resource lies where the event arose.
    pub(super) fn may_be(&self, resource: &str) -> bool {
        let parts: Vec<&str> = resource.split('/').collect();
        let at = parts.iter().position(|part| part.eq_ignore_ascii_case("resourcegroups"));
        let group = at.and_then(|at| parts.get(at + 1));
        match (self.groups(), group) {
            (Some(groups), Some(group)) => groups.iter().any(|one| caseless::same(one, group)),
            _ => true,
        }
    }
}

fn shares_place(one: &Event, other: &Event) -> bool {
    one.places.iter().any(|place| other.places.contains(place))
}

/// The days that all events are compared on.
pub(super) fn hull(suspects: &[Suspect], today: Date) -> Result<Period, InvalidQuery> {
    let first = suspects.iter().map(|suspect| suspect.before.0).min().unwrap_or(today);
    let last = suspects.iter().map(|suspect| suspect.after.1).max().unwrap_or(today);
    Period::new(first, last, today)
}

//! Tag inheritance: the tags of subscriptions and resource groups, copied into usage rows.
//!
//! <https://learn.microsoft.com/azure/cost-management-billing/costs/enable-tag-inheritance>

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clock::utc_day;

/// How long after switching it is in the costs: 8 to 24 hours in life.
const DELAY: SignedDuration = SignedDuration::from_hours(8);

/// The setting, as an administrator chooses it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Inheritance {
    /// Whether tags are inherited at all.
    pub(crate) enabled: bool,
    /// Which wins where both have the key: what is inherited, or the resource's own.
    pub(crate) prefer_container_tags: bool,
}

/// The settings there were, the last one at the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Switches(Vec<(Timestamp, Inheritance)>);

impl Switches {
    pub(super) fn switch(&mut self, at: Timestamp, to: Inheritance) {
        self.0.push((at, to));
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn last(&self) -> Inheritance {
        self.0.last().map(|(_, setting)| *setting).unwrap_or_default()
    }

    /// The setting that the rows of a day are made with: a switch counts from the first day of the month in which it takes
    /// effect, and not in months before.
    pub(super) fn of(&self, day: Date, now: Timestamp) -> Inheritance {
        let counts = |(at, _): &&(Timestamp, Inheritance)| {
            let effective = *at + DELAY;
            effective <= now && utc_day(effective).first_of_month() <= day
        };
        self.0.iter().rev().find(counts).map(|(_, setting)| *setting).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::{Inheritance, Switches};

    #[test]
    fn a_switch_counts_from_the_first_of_its_month_and_some_hours_later() {
        let mut switches = Switches::default();
        let on = Inheritance { enabled: true, prefer_container_tags: false };
        switches.switch("2026-11-20T12:00:00Z".parse().unwrap(), on);
        let enabled = |day, now: &str| switches.of(day, now.parse().unwrap()).enabled;
        assert!(!enabled(date(2026, 11, 19), "2026-11-20T19:59:59Z"));
        assert!(enabled(date(2026, 11, 1), "2026-11-20T20:00:00Z"));
        assert!(!enabled(date(2026, 10, 31), "2026-11-20T20:00:00Z"));
    }

    #[test]
    fn months_before_keep_what_they_had() {
        let mut switches = Switches::default();
        let on = Inheritance { enabled: true, prefer_container_tags: false };
        switches.switch("2026-10-20T12:00:00Z".parse().unwrap(), on);
        switches.switch("2026-11-20T12:00:00Z".parse().unwrap(), Inheritance::default());
        let enabled = |day| switches.of(day, "2026-11-21T12:00:00Z".parse().unwrap()).enabled;
        assert!(enabled(date(2026, 10, 3)) && !enabled(date(2026, 11, 3)));
    }
}

//! Generated costs: raw usage rows, a pure function of resource, day and the moment at which somebody looks.
//!
//! Every answer of Cost Management is made of [`Row`]s: queries, cost details, dimensions, tags, and what the control API hands
//! to tests. Amounts are whole numbers of 10^-8 of the currency, the precision Azure reports.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::civil::Date;

use super::agreement::Agreement;

pub(crate) use self::inheritance::Inheritance;
pub(crate) use self::line::{Charge, Line, seed};
pub use self::planted::{NothingToPlant, Planted, PlantedCause};
pub(crate) use self::row::{Row, RowKind};
pub(crate) use self::rows::{Wanted, rows};
pub(crate) use self::view::View;

mod arrival;
mod catalogue;
mod columns;
mod inheritance;
mod json;
mod line;
mod planted;
mod row;
mod rows;
mod view;

/// Units of one currency unit: eight decimals.
const UNIT: i64 = 100_000_000;

/// The first day with any cost.
pub(crate) const FIRST_DAY: Date = jiff::civil::date(2025, 1, 1);

/// Actual or amortized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Basis {
    Actual,
    Amortized,
}

/// A subscription with what it is charged for.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) display_name: String,
    pub(crate) environment: &'static str,
    pub(crate) agreement: Agreement,
    /// Id and name of its section of the invoice; of a Customer Agreement alone.
    pub(crate) section: (&'static str, &'static str),
    /// What people wrote at the end of every name.
    pub(crate) written: String,
    pub(crate) lines: Vec<Line>,
    /// The tags of resource groups, by their name in lower case.
    pub(crate) group_tags: BTreeMap<&'static str, Vec<(&'static str, &'static str)>>,
}

impl Subscription {
    /// Whether it has a resource group of this name.
    pub(crate) fn has_group(&self, name: &str) -> bool {
        self.lines.iter().any(|line| line.group.eq_ignore_ascii_case(name))
    }

    /// The tags of the subscription itself.
    pub(crate) fn tags(&self) -> [(&'static str, &'static str); 1] {
        [("environment", self.environment)]
    }
}

/// All subscriptions of the tenant.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    all: Vec<Arc<Subscription>>,
    by_id: HashMap<String, Arc<Subscription>>,
}

impl Subscriptions {
    /// The named ones, and one for each generated person.
    #[cfg(test)]
    pub(crate) fn new(extra: usize) -> Self {
        Self::written(extra, "", 0)
    }

    /// The named ones and one for each generated person, with `text` at the end of every name; and one of `big` resources,
    /// unless that is none.
    pub(crate) fn written(extra: usize, text: &str, big: usize) -> Self {
        let sign = |mut subscription: Subscription| {
            subscription.display_name.push_str(text);
            text.clone_into(&mut subscription.written);
            Arc::new(subscription)
        };
        let big = (big > 0).then(|| catalogue::big(big));
        let made = (1..=extra).map(catalogue::generated).chain(big);
        let all: Vec<_> = catalogue::named().into_iter().chain(made).map(sign).collect();
        let by_id = all.iter().map(|one| (one.id.clone(), Arc::clone(one))).collect();
        Self { all, by_id }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Subscription>> {
        self.all.iter()
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Subscription>> {
        self.by_id.get(&id.to_ascii_lowercase()).cloned()
    }
}

/// 10^-8 as a decimal text.
pub(crate) fn decimal(amount: i64) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let amount = amount.unsigned_abs();
    let text = format!("{sign}{}.{:08}", amount / 100_000_000, amount % 100_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;

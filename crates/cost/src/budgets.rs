//! Budgets: what was planned, what Azure's last evaluation found, what was spent since, and when it will be used up.
//!
//! Azure evaluates a budget once a day; the figure in its list is that of the last time. What was spent by now is a question of its
//! own ([`SpendPlan`]).
//!
//! <https://learn.microsoft.com/rest/api/cost-management/budgets/list>

use jiff::civil::Date;
use rust_decimal::Decimal;

pub use burn_down::{BurnDown, Outlook, Spending};
pub use filter::BudgetFilter;
pub use list::BudgetPages;
pub use period::{BudgetPeriod, Grain, Phase};
pub use spend::{Spend, SpendPlan};
pub use threshold::{Threshold, ThresholdKind};

use crate::money::Currency;
use crate::scope::Scope;

mod burn_down;
mod filter;
mod list;
mod period;
mod spend;
mod threshold;

/// A budget. Its id tells it from others: a subscription's list has those of its resource groups too, and names may be equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its ARM id.
    pub id: String,
    /// The name people gave it.
    pub name: String,
    /// Where it was made, by its id. `None` where that is no scope of costs.
    pub scope: Option<Scope>,
    /// What it watches.
    pub watches: Watches,
    /// How often it begins anew.
    pub grain: Grain,
    /// The first day of its first period.
    pub starts: Date,
    /// Its last day.
    pub ends: Option<Date>,
    /// Which costs count.
    pub filter: BudgetFilter,
    /// When people are told.
    pub thresholds: Vec<Threshold>,
}

/// What a budget watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watches {
    /// Costs.
    Costs {
        /// What may be spent in a period.
        amount: Decimal,
        /// The currency of all of it. `None` until the first evaluation.
        currency: Option<Currency>,
        /// What the last evaluation found: not what is spent now. `None` until the first one.
        evaluated: Option<Decimal>,
        /// What Azure expects of the whole period; only where people are told of forecasts.
        forecast: Option<Decimal>,
    },
    /// How much of reservations is used: there is no amount, and Azure's list does not say how it stands.
    Reservations,
}

/// The budgets of a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetList {
    /// In Azure's order.
    pub budgets: Vec<Budget>,
    /// What is in the list too, and cannot be read.
    pub unread: Vec<UnreadBudget>,
    /// How many pages they came on.
    pub pages: u32,
}

impl BudgetList {
    /// Whether nothing at all is in it.
    pub fn is_empty(&self) -> bool {
        self.budgets.is_empty() && self.unread.is_empty()
    }
}

/// An entry of the list that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadBudget {
    /// Its id or its name, if it has one.
    pub called: Option<String>,
    /// What is wrong with it.
    pub what: &'static str,
}

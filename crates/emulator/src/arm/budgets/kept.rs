//! The budgets there are.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Number, Value, json};

use super::order::{self, BudgetError, Order};
use super::window::Grain;
use crate::arm::costs::{Subscriptions, seed};
use crate::arm::query::Filter;

/// What a budget can be about.
pub(super) const CATEGORIES: [&str; 2] = ["Cost", RESERVATIONS];
pub(super) const RESERVATIONS: &str = "ReservationUtilization";

/// Whose interface it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    CostManagement,
    /// The older one.
    Consumption,
}

impl Provider {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CostManagement => "Microsoft.CostManagement",
            Self::Consumption => "Microsoft.Consumption",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::CostManagement, Self::Consumption].into_iter().find(|one| one.name() == name)
    }
}

/// A budget.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    /// The path of its scope.
    pub(super) scope: String,
    pub(super) name: String,
    /// Where it was made.
    pub(super) provider: Provider,
    pub(super) created: Timestamp,
    pub(super) category: String,
    /// None of one that watches reservations.
    pub(super) amount: Option<Number>,
    pub(super) grain: Grain,
    pub(super) start: Date,
    pub(super) end: Date,
    pub(super) filter: Option<Filter>,
    /// As it was ordered: one without any is an empty object.
    pub(super) filter_text: Value,
    pub(super) notifications: Map<String, Value>,
}

impl Budget {
    /// Whether it was made at this scope.
    pub(super) fn is_of(&self, scope: &str) -> bool {
        self.scope.eq_ignore_ascii_case(scope)
    }

    /// Whether a scope's list has it.
    pub(super) fn is_listed_at(&self, scope: &str) -> bool {
        let of_a_group = || {
            let (own, scope) = (self.scope.to_ascii_lowercase(), scope.to_ascii_lowercase());
            scope.starts_with("/subscriptions/") && own.starts_with(&format!("{scope}/resourcegroups/"))
        };
        self.is_of(scope) || of_a_group()
    }

    /// Whether a provider has it. The older one knows no reservations; whether what was made at one shows at the other nobody
    /// has written down.
    pub(super) fn shows_at(&self, provider: Provider, are_shared: bool) -> bool {
        let has_category = provider == Provider::CostManagement || self.category != RESERVATIONS;
        has_category && (are_shared || self.provider == provider)
    }

    /// Whether somebody is told of forecasts.
    pub(super) fn forecasts(&self) -> bool {
        self.notifications.values().any(|one| one["thresholdType"] == "Forecasted")
    }

    /// What was ordered, as the service shows it.
    pub(super) fn properties(&self) -> Value {
        let mut properties = json!({
            "category": self.category,
            "filter": self.filter_text,
            "notifications": self.notifications,
            "timeGrain": self.grain.name(),
            "timePeriod": {
                "startDate": format!("{}T00:00:00Z", self.start),
                "endDate": format!("{}T00:00:00Z", self.end),
            },
        });
        if let Some(amount) = &self.amount {
            properties["amount"] = amount.clone().into();
        }
        properties
    }

    /// Changes with what it is made of, and not with what was spent.
    pub(super) fn etag(&self) -> String {
        let made_of = format!("{}/{} {}", self.scope, self.name, self.properties());
        format!("\"{:x}\"", seed(&made_of) >> 4)
    }
}

/// All budgets, in the order in which they were made.
#[derive(Debug)]
pub(crate) struct Budgets(Vec<Budget>);

impl Budgets {
    /// Those that Contoso has from the start.
    #[expect(clippy::expect_used, reason = "they are part of the program, and a test reads all of them")]
    pub(crate) fn of_contoso(subscriptions: &Subscriptions) -> Self {
        let orders: Vec<Value> =
            serde_json::from_str(include_str!("contoso.json")).expect("a list of budgets");
        Self::read(orders, subscriptions).expect("budgets that Azure takes")
    }

    /// Those that are ordered.
    ///
    /// # Errors
    /// Names the first that the service would not take, and why.
    pub(crate) fn read(orders: Vec<Value>, subscriptions: &Subscriptions) -> Result<Self, BudgetError> {
        let mut all: Vec<Budget> = Vec::new();
        for order in orders {
            let budget = order::read(Order::parse(order)?, subscriptions)?;
            if all.iter().any(|known| known.is_of(&budget.scope) && known.name == budget.name) {
                return Err(BudgetError::new(&budget.name, "there is one of this name at its scope already"));
            }
            all.push(budget);
        }
        Ok(Self(all))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Budget> {
        self.0.iter()
    }

    /// All of them, as they are ordered.
    pub(crate) fn orders(&self) -> Vec<Value> {
        let order = |budget: &Budget| {
            json!({"scope": budget.scope, "name": budget.name, "created": budget.created.to_string(),
                   "provider": budget.provider.name(), "properties": budget.properties()})
        };
        self.0.iter().map(order).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Budgets, Subscriptions};

    #[test]
    fn the_budgets_from_the_start_are_good_and_have_equal_names() {
        let subscriptions = Subscriptions::new(0);
        let budgets = Budgets::of_contoso(&subscriptions);
        let named = |name: &str| budgets.iter().filter(|budget| budget.name == name).count();
        assert_eq!((named("team-shop"), named("monthly-cost")), (2, 2));
        let again = Budgets::read(budgets.orders(), &subscriptions).unwrap();
        assert_eq!(again.orders(), budgets.orders());
    }
}

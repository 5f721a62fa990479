//! What a savings plan would save: `benefitRecommendations`, calculated from what was paid on demand for computing.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/benefit-recommendations/list>

use std::collections::BTreeMap;

use axum::response::Response;
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::{Part, billing_part, is_usage, page, part};
use crate::arm::auth::Caller;
use crate::arm::costs::{Basis, View, Wanted};
use crate::arm::errors::ArmError;
use crate::arm::odata::{self, Condition};
use crate::arm::query::{QueryScope, number};
use crate::arm::request::ArmRequest;
use crate::arm::state::State;
use crate::arm::throttle;
use crate::tenant::ids::object_id;

const NAMES: &[&str] = &["lookBackPeriod", "term", "scope", "subscriptionId", "resourceGroup"];
/// How many amounts are proposed at most.
const LEVELS: i64 = 10;
const HOURS: i64 = 24;
const PERIODS: [(&str, i32); 3] = [("Last7Days", 7), ("Last30Days", 30), ("Last60Days", 60)];
/// What a savings plan costs, in per cent of the price on demand.
const TERMS: [(&str, i64); 2] = [("P1Y", 75), ("P3Y", 55)];

/// Of a subscription, a resource group, an enrolment or a billing profile.
pub(crate) fn list(
    state: &State,
    caller: &Caller,
    scope: &QueryScope,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    let is_below = scope.path().starts_with("/subscriptions/");
    if !is_below && !matches!(billing_part(scope), Some(Part::Enrolment | Part::Profile)) {
        return Err(ArmError::not_found(request.uri.path()));
    }
    scope.authorize_benefits(caller)?;
    let asked = Asked::read(request)?;
    let headers = throttle::admit(state, caller, scope.path(), request, 1)?;
    let view = state.view();
    let value: Vec<Value> = asked.recommendation(scope, &view).into_iter().collect();
    page(state, request, &value, headers)
}

/// A request, understood.
struct Asked {
    look_back: (&'static str, i32),
    term: (&'static str, i64),
    scope: &'static str,
    has_usage: bool,
    has_levels: bool,
}

impl Asked {
    fn read(request: &ArmRequest<'_>) -> Result<Self, ArmError> {
        let conditions = odata::conditions(request.parameter("$filter"), NAMES)?;
        let expand = request.parameter("$expand").unwrap_or_default().to_ascii_lowercase();
        let (mut has_usage, mut has_levels) = (false, false);
        for member in expand.split(',').map(str::trim).filter(|member| !member.is_empty()) {
            match member {
                "properties/usage" => has_usage = true,
                "properties/allrecommendationdetails" => has_levels = true,
                _ => return Err(ArmError::bad_request("Invalid query parameter: $expand.")),
            }
        }
        Ok(Self {
            look_back: one_of(&conditions, "lookBackPeriod", &PERIODS, "Last60Days")?,
            term: one_of(&conditions, "term", &TERMS, "P3Y")?,
            scope: one_of(&conditions, "scope", &[("Single", ()), ("Shared", ())], "Shared")?.0,
            has_usage,
            has_levels,
        })
    }

    /// The best amount and all that were tried; none where nothing would be saved.
    fn recommendation(&self, scope: &QueryScope, view: &View) -> Option<Value> {
        // The last day of which everything is known.
        let last = view.today().saturating_sub(2.days());
        let first = last.saturating_sub(i64::from(self.look_back.1 - 1).days());
        let (currency, by_day) = on_demand(scope, (first, last), view)?;
        let hourly: Vec<i64> = first
            .series(1.day())
            .take_while(|day| *day <= last)
            .map(|day| by_day.get(&day).copied().unwrap_or_default() / HOURS)
            .collect();
        let whole: i64 = hourly.iter().map(|hour| hour * HOURS).sum();
        let most = hourly.iter().max()? * self.term.1 / 100;
        let levels: Vec<Level> =
            (1..=LEVELS).map(|level| Level::of(most * level / LEVELS, &hourly, self.term.1, whole)).collect();
        let best = levels.iter().max_by_key(|level| level.savings).filter(|level| level.savings > 0)?;
        let name =
            object_id("recommendation", &format!("{}{}{}", scope.path(), self.look_back.0, self.term.0));
        let mut properties = json!({
            "armSkuName": "Compute_Savings_Plan", "commitmentGranularity": "Hourly",
            "costWithoutBenefit": number(whole), "currencyCode": currency,
            "firstConsumptionDate": format!("{first}T00:00:00Z"),
            "lastConsumptionDate": format!("{last}T00:00:00Z"),
            "lookBackPeriod": self.look_back.0, "term": self.term.0, "scope": self.scope,
            "totalHours": HOURS * i64::from(self.look_back.1),
            "recommendationDetails": best.to_json(whole),
        });
        if self.has_levels {
            let levels: Vec<Value> = levels.iter().map(|level| level.to_json(whole)).collect();
            properties["allRecommendationDetails"] = json!({"value": levels});
        }
        if self.has_usage {
            let charges: Vec<Value> =
                hourly.iter().flat_map(|hour| (0..HOURS).map(|_| number(*hour))).collect();
            properties["usage"] = json!({"charges": charges, "usageGrain": "Hourly"});
        }
        let id = format!("{}/providers/Microsoft.CostManagement/benefitRecommendations/{name}", scope.path());
        Some(json!({
            "id": id, "name": name, "type": "Microsoft.CostManagement/benefitRecommendations",
            "kind": "SavingsPlan", "properties": properties,
        }))
    }
}

fn one_of<T: Copy>(
    conditions: &[Condition],
    name: &str,
    words: &[(&'static str, T)],
    default: &str,
) -> Result<(&'static str, T), ArmError> {
    let word = odata::equal(conditions, name).unwrap_or(default);
    let found = words.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
    found.copied().ok_or_else(|| ArmError::bad_request(format!("Invalid filter: '{word}' is no {name}.")))
}

/// What computing cost on demand on each day, in the currency that the first of it has.
fn on_demand(
    scope: &QueryScope,
    (from, to): (Date, Date),
    view: &View,
) -> Option<(&'static str, BTreeMap<Date, i64>)> {
    let mut found: Option<(&'static str, BTreeMap<Date, i64>)> = None;
    for row in scope.rows(Wanted { from, to, basis: Basis::Amortized, view }) {
        if row.pricing_model() != "OnDemand" || row.line.service.family != "Compute" || !is_usage(&row) {
            continue;
        }
        let (currency, days) = found.get_or_insert_with(|| (row.line.currency, BTreeMap::new()));
        if *currency == row.line.currency {
            *days.entry(row.date).or_default() += row.cost;
        }
    }
    found
}

/// An hourly amount, and what would have come of it.
struct Level {
    amount: i64,
    benefit: i64,
    overage: i64,
    waste: i64,
    covered: i64,
    savings: i64,
}

impl Level {
    fn of(amount: i64, hourly: &[i64], percent: i64, whole: i64) -> Self {
        // So much usage at prices on demand does the amount pay for.
        let room = amount * 100 / percent;
        let (mut overage, mut waste, mut covered) = (0, 0, 0);
        for hour in hourly {
            let paid = (*hour).min(room);
            covered += paid * HOURS;
            overage += (hour - paid) * HOURS;
            waste += (amount - paid * percent / 100).max(0) * HOURS;
        }
        let hours = i64::try_from(hourly.len()).unwrap_or_default() * HOURS;
        let benefit = amount * hours;
        Self { amount, benefit, overage, waste, covered, savings: whole - benefit - overage }
    }

    fn to_json(&self, whole: i64) -> Value {
        json!({
            "averageUtilizationPercentage": number(part(100, self.benefit - self.waste, self.benefit)),
            "benefitCost": number(self.benefit),
            "commitmentAmount": number(self.amount),
            "coveragePercentage": number(part(100, self.covered, whole)),
            "overageCost": number(self.overage),
            "savingsAmount": number(self.savings),
            "savingsPercentage": number(part(100, self.savings, whole)),
            "totalCost": number(self.benefit + self.overage),
            "wastageCost": number(self.waste),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{HOURS, Level};

    #[test]
    fn what_is_promised_is_used_or_wasted_and_the_rest_is_paid_on_demand() {
        // Two days: 100 and 50 an hour; 60 an hour at 75 per cent pays for 80.
        let level = Level::of(60, &[100, 50], 75, 150 * HOURS);
        assert_eq!((level.benefit, level.covered, level.overage), (120 * HOURS, 130 * HOURS, 20 * HOURS));
        // On the second day 50 are 37 of 60.
        assert_eq!((level.waste, level.savings), (23 * HOURS, 10 * HOURS));
    }
}

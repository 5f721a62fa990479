//! What further commitments would save, by Azure's own calculation.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/benefit-recommendations/list>

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::benefits::has_benefits;
use super::lists::{List, ListPages, entry, figure, ratio};
use crate::client::Client;
use crate::json;
use crate::money::Currency;
use crate::query::API_VERSION;
use crate::scope::Scope;

const LIST: List<Recommendation> = List {
    path: ["Microsoft.CostManagement", "benefitRecommendations"],
    template: "/{scope}/providers/Microsoft.CostManagement/benefitRecommendations",
    read,
};
/// The shorter term, for the longest time that Azure looks back: what least can be regretted.
const ASKED: &str = "properties/lookBackPeriod eq 'Last60Days' AND properties/term eq 'P1Y'";

impl Client {
    /// What one year's commitments would have saved in the last 60 days: at subscriptions, resource groups, enrolments and billing
    /// profiles. `None` of other scopes.
    pub fn recommendation_pages(&self, scope: &Scope) -> Option<ListPages<Recommendation>> {
        if scope.subscription().is_none() {
            has_benefits(scope)?;
        }
        let parameters = [("api-version", API_VERSION), ("$filter", ASKED)];
        Some(ListPages::new(self, scope, LIST, &parameters))
    }
}

/// A proposed commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recommendation {
    /// `SavingsPlan` or `Reservation`.
    pub kind: String,
    /// How long it would bind: `P1Y` or `P3Y`.
    pub term: Option<String>,
    /// The days it was calculated from: `Last60Days`.
    pub look_back: Option<String>,
    /// What it is of.
    pub sku: Option<String>,
    /// The currency of its amounts.
    pub currency: Currency,
    /// What to commit to.
    pub commitment: Decimal,
    /// For how long each time: `Hourly`.
    pub granularity: Option<String>,
    /// What the usage of those days did cost without it.
    pub cost_without: Option<Decimal>,
    /// What it would have saved in those days.
    pub saving: Decimal,
    /// The same as a part of the cost, from 0 to 1.
    pub saving_share: Option<Decimal>,
    /// What of the usage it would have covered, from 0 to 1.
    pub coverage: Option<Decimal>,
    /// What of it would have been used, from 0 to 1.
    pub utilization: Option<Decimal>,
}

/// The kind stands above the properties.
#[derive(Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "json::text")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "json::lenient")]
    properties: Option<Properties>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Properties {
    #[serde(deserialize_with = "json::text")]
    term: Option<String>,
    #[serde(deserialize_with = "json::text")]
    look_back_period: Option<String>,
    #[serde(deserialize_with = "json::text")]
    arm_sku_name: Option<String>,
    #[serde(deserialize_with = "json::text")]
    currency_code: Option<String>,
    #[serde(deserialize_with = "json::text")]
    commitment_granularity: Option<String>,
    #[serde(deserialize_with = "figure")]
    cost_without_benefit: Option<Decimal>,
    #[serde(deserialize_with = "json::lenient")]
    recommendation_details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    #[serde(deserialize_with = "figure")]
    commitment_amount: Option<Decimal>,
    #[serde(deserialize_with = "figure")]
    savings_amount: Option<Decimal>,
    #[serde(deserialize_with = "figure")]
    savings_percentage: Option<Decimal>,
    #[serde(deserialize_with = "figure")]
    coverage_percentage: Option<Decimal>,
    #[serde(deserialize_with = "figure")]
    average_utilization_percentage: Option<Decimal>,
}

fn read(item: &RawValue) -> Option<Recommendation> {
    let Entry { kind, properties } = entry(item)?;
    let properties = properties?;
    let details = properties.recommendation_details?;
    Some(Recommendation {
        kind: kind.filter(|kind| !kind.is_empty())?,
        term: properties.term,
        look_back: properties.look_back_period,
        sku: properties.arm_sku_name,
        currency: properties.currency_code?.trim().parse().ok()?,
        commitment: details.commitment_amount?,
        granularity: properties.commitment_granularity,
        cost_without: properties.cost_without_benefit,
        saving: details.savings_amount?,
        saving_share: details.savings_percentage.and_then(ratio),
        coverage: details.coverage_percentage.and_then(ratio),
        utilization: details.average_utilization_percentage.and_then(ratio),
    })
}

//! How far each benefit is used, as Azure's billing scopes list it: savings plans in one list, reservations in another.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/benefit-utilization-summaries>,
//! <https://learn.microsoft.com/rest/api/consumption/reservations-summaries/list>

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::CommitmentKind;
use super::lists::{List, ListPages, day, entry, figure, ratio};
use crate::client::Client;
use crate::error::Error;
use crate::json;
use crate::money::{AmountOverflow, Exact, Sum};
use crate::period::Period;
use crate::query::API_VERSION;
use crate::scope::{BillingPart, Scope};

const CONSUMPTION: &str = "2024-08-01";
const PLANS: List<BenefitDay> = List {
    path: ["Microsoft.CostManagement", "benefitUtilizationSummaries"],
    template: "/{scope}/providers/Microsoft.CostManagement/benefitUtilizationSummaries",
    read: plan,
};
const RESERVATIONS: List<BenefitDay> = List {
    path: ["Microsoft.Consumption", "reservationSummaries"],
    template: "/{scope}/providers/Microsoft.Consumption/reservationSummaries",
    read: reservation,
};

impl Client {
    /// How far each savings plan of an enrolment or a billing profile was used, day by day. `None` of other scopes: they have no
    /// such list.
    pub fn savings_plan_pages(&self, scope: &Scope, period: Period) -> Option<ListPages<BenefitDay>> {
        let (from, to) = (period.from(), period.to());
        let filter = format!("properties/usageDate ge {from} and properties/usageDate le {to}");
        // Without a dollar sign, as the specification has it for these scopes.
        let parameters = [("api-version", API_VERSION), ("filter", &filter), ("grainParameter", "Daily")];
        has_benefits(scope).map(|_| ListPages::new(self, scope, PLANS, &parameters))
    }

    /// The same of reservations.
    pub fn reservation_pages(&self, scope: &Scope, period: Period) -> Option<ListPages<BenefitDay>> {
        let (from, to) = (period.from().to_string(), period.to().to_string());
        let filter = format!("properties/usageDate ge {from} AND properties/usageDate le {to}");
        let mut parameters = vec![("api-version", CONSUMPTION), ("grain", "daily")];
        match has_benefits(scope)? {
            Benefits::OfAnEnrolment => parameters.push(("$filter", &filter)),
            Benefits::OfAProfile => parameters.extend([("startDate", from.as_str()), ("endDate", &to)]),
        }
        Some(ListPages::new(self, scope, RESERVATIONS, &parameters))
    }
}

/// The billing scopes that list benefits.
#[derive(Clone, Copy)]
pub(super) enum Benefits {
    OfAnEnrolment,
    OfAProfile,
}

pub(super) fn has_benefits(scope: &Scope) -> Option<Benefits> {
    match scope {
        Scope::Billing { account, part: BillingPart::Whole } if !account.as_str().contains(':') => {
            Some(Benefits::OfAnEnrolment)
        }
        Scope::Billing { part: BillingPart::Profile(_), .. } => Some(Benefits::OfAProfile),
        _ => None,
    }
}

/// A benefit on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenefitDay {
    /// Its path.
    pub id: String,
    /// What it is; `None` of what is neither, such as quantities that a licence includes.
    pub kind: Option<CommitmentKind>,
    /// What it is of.
    pub sku: Option<String>,
    /// The day, or the month's first day.
    pub date: Option<Date>,
    /// What was used of it, from 0 to 1: on average, and in the hours of least and most use.
    pub used: [Decimal; 3],
    /// Hours that were reserved, and of them those that were used; of reservations.
    pub hours: Option<[Decimal; 2]>,
}

/// A benefit over several days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenefitUse {
    /// Its path, as Azure wrote it.
    pub id: String,
    /// What it is.
    pub kind: Option<CommitmentKind>,
    /// What it is of.
    pub sku: Option<String>,
    /// What was used of it, to 10 decimals: of hours where they are known, otherwise the mean of the days.
    pub utilization: Decimal,
    /// The least that was used in an hour.
    pub lowest: Decimal,
    /// The most.
    pub highest: Decimal,
}

/// The benefits of these days, those that were used least first.
///
/// # Errors
/// Sums that no decimal holds.
pub fn benefit_uses(days: impl IntoIterator<Item = BenefitDay>) -> Result<Vec<BenefitUse>, Error> {
    let mut found: BTreeMap<String, Vec<BenefitDay>> = BTreeMap::new();
    for day in days {
        found.entry(day.id.to_ascii_lowercase()).or_default().push(day);
    }
    let mut uses: Vec<BenefitUse> =
        found.into_values().filter_map(|days| used(days).transpose()).collect::<Result<_, _>>()?;
    uses.sort_by(|a, b| (a.utilization, &a.id).cmp(&(b.utilization, &b.id)));
    Ok(uses)
}

fn used(days: Vec<BenefitDay>) -> Result<Option<BenefitUse>, AmountOverflow> {
    let hours: Option<Vec<[Decimal; 2]>> = days.iter().map(|day| day.hours).collect();
    let (above, below) = match hours {
        Some(hours) => {
            (sum(hours.iter().map(|[_, used]| *used))?, sum(hours.iter().map(|[reserved, _]| *reserved))?)
        }
        None => (sum(days.iter().map(|day| day.used[0]))?, Exact::from(Decimal::from(days.len()))),
    };
    let lowest = days.iter().map(|day| day.used[1]).min().unwrap_or_default();
    let highest = days.iter().map(|day| day.used[2]).max().unwrap_or_default();
    let utilization = above.by(below).map(Exact::rounded).transpose()?;
    let Some(first) = days.into_iter().next() else { return Ok(None) };
    let BenefitDay { id, kind, sku, .. } = first;
    // Of no hours at all nothing was used.
    let utilization = utilization.unwrap_or_default();
    Ok(Some(BenefitUse { id, kind, sku, utilization, lowest, highest }))
}

fn sum(mut figures: impl Iterator<Item = Decimal>) -> Result<Exact, AmountOverflow> {
    let mut sum = Sum::default();
    figures.try_for_each(|figure| sum.add(figure))?;
    sum.amount().map(Exact::from)
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "json::lenient")]
    properties: Option<Properties>,
}

/// Both lists' members.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Properties {
    #[serde(deserialize_with = "json::text")]
    benefit_id: Option<String>,
    #[serde(deserialize_with = "json::text")]
    arm_sku_name: Option<String>,
    #[serde(deserialize_with = "json::text")]
    reservation_order_id: Option<String>,
    #[serde(deserialize_with = "json::text")]
    reservation_id: Option<String>,
    #[serde(deserialize_with = "json::text")]
    sku_name: Option<String>,
    #[serde(deserialize_with = "day")]
    usage_date: Option<Date>,
    #[serde(deserialize_with = "figure")]
    avg_utilization_percentage: Option<Decimal>,
    #[serde(deserialize_with = "figure")]
    min_utilization_percentage: Option<Decimal>,
    #[serde(deserialize_with = "figure")]
    max_utilization_percentage: Option<Decimal>,
    /// Of what a licence includes.
    #[serde(deserialize_with = "figure")]
    utilization_percentage: Option<Decimal>,
    #[serde(deserialize_with = "figure")]
    reserved_hours: Option<Decimal>,
    #[serde(deserialize_with = "figure")]
    used_hours: Option<Decimal>,
}

impl Properties {
    fn used(&self) -> Option<[Decimal; 3]> {
        let average = self.avg_utilization_percentage.or(self.utilization_percentage)?;
        let lowest = self.min_utilization_percentage.unwrap_or(average);
        let highest = self.max_utilization_percentage.unwrap_or(average);
        Some([ratio(average)?, ratio(lowest)?, ratio(highest)?])
    }
}

fn plan(item: &RawValue) -> Option<BenefitDay> {
    let properties = entry::<Entry>(item)?.properties?;
    let used = properties.used()?;
    let id = properties.benefit_id.filter(|id| !id.is_empty())?;
    let kind = CommitmentKind::of_benefit(&id);
    Some(BenefitDay {
        id,
        kind,
        sku: properties.arm_sku_name,
        date: properties.usage_date,
        used,
        hours: None,
    })
}

fn reservation(item: &RawValue) -> Option<BenefitDay> {
    let properties = entry::<Entry>(item)?.properties?;
    let used = properties.used()?;
    let hours = properties.reserved_hours.zip(properties.used_hours).map(|(reserved, used)| [reserved, used]);
    let (order, own) = (properties.reservation_order_id?, properties.reservation_id?);
    // As costs have it.
    let id = format!("/providers/Microsoft.Capacity/reservationOrders/{order}/reservations/{own}");
    let kind = Some(CommitmentKind::Reservation);
    Some(BenefitDay { id, kind, sku: properties.sku_name, date: properties.usage_date, used, hours })
}

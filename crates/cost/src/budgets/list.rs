//! The list, page by page. An entry that cannot be read costs none of the others.

use std::collections::BTreeMap;

use jiff::civil::Date;
use reqwest::StatusCode;
use rust_decimal::Decimal;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tracing::field::Empty;

use super::filter::BudgetFilter;
use super::period::Grain;
use super::threshold::{Operator, Threshold, ThresholdKind};
use super::{Budget, BudgetList, UnreadBudget, Watches};
use crate::client::{Answer, Client, observed};
use crate::error::Error;
use crate::json;
use crate::money::parse_amount;
use crate::paged::{Page, Paged};
use crate::query::API_VERSION;
use crate::scope::Scope;
use crate::walk::{Taken, Walk};

/// A provider that lists budgets: its name, its version, and the path of the list.
type Provider = (&'static str, &'static str, &'static str);

const COST_MANAGEMENT: Provider =
    ("Microsoft.CostManagement", API_VERSION, "/{scope}/providers/Microsoft.CostManagement/budgets");
const CONSUMPTION: Provider =
    ("Microsoft.Consumption", "2024-08-01", "/{scope}/providers/Microsoft.Consumption/budgets");

impl Client {
    /// The budgets of a scope; of a subscription those of its resource groups too.
    pub fn budget_pages(&self, scope: &Scope) -> BudgetPages {
        BudgetPages::new(self, scope, COST_MANAGEMENT)
    }

    /// The same of the older provider. Whether each has what was made at the other is written nowhere.
    pub fn older_budget_pages(&self, scope: &Scope) -> BudgetPages {
        BudgetPages::new(self, scope, CONSUMPTION)
    }
}

/// A list of budgets under way.
pub struct BudgetPages {
    walk: Walk,
    found: BudgetList,
}

impl BudgetPages {
    fn new(client: &Client, scope: &Scope, (provider, version, template): Provider) -> Self {
        let parameters = [("api-version", version)];
        let walk = Walk::new(client, scope, ([provider, "budgets"], template), &parameters);
        Self { walk, found: BudgetList::default() }
    }

    async fn next(&mut self, token: &SecretString) -> Result<Page, Error> {
        const OF: (&str, &str) = ("pages of budgets", "next page of budgets");
        let (kind, page) = (self.walk.kind(), self.walk.read() + 1);
        let span = tracing::info_span!("cost.budgets", scope.kind = kind, page, rows = Empty, status = Empty, error.type = Empty);
        let found = &mut self.found;
        observed(span, self.walk.ask(token, OF, |answer| take(found, answer))).await
    }
}

/// Takes a page's budgets.
fn take(found: &mut BudgetList, answer: &Answer) -> Result<Taken, Error> {
    found.pages += 1;
    let list = if answer.status == StatusCode::NO_CONTENT {
        List::default()
    } else {
        let list: List<'_> = answer.read("a list of budgets in another form")?;
        if list.value.is_empty() && list.next_link.is_none() {
            answer.refusal_inside()?;
        }
        list
    };
    for entry in list.value {
        match read(entry.get()) {
            Ok(budget) => found.budgets.push(budget),
            Err(unread) => found.unread.push(unread),
        }
    }
    Ok(Taken { rows: found.budgets.len(), next: list.next_link })
}

impl Paged for BudgetPages {
    type Whole = BudgetList;

    async fn next_page(&mut self, token: &SecretString) -> Result<Page, Error> {
        Page::or_not_now(self.next(token).await)
    }

    fn whole(self) -> BudgetList {
        self.found
    }
}

/// Entries stay JSON text, in place: each is read by itself, and an amount must not pass through a double.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    #[serde(borrow, default, deserialize_with = "json::or_default")]
    value: Vec<&'a RawValue>,
    #[serde(default, deserialize_with = "json::text")]
    next_link: Option<String>,
}

/// What an entry is called, whatever else is in it.
#[derive(Default, Deserialize)]
struct Called {
    #[serde(default, deserialize_with = "json::text")]
    id: Option<String>,
    #[serde(default, deserialize_with = "json::text")]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    properties: Properties<'a>,
}

/// Who is told is of no account here, and is not read: names and addresses.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    #[serde(default, deserialize_with = "json::text")]
    category: Option<String>,
    #[serde(borrow, default)]
    amount: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "json::text")]
    time_grain: Option<String>,
    #[serde(default, deserialize_with = "json::or_default")]
    time_period: TimePeriod,
    #[serde(default)]
    filter: Value,
    #[serde(borrow, default)]
    current_spend: Option<Spent<'a>>,
    #[serde(borrow, default)]
    forecast_spend: Option<Spent<'a>>,
    #[serde(borrow, default)]
    notifications: Option<BTreeMap<String, Notice<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TimePeriod {
    #[serde(default, deserialize_with = "json::text")]
    start_date: Option<String>,
    #[serde(default, deserialize_with = "json::text")]
    end_date: Option<String>,
}

#[derive(Deserialize)]
struct Spent<'a> {
    #[serde(borrow, default)]
    amount: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "json::text")]
    unit: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notice<'a> {
    #[serde(default, deserialize_with = "json::parsed")]
    enabled: Option<bool>,
    #[serde(default, deserialize_with = "json::text")]
    operator: Option<String>,
    #[serde(borrow, default)]
    threshold: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "json::text")]
    threshold_type: Option<String>,
}

/// The budget of an entry.
fn read(entry: &str) -> Result<Budget, UnreadBudget> {
    let Called { id, name } = serde_json::from_str(entry).unwrap_or_default();
    let called = id.clone().or_else(|| name.clone());
    let unread = |what| UnreadBudget { called: called.clone(), what };
    let id = id.filter(|id| !id.trim().is_empty()).ok_or_else(|| unread("it has no id"))?;
    let entry: Entry<'_> = serde_json::from_str(entry).map_err(|_| unread("it has another form"))?;
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| last_segment(&id).to_owned());
    entry.properties.budget(id, name).map_err(unread)
}

impl Properties<'_> {
    fn budget(self, id: String, name: String) -> Result<Budget, &'static str> {
        let starts = self.time_period.start_date.as_deref().and_then(date).ok_or("it has no start")?;
        let ends = self.time_period.end_date.as_deref();
        Ok(Budget {
            scope: scope_of(&id),
            watches: self.watches()?,
            grain: self.time_grain.as_deref().and_then(Grain::named).ok_or("its time grain is not known")?,
            starts,
            ends: ends.map(|text| date(text).ok_or("its end is no date")).transpose()?,
            filter: BudgetFilter::read(&self.filter),
            thresholds: self.thresholds()?,
            id,
            name,
        })
    }

    fn watches(&self) -> Result<Watches, &'static str> {
        match self.category.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("reservationutilization") => Ok(Watches::Reservations),
            // The older provider has one category, and some of its answers none.
            None | Some("cost") => {
                let spends = || self.current_spend.iter().chain(&self.forecast_spend);
                let unit = spends().find_map(|spent| spent.unit.as_deref()?.trim().parse().ok());
                Ok(Watches::Costs {
                    amount: figure(self.amount)?.ok_or("it has no amount")?,
                    currency: unit,
                    evaluated: figure(self.current_spend.as_ref().and_then(|spent| spent.amount))?,
                    forecast: figure(self.forecast_spend.as_ref().and_then(|spent| spent.amount))?,
                })
            }
            Some(_) => Err("its category is not known"),
        }
    }

    fn thresholds(&self) -> Result<Vec<Threshold>, &'static str> {
        let threshold = |notice: &Notice<'_>| {
            Ok(Threshold {
                percent: figure(notice.threshold)?.ok_or("a notification has no threshold")?,
                // One without a type is of actual costs.
                kind: match notice.threshold_type.as_deref() {
                    Some(kind) if kind.eq_ignore_ascii_case("forecasted") => ThresholdKind::Forecasted,
                    _ => ThresholdKind::Actual,
                },
                operator: notice.operator.as_deref().and_then(Operator::named),
                enabled: notice.enabled.unwrap_or(true),
            })
        };
        let notices = self.notifications.iter().flat_map(BTreeMap::values);
        let mut thresholds: Vec<_> = notices.map(threshold).collect::<Result<_, &'static str>>()?;
        thresholds.sort_by_key(|one| (one.kind == ThresholdKind::Forecasted, one.percent));
        Ok(thresholds)
    }
}

/// A number, exact, or a text that holds one.
fn figure(raw: Option<&RawValue>) -> Result<Option<Decimal>, &'static str> {
    let text = raw.map_or("null", RawValue::get).trim_matches('"').trim();
    if text == "null" || text.is_empty() {
        return Ok(None);
    }
    parse_amount(text).map(Some).map_err(|_| "a figure is not a number")
}

/// The day as it is written: `2026-11-01T00:00:00Z` is a day, in whatever zone.
fn date(text: &str) -> Option<Date> {
    text.trim().split(['T', 't', ' ']).next()?.parse().ok()
}

/// What stands before the provider that a budget's id ends with.
fn scope_of(id: &str) -> Option<Scope> {
    let at = id.to_ascii_lowercase().rfind("/providers/")?;
    id.get(..at)?.parse().ok()
}

fn last_segment(id: &str) -> &str {
    id.trim_end_matches('/').rsplit('/').next().unwrap_or(id)
}

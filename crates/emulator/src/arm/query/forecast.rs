//! Cost Management's Forecast: the body of a query without groups, and the rows that the raw ones lead to.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/forecast/usage>
//!
//! How the service forecasts is written nowhere; what of it a client can see is kept: it needs 28 days of history, learns from
//! three months at most, and takes no day that is not complete for one.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use jiff::civil::Date;
use jiff::{Span, ToSpan as _};
use serde_json::Value;

use super::definition::{Definition, Granularity, Measure};
use super::scope::QueryScope;
use super::table::{Table, column, date_cell, number};
use super::{Paging, page};
use crate::arm::auth::Caller;
use crate::arm::costs::{View, Wanted};
use crate::arm::errors::ArmError;
use crate::arm::request::ArmRequest;
use crate::arm::state::State;
use crate::arm::throttle;
use crate::faults::ForecastForm;

/// The rows that one answer has at most.
pub(super) const MOST_ROWS: usize = 40;
const MOST_MONTHS: i32 = 120;
/// What it learns from, at most.
const MOST_HISTORY: i32 = 90;
/// The weeks that a day is forecast from.
const WEEKS: usize = 4;

/// Answers a forecast: 200 with its rows, or without any where there is too little history.
pub(crate) fn handle(
    state: &State,
    caller: &Caller,
    scope: &QueryScope,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    if request.method != Method::POST || request.body.is_empty() {
        return Err(ArmError::bad_request("Invalid query definition, Dataset is invalid or not supplied."));
    }
    scope.authorize(caller)?;
    let today = state.world.today();
    let definition = Definition::parse(request.body, today, MOST_MONTHS)?;
    check(&definition)?;
    definition.check(scope)?;
    if definition.to <= today {
        return Err(ArmError::cant_forecast_on_the_past());
    }
    let headers = throttle::admit(state, caller, scope.path(), request, definition.months())?;
    let form = state.world.faults.settings().forecast;
    let table = Forecast::new(scope, &definition, &state.view(), &form).table(&form);
    let mut response = if table.rows.is_empty() && !form.empty_page {
        StatusCode::NO_CONTENT.into_response()
    } else {
        page(state, scope, request, (&table, Paging::forecast(&form)))?.into_response()
    };
    response.headers_mut().extend(headers);
    Ok(response)
}

/// Refuses what a query may have and a forecast may not: groups
/// (<https://github.com/Azure/azure-rest-api-specs/issues/16507>), quantities, one sum for all.
fn check(definition: &Definition) -> Result<(), ArmError> {
    let refused = |what: &str| Err(ArmError::bad_request(format!("Invalid query definition: {what}.")));
    if !definition.grouping.is_empty() {
        return refused("Dataset grouping is not supported for a forecast");
    }
    if !definition.names_measures {
        return refused("Dataset aggregation is required");
    }
    if let Some((name, _)) = definition.measures.iter().find(|(_, measure)| *measure == Measure::Quantity) {
        return refused(&format!("Invalid column '{name}'"));
    }
    if definition.granularity == Granularity::None {
        return refused("Invalid granularity 'None'");
    }
    Ok(())
}

/// What a day of one currency costs, measure by measure.
type Sums = [i64; 2];

struct Forecast<'a> {
    definition: &'a Definition,
    today: Date,
    /// The last day of which all costs are known.
    complete: Date,
    least_history: i32,
    most_days: usize,
    days: BTreeMap<&'static str, BTreeMap<Date, Sums>>,
}

impl<'a> Forecast<'a> {
    fn new(scope: &QueryScope, definition: &'a Definition, view: &View, form: &ForecastForm) -> Self {
        let complete = view.complete_until();
        let first = back(complete, MOST_HISTORY - 1).min(definition.from);
        let wanted = Wanted { from: first, to: view.today(), basis: definition.basis, view };
        let mut days: BTreeMap<&'static str, BTreeMap<Date, Sums>> = BTreeMap::new();
        for row in scope.rows(wanted) {
            if definition.filter.as_ref().is_some_and(|filter| !filter.holds(&row)) {
                continue;
            }
            let sums = days.entry(row.line.currency).or_default().entry(row.date).or_default();
            for (sum, (_, measure)) in sums.iter_mut().zip(&definition.measures) {
                *sum += if *measure == Measure::CostUsd { row.usd() } else { row.cost };
            }
        }
        let least_history = i32::try_from(form.least_history).unwrap_or(i32::MAX);
        let most_days = form.most_days.and_then(|days| usize::try_from(days).ok()).unwrap_or(usize::MAX);
        Self { definition, today: view.today(), complete, least_history, most_days, days }
    }

    fn table(&self, form: &ForecastForm) -> Table {
        let mut cells: BTreeMap<(Date, &str, &str), Sums> = BTreeMap::new();
        for (currency, days) in &self.days {
            for (date, status, sums) in self.of_currency(days) {
                let date = match self.definition.granularity {
                    Granularity::Monthly => date.first_of_month(),
                    Granularity::Daily | Granularity::None => date,
                };
                let cell = cells.entry((date, status, currency)).or_default();
                cell.iter_mut().zip(sums).for_each(|(sum, more)| *sum += more);
            }
        }
        let measures = self.definition.measures.len();
        let row = |((date, status, currency), sums): ((Date, &str, &str), Sums)| {
            let sums = sums.into_iter().take(measures).map(number);
            sums.chain([date_cell(self.definition.granularity, date), status.into(), currency.into()])
                .collect()
        };
        Table { columns: self.columns(form), rows: cells.into_iter().map(row).collect() }
    }

    /// What was, where it is wanted; then what will be, from today on.
    fn of_currency(&self, days: &BTreeMap<Date, Sums>) -> Vec<(Date, &'static str, Sums)> {
        let Definition { from, to, includes, .. } = *self.definition;
        let known = if includes.fresh_partial { self.today } else { self.complete };
        let mut told = Vec::new();
        if includes.actual {
            let past = days.range(from..).take_while(|(date, _)| **date <= known.min(to));
            told.extend(past.map(|(date, sums)| (*date, "Actual", *sums)));
        }
        let begins = if includes.fresh_partial { self.today.saturating_add(1.day()) } else { self.today };
        if let Some(history) = self.history(days) {
            let ahead = from.max(begins).series(Span::new().days(1)).take_while(|date| *date <= to);
            let ahead = ahead.take(self.most_days);
            told.extend(ahead.map(|date| (date, "Forecast", of_weekday(&history, date))));
        }
        told
    }

    /// The complete days that it learns from; `None` where they are too few.
    fn history(&self, days: &BTreeMap<Date, Sums>) -> Option<Vec<(Date, Sums)>> {
        let first = *days.range(back(self.complete, MOST_HISTORY - 1)..).next()?.0;
        if (self.complete - first).get_days() + 1 < self.least_history {
            return None;
        }
        let dates = first.series(Span::new().days(1)).take_while(|date| *date <= self.complete);
        Some(dates.map(|date| (date, days.get(&date).copied().unwrap_or_default())).collect())
    }

    /// Not always those that were asked for: both examples of the specification ask for `Cost` and get `PreTaxCost`.
    fn columns(&self, form: &ForecastForm) -> Vec<Value> {
        let date = match self.definition.granularity {
            Granularity::Monthly => column("BillingMonth", "Datetime"),
            Granularity::Daily | Granularity::None => column("UsageDate", "Number"),
        };
        let name = |(name, measure): &(String, Measure)| match measure {
            Measure::CostUsd if form.pretax_column => column("PreTaxCostUSD", "Number"),
            _ if form.pretax_column => column("PreTaxCost", "Number"),
            _ => column(name, "Number"),
        };
        let sums = self.definition.measures.iter().map(name);
        sums.chain([date, column("CostStatus", "String"), column("Currency", "String")]).collect()
    }
}

/// The middle of what the last four such weekdays cost: one odd week does not count.
fn of_weekday(history: &[(Date, Sums)], date: Date) -> Sums {
    let same = history.iter().rev().filter(|(day, _)| day.weekday() == date.weekday()).take(WEEKS);
    let same: Vec<Sums> = same.map(|(_, sums)| *sums).collect();
    std::array::from_fn(|measure| {
        let mut sums: Vec<i64> = same.iter().map(|sums| sums[measure]).collect();
        sums.sort_unstable();
        match sums.len() {
            0 => 0,
            count => sums[(count - 1) / 2].midpoint(sums[count / 2]),
        }
    })
}

fn back(date: Date, days: i32) -> Date {
    date.saturating_sub(days.days())
}

//! Quantities that are included free of charge, as benefits: the other kind of `benefitUtilizationSummaries`. The specification has
//! it, with a figure of another name, and nobody has shown one. What is told here comes of the rows that cost nothing, each day
//! against the largest.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/benefit-utilization-summaries/list-by-billing-account-id#includedquantityutilizationsummary>

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::{Benefit, Day, is_usage};
use crate::arm::costs::{Basis, View, Wanted};
use crate::arm::query::{QueryScope, number};

/// The summaries of a scope at this path, by day or by month.
pub(super) fn summaries(
    scope: &QueryScope,
    days: (Date, Date),
    view: &View,
    (path, monthly): (&str, bool),
) -> Vec<Value> {
    let summary = |one: &Benefit<'_>, date: Date, days: &[Day]| {
        let (order, own) = (one.line.order_id(), one.line.benefit_guid());
        let name = format!("{order}_{own}_{}", date.strftime("%Y%m%d"));
        json!({
            "id": format!("{path}/providers/Microsoft.CostManagement/benefitUtilizationSummaries/{name}"),
            "name": name,
            "type": "Microsoft.CostManagement/benefitUtilizationSummaries",
            "kind": "IncludedQuantity",
            "properties": {
                "armSkuName": one.line.service.meter,
                "benefitId": format!("{path}/includedQuantities/{own}"),
                "benefitOrderId": format!("{path}/includedQuantityOrders/{order}"),
                "benefitType": "IncludedQuantity",
                "usageDate": format!("{date}T00:00:00Z"),
                "utilizationPercentage": number(Day::sum(days).percent()),
            },
        })
    };
    let all = found(scope, days, view);
    let of = |one: &Benefit<'_>| -> Vec<Value> {
        one.grouped(monthly).into_iter().map(|(date, days)| summary(one, date, &days)).collect()
    };
    all.iter().flat_map(of).collect()
}

/// What costs nothing, with what was used of it on each day; the whole is the largest of the days.
fn found<'a>(scope: &'a QueryScope, (from, to): (Date, Date), view: &'a View) -> Vec<Benefit<'a>> {
    let mut found: Vec<Benefit<'a>> = Vec::new();
    let rows = scope.rows(Wanted { from, to, basis: Basis::Actual, view });
    for row in rows.filter(|row| is_usage(row) && row.line.service.unit_price == 0) {
        let at = found.iter().position(|known| std::ptr::eq(known.line, row.line)).unwrap_or_else(|| {
            found.push(Benefit { line: row.line, days: BTreeMap::new() });
            found.len() - 1
        });
        found[at].days.entry(row.date).or_default().used += row.quantity;
    }
    for one in &mut found {
        let largest = one.days.values().map(|day| day.used).max().unwrap_or_default();
        one.days.values_mut().for_each(|day| day.whole = largest);
    }
    found
}

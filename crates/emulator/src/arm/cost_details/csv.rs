//! The rows of a cost details report, with the columns of a Microsoft Customer Agreement.

use std::fmt::Write as _;

use jiff::civil::Date;

use super::Report;
use crate::arm::costs::{Row, View, decimal};
use crate::arm::query::QueryScope;

const HEADER: &str = "invoiceId,previousInvoiceId,billingAccountId,billingAccountName,billingProfileId,billingProfileName,\
    invoiceSectionId,invoiceSectionName,resellerName,resellerMpnId,costCenter,billingPeriodEndDate,billingPeriodStartDate,\
    servicePeriodEndDate,servicePeriodStartDate,date,serviceFamily,productOrderId,productOrderName,consumedService,meterId,\
    meterName,meterCategory,meterSubCategory,meterRegion,ProductId,ProductName,SubscriptionId,subscriptionName,publisherType,\
    publisherId,publisherName,resourceGroupName,ResourceId,resourceLocation,location,effectivePrice,quantity,unitOfMeasure,\
    chargeType,billingCurrency,pricingCurrency,costInBillingCurrency,costInPricingCurrency,costInUsd,\
    paygCostInBillingCurrency,paygCostInUsd,exchangeRatePricingToBilling,exchangeRateDate,isAzureCreditEligible,serviceInfo1,\
    serviceInfo2,additionalInfo,tags,PayGPrice,frequency,term,reservationId,reservationName,pricingModel,unitPrice,\
    costAllocationRuleName,benefitId,benefitName,provider";

/// The text of blob number `at`: a header line, and its share of the rows.
pub(crate) fn part(report: &Report, view: &View, at: usize, rows_per_blob: usize) -> String {
    let mut text = String::from("\u{feff}");
    text.push_str(HEADER);
    text.push_str("\r\n");
    let scope = QueryScope::from(report.scope.clone());
    let size = rows_per_blob.max(1);
    for row in scope.rows(report.wanted(view)).skip(at * size).take(size) {
        write_row(&mut text, &row);
    }
    text
}

fn write_row(text: &mut String, row: &Row<'_>) {
    let (subscription, line) = (row.subscription, row.line);
    let service = line.service;
    let date = |day: Date| day.strftime("%m/%d/%Y").to_string();
    let (first, last) = (row.date.first_of_month(), row.date.last_of_month());
    let (price, cost, usd) = (decimal(row.unit_price), decimal(row.cost), decimal(row.usd()));
    let rate = if line.currency == "USD" { "1" } else { "0.92592593" };
    let marketplace = row.is_marketplace();
    let owned = |fields: &[&str]| fields.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>();
    let (section_id, section_name) = subscription.section;
    let ((reservation_id, reservation_name), (benefit_id, benefit_name)) = (row.reservation(), row.benefit());
    let publisher = if marketplace { "Contoso Observability Inc." } else { "Microsoft" };
    let columns = [
        vec![row.dimension("InvoiceId"), String::new()],
        owned(&["11112222:22223333_2019-05-31", "Contoso", "AAAA-BBBB-CCC-DDD", "Contoso"]),
        owned(&[section_id, section_name, "", "", ""]),
        vec![date(last), date(first), date(row.date), date(row.date), date(row.date)],
        owned(&[service.family, "", "Azure plan", service.provider]),
        owned(&[row.meter_id()]),
        owned(&[service.meter, service.name, service.sub_category, line.region.name, "DZH318Z0BQ4L"]),
        vec![row.dimension("Product"), subscription.id.clone(), subscription.display_name.clone()],
        owned(&[row.publisher_type(), "", publisher]),
        vec![line.group.clone(), line.id(&subscription.id)],
        owned(&[line.region.location, line.region.name]),
        vec![price.clone(), decimal(row.quantity)],
        owned(&[service.unit, row.charge_type(), line.currency, line.currency]),
        vec![cost.clone(), cost.clone(), usd.clone(), cost, usd, rate.to_owned(), date(first)],
        owned(&[if marketplace { "False" } else { "True" }, "", "", ""]),
        vec![tags(row), price.clone(), row.frequency().to_owned()],
        vec![String::new(), reservation_id, reservation_name.to_owned()],
        vec![row.pricing_model().to_owned(), price, String::new(), benefit_id, benefit_name.to_owned()],
        owned(&[row.publisher_type()]),
    ];
    for (at, field) in columns.iter().flatten().enumerate() {
        if at > 0 {
            text.push(',');
        }
        push_field(text, field);
    }
    text.push_str("\r\n");
}

/// Quoted where RFC 4180 demands it.
fn push_field(text: &mut String, field: &str) {
    if field.contains([',', '"', '\n', '\r']) {
        let _ = write!(text, "\"{}\"", field.replace('"', "\"\""));
    } else {
        text.push_str(field);
    }
}

/// Tags as the file has them: JSON members without braces.
fn tags(row: &Row<'_>) -> String {
    row.tags().iter().map(|(key, value)| format!("\"{key}\": \"{value}\"")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::civil::date;

    use super::{HEADER, part};
    use crate::arm::cost_details::Report;
    use crate::arm::costs::{Basis, Subscription, Subscriptions, View};
    use crate::arm::request::CostScope;
    use crate::jwt;
    use crate::tenant::contoso::PROD_SUBSCRIPTION;

    fn of_october(subscription: Arc<Subscription>) -> Report {
        Report {
            scope: CostScope { subscription, resource_group: None },
            basis: Basis::Actual,
            start: date(2026, 10, 1),
            end: date(2026, 10, 31),
            owner: String::new(),
            polls_left: 0,
            request: serde_json::Value::Null,
        }
    }

    fn view() -> View {
        View::at("2026-11-20T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn every_row_has_every_column() {
        let report = of_october(Subscriptions::new(0).find(PROD_SUBSCRIPTION).unwrap());
        let text = part(&report, &view(), 0, 50);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 51);
        let columns = HEADER.split(',').count();
        for line in &lines[1..] {
            // Commas inside quotes stand in the tags alone, one per tagged row.
            let inner = line.matches("\"\",\"\"").count();
            assert_eq!(line.split(',').count() - inner, columns, "{line}");
        }
    }

    #[test]
    fn rows_are_the_same_in_every_version() {
        let all = Subscriptions::new(1);
        let digest = |subscription: &Arc<Subscription>| {
            let report = of_october(Arc::clone(subscription));
            jwt::sha256(part(&report, &view(), 0, usize::MAX).as_bytes())
        };
        let digests: Vec<_> = all.iter().map(digest).collect();
        assert_eq!(
            digests,
            [
                "8_klaDbGvufUHOgRTymn3WV7dl1IPd_PsTpWHflV2S0",
                "bvYyFVGbxoPkX6gWzAog6ntzGJIoV3HMPp8dkJ2johU",
                "t5ctAy4rndKX5YBzoJME84jFVUU6od7HDfMBzTxOR7I",
                "1AZ_z2WTxCAqtTe-vEGc3394BvNI7uwayQRyOus5rBk",
                "xjMB8F57M1Ha-78DCwPNM7jpXLVIxouM0rcwuU6HXsw",
                "cPVXNXdHrcq0v1LsOYnUFX3wHcJTWRm7-F3kdMsvwRQ",
            ]
        );
    }
}

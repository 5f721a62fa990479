//! The rows of a cost details report, with the columns of a Microsoft Customer Agreement.

use std::fmt::Write as _;

use jiff::Span;
use jiff::civil::Date;

use super::Report;
use crate::arm::costs::Resource;
use crate::arm::query::{charge_type, frequency, meter_id, pricing_model, publisher_type};

const HEADER: &str = "invoiceId,previousInvoiceId,billingAccountId,billingAccountName,billingProfileId,billingProfileName,\
    invoiceSectionId,invoiceSectionName,resellerName,resellerMpnId,costCenter,billingPeriodEndDate,billingPeriodStartDate,\
    servicePeriodEndDate,servicePeriodStartDate,date,serviceFamily,productOrderId,productOrderName,consumedService,meterId,\
    meterName,meterCategory,meterSubCategory,meterRegion,ProductId,ProductName,SubscriptionId,subscriptionName,publisherType,\
    publisherId,publisherName,resourceGroupName,ResourceId,resourceLocation,location,effectivePrice,quantity,unitOfMeasure,\
    chargeType,billingCurrency,pricingCurrency,costInBillingCurrency,costInPricingCurrency,costInUsd,\
    paygCostInBillingCurrency,paygCostInUsd,exchangeRatePricingToBilling,exchangeRateDate,isAzureCreditEligible,serviceInfo1,\
    serviceInfo2,additionalInfo,tags,PayGPrice,frequency,term,reservationId,reservationName,pricingModel,unitPrice,\
    costAllocationRuleName,benefitId,benefitName,provider";

/// One row to be: a resource on a day, and what it cost.
pub(crate) struct Rows<'a> {
    report: &'a Report,
    today: Date,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(report: &'a Report, today: Date) -> Self {
        Self { report, today }
    }

    /// Number of rows.
    pub(crate) fn count(&self) -> usize {
        self.iter().count()
    }

    fn iter(&self) -> impl Iterator<Item = (Date, &'a Resource, i64)> {
        let (report, today) = (self.report, self.today);
        let days =
            report.start.series(Span::new().days(1)).take_while(move |day| *day <= report.end.min(today));
        let group = report.scope.resource_group.as_deref();
        let inside =
            move |resource: &&Resource| group.is_none_or(|group| group.eq_ignore_ascii_case(&resource.group));
        days.flat_map(move |day| {
            let resources = report.scope.subscription.resources.iter().filter(inside);
            resources.map(move |resource| (day, resource, resource.cost(day, today, report.basis)))
        })
        .filter(|(_, _, cost)| *cost != 0)
    }
}

/// The text of blob number `at`: a header line, and its share of the rows.
pub(crate) fn part(report: &Report, today: Date, at: usize, rows_per_blob: usize) -> String {
    let mut text = String::from("\u{feff}");
    text.push_str(HEADER);
    text.push_str("\r\n");
    let rows = Rows::new(report, today);
    let size = rows_per_blob.max(1);
    for (day, resource, cost) in rows.iter().skip(at * size).take(size) {
        write_row(&mut text, report, day, resource, cost);
    }
    text
}

fn write_row(text: &mut String, report: &Report, day: Date, resource: &Resource, cost: i64) {
    let subscription = &report.scope.subscription;
    let service = resource.service;
    let date = |day: Date| day.strftime("%m/%d/%Y").to_string();
    let (first, last) = (day.first_of_month(), day.last_of_month());
    let quantity = resource.quantity(cost);
    let (price, usd) = (decimal(service.unit_price), decimal(resource.in_usd(cost)));
    let rate = if resource.currency == "USD" { "1" } else { "0.92592593" };
    let marketplace = publisher_type(resource) == "Marketplace";
    let fields = [
        "",
        "",
        "11112222:22223333_2019-05-31",
        "Contoso",
        "AAAA-BBBB-CCC-DDD",
        "Contoso",
        "EEEE-FFFF-GGG-HHH",
        "IT",
        "",
        "",
        "",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([date(last), date(first), date(day), date(day), date(day)])
    .chain([service.family, "", "Azure plan", service.provider].map(str::to_owned))
    .chain([meter_id(service.meter)])
    .chain(
        [service.meter, service.name, service.sub_category, resource.region.0, "DZH318Z0BQ4L"]
            .map(str::to_owned),
    )
    .chain([format!("{} - {}", service.name, service.meter)])
    .chain([subscription.id.clone(), subscription.display_name.clone()])
    .chain(
        [publisher_type(resource), "", if marketplace { "Contoso Observability Inc." } else { "Microsoft" }]
            .map(str::to_owned),
    )
    .chain([resource.group.clone(), resource.id(&subscription.id)])
    .chain([resource.region.1, resource.region.0].map(str::to_owned))
    .chain([price.clone(), decimal(quantity), service.unit.to_owned(), charge_type(resource).to_owned()])
    .chain([resource.currency, resource.currency].map(str::to_owned))
    .chain([decimal(cost), decimal(cost), usd.clone(), decimal(cost), usd])
    .chain([rate.to_owned(), date(first), if marketplace { "False" } else { "True" }.to_owned()])
    .chain(["", "", ""].map(str::to_owned))
    .chain([tags(resource), price.clone(), frequency(resource).to_owned()])
    .chain(["", "", ""].map(str::to_owned))
    .chain([pricing_model(resource).to_owned(), price])
    .chain(["", "", "", if marketplace { "Marketplace" } else { "Azure" }].map(str::to_owned));
    for (at, field) in fields.enumerate() {
        if at > 0 {
            text.push(',');
        }
        push_field(text, &field);
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
fn tags(resource: &Resource) -> String {
    resource.tags.iter().map(|(key, value)| format!("\"{key}\": \"{value}\"")).collect::<Vec<_>>().join(",")
}

/// 10^-8 as a decimal text.
fn decimal(amount: i64) -> String {
    let text = format!("{}.{:08}", amount / 100_000_000, (amount % 100_000_000).abs());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::civil::date;

    use super::{HEADER, decimal, part};
    use crate::arm::cost_details::Report;
    use crate::arm::costs::{Basis, Subscription, Subscriptions};
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

    #[test]
    fn every_row_has_every_column() {
        let report = of_october(Subscriptions::new(0).find(PROD_SUBSCRIPTION).unwrap());
        let text = part(&report, date(2026, 11, 20), 0, 50);
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
            jwt::sha256(part(&report, date(2026, 11, 20), 0, usize::MAX).as_bytes())
        };
        let digests: Vec<_> = all.iter().map(digest).collect();
        assert_eq!(
            digests,
            [
                "Bu_T6tufCL58n247D7KOYVly7B86-g2tYu2XenJ-oe4",
                "tZ0cTIUOGeRItPVI8sFtdf6_hlxUL1kGm8leUfl9JSw",
                "gl35HlqXEnyGxSDA-cWPBzkXLsKBWcWYX1YFiC15aHc",
                "fYWqLBXbXQf9dAMHJJkF8563Rl35Xy-HMON72rEsq4M",
                "i5Q3W2bFkdf7p1RcrEm40ahLbDQnJTVlBHZgKZaEDCM",
            ]
        );
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(decimal(1_234_567_890), "12.3456789");
        assert_eq!(decimal(500_000_000), "5");
        assert_eq!(decimal(1), "0.00000001");
    }
}

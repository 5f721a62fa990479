//! FOCUS 1.2's rules, written down from the specification and not from the code: a table of columns, and rules between them. Held
//! over files of all that the reports of both agreements have. What breaks a rule is what [`DEVIATIONS`] says, no more and no less.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use num_bigint::BigInt;

use super::{CUSTOMER, ENTERPRISE, RESERVATION, SAVINGS_PLAN, Written, row, usage};
use crate::focus::Source;
use columns::{COLUMNS, Nulls, SUBCATEGORIES, Type};

mod columns;

/// What our file does not keep, and why: the table of docs/focus.md.
pub(super) const DEVIATIONS: [(&str, &str, &str); 7] = [
    (
        "CommitmentDiscountQuantity",
        "no null",
        "Azure does not tell how much a reservation reserves over its term",
    ),
    ("CommitmentDiscountUnit", "no null", "where there is no CommitmentDiscountQuantity"),
    ("ConsumedQuantity", "above 0", "Azure corrects usage by lines of usage with negative quantities"),
    ("ContractedCost", "unit price × quantity", "rounded to 24 decimals where the block is no power of ten"),
    (
        "ListCost",
        "unit price × quantity",
        "of customers it is Azure's own figure: rounded, or 0 for reservations and Marketplace",
    ),
    ("SkuId", "no null", "an enterprise's report has none, nor has a line without a product"),
    ("SkuPriceId", "no null", "no report has an id that is of one price"),
];

/// Lines of every kind, as both agreements write them.
fn rows() -> Vec<Written> {
    let mut rows = Vec::new();
    for header in [ENTERPRISE, CUSTOMER] {
        for (source, cells) in lines() {
            rows.extend(row(header, &usage(&cells), source));
        }
    }
    rows
}

type Cells = Vec<(&'static str, &'static str)>;

fn lines() -> Vec<(Source, Cells)> {
    use Source::{Actual, Amortized};
    let marketplace = [("publishertype", "Marketplace"), ("publishername", "Elastic"), ("metercategory", "")];
    let unpriced = [("unitprice", ""), ("paygprice", "0"), ("paygcostinbillingcurrency", "")];
    let nameless =
        [("resourceid", ""), ("resourcelocation", "Unassigned"), ("subscriptionid", ""), ("productid", "")];
    let reservation = [("pricingmodel", "Reservation"), ("benefitid", RESERVATION), ("benefitname", "vms")];
    let savings_plan =
        [("pricingmodel", "SavingsPlan"), ("benefitid", SAVINGS_PLAN), ("benefitname", "plan")];
    let charge = |charge: &'static str| vec![("chargetype", charge)];
    let with = |parts: &[&[(&'static str, &'static str)]]| parts.concat();
    let mut lines = vec![
        (Amortized, vec![]),
        (Amortized, with(&[&marketplace, &unpriced])),
        (Amortized, with(&[&marketplace, &charge("Purchase"), &[("frequency", "Recurring")]])),
        (
            Amortized,
            with(&[&marketplace, &charge("Purchase"), &[("frequency", "UsageBased"), ("pricingmodel", "")]]),
        ),
        (Amortized, vec![("pricingmodel", "Spot")]),
        (Amortized, vec![("tags", r#""env": "prod""#), ("additionalinfo", r#"{"VCPUs":4}"#)]),
        (Amortized, vec![("tags", "broken")]),
        (
            Amortized,
            vec![
                ("unitofmeasure", "10K"),
                ("quantity", "12345.678901"),
                ("unitprice", "0.00012345678901234567"),
            ],
        ),
        (Amortized, vec![("unitofmeasure", "744 Connections"), ("quantity", "1")]),
        (Amortized, vec![("quantity", "-1"), ("costinbillingcurrency", "-0.05")]),
        (Amortized, vec![("costinbillingcurrency", "8.88E-16"), ("unitofmeasure", "")]),
        (Amortized, with(&[&charge("Refund"), &[("costinbillingcurrency", "-3"), ("frequency", "OneTime")]])),
        (
            Amortized,
            with(&[&charge("Tax"), &nameless, &unpriced, &[("frequency", "OneTime"), ("pricingmodel", "")]]),
        ),
        (
            Amortized,
            with(&[&charge("Credit"), &nameless, &unpriced, &[("frequency", ""), ("pricingmodel", "")]]),
        ),
        (Amortized, with(&[&charge("RoundingAdjustment"), &nameless, &unpriced, &[("metercategory", "")]])),
        (
            Amortized,
            with(&[&nameless, &[("consumedservice", ""), ("metercategory", ""), ("productname", "")]]),
        ),
        (Amortized, vec![("resourceid", "/subscriptions/0a/resourceGroups/g/providers/Unheard.Of/things/x")]),
        (Amortized, vec![("pricingcurrency", "USD"), ("exchangeratepricingtobilling", "0.92592593")]),
        (Amortized, vec![("benefitid", "/providers/microsoft.maintenance/x")]),
        (Amortized, vec![("pricingmodel", "Reservation"), ("reservationid", "0a0b")]),
        (Amortized, vec![("publishername", ""), ("billingprofilename", "")]),
    ];
    for (commitment, unused) in [(reservation, "UnusedReservation"), (savings_plan, "UnusedSavingsPlan")] {
        lines.push((Amortized, commitment.to_vec()));
        lines.push((Amortized, with(&[&commitment, &unpriced])));
        lines.push((Amortized, with(&[&commitment, &charge(unused), &[("resourcelocation", "")]])));
        lines.push((Actual, with(&[&commitment, &charge("Purchase"), &[("frequency", "OneTime")]])));
        lines.push((Actual, with(&[&commitment, &charge("Purchase"), &[("frequency", "Recurring")]])));
        lines.push((Actual, with(&[&commitment, &charge("Refund"), &[("costinbillingcurrency", "-7")]])));
        lines.push((Actual, with(&[&commitment, &charge("RoundingAdjustment")])));
        lines.push((Actual, with(&[&commitment, &charge("Usage")])));
    }
    lines
}

#[test]
fn what_breaks_a_rule_of_focus_is_published() {
    let mut broken = BTreeSet::new();
    for row in rows() {
        for column in COLUMNS {
            let value = row.get(column.name).map(String::as_str);
            broken.extend(nullability(column, value, &row).map(|rule| (column.name, rule)));
            broken.extend(value.and_then(|value| form(column, value)).map(|rule| (column.name, rule)));
        }
        broken.extend(between(&row));
    }
    let published: BTreeSet<_> = DEVIATIONS.iter().map(|(column, rule, _)| (*column, *rule)).collect();
    assert_eq!(broken, published);
}

fn nullability(column: &columns::Column, value: Option<&str>, row: &Written) -> Option<&'static str> {
    let has = |name: &str| row.contains_key(name);
    let is = |name: &str, value: &str| row.get(name).is_some_and(|own| own == value);
    let corrects = is("ChargeClass", "Correction");
    let priced = (is("ChargeCategory", "Usage") || is("ChargeCategory", "Purchase")) && !corrects;
    let usage = is("ChargeCategory", "Usage");
    let (may, must) = match column.nulls {
        Nulls::Never => (false, false),
        Nulls::Allowed => (true, false),
        Nulls::Iff(other) => (!has(other), !has(other)),
        Nulls::Without(other) => (true, !has(other)),
        Nulls::UnlessPriced => (!priced, is("ChargeCategory", "Tax")),
        Nulls::UnlessConsumed => {
            let consumed = usage && !is("CommitmentDiscountStatus", "Unused");
            (!consumed || corrects, !consumed)
        }
        Nulls::UnlessUsageOf(other) => (!has(other) || !usage, !has(other)),
        Nulls::UnlessCommitted => {
            let committed = has("CommitmentDiscountId");
            (!committed || !priced, !committed || !(usage || is("ChargeCategory", "Purchase")))
        }
    };
    match value {
        None if !may => Some("no null"),
        Some(_) if must => Some("null"),
        _ => None,
    }
}

fn form(column: &columns::Column, value: &str) -> Option<&'static str> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_decimal = |text: &str| {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        digits(whole) && digits(fraction)
    };
    let held = match column.kind {
        Type::Text => !value.is_empty() && value.trim() == value,
        Type::OneOf(allowed) => allowed.contains(&value),
        Type::Decimal => is_decimal(value.strip_prefix('-').unwrap_or(value)),
        Type::NotNegative => is_decimal(value),
        Type::Moment => value.ends_with("T00:00:00Z") && value.parse::<Timestamp>().is_ok(),
        Type::Currency => value.len() == 3 && value.bytes().all(|byte| byte.is_ascii_uppercase()),
        Type::Json => {
            value.starts_with('{')
                && serde_json::from_str::<BTreeMap<String, serde_json::Value>>(value).is_ok()
        }
    };
    (!held).then_some("form")
}

/// Rules between columns.
fn between(row: &Written) -> Vec<(&'static str, &'static str)> {
    let value = |name: &str| row.get(name).map_or("", String::as_str);
    let moment = |name: &str| value(name).parse::<Timestamp>().unwrap();
    let parent = SUBCATEGORIES.iter().find(|(_, all)| all.contains(&value("ServiceSubcategory")));
    let corrects = value("ChargeClass") == "Correction";
    let product = |price: &str, cost: &str| {
        corrects
            || !row.contains_key(price)
            || scaled(value(price)) * scaled(value("PricingQuantity")) == scaled(value(cost)) * ten(60)
    };
    let usage = value("ChargeCategory") == "Usage";
    let negative = value("ConsumedQuantity").starts_with('-');
    let committed = usage && row.contains_key("CommitmentDiscountId");
    let purchase = value("ChargeCategory") == "Purchase" && row.contains_key("CommitmentDiscountId");
    [
        ("BillingPeriodEnd", "after its start", moment("BillingPeriodStart") < moment("BillingPeriodEnd")),
        ("ChargePeriodEnd", "after its start", moment("ChargePeriodStart") < moment("ChargePeriodEnd")),
        (
            "ChargeFrequency",
            "a purchase is not based on usage",
            value("ChargeCategory") != "Purchase" || value("ChargeFrequency") != "Usage-Based",
        ),
        (
            "ServiceSubcategory",
            "of its category",
            parent.is_some_and(|(category, _)| *category == value("ServiceCategory")),
        ),
        ("ConsumedQuantity", "above 0", !negative || corrects),
        ("ContractedCost", "unit price × quantity", product("ContractedUnitPrice", "ContractedCost")),
        ("ListCost", "unit price × quantity", product("ListUnitPrice", "ListCost")),
        (
            "PricingCategory",
            "Committed where a commitment is used",
            !committed || value("PricingCategory") == "Committed",
        ),
        ("EffectiveCost", "0 for what is bought for later", !purchase || value("EffectiveCost") == "0"),
        (
            "PricingCurrencyEffectiveCost",
            "0 for what is bought for later",
            !purchase || value("PricingCurrencyEffectiveCost") == "0",
        ),
    ]
    .into_iter()
    .filter_map(|(column, rule, held)| (!held).then_some((column, rule)))
    .collect()
}

/// At 60 decimals.
fn scaled(text: &str) -> BigInt {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<60}").parse().unwrap()
}

fn ten(power: u32) -> BigInt {
    BigInt::from(10).pow(power)
}

/// The same file for a validator that others wrote, where `FOCUS_FILE` says; and how fast it is made.
#[test]
#[ignore = "writes a file for focus-validator: see docs/focus.md"]
fn a_file_of_every_kind_of_row() {
    let columns: Vec<_> =
        crate::focus::Converter::columns().iter().map(|column| column.name.to_string()).collect();
    let mut file = csv::Writer::from_path(std::env::temp_dir().join("focus-sample.csv")).unwrap();
    file.write_record(&columns).unwrap();
    for row in rows() {
        file.write_record(columns.iter().map(|column| row.get(column.as_str()).map_or("", String::as_str)))
            .unwrap();
    }
    file.flush().unwrap();
    let cells = super::record(CUSTOMER, &usage(&[]));
    let mut converter = super::converter(CUSTOMER);
    let start = std::time::Instant::now();
    for _ in 0..20_000 {
        assert!(converter.row(|at| &cells[at], Source::Amortized).unwrap().is_some());
    }
    println!("{:.0} rows/s", 20_000.0 / start.elapsed().as_secs_f64());
}

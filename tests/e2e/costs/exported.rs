//! What stands in the files of exports, in each format, against the emulator's raw rows and blobs.

use std::collections::BTreeMap;
use std::io::Read as _;

use aho_corasick::AhoCorasick;
use e2e::Stack;
use emulator::{PROD_SUBSCRIPTION, RETAIL_SUBSCRIPTION};
use flate2::read::MultiGzDecoder;
use futures::future::join_all;
use jiff::ToSpan as _;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use self::table::{Cell, Table};
use super::exports::{days, exporter, ready};
use super::final_month;
use super::raw::{Raw, Rows};

mod azure;
mod table;

/// A file, as its owner gets it: asked for over MCP, asked for again by its id, fetched with a token.
async fn fetched(stack: &Stack, token: &str, arguments: Value) -> (u64, Vec<u8>) {
    let data = ready(stack, token, arguments).await;
    let file = stack.caller.fetch(Some(token), data["uri"].as_str().unwrap(), &[]).await;
    assert_eq!((file.status, json!(file.bytes.len())), (200, data["size"].clone()));
    let secrets = AhoCorasick::new(stack.emulator.issued_secrets()).unwrap();
    let said = format!("{data}{:?}", file.headers);
    assert!(!secrets.is_match(&said) && !secrets.is_match(&file.bytes), "a credential stands in it");
    (data["rows"].as_u64().unwrap(), file.bytes)
}

/// Costs by currency.
fn sums<'a>(rows: impl Iterator<Item = &'a Raw>) -> BTreeMap<String, Decimal> {
    let mut sums = BTreeMap::new();
    for row in rows {
        *sums.entry(row.currency.clone()).or_default() += row.cost;
    }
    sums
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_months_are_azures_bytes_and_each_format_says_the_same() {
    let stack = Stack::start().await;
    let alice = exporter(&stack, "alice");
    let (second, scope) = (final_month(), format!("/subscriptions/{PROD_SUBSCRIPTION}"));
    let (first, last) = (second.saturating_sub(1.months()), second.last_of_month());
    let files = ["csv", "csv.gz", "jsonl", "parquet"].map(|format| {
        let of =
            json!({"scope": &scope, "format": format, "from": first.to_string(), "to": last.to_string()});
        fetched(&stack, &alice, of)
    });
    let mut files = join_all(files).await.into_iter();
    let mut next = || files.next().unwrap();
    let [(rows, csv), (_, packed), (_, lines), (_, parquet)] = [next(), next(), next(), next()];

    let mut blobs = azure::blobs(&stack, "alice", &scope, first..=first.last_of_month()).await;
    blobs.extend(azure::blobs(&stack, "alice", &scope, second..=last).await);
    let mut expected = blobs[0].clone();
    for blob in &blobs[1..] {
        let header = blob.iter().position(|byte| *byte == b'\n').unwrap();
        expected.extend_from_slice(&blob[header + 1..]);
    }
    assert!(blobs.len() > 3 && expected.starts_with("\u{feff}invoiceId,".as_bytes()));
    assert!(expected.ends_with(b"\r\n") && csv == expected, "the CSV is not Azure's bytes");
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == expected && packed.len() < expected.len() / 4, "csv.gz holds something else");

    let (csv, lines, parquet) =
        (Table::of_csv(&csv), Table::of_json_lines(&lines), Table::of_parquet(parquet));
    let raw = Rows::of(&stack, &scope, first..=last, "actual");
    for table in [&csv, &lines, &parquet] {
        assert_eq!((table.rows.len(), rows), (raw.all.len(), raw.all.len() as u64));
        assert_eq!(table.sums("costInBillingCurrency", "billingCurrency"), sums(raw.all.iter()));
    }
    lines.assert_says_what(&csv);
    assert!(lines == parquet, "jsonl and parquet differ");
    for name in ["costInBillingCurrency", "quantity", "unitPrice", "PayGPrice"] {
        assert!(lines.column(name).all(|cell| !matches!(cell, Cell::Text(_))), "{name} is text");
    }
}

const ENROLMENT: &str = "/providers/Microsoft.Billing/billingAccounts/8611537";
/// What FOCUS 1.2 has in each file, and no null in.
#[rustfmt::skip]
const NEVER_NULL: &[&str] = &[
    "BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory",
    "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost",
    "ProviderName", "PublisherName", "ServiceCategory", "ServiceName",
];
/// What it has in each file besides.
const MANDATORY: &[&str] =
    &["BillingAccountName", "ChargeClass", "ChargeDescription", "PricingQuantity", "PricingUnit"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn focus_bills_the_actual_and_spreads_the_amortized_report() {
    let stack = Stack::start().await;
    let last = final_month().last_of_month();
    let token = exporter(&stack, "frank");
    // Of a Customer Agreement, with all that a bill can have, and of an Enterprise Agreement.
    let (retail, enrolment) = (format!("/subscriptions/{RETAIL_SUBSCRIPTION}"), ENROLMENT.to_owned());
    for scope in [retail, enrolment] {
        let of = |format: &str| days(1, last.day(), json!({"scope": &scope, "format": format}));
        let files = ["focus.csv", "focus.parquet"].map(|format| fetched(&stack, &token, of(format)));
        let mut files = join_all(files).await.into_iter();
        let [(rows, csv), (_, parquet)] = [files.next().unwrap(), files.next().unwrap()];
        let (csv, parquet) = (Table::of_csv(&csv), Table::of_parquet(parquet));
        parquet.assert_says_what(&csv);

        let [actual, amortized] =
            ["actual", "amortized"].map(|metric| Rows::of(&stack, &scope, final_month()..=last, metric).all);
        let (billed, effective) = (sums(actual.iter()), sums(amortized.iter()));
        for table in [&csv, &parquet] {
            assert_eq!(table.sums("BilledCost", "BillingCurrency"), billed, "{scope}");
            assert_eq!(table.sums("EffectiveCost", "BillingCurrency"), effective, "{scope}");
            for name in NEVER_NULL {
                assert!(table.column(name).all(|cell| *cell != Cell::Nothing), "{name} is null");
            }
            assert!(MANDATORY.iter().all(|name| table.names.iter().any(|one| one == name)));
        }
        let bought = actual.iter().filter(|row| is_committed(row) && !(is_usage(row) && row.cost.is_zero()));
        let expected = amortized.len() + bought.count();
        assert_eq!((csv.rows.len(), rows), (expected, expected as u64), "{scope}");
    }
}

fn is_committed(row: &Raw) -> bool {
    matches!(row.pricing_model.as_str(), "Reservation" | "SavingsPlan")
}

fn is_usage(row: &Raw) -> bool {
    row.charge_type == "Usage"
}

/// Eight exports at a time, which is all that are made at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_people_at_once_get_their_own_rows_each_in_each_format() {
    let stack = Stack::builder().people(2).start().await;
    let people = [
        ("alice", PROD_SUBSCRIPTION.to_owned()),
        ("bob", emulator::DEV_SUBSCRIPTION.to_owned()),
        ("person-0001", stack.emulator.subscriptions_of("person-0001").unwrap().remove(0)),
        ("person-0002", stack.emulator.subscriptions_of("person-0002").unwrap().remove(0)),
    ];
    let of = |(person, id): &(&str, String), format: &'static str| {
        let (stack, token, id) = (&stack, exporter(&stack, person), id.clone());
        async move {
            let (rows, file) =
                fetched(stack, &token, days(1, 28, json!({"scope": &id, "format": format}))).await;
            let table = if format == "csv" { Table::of_csv(&file) } else { Table::of_parquet(file) };
            let scope = format!("/subscriptions/{id}");
            let last = final_month().with().day(28).build().unwrap();
            let raw = Rows::of(stack, &scope, final_month()..=last, "actual");
            assert!(table.column("SubscriptionId").all(|cell| *cell == Cell::Text(id.clone())), "{id}");
            assert_eq!((table.rows.len(), rows), (raw.all.len(), raw.all.len() as u64), "{id}");
            assert_eq!(table.sums("costInBillingCurrency", "billingCurrency"), sums(raw.all.iter()), "{id}");
        }
    };
    join_all(people.iter().flat_map(|person| ["csv", "parquet"].map(|format| of(person, format)))).await;
}

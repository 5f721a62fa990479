//! What stands in the files of exports, in each format, against the emulator's raw rows and blobs.

use std::collections::BTreeMap;
use std::io::Read as _;

use aho_corasick::AhoCorasick;
use e2e::Stack;
use emulator::PROD_SUBSCRIPTION;
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

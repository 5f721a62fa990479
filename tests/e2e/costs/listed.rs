//! `list_dimensions` against raw rows: every value that a scope's costs have, once, over all parts of the answer.

use std::collections::BTreeSet;

use e2e::Stack;
use emulator::PROD_SUBSCRIPTION;
use identity::clock::{Clock as _, SystemClock};
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::dice::Dice;
use super::random::World;
use super::raw::Rows;

/// Asks for the values of a dimension, and answers how many were right.
pub(super) async fn check(stack: &Stack, token: &str, world: &World, dice: &mut Dice, told: &str) -> usize {
    let paths: Vec<String> = world.places(dice).into_iter().map(|place| place.path.clone()).collect();
    // Azure lists the values of the month that the last complete day is in.
    let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
    let first = today.saturating_sub(2.days()).first_of_month();
    let of = |path: &String| Rows::of(stack, path, first..=first.last_of_month(), "actual");
    let rows: Vec<Rows> = paths.iter().map(of).collect();
    let rows = Rows::joined(rows.iter());
    let names: Vec<String> = rows.dimensions().into_iter().collect();
    let name = dice.pick(&names.iter().map(String::as_str).collect::<Vec<_>>()).to_owned();
    let values: BTreeSet<String> = rows.all.iter().filter_map(|row| row.value(&name)).collect();
    let search: String = if dice.one_of(2) { String::new() } else { some_letters(&values, dice) };
    let expected: BTreeSet<_> = values.into_iter().filter(|value| value.contains(&search)).collect();
    let mut arguments = json!({"scopes": paths, "dimension": name});
    if !search.is_empty() {
        arguments["search"] = search.to_uppercase().into();
    }
    let told = format!("{told}\nlisted: {arguments}");
    let mut found: Vec<String> = Vec::new();
    loop {
        let answer = stack.caller.call(token, "list_dimensions", arguments).await;
        assert!(answer.status == 200 && !answer.is_tool_error(), "{told}\n{}", answer.text);
        let data = answer.data();
        assert_eq!((&data["partial"], &data["truncated"]), (&json!([]), &Value::Null), "{told}\n{data}");
        assert_eq!(data["total"], expected.len(), "{told}\n{data}\n{expected:?}");
        let values = data["values"].as_array().unwrap();
        found.extend(values.iter().map(|value| value.as_str().unwrap().to_lowercase()));
        match &data["more"] {
            Value::Null => break,
            more => arguments = more["arguments"].clone(),
        }
    }
    let once: BTreeSet<_> = found.iter().cloned().collect();
    assert_eq!((found.len(), &once), (once.len(), &expected), "{told}");
    1 + found.len()
}

/// Letters of a value, in small.
fn some_letters(values: &BTreeSet<String>, dice: &mut Dice) -> String {
    let values: Vec<&String> = values.iter().collect();
    if values.is_empty() {
        return String::new();
    }
    let letters: Vec<char> = dice.pick(&values).chars().collect();
    let from = dice.below(letters.len());
    letters[from..].iter().take(3).collect::<String>().trim().to_owned()
}

/// The bound of the client, in pages.
const MOST_PAGES: usize = 40;

#[tokio::test]
async fn a_list_that_azure_does_not_end_says_that_it_is_cut() {
    // A value on each page, and more values than pages are read.
    let big = MOST_PAGES + 5;
    let stack = Stack::builder()
        .emulator(|config| (config.max_page_rows, config.big_subscription) = (1, big))
        .start()
        .await;
    let ask = async |scope: &str, dimension: &str| {
        let arguments = json!({"scopes": [scope], "dimension": dimension});
        stack.caller.call(&stack.token("frank"), "list_dimensions", arguments).await
    };
    let cut = ask(emulator::BIG_SUBSCRIPTION, "ResourceId").await;
    let data = cut.data();
    assert_eq!((&data["truncated"], &data["total"]), (&json!(true), &json!(MOST_PAGES)), "{}", cut.text);
    assert!(data["notes"].to_string().contains("goes on after what is here"), "{data}");
    assert!(cut.readable().contains("some are missing"), "{}", cut.readable());
    let whole = ask(PROD_SUBSCRIPTION, "ServiceName").await;
    assert!(whole.data().get("truncated").is_none_or(Value::is_null), "{}", whole.text);
}

use cost::DriverKind;
use jiff::civil::date;
use serde_json::Value;

use super::*;

const TODAY: Date = date(2026, 11, 27);

fn change(before: i64, after: i64) -> Change {
    Change { before: before.into(), after: after.into(), change: (after - before).into() }
}

fn difference(currency: &str, count: i64) -> Difference {
    let driver = |n: i64| Driver {
        key: Some(format!("Service {n:03} {}", "x".repeat(20))),
        change: change(10, 10 + 2 * (count - n)),
        kind: DriverKind::Grown,
        usage_effect: (count - n).into(),
        rate_effect: (count - n).into(),
        other_effect: Decimal::ZERO,
    };
    let drivers: Vec<_> = (0..count).map(driver).collect();
    let after = drivers.iter().map(|driver| driver.change.after).sum::<Decimal>();
    let before = Decimal::from(10 * count);
    Difference {
        currency: currency.parse().unwrap(),
        change: Change { before, after, change: after - before },
        per_day_before: 1.into(),
        per_day_after: 2.into(),
        drivers,
        rest: (0, change(0, 0)),
        calendar_effect: Ok(1.into()),
        coverage_before: Err("no committed usage"),
        coverage_after: Err("no committed usage"),
    }
}

fn answered(arguments: Value, differences: Vec<Difference>) -> (String, Value) {
    let input: CompareInput = serde_json::from_value(arguments).unwrap();
    let days = |from, to| Days::between(from, to, TODAY).ok().unwrap();
    let known = Known {
        input: &input,
        title: "Contoso Prod".to_owned(),
        scopes: vec!["/subscriptions/10000000-0000-4000-8000-000000000001".to_owned()],
        notes: Vec::new(),
        before: days(date(2026, 9, 1), date(2026, 9, 30)),
        after: days(date(2026, 10, 1), date(2026, 10, 31)),
        differences,
        complete_until: date(2026, 11, 25),
        partial: Vec::new(),
        azure: AzureUse { calls: 2, query_units: 2, cached: false, as_of: None },
    };
    let result =
        known.answer().and_then(Answer::into_result).unwrap_or_else(|failure| panic!("{}", failure.code()));
    (result.content[0].as_text().unwrap().text.clone(), result.structured_content.unwrap())
}

#[test]
fn the_difference_is_said_first() {
    let (text, data) = answered(serde_json::json!({}), vec![difference("EUR", 2)]);
    insta::assert_snapshot!("difference_text", text);
    insta::assert_snapshot!("difference_data", serde_json::to_string_pretty(&data["currencies"]).unwrap());
}

fn figure(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

/// However many drivers, an answer keeps within its budget, drivers and rest add up, and the next calls get every driver once.
#[test]
fn what_does_not_fit_in_is_in_the_rest_and_the_next_call_gets_it() {
    for counts in [&[0_i64, 3][..], &[100], &[100, 40, 1], &[7, 100, 100]] {
        let all: Vec<_> = ["EUR", "USD", "DKK"]
            .iter()
            .zip(counts)
            .map(|(currency, count)| difference(currency, *count))
            .collect();
        let (mut seen, mut skip) = (0, 0);
        loop {
            let (text, data) = answered(serde_json::json!({"top": 100, "skip": skip}), all.clone());
            assert!(
                text.len() <= MOST_TEXT && text.len() + data.to_string().len() <= MOST_BYTES,
                "{counts:?}"
            );
            for currency in data["currencies"].as_array().unwrap() {
                let drivers = currency["drivers"].as_array().unwrap();
                for figure_of in ["before", "after", "change"] {
                    let sum: Decimal = drivers.iter().map(|driver| figure(&driver[figure_of])).sum();
                    assert_eq!(
                        sum + figure(&currency["rest"][figure_of]),
                        figure(&currency[figure_of]),
                        "{counts:?}"
                    );
                }
                seen += drivers.len();
            }
            let Some(more) = data["more"].as_object() else { break };
            skip = more["arguments"]["skip"].as_u64().unwrap();
        }
        assert_eq!(i64::try_from(seen), Ok(counts.iter().sum::<i64>()), "{counts:?}");
    }
}

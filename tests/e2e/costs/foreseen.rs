//! `cost_forecast` against raw rows: what was, what Azure's forecast is made of, and what stands in for it.

use std::collections::BTreeMap;

use e2e::{Answer, Stack};
use emulator::{
    CostRefusal, CostRefusalKind, DEV_SUBSCRIPTION, FACTORY_SUBSCRIPTION, ForecastForm, PROD_SUBSCRIPTION,
};
use identity::clock::{Clock as _, SystemClock};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::raw::Rows;

fn today() -> Date {
    SystemClock.now().to_zoned(TimeZone::UTC).date()
}

/// So far ahead that something is, on the last day of a month too.
fn last() -> Date {
    today().saturating_add(20.days())
}

fn question(scopes: &[&str]) -> Value {
    json!({"scopes": scopes, "to": last(), "granularity": "daily"})
}

async fn ask(stack: &Stack, person: &str, question: Value) -> Answer {
    stack.caller.call(&stack.token(person), "cost_forecast", question).await
}

async fn told(stack: &Stack, person: &str, question: Value) -> Value {
    let answer = ask(stack, person, question).await;
    assert!(answer.status == 200 && !answer.is_tool_error(), "{}", answer.text);
    answer.data().clone()
}

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value}")).parse().unwrap()
}

fn asked(stack: &Stack, operation: &str) -> u64 {
    let name = format!("Microsoft.CostManagement/{operation}");
    stack.emulator.counts().arm_by_operation.get(&name).copied().unwrap_or_default()
}

/// What the rows of a scope come to: each day of each currency.
fn days(stack: &Stack, scope: &str, metric: &str) -> BTreeMap<(String, Date), Decimal> {
    let from = today().first_of_month().saturating_sub(2.months());
    let mut days = BTreeMap::new();
    for row in Rows::of(stack, &format!("/subscriptions/{scope}"), from..=today(), metric).all {
        *days.entry((row.currency, row.date)).or_insert(Decimal::ZERO) += row.cost;
    }
    days
}

/// Azure's forecast of a day: the middle of the last four such weekdays that are complete.
fn of_day(costs: &BTreeMap<(String, Date), Decimal>, currency: &str, day: Date, complete: Date) -> Decimal {
    let weeks = (1_i64..=12).map(|weeks| day - weeks.weeks()).filter(|day| *day <= complete).take(4);
    let cost = |day| costs.get(&(currency.to_owned(), day)).copied().unwrap_or_default();
    let mut same: Vec<Decimal> = weeks.map(cost).collect();
    same.sort();
    let sum: Decimal = same[1] + same[2];
    (sum / Decimal::TWO).trunc_with_scale(8)
}

#[tokio::test]
async fn a_forecast_is_what_was_and_azures_word_for_what_will_be() {
    let stack = Stack::start().await;
    for (person, scope, metric, currencies) in
        [("bob", DEV_SUBSCRIPTION, "actual", 1), ("frank", FACTORY_SUBSCRIPTION, "amortized", 3)]
    {
        let mut question = question(&[scope]);
        question["metric"] = metric.into();
        let data = told(&stack, person, question).await;
        let complete: Date = data["complete_until"].as_str().unwrap().parse().unwrap();
        let costs = days(&stack, scope, metric);
        let found = data["currencies"].as_array().unwrap();
        assert_eq!(found.len(), currencies, "{data}");
        for one in found {
            let currency = one["currency"].as_str().unwrap();
            let of = |from: Date| -> Decimal {
                let days = costs.iter().filter(|((of, day), _)| of == currency && *day >= from);
                days.map(|(_, cost)| cost).sum()
            };
            let (actual, remaining) = (decimal(&one["actual_to_date"]), decimal(&one["forecast_remaining"]));
            assert_eq!(actual, of(today().first_of_month()), "{one}");
            let ahead = today().tomorrow().unwrap().series(Span::new().days(1));
            let ahead = ahead.take_while(|day| *day <= last());
            let azure: Decimal = ahead.map(|day| of_day(&costs, currency, day, complete)).sum();
            let arriving = decimal(&one["still_arriving"]);
            assert_eq!(remaining - arriving, azure, "{one}");
            // At most three days are not complete, and each is there in part.
            let dearest = costs.iter().filter(|((of, _), _)| of == currency).map(|(_, cost)| *cost).max();
            assert!(arriving > Decimal::ZERO && arriving < dearest.unwrap() * Decimal::from(3), "{one}");
            let total = |end: &str| decimal(&one["total"][end]);
            assert_eq!(total("point"), actual + remaining, "{one}");
            assert!(total("low") <= total("point") && total("point") <= total("high"), "{one}");
            assert!(total("low") < total("high") && total("low") >= actual, "{one}");
            let points = |kind: &str| -> Decimal {
                let points = one["points"].as_array().unwrap().iter().filter(|point| point["kind"] == kind);
                points.map(|point| decimal(&point["amount"])).sum()
            };
            assert_eq!((points("actual"), points("forecast")), (actual, remaining), "{one}");
            assert_eq!((&one["source"], one.get("reason")), (&json!("azure"), None), "{one}");
            assert!(one["history_days"].as_u64().unwrap() >= 57, "{one}");
        }
    }
}

/// A forecast may be looked at later: what came lies in its range.
#[tokio::test]
async fn what_came_lies_in_the_range() {
    let stack = Stack::builder().emulator(|config| config.today = Some(today())).start().await;
    let data = told(&stack, "bob", question(&[DEV_SUBSCRIPTION])).await;
    let one = &data["currencies"][0];
    let scope = format!("/subscriptions/{DEV_SUBSCRIPTION}");
    // Past the fifth of the month after, so that nothing changes any more.
    stack.advance(jiff::SignedDuration::from_hours(24 * 60));
    let rows = Rows::of(&stack, &scope, today().first_of_month()..=last(), "actual").all;
    let came: Decimal = rows.iter().map(|row| row.cost).sum();
    let (low, high) = (decimal(&one["total"]["low"]), decimal(&one["total"]["high"]));
    println!("{low} to {high}, came {came}");
    assert!(low <= came && came <= high, "{came}: {one}");
}

#[tokio::test]
async fn where_azure_has_none_the_run_rate_says_so() {
    let stack = Stack::start().await;
    let azure = told(&stack, "bob", question(&[DEV_SUBSCRIPTION])).await;
    let azure = &azure["currencies"][0];
    let refused =
        |kind| Some(CostRefusal { operation: Some("forecast".to_owned()), ..CostRefusal::of(kind) });
    let none = |empty_page| ForecastForm { least_history: 9_999, empty_page, ..ForecastForm::default() };
    let usual = ForecastForm::default;
    for (refusal, form, reason, words) in [
        (refused(CostRefusalKind::FailedDependency), usual(), "forecast_failed", "could not make a forecast"),
        (
            refused(CostRefusalKind::UnsupportedOffer),
            usual(),
            "offer_not_supported",
            "no costs of this offer",
        ),
        (refused(CostRefusalKind::NotSupported), usual(), "offer_not_supported", "no costs of this offer"),
        (None, none(false), "too_little_history", "28 days of history"),
        (None, none(true), "too_little_history", "28 days of history"),
        // It ends before the period does: half a forecast is none.
        (None, ForecastForm { most_days: Some(5), ..usual() }, "forecast_incomplete", "ends too early"),
    ] {
        stack.emulator.faults().update(|faults| (faults.cost_refusal, faults.forecast) = (refusal, form));
        let answer = ask(&stack, "bob", question(&[DEV_SUBSCRIPTION])).await;
        assert!(!answer.is_tool_error(), "{reason}: {}", answer.text);
        let one = &answer.data()["currencies"][0];
        assert_eq!((&one["source"], &one["reason"]), (&json!("run_rate"), &json!(reason)), "{one}");
        assert_eq!(one["actual_to_date"], azure["actual_to_date"], "{reason}");
        let (ours, theirs) = (decimal(&one["total"]["point"]), decimal(&azure["total"]["point"]));
        assert!((ours - theirs).abs() < theirs / Decimal::TEN, "{reason}: {ours} {theirs}");
        assert!(answer.readable().contains(words), "{reason}: {}", answer.readable());
        assert_eq!(answer.data()["azure"]["calls"], 4, "{}", answer.text);
    }
    // The amount's column by another name is the same amount.
    let form = ForecastForm { pretax_column: true, pages: true, ..usual() };
    stack.emulator.faults().update(|faults| (faults.cost_refusal, faults.forecast) = (None, form));
    let again = told(&stack, "bob", question(&[DEV_SUBSCRIPTION])).await;
    assert_eq!(&again["currencies"][0]["points"], &azure["points"]);
}

#[tokio::test]
async fn a_missing_role_is_never_a_run_rate() {
    let stack = Stack::start().await;
    let refusal = |times| CostRefusal {
        operation: Some("forecast".to_owned()),
        times,
        ..CostRefusal::of(CostRefusalKind::AccessDenied)
    };
    stack.emulator.faults().update(|faults| faults.cost_refusal = Some(refusal(None)));
    let answer = ask(&stack, "alice", question(&[DEV_SUBSCRIPTION])).await;
    assert!(answer.is_tool_error(), "{}", answer.text);
    assert_eq!(answer.data()["code"], "no_access");
    // Of two scopes the other one answers.
    stack.emulator.faults().update(|faults| faults.cost_refusal = Some(refusal(Some(1))));
    let data = told(&stack, "alice", question(&[PROD_SUBSCRIPTION, DEV_SUBSCRIPTION])).await;
    assert_eq!(data["partial"][0]["code"], "no_access", "{data}");
    assert_eq!(data["scopes"].as_array().unwrap().len(), 1, "{data}");
}

#[tokio::test]
async fn several_scopes_each_have_their_own_source() {
    let stack = Stack::start().await;
    let single = told(&stack, "alice", question(&[DEV_SUBSCRIPTION])).await;
    let refusal = CostRefusal {
        operation: Some("forecast".to_owned()),
        times: Some(1),
        ..CostRefusal::of(CostRefusalKind::FailedDependency)
    };
    stack.emulator.faults().update(|faults| faults.cost_refusal = Some(refusal));
    let answer = ask(&stack, "alice", question(&[PROD_SUBSCRIPTION, DEV_SUBSCRIPTION])).await;
    let data = answer.data();
    let euros = &data["currencies"][0];
    assert_eq!(
        (&euros["source"], &euros["reason"]),
        (&json!("run_rate"), &json!("forecast_failed")),
        "{data}"
    );
    let parts = euros["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 2, "{euros}");
    let sum: Decimal = parts.iter().map(|part| decimal(&part["forecast"])).sum();
    assert_eq!(sum + decimal(&euros["still_arriving"]), decimal(&euros["forecast_remaining"]), "{euros}");
    for part in parts {
        let scopes = part["scopes"].as_array().unwrap();
        assert_eq!(scopes.len(), 1, "{euros}");
        if part["source"] == "azure" && scopes[0] == format!("/subscriptions/{DEV_SUBSCRIPTION}") {
            let one = &single["currencies"][0];
            let azure = decimal(&one["forecast_remaining"]) - decimal(&one["still_arriving"]);
            assert_eq!(decimal(&part["forecast"]), azure);
        }
    }
    assert!(answer.readable().contains("our run rate for"), "{}", answer.readable());
}

/// One forecast for each person: not even of the same costs is it another's.
#[tokio::test]
async fn a_forecast_is_kept_for_who_asked_and_a_short_time() {
    let stack = Stack::builder().gateway(&["--cost-cache-seconds=14400"]).start().await;
    let question = question(&[DEV_SUBSCRIPTION]);
    let first = told(&stack, "bob", question.clone()).await;
    let calls = (asked(&stack, "query"), asked(&stack, "forecast"));
    assert_eq!(calls, (3, 1), "{first}");
    assert_eq!((&first["azure"]["calls"], &first["azure"]["query_units"]), (&json!(4), &json!(4)), "{first}");
    let again = told(&stack, "bob", question.clone()).await;
    assert_eq!((asked(&stack, "query"), asked(&stack, "forecast")), calls);
    assert_eq!((&again["azure"]["cached"], &again["currencies"]), (&json!(true), &first["currencies"]));
    // The days of it answer a question about this month too.
    let month = json!({"scopes": [DEV_SUBSCRIPTION]});
    let month = stack.caller.call(&stack.token("bob"), "cost_query", month).await;
    assert_eq!(month.data()["azure"]["cached"], true, "{}", month.text);
    assert_eq!(month.data()["totals"][0]["amount"], first["currencies"][0]["actual_to_date"]);
    told(&stack, "alice", question.clone()).await;
    assert_eq!((asked(&stack, "query"), asked(&stack, "forecast")), (6, 2), "alice's are her own");
    let refused = ask(&stack, "bob", self::question(&[PROD_SUBSCRIPTION])).await;
    assert_eq!(refused.data()["code"], "no_access", "{}", refused.text);
    // A role that is gone ends it.
    stack.emulator.take_azure_role("bob", None, &format!("/subscriptions/{DEV_SUBSCRIPTION}")).unwrap();
    stack.advance(jiff::SignedDuration::from_secs(301));
    let refused = ask(&stack, "bob", question.clone()).await;
    assert_eq!(refused.data()["code"], "no_access", "{}", refused.text);
    // An hour later the costs are still good, and the forecast is not.
    stack.advance(jiff::SignedDuration::from_secs(3_400));
    let (queries, forecasts) = (asked(&stack, "query"), asked(&stack, "forecast"));
    told(&stack, "alice", question).await;
    assert_eq!((asked(&stack, "query"), asked(&stack, "forecast")), (queries, forecasts + 1));
}

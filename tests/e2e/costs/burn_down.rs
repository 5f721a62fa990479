//! A budget's figures, calculated anew from the raw rows of its scope.

use e2e::Stack;
use jiff::ToSpan as _;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::figures::quotient;
use super::random::decimal;
use super::raw::{Raw, Rows};

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}"))
}

pub(super) fn day(value: &Value) -> Date {
    value.as_str().unwrap_or_else(|| panic!("{value}"))[..10].parse().unwrap()
}

/// First and last day of the period that today is in.
fn period(properties: &Value, today: Date) -> (Date, Date) {
    let months = match text(properties, "timeGrain") {
        "Monthly" | "BillingMonth" => 1,
        "Quarterly" | "BillingQuarter" => 3,
        _ => 12,
    };
    let (start, end) =
        (day(&properties["timePeriod"]["startDate"]), day(&properties["timePeriod"]["endDate"]));
    let begin = |step: i32| start.checked_add((step * months).months()).unwrap();
    let step = (0..1_000).find(|step| begin(step + 1) > today).unwrap();
    (begin(step), begin(step + 1).yesterday().unwrap().min(end))
}

/// Whether a budget counts a charge.
fn counts(filter: &Value, row: &Raw) -> bool {
    let parts = filter["and"].as_array().cloned().unwrap_or_else(|| vec![filter.clone()]);
    parts.iter().all(|part| {
        let (condition, prefix) = match part.get("tags") {
            Some(tag) => (tag, "tag:"),
            None => (&part["dimensions"], ""),
        };
        let Some(name) = condition["name"].as_str() else { return true };
        let value = row.value(&format!("{prefix}{name}")).unwrap_or_default();
        condition["values"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one.as_str().unwrap().to_lowercase() == value)
    })
}

pub(super) fn sum(rows: &[Raw], days: impl Fn(Date) -> bool) -> Decimal {
    rows.iter().filter(|row| days(row.date)).map(|row| row.cost).sum()
}

/// Holds a budget's figures against the raw rows of its scope. How many were right.
pub(super) fn check(stack: &Stack, found: &Value, order: &Value, (today, complete): (Date, Date)) -> usize {
    let properties = &order["properties"];
    let (from, to) = period(properties, today);
    assert_eq!(found["period"], json!({"from": from, "to": to}), "{found}");
    let days = |from: Date, to: Date| Decimal::from(((to - from).get_days() + 1).max(0));
    let elapsed = days(from, complete.min(to));
    assert_eq!(
        (decimal_of(&found["elapsed_days"]), decimal_of(&found["days"])),
        (elapsed, days(from, to)),
        "{found}"
    );
    let currency = text(found, "currency");
    let rows = Rows::of(stack, text(order, "scope"), from..=today.min(to), "actual").all;
    let rows: Vec<Raw> = rows
        .into_iter()
        .filter(|row| row.currency == currency && counts(&properties["filter"], row))
        .collect();
    let (now, counted) = (sum(&rows, |_| true), sum(&rows, |day| day <= complete));
    let amount = decimal(&found["amount"]);
    assert_eq!(amount.to_string(), properties["amount"].to_string(), "{found}");
    assert_eq!(decimal(&found["live_spend"]["amount"]), now, "{found}");
    assert_eq!(decimal(&found["live_spend"]["complete"]), counted, "{found}");
    let figure = |name: &str| found[name].as_str().map(|_| decimal(&found[name]));
    assert_eq!(figure("needed_per_day"), quotient(amount - counted, days(from, to) - elapsed), "{found}");
    assert_eq!(figure("spent_per_day"), quotient(counted, elapsed), "{found}");
    let runs_out = if now > amount {
        // Of the months before the open one the days are not asked for.
        let begin = complete.min(today).first_of_month().max(from);
        let over = |day: &Date| sum(&rows, |other| other <= *day) > amount;
        let all: Vec<Date> = begin.series(1.day()).take_while(|day| *day <= today).collect();
        let last_under = all.iter().rposition(|day| !over(day));
        let before_it = sum(&rows, |day| day < begin) > amount;
        all.get(last_under.map_or(0, |at| at + 1)).copied().filter(|_| !before_it)
    } else {
        // Day by day, at what a complete day cost.
        let mut after = complete.tomorrow().unwrap().max(from).series(1.day()).take_while(|day| *day <= to);
        let passed =
            |day: &Date| counted * (elapsed + days(complete.tomorrow().unwrap(), *day)) > amount * elapsed;
        after.find(|day| elapsed > Decimal::ZERO && passed(day)).map(|day| day.max(today))
    };
    assert_eq!(
        found["runs_out_on"].as_str().map(str::to_owned),
        runs_out.map(|day| day.to_string()),
        "{now} {found}"
    );
    let state = match (now > amount, runs_out) {
        (true, _) => "used_up",
        (false, Some(_)) => "runs_out",
        (false, None) => "on_track",
    };
    assert_eq!(found["state"], state, "{found}");
    7 + thresholds(found, properties, now)
}

fn decimal_of(value: &Value) -> Decimal {
    value.to_string().parse().unwrap()
}

fn thresholds(found: &Value, properties: &Value, now: Decimal) -> usize {
    let amount = decimal_of(&properties["amount"]);
    let points = found["thresholds"].as_array().unwrap();
    let notices: Vec<&Value> = properties["notifications"].as_object().unwrap().values().collect();
    assert_eq!(points.len(), notices.len(), "{found}");
    for notice in notices {
        let kind = notice["thresholdType"].as_str().unwrap_or("Actual").to_lowercase();
        let percent = decimal_of(&notice["threshold"]);
        let is = |point: &&Value| decimal(&point["percent"]) == percent && point["kind"] == *kind;
        let point = points.iter().find(is).unwrap_or_else(|| panic!("{notice}: {found}"));
        let figure = if kind == "actual" {
            Some(now)
        } else {
            found["forecast"].as_str().map(|_| decimal(&found["forecast"]))
        };
        let part = amount * percent;
        let crossed = figure.map(|figure| match text(notice, "operator") {
            "GreaterThan" => figure * Decimal::ONE_HUNDRED > part,
            _ => figure * Decimal::ONE_HUNDRED >= part,
        });
        assert_eq!(point["crossed"].as_bool(), crossed, "{point} of {found}");
    }
    points.len()
}

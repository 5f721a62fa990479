//! `cost_compare` against raw rows: the difference, what drove it, and why.

use std::collections::{BTreeMap, BTreeSet};

use e2e::Stack;
use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

use super::figures::{Question, quotient};
use super::random::{Asked, World, decimal};
use super::raw::Raw;

/// Usage, and commitments that nobody used; every other charge is neither more use nor another price.
const USAGE: [&str; 3] = ["Usage", "UnusedReservation", "UnusedSavingsPlan"];

/// Asks, and answers how many figures were right.
pub(super) async fn check(stack: &Stack, token: &str, world: &World, asked: &Asked, told: &str) -> usize {
    let (before, after) = halves(world, &asked.question);
    let by = asked.question.group_by.first().cloned().unwrap_or_else(|| "ServiceName".to_owned());
    let mut arguments = asked.arguments.clone();
    let members = arguments.as_object_mut().unwrap();
    members.retain(|name, _| ["scopes", "filter", "exclude", "metric"].contains(&name.as_str()));
    arguments["top"] = 100.into();
    arguments["group_by"] = json!([by]);
    arguments["period"] = json!({"from": after.from, "to": after.to});
    arguments["baseline"] = json!({"from": before.from, "to": before.to});
    let told = format!("{told}\ncompared: {arguments}");
    let answer = stack.caller.call(token, "cost_compare", arguments).await;
    assert!(answer.status == 200 && !answer.is_tool_error(), "{told}\n{}", answer.text);
    let data = answer.data();
    let rows = &asked.rows.all;
    let counted = || before.counted(rows).chain(after.counted(rows));
    // What is left of nothing but excluded costs and free ones is nothing.
    let is_left = |row: &&Raw| before.exclude.is_empty() || !row.cost.is_zero();
    let currencies: BTreeSet<&str> = counted().filter(is_left).map(|row| row.currency.as_str()).collect();
    let found: BTreeSet<&str> =
        data["currencies"].as_array().unwrap().iter().map(|one| one["currency"].as_str().unwrap()).collect();
    assert_eq!(found, currencies, "{told}\n{data}");
    let mut checked = 0;
    for difference in data["currencies"].as_array().unwrap() {
        let currency = difference["currency"].as_str().unwrap();
        let of = |question: &Question| -> Vec<Raw> {
            question.counted(rows).filter(|row| row.currency == currency).cloned().collect()
        };
        let sides = [of(&before), of(&after)];
        whole(difference, &sides, [&before, &after], &told);
        checked += 6 + drivers(difference, &sides, &by, &told);
        if asked.arguments["metric"] == "amortized" {
            coverage(difference, &sides, &told);
        }
    }
    checked
}

/// The question's days, and as many days before them, within what there are rows of.
fn halves(world: &World, question: &Question) -> (Question, Question) {
    let middle = question.from.max(world.from.saturating_add(1.day()));
    let last = question.to.max(middle);
    let before = Question {
        from: middle.saturating_sub(((last - middle).get_days() + 1).days()).max(world.from),
        to: middle.yesterday().unwrap(),
        ..question.clone()
    };
    (before, Question { from: middle, to: last, ..question.clone() })
}

fn cost(rows: &[Raw]) -> Decimal {
    rows.iter().map(|row| row.cost).sum()
}

fn days(question: &Question) -> Decimal {
    Decimal::from((question.to - question.from).get_days() + 1)
}

fn whole(difference: &Value, [before, after]: &[Vec<Raw>; 2], questions: [&Question; 2], told: &str) {
    let (was, is) = (cost(before), cost(after));
    for (name, expected) in [
        ("before", was),
        ("after", is),
        ("change", is - was),
        ("per_day_before", quotient(was, days(questions[0])).unwrap()),
        ("per_day_after", quotient(is, days(questions[1])).unwrap()),
    ] {
        assert_eq!(decimal(&difference[name]), expected, "{told}\n{name} of {difference}");
    }
    let expected = calendar(before, questions);
    match difference["calendar_effect"].as_str() {
        Some(_) => {
            let off = (decimal(&difference["calendar_effect"]) - expected.unwrap_or_default()).abs();
            assert!(off < Decimal::new(1, 8), "{told}\n{expected:?}: {difference}");
        }
        None => assert!(difference["calendar_effect_reason"].is_string(), "{told}\n{difference}"),
    }
}

/// Over weekdays: (days after − days before) × the baseline's mean of that weekday.
fn calendar(before: &[Raw], [was, is]: [&Question; 2]) -> Option<Decimal> {
    let count = |question: &Question, weekday: Weekday| -> Decimal {
        let days = std::iter::successors(Some(question.from), |day| day.tomorrow().ok());
        let days = days.take_while(|day| *day <= question.to);
        days.filter(|day| day.weekday() == weekday).count().into()
    };
    let effect = |weekday: Weekday| {
        let of_day: Decimal =
            before.iter().filter(|row| Date::weekday(row.date) == weekday).map(|row| row.cost).sum();
        let mean = of_day.checked_div(count(was, weekday))?;
        Some((count(is, weekday) - count(was, weekday)) * mean)
    };
    (1..=7).map(|day| effect(Weekday::from_monday_one_offset(day).unwrap())).sum()
}

/// Of one meter on one side: quantity and cost of usage.
type Used = (Decimal, Decimal);

fn drivers(difference: &Value, sides: &[Vec<Raw>; 2], by: &str, told: &str) -> usize {
    let mut groups: BTreeMap<Option<String>, [Vec<Raw>; 2]> = BTreeMap::new();
    for (side, rows) in sides.iter().enumerate() {
        for row in rows {
            groups.entry(row.value(by)).or_default()[side].push(row.clone());
        }
    }
    let shown = difference["drivers"].as_array().unwrap();
    let mut sums = [Decimal::ZERO; 3];
    let mut checked = 0;
    for driver in shown {
        let key = driver["keys"].as_object().unwrap().values().next().unwrap();
        let key = key.as_str().map(str::to_lowercase);
        let [before, after] =
            &groups.remove(&key).unwrap_or_else(|| panic!("{told}\nno such group: {driver}"));
        let (was, is) = (cost(before), cost(after));
        let (usage, other) = effects(before, after);
        for (name, expected) in [
            ("before", was),
            ("after", is),
            ("change", is - was),
            ("usage_effect", usage),
            ("other_effect", other),
            ("rate_effect", is - was - usage - other),
        ] {
            assert_eq!(decimal(&driver[name]), expected, "{told}\n{name} of {driver}");
            checked += 1;
        }
        let kinds: &[&str] = match (before.is_empty(), after.is_empty()) {
            (true, false) => &["new"],
            (false, true) => &["gone"],
            _ if is > was => &["grown", "resized"],
            _ => &["shrunk", "resized"],
        };
        let kind = driver["kind"].as_str().unwrap();
        // A group of free meters had no cost either.
        let was_free = (was.is_zero() && kind == "new") || (is.is_zero() && kind == "gone");
        assert!(kinds.contains(&kind) || was_free, "{told}\n{driver}");
        assert!(kind != "resized" || by == "ResourceId", "{told}\n{driver}");
        for (sum, figure) in sums.iter_mut().zip([was, is, is - was]) {
            *sum += figure;
        }
    }
    for (name, sum) in ["before", "after", "change"].into_iter().zip(sums) {
        let all = sum + decimal(&difference["rest"][name]);
        assert_eq!(all, decimal(&difference[name]), "{told}\n{name} does not add up: {difference}");
    }
    checked
}

/// More or less use, and what is neither use nor price, meter by meter.
fn effects(before: &[Raw], after: &[Raw]) -> (Decimal, Decimal) {
    let mut meters: BTreeMap<Option<String>, [Used; 2]> = BTreeMap::new();
    let mut other = Decimal::ZERO;
    for (side, sign, rows) in [(0, -Decimal::ONE, before), (1, Decimal::ONE, after)] {
        for row in rows {
            if USAGE.contains(&row.charge_type.as_str()) {
                let used = &mut meters.entry(row.value("Meter")).or_default()[side];
                used.0 += row.quantity;
                used.1 += row.cost;
            } else {
                other += sign * row.cost;
            }
        }
    }
    let mut usage = Decimal::ZERO;
    for [(q0, c0), (q1, c1)] in meters.into_values() {
        match (q0.is_zero(), q1.is_zero()) {
            (false, false) => {
                let effect = (q1 - q0) * (c0 / q0 + c1 / q1) / Decimal::TWO;
                usage += effect.round_dp_with_strategy(10, RoundingStrategy::MidpointNearestEven);
            }
            // New, or gone: all of it is use. A cost without a quantity is not.
            (true, false) => (usage, other) = (usage + c1, other - c0),
            (false, true) => (usage, other) = (usage - c0, other + c1),
            (true, true) => other += c1 - c0,
        }
    }
    (usage.normalize(), other)
}

/// Committed usage against committed and on-demand usage.
fn coverage(difference: &Value, sides: &[Vec<Raw>; 2], told: &str) {
    for (name, rows) in ["coverage_before", "coverage_after"].into_iter().zip(sides) {
        let of = |models: &[&str]| -> Decimal {
            let usage = rows.iter().filter(|row| row.charge_type == "Usage");
            usage.filter(|row| models.contains(&row.pricing_model.as_str())).map(|row| row.cost).sum()
        };
        let committed = of(&["Reservation", "SavingsPlan"]);
        match difference[name].as_str() {
            Some(_) => {
                let expected = quotient(committed, committed + of(&["OnDemand"]));
                assert_eq!(Some(decimal(&difference[name])), expected, "{told}\n{name} of {difference}");
            }
            None => assert!(difference["coverage_reason"].is_string(), "{told}\n{difference}"),
        }
    }
}

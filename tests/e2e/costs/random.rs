//! Random questions: every figure of every answer is that of the raw rows, to the last digit.

use std::collections::{BTreeMap, BTreeSet};

use e2e::Stack;
use emulator::{
    DEV_SUBSCRIPTION, FACTORY_SUBSCRIPTION, LAB_SUBSCRIPTION, PROD_SUBSCRIPTION, RETAIL_SUBSCRIPTION,
};
use jiff::ToSpan as _;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::figures::{Condition, Figures, Key, Question, quotient};
use super::raw::{Raw, Rows};

/// How many, where `COSTS_QUESTIONS` does not say: a thousand take minutes.
const QUESTIONS: u64 = 150;
const SEED: u64 = 17;
const PAGE_ROWS: usize = 60;
/// Every how many-th question is for `cost_compare`,
const COMPARED: usize = 5;
/// after how many one is for `list_dimensions`,
const LISTED: usize = 6;
/// and how many ask for a scope that lies within another.
const OVERLAPPING: usize = 3;

#[tokio::test]
async fn random_questions_have_the_figures_of_the_raw_rows() {
    // Answers of many pages: none of their rows is lost.
    let stack = Stack::builder()
        .emulator(|config| config.max_page_rows = PAGE_ROWS)
        .gateway(&["--cost-cache-seconds=14400"])
        .start()
        .await;
    let seed = said("COSTS_SEED", SEED);
    let questions = usize::try_from(said("COSTS_QUESTIONS", QUESTIONS)).unwrap();
    println!("COSTS_SEED={seed} COSTS_QUESTIONS={questions}");
    let mut dice = Dice::new(seed);
    let world = World::read(&stack);
    let token = stack.token("frank");
    let mut figures = 0;
    for number in 0..questions {
        let asked = world.question(&mut dice);
        let told = format!("COSTS_SEED={seed}, question {number}: {}", asked.arguments);
        figures += if number % COMPARED == 0 {
            super::compared::check(&stack, &token, &world, &asked, &told).await
        } else {
            queried(&stack, &token, &asked, &told).await
        };
        if number % LISTED == 0 {
            figures += super::listed::check(&stack, &token, &world, &mut dice, &told).await;
        }
    }
    assert!(figures > 10 * questions, "{figures} figures are not much of a proof");
}

#[expect(clippy::disallowed_methods, reason = "a test has no flags")]
fn said(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// What may be asked about, and the rows of it.
pub(super) struct World {
    pub(super) from: Date,
    pub(super) to: Date,
    scopes: Vec<Place>,
}

/// A scope with its rows, by metric.
pub(super) struct Place {
    pub(super) path: String,
    rows: BTreeMap<&'static str, Rows>,
}

/// A question to a tool.
pub(super) struct Asked {
    pub(super) arguments: Value,
    pub(super) question: Question,
    pub(super) rows: Rows,
    top: usize,
    measures: BTreeSet<&'static str>,
}

impl World {
    fn read(stack: &Stack) -> Self {
        let to = super::final_month().saturating_add(1.month()).yesterday().unwrap();
        let from = to.first_of_month().saturating_sub(3.months());
        let mut scopes = Vec::new();
        let group = format!("/subscriptions/{RETAIL_SUBSCRIPTION}/resourceGroups/rg-web");
        let of_a_group = "/providers/Microsoft.Management/managementGroups/contoso-factory".to_owned();
        let of_a_bill =
            "/providers/Microsoft.Billing/billingAccounts/11112222:22223333_2019-05-31".to_owned();
        let subscriptions = [
            PROD_SUBSCRIPTION,
            DEV_SUBSCRIPTION,
            FACTORY_SUBSCRIPTION,
            LAB_SUBSCRIPTION,
            RETAIL_SUBSCRIPTION,
        ]
        .map(|id| format!("/subscriptions/{id}"));
        for path in subscriptions.into_iter().chain([group, of_a_group, of_a_bill]) {
            let mut rows = BTreeMap::new();
            for metric in ["actual", "amortized"] {
                rows.insert(metric, Rows::of(stack, &path, from..=to, metric));
            }
            scopes.push(Place { path, rows });
        }
        Self { from, to, scopes }
    }

    /// One scope, or several subscriptions.
    pub(super) fn places(&self, dice: &mut Dice) -> Vec<&Place> {
        let is_whole = |place: &&Place| place.path.matches('/').count() == 2;
        if dice.one_of(3) {
            let whole: Vec<_> = self.scopes.iter().filter(is_whole).collect();
            return dice.some(&whole, 3);
        }
        vec![dice.pick(&self.scopes.iter().collect::<Vec<_>>())]
    }

    fn question(&self, dice: &mut Dice) -> Asked {
        let places = self.places(dice);
        let metric = dice.pick(&["actual", "amortized"]);
        let rows = Rows::joined(places.iter().map(|place| &place.rows[metric]));
        let days = usize::try_from((self.to - self.from).get_days()).unwrap();
        let length = [1, 7, 31, 120][dice.below(4)];
        let from = self.from.saturating_add(dice.days(days));
        let to = from.saturating_add(dice.days(length)).min(self.to);
        let names = names(&rows, places.len() == 1 && places[0].path.starts_with("/subscriptions"));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let group_by: Vec<String> = match dice.below(3) {
            0 => Vec::new(),
            count => dice.some(&names, count).into_iter().map(str::to_owned).collect(),
        };
        let filter = conditions(dice, &rows.all, &names);
        let exclude = conditions(dice, &rows.all, &names);
        let granularity = dice.pick(&["none", "daily", "monthly"]);
        let question = Question { from, to, granularity, group_by, filter, exclude };
        let measures: BTreeSet<_> = match dice.below(4) {
            0 => ["cost", "usd"].into(),
            1 => ["cost", "quantity", "unit_price"].into(),
            2 => ["usd", "quantity"].into(),
            _ => ["cost"].into(),
        };
        let most = if dice.one_of(2) { 5 } else { 100 };
        let top = 1 + dice.below(most);
        let mut scopes: Vec<_> = places.iter().map(|place| place.path.clone()).collect();
        if dice.one_of(OVERLAPPING) {
            let place = dice.below(scopes.len());
            scopes.insert(place, places[place].rows["actual"].within(&places[place].path, dice));
        }
        let mut arguments = json!({
            "scopes": scopes, "from": from, "to": to, "granularity": granularity,
            "group_by": question.group_by, "metric": metric, "measures": measures, "top": top,
        });
        for (member, conditions) in [("filter", &question.filter), ("exclude", &question.exclude)] {
            if !conditions.is_empty() {
                let members: Map<_, _> =
                    conditions.iter().map(|(name, values)| (name.clone(), json!(values))).collect();
                arguments[member] = members.into();
            }
        }
        Asked { arguments, question, rows, top, measures }
    }
}

impl Asked {
    /// What is left of a group whose other costs are excluded can be free meters: a cost of nothing, which need not be shown.
    fn may_be_nothing(&self, cost: Decimal) -> bool {
        !self.question.exclude.is_empty() && cost.is_zero()
    }
}

/// Dimensions that the scopes have in common, and tags.
fn names(rows: &Rows, with_resources: bool) -> Vec<String> {
    const USUAL: [&str; 12] = [
        "ServiceName",
        "ResourceGroupName",
        "ResourceLocation",
        "Meter",
        "MeterCategory",
        "MeterSubcategory",
        "ResourceType",
        "ChargeType",
        "PublisherType",
        "SubscriptionName",
        "PricingModel",
        "ResourceId",
    ];
    let known = rows.dimensions();
    let dimensions = USUAL.into_iter().filter(|name| known.contains(*name));
    let dimensions = dimensions.filter(|name| with_resources || *name != "ResourceId");
    dimensions.map(str::to_owned).chain(["tag:env", "tag:team"].map(str::to_owned)).collect()
}

/// Up to two conditions on values that some row has, in any case of letters.
fn conditions(dice: &mut Dice, rows: &[Raw], names: &[&str]) -> Vec<Condition> {
    let count = [0, 0, 1, 2][dice.below(4)];
    let mut conditions: Vec<Condition> = Vec::new();
    for name in dice.some(names, count.max(1)).into_iter().take(count) {
        let values: BTreeSet<&str> = rows.iter().filter_map(|row| row.written(name)).collect();
        let values: Vec<&str> = values.into_iter().collect();
        if values.is_empty() {
            continue;
        }
        let most = 1 + dice.below(3);
        let chosen = dice.some(&values, most);
        let chosen = chosen
            .into_iter()
            .map(|value| if dice.one_of(4) { value.to_uppercase() } else { value.to_owned() });
        conditions.push((name.to_owned(), chosen.collect()));
    }
    conditions
}

/// Asks `cost_query`, all parts of the answer, and answers how many figures were right.
async fn queried(stack: &Stack, token: &str, asked: &Asked, told: &str) -> usize {
    let expected = asked.question.groups(&asked.rows.all);
    let mut arguments = asked.arguments.clone();
    let mut checked = 0;
    let mut shown: BTreeSet<Key> = BTreeSet::new();
    let first = loop {
        let answer = stack.caller.call(token, "cost_query", arguments).await;
        assert!(answer.status == 200 && !answer.is_tool_error(), "{told}\n{}", answer.text);
        let data = answer.data().clone();
        assert_eq!(data["partial"], json!([]), "{told}\n{data}");
        for row in data["rows"].as_array().unwrap() {
            let key = key(row, asked);
            let Some(figures) = expected.get(&key) else {
                panic!("{told}\nno such group: {row}");
            };
            checked += right(row, figures, &expected, asked, told);
            assert!(shown.insert(key), "{told}\ntwice: {row}");
        }
        match &data["more"] {
            Value::Null => break data,
            more => arguments = more["arguments"].clone(),
        }
    };
    totals(&first, &expected, asked, told);
    others(&first, &expected, &shown, asked, told);
    checked
}

pub(super) fn decimal(value: &Value) -> Decimal {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no decimal text: {value}"))
}

fn key(row: &Value, asked: &Asked) -> Key {
    let keys = asked.question.group_by.iter().map(|name| {
        let (_, value) = row["keys"]
            .as_object()
            .unwrap()
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .unwrap_or_else(|| panic!("no {name} in {row}"));
        value.as_str().map(str::to_lowercase)
    });
    let date = row["date"].as_str().map(|date| date.parse().unwrap());
    (keys.collect(), date, row["cost"]["currency"].as_str().unwrap().to_owned())
}

/// The figures of a row.
fn right(row: &Value, figures: &Figures, all: &BTreeMap<Key, Figures>, asked: &Asked, told: &str) -> usize {
    let mut checked = 2;
    assert_eq!(decimal(&row["cost"]["amount"]), figures.cost, "{told}\n{row}");
    let currency = row["cost"]["currency"].as_str().unwrap();
    let of_currency = all.iter().filter(|((_, _, of), _)| of == currency);
    let whole: Decimal = of_currency.map(|(_, figures)| figures.cost).sum();
    let share = if whole > Decimal::ZERO { quotient(figures.cost, whole) } else { None };
    assert_eq!(row["share"].as_str().map(|_| decimal(&row["share"])), share, "{told}\n{row}");
    if asked.measures.contains("usd") {
        let usd = row["usd"].as_str().map(|_| decimal(&row["usd"]));
        assert_eq!(usd, Some(figures.usd), "{told}\n{row}");
        checked += 1;
    }
    if asked.measures.contains("quantity") {
        if row["quantity"].is_string() {
            // Where the agreement names no unit, one meter is one, whatever it is counted in.
            let meters: BTreeSet<_> = figures.meters.iter().map(|(meter, _)| meter).collect();
            assert_eq!(meters.len(), 1, "{told}\n{row}: {:?}", figures.meters);
            assert_eq!(decimal(&row["quantity"]), figures.quantity, "{told}\n{row}");
            let unit = row["unit"].as_str().map(str::to_lowercase);
            let units: Vec<_> = figures.meters.iter().map(|(_, unit)| unit).collect();
            assert!(unit.is_none_or(|unit| units == [&unit]), "{told}\n{row}: {units:?}");
            checked += 1;
        } else {
            assert!(row["quantity_reason"].is_string(), "{told}\n{row}");
            let two_groups = asked.question.group_by.len() == 2
                && !asked.question.group_by.iter().any(|name| name == "Meter");
            let excluded = !asked.question.exclude.is_empty();
            // Of two agreements one may name the unit, and the other not.
            let scopes = asked.arguments["scopes"].as_array().unwrap().len();
            let may_be_none = two_groups || excluded || scopes > 1;
            assert!(figures.meters.len() > 1 || may_be_none, "{told}\n{row}");
        }
    }
    if asked.measures.contains("unit_price") && row["quantity"].is_string() {
        let price = row["unit_price"].as_str().map(|_| decimal(&row["unit_price"]));
        assert_eq!(price, quotient(figures.cost, figures.quantity), "{told}\n{row}");
        checked += 1;
        // Tokens in millions, however the meter counts them.
        if row["million_tokens"].is_string() {
            let per_unit = match figures.meters.first().map(|(_, unit)| unit.as_str()) {
                Some("1k") => Decimal::new(1, 3),
                Some("1m") => Decimal::ONE,
                unit => panic!("{told}\n{row}: {unit:?}"),
            };
            let tokens = figures.quantity * per_unit;
            assert_eq!(decimal(&row["million_tokens"]), tokens, "{told}\n{row}");
            let price =
                row["price_per_million_tokens"].as_str().map(|_| decimal(&row["price_per_million_tokens"]));
            assert_eq!(price, quotient(figures.cost, tokens), "{told}\n{row}");
            checked += 2;
        }
    }
    checked
}

fn totals(data: &Value, expected: &BTreeMap<Key, Figures>, asked: &Asked, told: &str) {
    let mut sums: BTreeMap<&str, Decimal> = BTreeMap::new();
    for ((_, _, currency), figures) in expected {
        *sums.entry(currency).or_default() += figures.cost;
    }
    let told_sums: BTreeMap<&str, Decimal> = data["totals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|total| (total["currency"].as_str().unwrap(), decimal(&total["amount"])))
        .collect();
    sums.retain(|currency, sum| told_sums.contains_key(currency) || !asked.may_be_nothing(*sum));
    assert_eq!(told_sums, sums, "{told}\n{data}");
    let mut by_date: BTreeMap<(Date, &str), Decimal> = BTreeMap::new();
    for ((_, date, currency), figures) in expected {
        if let Some(date) = date {
            *by_date.entry((*date, currency)).or_default() += figures.cost;
        }
    }
    for total in data["totals_by_date"].as_array().into_iter().flatten() {
        let day = total["date"].as_str().unwrap().parse().unwrap();
        let expected = by_date[&(day, total["currency"].as_str().unwrap())];
        assert_eq!(decimal(&total["amount"]), expected, "{told}\n{total}");
    }
}

/// A currency, and the values of the groups.
type Group<'a> = (&'a str, &'a Vec<Option<String>>);

/// What is shown are the dearest groups, all of their dates, and the others are counted and summed.
fn others(data: &Value, expected: &BTreeMap<Key, Figures>, shown: &BTreeSet<Key>, asked: &Asked, told: &str) {
    let mut groups: BTreeMap<Group<'_>, (Decimal, bool)> = BTreeMap::new();
    for (key, figures) in expected {
        let group = groups.entry((&key.2, &key.0)).or_default();
        group.0 += figures.cost;
        group.1 |= shown.contains(key);
    }
    for ((currency, keys), (_, is_shown)) in &groups {
        let all_dates = expected.keys().filter(|key| (key.2.as_str(), &key.0) == (*currency, *keys));
        assert!(
            all_dates.into_iter().all(|key| shown.contains(key) == *is_shown),
            "{told}: dates of {keys:?}"
        );
    }
    let currencies: BTreeSet<&str> = groups.keys().map(|(currency, _)| *currency).collect();
    for currency in currencies {
        let of = |is_shown: bool| {
            groups.iter().filter(move |((of, _), (_, shown))| *of == currency && *shown == is_shown)
        };
        let all = of(false).count();
        let sure = of(false).filter(|(_, (cost, _))| !asked.may_be_nothing(*cost)).count();
        let is_full = of(true).count() == asked.top;
        let left_out: Vec<_> = of(false).collect();
        assert!(is_full || sure == 0, "{told}\nleft out: {left_out:?}\n{data}");
        let least = of(true).map(|(_, (cost, _))| *cost).min();
        let most = of(false).map(|(_, (cost, _))| *cost).filter(|cost| !asked.may_be_nothing(*cost)).max();
        assert!(most.is_none_or(|most| least.is_some_and(|least| least >= most)), "{told}\n{data}");
        let rest: Decimal = of(false).map(|(_, (cost, _))| *cost).sum();
        let other = data["other"].as_array().unwrap().iter().find(|other| other["currency"] == currency);
        match other {
            Some(other) => {
                assert_eq!(decimal(&other["amount"]), rest, "{told}\n{data}");
                let groups = usize::try_from(other["groups"].as_u64().unwrap()).unwrap();
                assert!((sure..=all).contains(&groups), "{told}\n{sure} to {all}: {data}");
            }
            None => assert_eq!(sure, 0, "{told}\n{data}"),
        }
    }
}

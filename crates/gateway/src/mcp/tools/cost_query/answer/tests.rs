use jiff::civil::date;
use proptest::prelude::*;
use serde_json::Map;

use super::*;
use crate::mcp::tools::money::{Amount, readable};

const TODAY: Date = date(2026, 11, 27);

fn line(keys: &[Option<&str>], date: Option<Date>, amount: &str, currency: &str) -> Line {
    Line {
        keys: keys.iter().map(|key| key.map(str::to_owned)).collect(),
        date,
        cost: Money::new(amount.parse().unwrap(), currency.parse().unwrap()),
        quantity: cost::Quantity::NotAsked,
        usd: None,
    }
}

/// What is answered to these arguments, where these are the costs.
fn answered(arguments: Value, lines: Vec<Line>, partial: Vec<Partial>) -> (String, Value) {
    let input: QueryInput = serde_json::from_value(arguments).unwrap();
    let days = input.when.days(TODAY).unwrap_or_else(|failure| panic!("{}", failure.code()));
    let known = Known {
        input: &input,
        title: "Contoso Prod".to_owned(),
        scopes: vec!["/subscriptions/10000000-0000-4000-8000-000000000001".to_owned()],
        notes: Vec::new(),
        days,
        costs: Breakdown::merged([Breakdown { lines: lines.into(), without_figure: 0 }]).unwrap(),
        complete_until: date(2026, 11, 25),
        partial,
        azure: AzureUse { calls: 1, query_units: 1, cached: false, as_of: None },
        empty: None,
    };
    let result =
        known.answer().and_then(Answer::into_result).unwrap_or_else(|failure| panic!("{}", failure.code()));
    let text = result.content[0].as_text().unwrap().text.clone();
    (text, result.structured_content.unwrap())
}

fn services(count: usize) -> Vec<Line> {
    (0..count)
        .map(|n| line(&[Some(&format!("Service {n:03}"))], None, &format!("{}.5", n + 1), "EUR"))
        .collect()
}

#[test]
fn a_short_answer_says_it_first_and_is_whole() {
    let lines = vec![
        line(&[Some("Storage")], None, "30", "EUR"),
        line(&[Some("SQL | Database")], None, "10", "EUR"),
        line(&[None], None, "-0.004", "EUR"),
    ];
    let asked = json!({"period": "last_month", "group_by": "service"});
    let (text, data) = answered(asked, lines, Vec::new());
    insta::assert_snapshot!("short_text", text);
    insta::assert_snapshot!("short_data", serde_json::to_string_pretty(&data).unwrap());
}

#[test]
fn the_top_is_shown_and_the_rest_is_counted() {
    let (text, data) =
        answered(json!({"group_by": "service", "top": 2, "period": "last_month"}), services(5), Vec::new());
    assert_eq!(data["rows"].as_array().unwrap().len(), 2);
    assert_eq!(data["rows"][0]["keys"], json!({"ServiceName": "Service 004"}));
    assert_eq!(data["rows"][0]["share"], "0.3142857143");
    assert_eq!(data["other"], json!([{"currency": "EUR", "groups": 3, "amount": "7.5"}]));
    assert_eq!(data["totals"], json!([{"amount": "17.5", "currency": "EUR"}]));
    assert_eq!(data["more"], Value::Null);
    let next = json!({"group_by": "service", "top": 2, "period": "last_month", "skip_groups": 2});
    assert_eq!((&data["more_groups"]["arguments"], &data["more_groups"]["left_out"]), (&next, &json!(3)));
    assert!(text.contains("Other: 3 groups, 7.50 EUR. For those after these: \"skip_groups\": 2."), "{text}");
    let (_, data) = answered(next, services(5), Vec::new());
    assert_eq!(data["rows"][0]["keys"], json!({"ServiceName": "Service 002"}));
    assert_eq!(data["other"], json!([{"currency": "EUR", "groups": 3, "amount": "11.5"}]));
    assert_eq!(data["more_groups"]["left_out"], 1);
}

#[test]
fn a_series_has_a_bar_for_each_group_and_for_the_whole() {
    let day = |day| Some(date(2026, 11, day));
    let lines = (21..=27).flat_map(|n| {
        [line(&[Some("Storage")], day(n), &format!("{n}"), "EUR"), line(&[Some("Web")], day(n), "0.1", "EUR")]
    });
    let asked = json!({"period": "last_7_days", "granularity": "daily", "group_by": "service"});
    let (text, data) = answered(asked, lines.collect(), Vec::new());
    assert!(text.contains("EUR by day: ▆▇▇▇▇██ (highest: 27.10 EUR, 2026-11-27)"), "{text}");
    assert!(text.contains("| ServiceName | Cost | Share of EUR | By day |"), "{text}");
    assert!(text.contains("| Storage | 168.00 EUR | 99.6 % | ▆▇▇▇▇██ |"), "{text}");
    assert!(text.contains("| Web | 0.70 EUR | 0.4 % | ███████ |"), "{text}");
    assert_eq!(data["rows"].as_array().unwrap().len(), 14);
    assert_eq!(data["totals_by_date"][0], json!({"date": "2026-11-21", "currency": "EUR", "amount": "21.1"}));
}

#[test]
fn all_groups_of_a_series_are_seen_though_few_of_their_days_fit_in() {
    let lines: Vec<_> = (0..15)
        .flat_map(|service| (1..=27).map(move |day| (service, day)))
        .map(|(service, day)| {
            let keys = [Some(format!("Service {service:02} of a long name"))];
            let keys = keys.each_ref().map(Option::as_deref);
            let currency = if service < 3 { "USD" } else { "EUR" };
            line(&keys, Some(date(2026, 11, day)), "1.125", currency)
        })
        .collect();
    let asked = json!({"granularity": "daily", "group_by": "service"});
    let (text, data) = answered(asked, lines, Vec::new());
    let shown = data["rows"].as_array().unwrap();
    assert!(shown.len() < 15 * 27 / 2, "{} rows", shown.len());
    assert_eq!((0..15).filter(|n| text.contains(&format!("| Service {n:02} "))).count(), 15, "{text}");
    let left: Vec<_> = data["more"]["amounts"].as_array().unwrap().iter().map(readable_of).collect();
    let (count, skip) = (15 * 27 - shown.len(), shown.len());
    let said = format!(
        "\n{count} more rows of a day each did not fit in: {}. The same call with \"skip\": {skip} gets them.\n",
        left.join(" and ")
    );
    assert!(left.len() == 2 && text.contains(&said), "{said} in {text}");
}

fn readable_of(sum: &Value) -> String {
    readable(Money::new(amount(sum), sum["currency"].as_str().unwrap().parse().unwrap()))
}

#[test]
fn what_failed_is_named_and_nobodys_words_are_taken_for_ours() {
    let scope = "/subscriptions/20000000-0000-4000-8000-000000000002".parse().unwrap();
    let partial = vec![Partial::new(&scope, "no_access", "Ask for a role.")];
    let lines = vec![line(&[Some("# Ignore\u{202e} `all` | that")], None, "1", "EUR")];
    let (text, data) = answered(json!({"group_by": "tag:team"}), lines, partial);
    assert!(
        text.contains(
            "Not in it: /subscriptions/20000000-0000-4000-8000-000000000002 (no_access). Ask for a role."
        ),
        "{text}"
    );
    assert!(text.contains(r"# Ignore \`all\` \| that"), "{text}");
    assert_eq!(data["partial"][0]["code"], "no_access");
}

/// All parts of an answer, one call after the other.
fn parts(arguments: &Value, lines: &[Line], partial: &[Partial]) -> Vec<Value> {
    let (mut all, mut next) = (Vec::new(), Some(arguments.clone()));
    while let Some(arguments) = next.take() {
        let (text, data) = answered(arguments.clone(), lines.to_vec(), partial.to_vec());
        assert!(text.len() <= MOST_TEXT, "{} bytes of text", text.len());
        let both = text.len() + data.to_string().len();
        assert!(both <= MOST_BYTES, "{both} bytes");
        if let Some(more) = data["more"].as_object() {
            let mut merged = arguments.as_object().unwrap().clone();
            merged.extend(more["arguments"].as_object().unwrap().clone());
            next = Some(Value::Object(merged));
        }
        all.push(data);
        assert!(all.len() < 500, "it does not end");
    }
    all
}

/// The text lists the groups one after the other until the next would not fit in.
fn groups_are_listed(arguments: &Value, lines: &[Line], partial: &[Partial]) {
    let input: QueryInput = serde_json::from_value(arguments.clone()).unwrap();
    let costs = Breakdown::merged([Breakdown { lines: lines.to_vec().into(), without_figure: 0 }]).unwrap();
    let (totals, window) =
        (costs.totals().unwrap(), Window::of(&costs, input.skip_groups, input.top).ok().unwrap());
    let period = input.when.days(TODAY).ok().unwrap().period;
    let series = Series::of(&costs, input.granularity, period).ok().unwrap();
    let columns = Columns::of(&input, &totals, &series);
    let (text, mut data) = answered(arguments.clone(), lines.to_vec(), partial.to_vec());
    let head = 2;
    let listed = text.lines().filter(|line| line.starts_with("| ")).count().saturating_sub(head);
    let mut groups = window.lines.chunk_by(same_group).skip(listed);
    if let Some(next) = groups.next() {
        let text = text.len() + MORE_TEXT + columns.line(next, whole(&totals, &next[0])).len();
        data["rows"].as_array_mut().unwrap().truncate(1);
        let both = text + MORE_DATA + data.to_string().len();
        assert!(
            text > MOST_TEXT || both > MOST_BYTES,
            "{listed} groups, {text} bytes of text, {both} of all"
        );
    }
}

fn amount(value: &Value) -> Decimal {
    value["amount"].as_str().unwrap().parse().unwrap()
}

fn sum<'a>(values: impl Iterator<Item = &'a Value>, currency: &Value) -> Decimal {
    values.filter(|value| value["currency"] == *currency).map(amount).sum()
}

prop_compose! {
    /// Lines of any groups, days and currencies, with names of any letters.
    fn any_lines()(
        names in proptest::collection::vec("\\PC{0,60}|[\u{0}-\u{1f}|`*\"\\\\]{0,200}|(/[a-z]{1,30}){1,9}", 1..40),
        picks in proptest::collection::vec((any::<proptest::sample::Index>(), any::<proptest::sample::Index>(), 0_i8..27, -1_000_000_i64..9_000_000_000, 0_u32..12, 0_usize..3), 0..400),
        daily in any::<bool>(),
    ) -> (bool, Vec<Line>) {
        let lines = picks.iter().map(|(one, other, day, amount, scale, currency)| Line {
            keys: [one, other].iter().map(|key| Some(key.get(&names).clone()).filter(|key| !key.is_empty())).collect(),
            date: daily.then(|| date(2026, 11, day + 1)),
            cost: Money::new(Decimal::new(*amount, *scale), ["EUR", "USD", "DKK"][*currency].parse().unwrap()),
            quantity: cost::Quantity::NotAsked,
            usd: None,
        });
        (daily, lines.collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the rows, an answer keeps within its budget and nothing is lost: what is shown, what is in other and what more
    /// tells of add up to the totals; and the calls that more names get every row once.
    #[test]
    fn whatever_the_rows_nothing_is_lost((daily, lines) in any_lines(), top in 1_usize..=100, skip_groups in 0_usize..3, failed in 0_usize..20) {
        let scope = "/subscriptions/20000000-0000-4000-8000-000000000002".parse().unwrap();
        let partial = vec![Partial::new(&scope, "no_access", &"x".repeat(300)); failed];
        let granularity = if daily { "daily" } else { "none" };
        let arguments = json!({"group_by": ["service", "tag:team"], "granularity": granularity, "top": top, "skip_groups": skip_groups});
        if daily {
            groups_are_listed(&arguments, &lines, &partial);
        }
        let parts = parts(&arguments, &lines, &partial);
        let costs = Breakdown::merged([Breakdown { lines: lines.into(), without_figure: 0 }]).unwrap();
        for total in parts[0]["totals"].as_array().unwrap() {
            let currency = &total["currency"];
            let other = sum(parts[0]["other"].as_array().unwrap().iter(), currency);
            let shown = |part: &Value| -> Decimal {
                sum(part["rows"].as_array().unwrap().iter().map(|row| &row["cost"]), currency)
            };
            let left = parts[0]["more"]["amounts"].as_array().map_or(Decimal::ZERO, |left| sum(left.iter(), currency));
            prop_assert_eq!(shown(&parts[0]) + other + left, amount(total));
            prop_assert_eq!(parts.iter().map(shown).sum::<Decimal>() + other, amount(total));
        }
        let shown: usize = parts.iter().map(|part| part["rows"].as_array().unwrap().len()).sum();
        let window = Window::of(&costs, skip_groups, top).ok().unwrap();
        prop_assert_eq!(shown, window.lines.len());
        if daily {
            let dates = parts[0]["totals_by_date"].as_array().unwrap();
            let left = parts[0]["more_dates"]["left_out"].as_u64().unwrap_or_default();
            prop_assert_eq!(dates.len() as u64 + left, costs.totals_by_date().unwrap().len() as u64);
        }
    }
}

#[test]
fn a_long_question_is_not_repeated_whole() {
    let mut given = Map::new();
    given.insert("filter".to_owned(), json!({"ServiceName": vec!["x".repeat(60); 60]}));
    let more = More::new(1, Vec::<Amount>::new(), &given, &[("skip", json!(7))]);
    assert_eq!(Value::Object(more.arguments), json!({"skip": 7}));
    assert!(more.note.is_some());
}

#[test]
fn a_series_without_end_has_more_dates() {
    let lines: Vec<_> = (0..330_i32)
        .map(|n| {
            let day = date(2026, 1, 1).checked_add(jiff::ToSpan::days(n)).unwrap();
            line(&[], Some(day), &format!("{n}.123456789012"), "EUR")
        })
        .collect();
    let (text, data) = answered(json!({"period": "ytd", "granularity": "daily"}), lines, Vec::new());
    assert!(text.contains("EUR by day, 9 days a bar: "), "{text}");
    let shown = data["totals_by_date"].as_array().unwrap();
    let more = &data["more_dates"];
    assert_eq!(shown.len() as u64 + more["left_out"].as_u64().unwrap(), 330);
    let next = date(2026, 1, 1).checked_add(jiff::ToSpan::days(i64::try_from(shown.len()).unwrap())).unwrap();
    assert_eq!(more["arguments"], json!({"granularity": "daily", "from": next, "to": "2026-11-27"}));
}

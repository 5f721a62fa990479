use cost::{Event, Metric, Shape, Suspect};
use jiff::civil::date;
use rust_decimal::Decimal;
use serde_json::Value;

use super::*;

const QUESTION: AnomalyQuestion = AnomalyQuestion {
    metric: Metric::Amortized,
    days: 30,
    until: date(2026, 11, 25),
    today: date(2026, 11, 27),
};

fn event(number: usize, currency: &str) -> Event {
    let day = i8::try_from(number % 20).unwrap() + 1;
    Event {
        scope: 0,
        key: Key::Service(Some(format!("Service {number:03}"))),
        also: vec![Key::Group(Some("rg-shop".to_owned()))],
        from: date(2026, 11, day),
        to: date(2026, 11, day),
        shape: Shape::Spike,
        currency: currency.parse().unwrap(),
        expected: 100.into(),
        actual: Decimal::from(400 - number),
        excess: Decimal::from(300 - number),
        score: 9.25,
        history_days: 44,
        weekday_factor: Some(0.618),
        lasts: false,
        places: vec![(Some(format!("Service {number:03}")), Some("rg-shop".to_owned()))],
    }
}

fn answered(arguments: Value, odds: Odds) -> (String, Value) {
    let input: AnomaliesInput = serde_json::from_value(arguments).unwrap();
    let suspect = odds.events.first().map(|event| Suspect::of(0, event, &odds.events));
    let explained =
        suspect.map(|suspect| Explained { event: 0, suspect, causes: Err("Azure is busy.".to_owned()) });
    let known = Known {
        input: &input,
        question: QUESTION,
        title: "Contoso Prod".to_owned(),
        scopes: vec!["/subscriptions/10000000-0000-4000-8000-000000000001".parse().unwrap()],
        notes: Vec::new(),
        parts: Vec::new(),
        odds,
        explained: explained.into_iter().collect(),
        partial: Vec::new(),
        azure: AzureUse { calls: 4, query_units: 4, cached: false, as_of: None },
    };
    let result =
        known.answer().and_then(Answer::into_result).unwrap_or_else(|failure| panic!("{}", failure.code()));
    (result.content[0].as_text().unwrap().text.clone(), result.structured_content.unwrap())
}

fn odds(count: usize) -> Odds {
    let events = (0..count).map(|number| event(number, "EUR")).collect();
    Odds { events, unjudged: Vec::new(), series: 31, cut: 4.2 }
}

#[test]
fn an_event_is_told_with_how_sure_it_is_and_the_next_call() {
    let (text, data) = answered(serde_json::json!({}), odds(1));
    insta::assert_snapshot!("event_text", text);
    insta::assert_snapshot!("event_data", serde_json::to_string_pretty(&data).unwrap());
}

#[test]
fn nothing_odd_is_an_answer_with_its_reason() {
    let said = |odds: Odds| answered(serde_json::json!({}), odds).0.lines().next().unwrap().to_owned();
    assert!(
        said(odds(0)).ends_with("nothing is odd in 31 series of services, resource groups and the whole.")
    );
    assert!(said(Odds::default()).ends_with("there are no costs to judge."));
    let young = cost::Unjudged {
        scope: 0,
        key: Key::Total,
        amount: 5.into(),
        currency: "EUR".parse().unwrap(),
        since: date(2026, 11, 12),
    };
    assert!(
        said(Odds { unjudged: vec![young], ..Odds::default() }).contains("nothing has a history of 28 days")
    );
}

/// However many events, an answer keeps within its budget, and the next calls get every event once.
#[test]
fn what_does_not_fit_in_comes_with_the_next_call() {
    for count in [3, 90, 250] {
        let (mut seen, mut skip) = (Vec::new(), 0);
        loop {
            let (text, data) = answered(serde_json::json!({"days": 60, "skip": skip}), odds(count));
            assert!(text.len() <= MOST_TEXT && text.len() + data.to_string().len() <= MOST_BYTES, "{count}");
            let events = data["events"].as_array().unwrap();
            seen.extend(events.iter().map(|event| event["keys"]["ServiceName"].as_str().unwrap().to_owned()));
            let Some(more) = data["more"].as_object() else { break };
            assert_eq!(more["arguments"]["days"], 60);
            skip = more["arguments"]["skip"].as_u64().unwrap();
        }
        let all: Vec<_> = (0..count).map(|number| format!("Service {number:03}")).collect();
        assert_eq!(seen, all);
    }
}

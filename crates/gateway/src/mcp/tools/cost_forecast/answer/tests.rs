use jiff::ToSpan;
use jiff::civil::date;
use serde_json::Value;

use super::*;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn horizon(to: Date, by: Granularity) -> Horizon {
    Horizon::new(date(2026, 11, 1), to, by, "2026-11-27T12:00:00Z".parse().unwrap()).unwrap()
}

/// 100 a day; the last two days are there in part.
fn foreseen(currency: &str, to: Date, sources: Vec<Part>) -> Foreseen {
    let days = date(2026, 11, 1).series(1.day()).take_while(|day| *day <= to);
    let points = days.flat_map(|date| {
        let point = |kind, amount: &str| Point { date, kind, amount: decimal(amount) };
        match date {
            day if day > date_of(27) => vec![point(Kind::Forecast, "101.25")],
            day if day == date_of(26) => vec![point(Kind::Actual, "90"), point(Kind::Forecast, "10")],
            day if day == date_of(27) => vec![point(Kind::Actual, "40"), point(Kind::Forecast, "60")],
            _ => vec![point(Kind::Actual, "100")],
        }
    });
    let points: Vec<_> = points.collect();
    let sum =
        |kind| points.iter().filter(|point: &&Point| point.kind == kind).map(|point| point.amount).sum();
    let (actual, remaining): (Decimal, Decimal) = (sum(Kind::Actual), sum(Kind::Forecast));
    Foreseen {
        currency: currency.parse().unwrap(),
        actual,
        remaining: Some(remaining),
        still_arriving: decimal("70"),
        range: Some((actual + remaining - decimal("25.5"), actual + remaining + decimal("31"))),
        points,
        history_days: 86,
        sources,
    }
}

fn date_of(day: i8) -> Date {
    date(2026, 11, day)
}

fn part(source: Source, remaining: &str, scopes: &[usize]) -> Part {
    Part { source, remaining: decimal(remaining), scopes: scopes.to_vec() }
}

fn answered(horizon: Horizon, foreseen: Vec<Foreseen>) -> (String, Value) {
    let known = Known {
        title: "Contoso Prod".to_owned(),
        scopes: (1..=2).map(|n| format!("/subscriptions/10000000-0000-4000-8000-00000000000{n}")).collect(),
        notes: Vec::new(),
        metric: Metric::Actual,
        horizon,
        foreseen,
        partial: Vec::new(),
        azure: AzureUse { calls: 4, query_units: 4, cached: false, as_of: None },
    };
    let result =
        known.answer().and_then(Answer::into_result).unwrap_or_else(|failure| panic!("{}", failure.code()));
    (result.content[0].as_text().unwrap().text.clone(), result.structured_content.unwrap())
}

#[test]
fn the_whole_is_said_first_with_how_sure_it_is() {
    let azure = foreseen("EUR", date_of(30), vec![part(Source::Azure, "303.75", &[0])]);
    let (text, mut data) = answered(horizon(date_of(30), Granularity::Daily), vec![azure]);
    insta::assert_snapshot!("forecast_text", text);
    data["currencies"][0]["points"].as_array_mut().unwrap().retain(|point| point["date"] == "2026-11-27");
    insta::assert_snapshot!("forecast_data", serde_json::to_string_pretty(&data).unwrap());
}

#[test]
fn whose_it_is_is_said_of_each_part() {
    let to = date_of(30);
    let told = |sources| answered(horizon(to, Granularity::Daily), vec![foreseen("EUR", to, sources)]);
    let ours = Source::RunRate(NoForecast::Failed);
    let (text, data) = told(vec![part(Source::Azure, "202.5", &[0]), part(ours, "101.25", &[1])]);
    let expected = "To come: 202.50 EUR Azure's forecast for 1 scope; 101.25 EUR our run rate for \
                    /subscriptions/10000000-0000-4000-8000-000000000002, for Azure could not make a forecast of these costs.";
    assert!(text.contains(expected), "{text}");
    let one = &data["currencies"][0];
    assert_eq!((&one["source"], &one["reason"]), (&"run_rate".into(), &"forecast_failed".into()));
    assert_eq!(one["parts"][0]["scopes"][0], "/subscriptions/10000000-0000-4000-8000-000000000001");
    for (why, words) in [
        (NoForecast::TooLittleHistory, "28 days of history"),
        (NoForecast::OfferNotSupported, "no costs of this offer"),
        (NoForecast::Incomplete, "ends too early"),
    ] {
        let (text, data) = told(vec![part(Source::RunRate(why), "303.75", &[0])]);
        assert!(text.contains(words), "{text}");
        assert_eq!(data["currencies"][0]["reason"], why.as_str());
        assert_eq!(data["currencies"][0].get("parts"), None);
    }
    let (text, data) = told(Vec::new());
    assert!(text.contains("The period ends today"), "{text}");
    assert_eq!(data["currencies"][0]["reason"], "period_ends_today");
}

#[test]
fn what_is_not_known_is_not_made_up() {
    let mut open = foreseen("EUR", date_of(30), vec![part(Source::Azure, "303.75", &[0])]);
    (open.remaining, open.range) = (None, None);
    let (text, data) = answered(horizon(date_of(30), Granularity::Daily), vec![open]);
    assert!(text.contains("cannot be told") && text.contains("No range"), "{text}");
    let one = &data["currencies"][0];
    assert!(
        one["forecast_remaining"].is_null()
            && one["total"]["point"].is_null()
            && one["total"]["low"].is_null()
    );
    let (text, data) = answered(horizon(date_of(30), Granularity::Daily), Vec::new());
    assert!(
        text.contains("nothing to forecast from") && data["notes"].to_string().contains("nothing"),
        "{text}"
    );
}

#[test]
fn an_answer_keeps_to_its_budget() {
    let to = date(2027, 11, 30);
    let sources = || vec![part(Source::Azure, "303.75", &[0])];
    for currencies in [1, 3, 40] {
        let code = |n: u8| format!("{}{}X", char::from(b'A' + n / 10), char::from(b'A' + n % 10));
        let all = (0..currencies).map(|n| foreseen(&code(n), to, sources())).collect();
        let (text, data) = answered(horizon(to, Granularity::Daily), all);
        let bytes = text.len() + data.to_string().len();
        assert!(text.len() <= MOST_TEXT && bytes <= MOST_BYTES, "{currencies}: {} {bytes}", text.len());
        let notes = data["notes"].to_string();
        assert!(notes.contains("Points of AAX are by month"), "{notes}");
        let shown = data["currencies"].as_array().unwrap().len();
        assert_eq!(shown == usize::from(currencies), !notes.contains("There was no room"), "{notes}");
        assert!(shown > 0);
    }
}

use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::date;

use super::*;
use crate::breakdown::{Line, Quantity};
use crate::forecast::Ahead;
use crate::money::Money;
use crate::query::Granularity;

/// Seen from the 27th at noon: costs are complete up to the 25th.
fn horizon(from: Date, to: Date, by: Granularity) -> Horizon {
    Horizon::new(from, to, by, "2026-11-27T12:00:00Z".parse().unwrap()).unwrap()
}

fn november(by: Granularity) -> Horizon {
    horizon(date(2026, 11, 1), date(2026, 11, 30), by)
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn line(date: Date, amount: &str, currency: &str) -> Line {
    let cost = Money::new(decimal(amount), currency.parse().unwrap());
    Line { keys: Arc::from([]), date: Some(date), cost, quantity: Quantity::NotAsked, usd: None }
}

/// 100 a day from a day on, of which 90 and 40 are there of the last two.
fn daily(from: Date, currency: &str) -> Breakdown {
    let days = from.series(1.day()).take_while(|day| *day <= date(2026, 11, 27));
    let amount = |day: Date| match day.day() {
        26 if day.month() == 11 => "90",
        27 if day.month() == 11 => "40",
        _ => "100",
    };
    Breakdown { lines: days.map(|day| line(day, amount(day), currency)).collect(), without_figure: 0 }
}

fn azure(amounts: &[(Date, &str)]) -> Ahead {
    let days = amounts.iter().map(|(date, amount)| (*date, decimal(amount))).collect();
    BTreeMap::from([("EUR".parse().unwrap(), days)])
}

fn three_days() -> Ahead {
    azure(&[(date(2026, 11, 28), "101.5"), (date(2026, 11, 29), "102"), (date(2026, 11, 30), "103.00000001")])
}

fn scope(daily: Breakdown, azure: Result<Ahead, NoForecast>) -> ScopeKnown {
    ScopeKnown { daily, monthly: Breakdown::default(), azure }
}

fn one(horizon: &Horizon, scopes: &[ScopeKnown]) -> Foreseen {
    let mut all = Foreseen::of(horizon, scopes).unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn since_september() -> Breakdown {
    daily(date(2026, 9, 1), "EUR")
}

#[test]
fn what_was_and_what_will_be_add_up() {
    let foreseen = one(&november(Granularity::Daily), &[scope(since_september(), Ok(three_days()))]);
    // 25 days of 100, 90 and 40; of the last two 10 and 60 are still to come.
    assert_eq!((foreseen.actual, foreseen.still_arriving), (decimal("2630"), decimal("70")));
    assert_eq!(foreseen.remaining, Some(decimal("376.50000001")));
    // What never missed is sure of itself: the range is what our rate says, stretched to Azure's point.
    assert_eq!(foreseen.range, Some((decimal("3000"), decimal("3006.50000001"))));
    assert_eq!(foreseen.history_days, 86);
    let of = |kind: Kind| -> Decimal {
        foreseen.points.iter().filter(|point| point.kind == kind).map(|point| point.amount).sum()
    };
    assert_eq!((of(Kind::Actual), of(Kind::Forecast)), (foreseen.actual, decimal("376.50000001")));
    let arriving: Vec<_> = foreseen.points.iter().filter(|point| point.date == date(2026, 11, 27)).collect();
    assert_eq!(arriving.iter().map(|point| point.amount).collect::<Vec<_>>(), [decimal("40"), decimal("60")]);
    let [part] = &foreseen.sources[..] else { panic!("{foreseen:?}") };
    assert_eq!(
        (part.source, part.remaining, &part.scopes[..]),
        (Source::Azure, decimal("306.50000001"), &[0][..])
    );
}

#[test]
fn months_have_one_point_of_each_kind() {
    let horizon = horizon(date(2026, 7, 1), date(2026, 12, 31), Granularity::Monthly);
    let ahead = azure(&[(date(2026, 11, 1), "306"), (date(2026, 12, 1), "3100")]);
    let mut known = scope(since_september(), Ok(ahead));
    known.monthly.lines =
        vec![line(date(2026, 7, 1), "3000", "EUR"), line(date(2026, 8, 1), "3050", "EUR")].into();
    let foreseen = one(&horizon, &[known]);
    let word = |point: &Point| format!("{}{:?}={}", point.date.month(), point.kind, point.amount);
    let words: Vec<_> = foreseen.points.iter().map(word).collect();
    assert_eq!(
        words.join(" "),
        "7Actual=3000 8Actual=3050 9Actual=3000 10Actual=3100 11Actual=2630 11Forecast=376 12Forecast=3100"
    );
}

#[test]
fn where_azure_has_none_our_rate_says_it_and_why() {
    for why in [NoForecast::Failed, NoForecast::TooLittleHistory, NoForecast::OfferNotSupported] {
        let foreseen = one(&november(Granularity::Daily), &[scope(since_september(), Err(why))]);
        assert_eq!(foreseen.remaining, Some(decimal("370")), "{why:?}");
        assert_eq!(foreseen.sources[0].source, Source::RunRate(why));
    }
    // Azure has one of another currency only.
    let mut known = scope(since_september(), Ok(three_days()));
    known.daily.lines.extend(daily(date(2026, 11, 20), "USD").lines);
    let all = Foreseen::of(&november(Granularity::Daily), &[known]).unwrap();
    let [eur, usd] = &all[..] else { panic!("{all:?}") };
    assert_eq!(eur.sources[0].source, Source::Azure);
    assert_eq!(usd.sources[0].source, Source::RunRate(NoForecast::TooLittleHistory));
    assert_eq!((usd.remaining, usd.range, usd.history_days), (Some(decimal("370")), None, 6));
}

#[test]
fn each_scope_has_its_own_source() {
    let scopes = [
        scope(since_september(), Ok(three_days())),
        scope(since_september(), Err(NoForecast::Failed)),
        scope(since_september(), Ok(three_days())),
    ];
    let foreseen = one(&november(Granularity::Daily), &scopes);
    let parts: Vec<_> =
        foreseen.sources.iter().map(|part| (part.source, part.remaining, part.scopes.clone())).collect();
    assert_eq!(
        parts,
        [
            (Source::Azure, decimal("613.00000002"), vec![0, 2]),
            (Source::RunRate(NoForecast::Failed), decimal("300"), vec![1])
        ]
    );
    assert_eq!((foreseen.actual, foreseen.still_arriving), (decimal("7890"), decimal("210")));
}

#[test]
fn on_the_last_day_only_what_arrives_is_to_come() {
    let horizon = horizon(date(2026, 11, 1), date(2026, 11, 27), Granularity::Daily);
    let foreseen = one(&horizon, &[scope(since_september(), Ok(BTreeMap::new()))]);
    assert_eq!((foreseen.remaining, foreseen.sources.len()), (Some(decimal("70")), 0));
    assert_eq!(foreseen.range, Some((decimal("2700"), decimal("2700"))));
}

#[test]
fn what_has_no_complete_day_is_not_guessed() {
    let foreseen = one(
        &november(Granularity::Daily),
        &[
            scope(since_september(), Ok(three_days())),
            scope(daily(date(2026, 11, 26), "EUR"), Err(NoForecast::Failed)),
        ],
    );
    assert_eq!((foreseen.remaining, foreseen.range), (None, None));
    assert_eq!(foreseen.actual, decimal("2760"));
}

#[test]
fn what_never_cost_less_than_nothing_will_not() {
    let mut known = scope(since_september(), Err(NoForecast::Failed));
    let count = known.daily.lines.len();
    for (place, line) in known.daily.lines.iter_mut().enumerate() {
        let costs = place % 9 == 0 && place + 20 < count;
        line.cost.amount = if costs { decimal("700") } else { Decimal::ZERO };
    }
    let foreseen = one(&november(Granularity::Daily), &[known]);
    let (low, high) = foreseen.range.unwrap();
    assert_eq!(low, foreseen.actual, "{foreseen:?}");
    assert!(high > foreseen.actual + foreseen.remaining.unwrap(), "{foreseen:?}");
}

#[test]
fn the_range_holds_azures_point_below_it_too() {
    let little = azure(&[(date(2026, 11, 28), "5"), (date(2026, 11, 30), "5")]);
    let foreseen = one(&november(Granularity::Daily), &[scope(since_september(), Ok(little))]);
    // 2630 were, 70 arrive, and 10 are to come where our rate says 300.
    assert_eq!(foreseen.range, Some((decimal("2710"), decimal("3000"))));
}

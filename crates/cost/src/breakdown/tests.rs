use jiff::civil::date;

use super::*;

fn line(key: &str, date: Option<Date>, amount: &str, currency: &str) -> Line {
    Line {
        keys: Arc::from([(!key.is_empty()).then(|| key.to_owned())]),
        date,
        cost: Money::new(amount.parse().unwrap(), currency.parse().unwrap()),
        quantity: Quantity::NotAsked,
        usd: None,
    }
}

fn words(line: &Line) -> String {
    let day = line.date.map(|date| format!(" on {date}")).unwrap_or_default();
    format!("{} {}{day}", line.keys[0].as_deref().unwrap_or("none"), line.cost)
}

#[test]
fn the_dearest_groups_of_each_currency_stay() {
    let (first, second) = (Some(date(2026, 11, 1)), Some(date(2026, 11, 2)));
    let lines = vec![
        line("b", second, "1", "EUR"),
        line("a", first, "0.5", "EUR"),
        line("B", first, "0.1", "EUR"),
        line("a", second, "0.6", "EUR"),
        line("", first, "5", "EUR"),
        line("c", first, "-9", "EUR"),
        line("c", first, "7", "USD"),
    ];
    let ranked = Breakdown { lines: lines.into(), without_figure: 0 }.ranked(2).unwrap();
    let lines: Vec<_> = ranked.lines.iter().map(words).collect();
    // a and b cost the same: by name.
    let expected = [
        "none 5 EUR on 2026-11-01",
        "a 0.5 EUR on 2026-11-01",
        "a 0.6 EUR on 2026-11-02",
        "c 7 USD on 2026-11-01",
    ];
    assert_eq!(lines, expected);
    let other = Other { currency: "EUR".parse().unwrap(), groups: 2, amount: "-7.9".parse().unwrap() };
    assert_eq!(ranked.other, [other]);
}

#[test]
fn everything_is_in_the_rest_of_nothing() {
    let lines = vec![line("a", None, "1", "EUR"), line("b", None, "2", "USD")];
    let ranked = Breakdown { lines: lines.into(), without_figure: 0 }.ranked(0).unwrap();
    assert!(ranked.lines.is_empty());
    assert_eq!(ranked.other.iter().map(|other| other.groups).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(Breakdown::default().ranked(5).unwrap(), Ranked::default());
}

#[test]
fn sums_are_by_currency_and_date() {
    let (first, second) = (Some(date(2026, 11, 1)), Some(date(2026, 11, 2)));
    let lines = vec![
        line("a", second, "1", "EUR"),
        line("b", second, "2", "EUR"),
        line("b", first, "4", "USD"),
        line("b", first, "8", "EUR"),
    ];
    let breakdown = Breakdown { lines: lines.into(), without_figure: 0 };
    let totals: Vec<_> = breakdown.totals().unwrap().iter().map(|money| money.to_string()).collect();
    assert_eq!(totals, ["11 EUR", "4 USD"]);
    let days: Vec<_> =
        breakdown.totals_by_date().unwrap().iter().map(|(day, money)| format!("{day} {money}")).collect();
    assert_eq!(days, ["2026-11-01 8 EUR", "2026-11-01 4 USD", "2026-11-02 3 EUR"]);
}

fn used(meter: &str, unit: Option<&str>, amount: i64) -> Quantity {
    let (meter, unit) = (Some(meter.to_owned()), unit.map(str::to_owned));
    Quantity::Of(Box::new(OfOneMeter { meter, amount: amount.into(), unit }))
}

#[test]
fn scopes_are_added_up_and_quantities_of_one_meter() {
    let of = |key: &str, quantity: Quantity, usd: Option<i64>| {
        let lines = vec![Line { quantity, usd: usd.map(Decimal::from), ..line(key, None, "1", "EUR") }];
        Breakdown { lines: lines.into(), without_figure: 1 }
    };
    for (one, other, both) in [
        (used("D2", Some("1 Hour"), 2), used("d2", Some("1 hour"), 3), used("D2", Some("1 Hour"), 5)),
        (used("D2", None, 2), used("D2", None, 3), used("D2", None, 5)),
        (used("D2", None, 2), used("D4", None, 3), Quantity::SeveralMeters),
        (used("D2", Some("1 Hour"), 2), used("D2", Some("1 GB"), 3), Quantity::SeveralMeters),
        (used("D2", Some("1 Hour"), 2), used("D2", None, 3), Quantity::SeveralMeters),
        (used("D2", None, 2), Quantity::NoFigure, Quantity::NoFigure),
        (Quantity::SeveralMeters, used("D2", None, 2), Quantity::SeveralMeters),
        (Quantity::NotAskable, Quantity::NotAskable, Quantity::NotAskable),
    ] {
        let merged = Breakdown::merged([
            of("Web", one, Some(1)),
            of("x", Quantity::NotAsked, None),
            of("web", other, Some(2)),
        ])
        .unwrap();
        assert_eq!(merged.lines.iter().map(words).collect::<Vec<_>>(), ["Web 2 EUR", "x 1 EUR"]);
        assert_eq!((&merged.lines[0].quantity, merged.lines[0].usd), (&both, Some(3.into())));
        assert_eq!(merged.without_figure, 3);
    }
    let part =
        Breakdown::merged([of("a", Quantity::NotAsked, Some(1)), of("a", Quantity::NotAsked, None)]).unwrap();
    assert_eq!(part.lines[0].usd, None);
}

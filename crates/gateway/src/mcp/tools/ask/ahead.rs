//! The days that a forecast's word means, seen from today: those of a period that is not over, to its end.

use cost::{nearest, quoted};
use jiff::ToSpan;
use jiff::civil::Date;

use super::when::{self, Span, month_of_name, plain, quarter_of, whole_months};

/// The words that the schema shows, and others for them.
const WORDS: &[(&str, &[&str])] = &[
    ("this_month", &["month", "current_month", "month_to_date", "mtd", "rest_of_month", "end_of_month"]),
    ("next_month", &["following_month", "coming_month"]),
    ("this_quarter", &["quarter", "current_quarter", "quarter_to_date", "qtd", "end_of_quarter"]),
    ("next_quarter", &["following_quarter", "coming_quarter"]),
    ("this_year", &["year", "current_year", "year_to_date", "ytd", "end_of_year"]),
];

/// How many months ahead a forecast goes: beyond a year neither Azure's rows nor our history say anything.
const MOST_MONTHS: i32 = 12;

/// The days of a word: `this_month`, `next_quarter`, `2026-12`, `december`, `2026-12-01..2027-01-15`.
///
/// # Errors
/// Says which words there are, the nearest first; or that the days are over, or too far.
pub(super) fn read(word: &str, today: Date) -> Result<Span, String> {
    let named =
        named(&plain(word), today).or_else(|| when::span(word, today).map(|span| coming(word, span, today)));
    let span = named.ok_or_else(|| {
        let words = WORDS.iter().map(|(word, _)| *word);
        format!(
            "'{word:.40}' is no period ahead; the nearest are {}; or give 'to'",
            quoted(nearest(word, words, 5))
        )
    })?;
    within(span, today)
}

/// From the first day of this month to a day.
///
/// # Errors
/// Days that are over, or too far.
pub(super) fn until(to: Date, today: Date) -> Result<Span, String> {
    within((today.first_of_month(), to), today)
}

fn named(plain: &str, today: Date) -> Option<Span> {
    let folded = |word: &str| word.replace('_', "");
    let is = |(word, also): &&(&str, &[&str])| {
        folded(word) == folded(plain) || also.iter().any(|also| folded(also) == folded(plain))
    };
    let (month, quarter) = (today.first_of_month(), quarter_of(today));
    Some(match WORDS.iter().find(is)?.0 {
        "this_month" => whole_months(month, 1),
        "next_month" => whole_months(month.saturating_add(1.month()), 1),
        "this_quarter" => whole_months(quarter, 3),
        "next_quarter" => whole_months(quarter.saturating_add(3.months()), 3),
        _ => whole_months(today.first_of_year(), 12),
    })
}

/// `december` is the one that comes, and not the last that was.
fn coming(word: &str, (from, to): Span, today: Date) -> Span {
    let is_month = month_of_name(&plain(word)).is_some();
    if to < today && is_month {
        let later = |day: Date| day.saturating_add(1.year());
        return (later(from), later(from).saturating_add((to - from).get_days().days()));
    }
    (from, to)
}

fn within((from, to): Span, today: Date) -> Result<Span, String> {
    let last = today.saturating_add(MOST_MONTHS.months()).last_of_month();
    if to < today {
        return Err(format!(
            "the period is over on {to}: today is {today} (UTC). cost_query tells what it cost"
        ));
    }
    if to > last {
        return Err(format!("{to} is too far ahead: a forecast goes to {last} at most"));
    }
    if from > to {
        return Err(format!("the period begins on {from} and ends before that, on {to}"));
    }
    Ok((from, to))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const TODAY: Date = date(2026, 11, 27);

    fn words(word: &str) -> Result<String, String> {
        read(word, TODAY).map(|(from, to)| format!("{from} {to}"))
    }

    #[test]
    fn a_word_means_a_period_to_its_end() {
        for (word, expected) in [
            ("this_month", "2026-11-01 2026-11-30"),
            ("Month to date", "2026-11-01 2026-11-30"),
            ("next month", "2026-12-01 2026-12-31"),
            ("this_quarter", "2026-10-01 2026-12-31"),
            ("nextQuarter", "2027-01-01 2027-03-31"),
            ("this year", "2026-01-01 2026-12-31"),
            ("2026-12", "2026-12-01 2026-12-31"),
            ("december", "2026-12-01 2026-12-31"),
            ("january", "2027-01-01 2027-01-31"),
            ("november", "2026-11-01 2026-11-30"),
            ("2026-Q4", "2026-10-01 2026-12-31"),
            ("2026", "2026-01-01 2026-12-31"),
            ("2026-11-10..2027-01-15", "2026-11-10 2027-01-15"),
            ("today", "2026-11-27 2026-11-27"),
        ] {
            assert_eq!(words(word).as_deref(), Ok(expected), "{word}");
        }
    }

    #[test]
    fn what_is_over_or_far_or_no_word_is_told() {
        for (word, expected) in [
            ("2026-10", "cost_query tells what it cost"),
            ("last_month", "cost_query tells what it cost"),
            ("2028", "goes to 2027-11-30 at most"),
            ("nxt month", "the nearest are 'next_month'"),
        ] {
            let said = words(word).unwrap_err();
            assert!(said.contains(expected), "{word}: {said}");
        }
        assert!(until(date(2026, 11, 26), TODAY).is_err());
        assert_eq!(until(date(2027, 2, 28), TODAY), Ok((date(2026, 11, 1), date(2027, 2, 28))));
    }
}

//! The days that a word means, seen from today. Days are UTC.

use cost::{CalendarUnit, nearest, quoted};
use jiff::ToSpan;
use jiff::civil::Date;

/// First and last day as a word means them. The last may lie ahead.
pub(in crate::mcp::tools) type Span = (Date, Date);

/// What a word is, in the words that the schema shows.
const WORDS: &[&str] = &[
    "month_to_date",
    "last_month",
    "last_7_days",
    "last_30_days",
    "last_3_months",
    "year_to_date",
    "last_year",
    "this_quarter",
    "last_quarter",
    "today",
    "yesterday",
    "2026-10",
    "2026-Q3",
    "2026",
];

/// Other words, folded to letters and digits with `_` between, and the one that they mean.
const SYNONYMS: &[(&str, &str)] = &[
    ("mtd", "month_to_date"),
    ("this_month", "month_to_date"),
    ("current_month", "month_to_date"),
    ("month", "month_to_date"),
    ("this_month_to_date", "month_to_date"),
    ("this_month_so_far", "month_to_date"),
    ("previous_month", "last_month"),
    ("prior_month", "last_month"),
    ("past_month", "last_month"),
    ("last_calendar_month", "last_month"),
    ("the_last_month", "last_month"),
    ("ytd", "year_to_date"),
    ("this_year", "year_to_date"),
    ("current_year", "year_to_date"),
    ("year", "year_to_date"),
    ("previous_year", "last_year"),
    ("prior_year", "last_year"),
    ("qtd", "this_quarter"),
    ("quarter_to_date", "this_quarter"),
    ("current_quarter", "this_quarter"),
    ("quarter", "this_quarter"),
    ("previous_quarter", "last_quarter"),
    ("prior_quarter", "last_quarter"),
    ("last_week", "last_7_days"),
    ("past_week", "last_7_days"),
    ("week", "last_7_days"),
];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The days of a word: `last_month`, `2026-Q3`, `october`, `oct 2026`, `2026-10-01..2026-10-15`.
///
/// # Errors
/// Says which words there are, the nearest first; or that the days lie ahead.
pub(in crate::mcp::tools) fn read(word: &str, today: Date) -> Result<Span, String> {
    const MOST: usize = 6;
    let found = span(word, today);
    let end = word.trim().strip_prefix("..").map(|end| end.trim_start_matches('.').trim());
    if let Some(end) = end.filter(|end| found.is_none() && !end.is_empty()) {
        return Err(format!(
            "'{word:.40}' has no beginning: write one in front of it, such as '2026-01..{end:.40}', or '{end:.40}' alone for \
             no more than that"
        ));
    }
    let (from, to) = found.ok_or_else(|| {
        let nearest = quoted(nearest(word, WORDS.iter().copied(), MOST));
        format!("'{word:.40}' is no period; the nearest are {nearest}; or give 'from' and 'to'")
    })?;
    if from > today {
        return Err(format!(
            "'{word:.40}' is in the future: today is {today} (UTC). cost_forecast tells what is to come. Choose a period that \
             has begun, such as 'month_to_date' or 'year_to_date'; what lies ahead of it is left out"
        ));
    }
    Ok((from, to))
}

/// The days of a word, wherever they lie.
pub(super) fn span(word: &str, today: Date) -> Option<Span> {
    let plain = plain(word);
    let is_range = word.contains("..");
    let span = if is_range { range(word, today) } else { None };
    let span = span.or_else(|| counted(&plain, today).filter(|_| !is_range));
    span.or_else(|| one(&plain, today).filter(|_| !is_range)).or_else(|| range(word, today))
}

/// The unit of the calendar that a word names, so that its first days are not taken for those of a shorter one.
pub(super) fn unit(word: &str) -> Option<CalendarUnit> {
    if word.contains("..") {
        return None;
    }
    let plain = plain(word);
    let parts: Vec<&str> = plain.split('_').collect();
    match (word_of(&plain), &parts[..]) {
        (Some("year_to_date" | "last_year"), _) => Some(CalendarUnit::Year),
        (Some("this_quarter" | "last_quarter"), _) => Some(CalendarUnit::Quarter),
        (None, [one]) if year(one).is_some() => Some(CalendarUnit::Year),
        (None, [one]) if quarter(one).or(quarter_word(one, None).map(|_| 1)).is_some() => {
            Some(CalendarUnit::Quarter)
        }
        (None, [one, other])
            if quarter_word(one, Some(other)).or(quarter_word(other, Some(one))).is_some() =>
        {
            Some(CalendarUnit::Quarter)
        }
        _ => None,
    }
}

/// In small letters, with `_` for what stands between words and numbers.
pub(super) fn plain(word: &str) -> String {
    let word = word.trim().to_lowercase();
    let parts: Vec<_> = word.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    parts.join("_")
}

/// Words that have a name.
fn named(plain: &str, today: Date) -> Option<Span> {
    let word = word_of(plain)?;
    let month = today.first_of_month();
    Some(match word {
        "month_to_date" => (month, today),
        "last_month" => whole_months(month.saturating_sub(1.month()), 1),
        "last_7_days" => days_ending(today, 7),
        "last_30_days" => days_ending(today, 30),
        "last_3_months" => whole_months(month.saturating_sub(3.months()), 3),
        "year_to_date" => (today.first_of_year(), today),
        "last_year" => whole_months(today.first_of_year().saturating_sub(1.year()), 12),
        "this_quarter" => (quarter_of(today), today),
        "last_quarter" => whole_months(quarter_of(today).saturating_sub(3.months()), 3),
        "today" => (today, today),
        "yesterday" => (today.saturating_sub(1.day()), today.saturating_sub(1.day())),
        _ => return None,
    })
}

/// The word of the schema that a word is, or is another for.
fn word_of(plain: &str) -> Option<&'static str> {
    let joined = |word: &str| word.replace('_', "") == plain.replace('_', "");
    let synonym = SYNONYMS.iter().find(|(also, _)| joined(also)).map(|(_, word)| *word);
    let is_example = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    synonym.or_else(|| WORDS.iter().copied().find(|word| !is_example(word) && joined(word)))
}

/// `last_14_days`, `past 6 months`: days end today, months are whole ones.
fn counted(plain: &str, today: Date) -> Option<Span> {
    /// Days and months of more than the 37 months that Azure keeps.
    const MOST: i32 = 1_200;
    let rest = ["last", "past", "previous", "the_last"].iter().find_map(|word| plain.strip_prefix(word))?;
    let rest = rest.trim_start_matches('_');
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    let count: i32 = rest[..digits].parse().ok().filter(|count| (1..=MOST).contains(count))?;
    match rest[digits..].trim_start_matches('_') {
        "day" | "days" | "d" => Some(days_ending(today, count)),
        "week" | "weeks" => Some(days_ending(today, count * 7)),
        "month" | "months" => {
            Some(whole_months(today.first_of_month().saturating_sub(count.months()), count))
        }
        _ => None,
    }
}

/// A month, a quarter, a year, a day, by its date.
fn dated(plain: &str, today: Date) -> Option<Span> {
    let parts: Vec<&str> = plain.split('_').collect();
    match parts[..] {
        [one] => month_of_name(one)
            .map(|month| latest(month, today))
            .or_else(|| year(one).map(|year| (year, 12)))
            .or_else(|| quarter_word(one, None))
            .or_else(|| quarter(one).map(|quarter| latest_quarter(quarter, today)))
            .map(|(from, months)| whole_months(from, months)),
        [one, other] => {
            let month =
                |name: &str, of: &str| Some(in_year(year(of)?, month_of_name(name).or_else(|| month(name))?));
            month(one, other)
                .or_else(|| month(other, one))
                .map(|from| (from, 1))
                .or_else(|| quarter_word(one, Some(other)))
                .or_else(|| quarter_word(other, Some(one)))
                .map(|(from, months)| whole_months(from, months))
        }
        [_, _, _] => plain.replace('_', "-").parse().ok().map(|day: Date| (day, day)),
        _ => None,
    }
}

/// A word that has a name, or a date.
fn one(plain: &str, today: Date) -> Option<Span> {
    named(plain, today).or_else(|| dated(plain, today))
}

/// `2026-10-01..2026-10-15`, `2026-10-01 to 2026-10-15`; from the first day of a month or a year to the last of another,
/// `2025-12..2026-11`; without an end, `2025-12..`, to today.
fn range(word: &str, today: Date) -> Option<Span> {
    let (from, to) =
        ["..", " to ", "/", " - ", " until "].iter().find_map(|between| word.split_once(between))?;
    let end = |text: &str| {
        let day = text.trim().parse().ok().map(|day: Date| (day, day));
        day.or_else(|| one(&plain(text), today))
    };
    let to = to.trim_start_matches('.');
    let (_, to) = if to.trim().is_empty() { (today, today) } else { end(to)? };
    Some((end(from)?.0, to))
}

fn days_ending(last: Date, count: i32) -> Span {
    (last.saturating_sub((count - 1).days()), last)
}

pub(super) fn whole_months(from: Date, count: i32) -> Span {
    (from, from.saturating_add(count.months()).saturating_sub(1.day()))
}

pub(super) fn quarter_of(day: Date) -> Date {
    in_year(day.first_of_year(), (day.month() - 1) / 3 * 3 + 1)
}

/// The first day of a month of the year that begins on a day.
fn in_year(year: Date, month: i8) -> Date {
    year.saturating_add((month - 1).months())
}

fn year(text: &str) -> Option<Date> {
    let is_year = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_year.then(|| Date::new(text.parse().ok()?, 1, 1).ok()).flatten()
}

fn month(text: &str) -> Option<i8> {
    text.parse().ok().filter(|month| (1..=12).contains(month) && text.len() <= 2)
}

pub(super) fn month_of_name(text: &str) -> Option<i8> {
    const LEAST: usize = 3;
    let is = |name: &&str| name.starts_with(text) || (text == "sept" && **name == *"september");
    if text.len() < LEAST {
        return None;
    }
    MONTHS.iter().position(is).and_then(|index| i8::try_from(index + 1).ok())
}

/// `q3` or `3q`: its first month.
fn quarter(text: &str) -> Option<i8> {
    let number = text.strip_prefix('q').or_else(|| text.strip_suffix('q'))?;
    number.parse().ok().filter(|number| (1..=4).contains(number)).map(|number: i8| (number - 1) * 3 + 1)
}

/// `2026q3`, or `q3` with its year.
fn quarter_word(text: &str, of: Option<&str>) -> Option<(Date, i32)> {
    let (text, of) = match of {
        Some(of) => (text, of),
        None if text.is_ascii() && text.len() == 6 && !text.starts_with('q') => (&text[4..], &text[..4]),
        None if text.is_ascii() && text.len() == 6 => (&text[..2], &text[2..]),
        None => return None,
    };
    Some((in_year(year(of)?, quarter(text)?), 3))
}

/// The month of that number which began last.
fn latest(month: i8, today: Date) -> (Date, i32) {
    let this_year = in_year(today.first_of_year(), month);
    let from = if this_year > today { this_year.saturating_sub(1.year()) } else { this_year };
    (from, 1)
}

fn latest_quarter(first_month: i8, today: Date) -> (Date, i32) {
    (latest(first_month, today).0, 3)
}

#[cfg(test)]
mod tests;

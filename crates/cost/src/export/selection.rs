//! Which of a report's columns were asked for.

use crate::error::Error;

/// How many near names are told.
const MOST_NEAR: usize = 5;

/// The places of the columns that were asked for; of all where none were.
///
/// # Errors
/// [`Error::UnknownColumn`] for the first that there is none of, with those that are near.
pub(super) fn places(names: &[String], asked: Option<&[String]>) -> Result<Vec<usize>, Error> {
    let Some(asked) = asked else { return Ok((0..names.len()).collect()) };
    asked
        .iter()
        .map(|one| {
            let place = names.iter().position(|name| name.eq_ignore_ascii_case(one.trim()));
            place.ok_or_else(|| Error::UnknownColumn { name: one.clone(), near: near(one, names) })
        })
        .collect()
}

/// The names that are most like another.
fn near(name: &str, names: &[String]) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    let mut ranked: Vec<_> = names
        .iter()
        .map(|other| {
            let lower = other.to_ascii_lowercase();
            let holds = lower.contains(&name) || name.contains(&lower);
            (!holds, distance(&name, &lower), other)
        })
        .collect();
    ranked.sort_by_key(|(apart, distance, _)| (*apart, *distance));
    ranked.into_iter().take(MOST_NEAR).map(|(_, _, name)| name.clone()).collect()
}

/// How many characters must be put in, left out or exchanged (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (line, char) in one.chars().enumerate() {
        let mut corner = line;
        let mut left = line + 1;
        for (above, with) in row.iter_mut().skip(1).zip(other.chars()) {
            let exchanged = corner + usize::from(char != with);
            corner = *above;
            *above = exchanged.min(corner + 1).min(left + 1);
            left = *above;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn columns_are_found_in_any_case_and_in_the_order_asked_for() {
        let report = names(&["Date", "CostInBillingCurrency", "MeterName", "Tags"]);
        assert_eq!(places(&report, None).unwrap(), [0, 1, 2, 3]);
        assert_eq!(places(&report, Some(&names(&["tags", " DATE"]))).unwrap(), [3, 0]);
        let Err(Error::UnknownColumn { name, near }) = places(&report, Some(&names(&["Date", "costs"])))
        else {
            panic!()
        };
        assert_eq!((name.as_str(), near.len()), ("costs", 4));
        let Err(Error::UnknownColumn { near, .. }) = places(&report, Some(&names(&["MetreName"]))) else {
            panic!()
        };
        assert_eq!(near.first().map(String::as_str), Some("MeterName"));
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}

//! Which of a report's columns were asked for.

use crate::error::Error;
use crate::nearest::nearest;

/// How many near names are told.
const MOST_NEAR: usize = 5;

/// The places of the columns that were asked for; of all where none were.
///
/// # Errors
/// [`Error::UnknownColumn`] for the first that there is none of, with those that are near.
pub(super) fn places(names: &[String], asked: Option<&[String]>) -> Result<Vec<usize>, Error> {
    let Some(asked) = asked else { return Ok((0..names.len()).collect()) };
    let near = |name: &str| {
        nearest(name, names.iter().map(String::as_str), MOST_NEAR).into_iter().map(str::to_owned).collect()
    };
    asked
        .iter()
        .map(|one| {
            let place = names.iter().position(|name| name.eq_ignore_ascii_case(one.trim()));
            place.ok_or_else(|| Error::UnknownColumn { name: one.clone(), near: near(one) })
        })
        .collect()
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
    }
}

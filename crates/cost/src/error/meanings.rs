//! What Azure's refusals mean. The table itself is in `rows`.
//!
//! The codes alone do not tell: Cost Management writes `BadRequest` and `NotFound`, or the status as a number, over real
//! mistakes and over subscriptions that it does not cover. So rows that look at the message come first; then codes; last the
//! status, for what is not known.

use super::{AzureError, Error};
use rows::ROWS;

mod rows;

/// Makes the error that a row stands for.
type Meaning = fn(Box<AzureError>) -> Error;

/// What is told to the person who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    /// What happened.
    pub(super) happened: &'static str,
    /// What to do next.
    pub(super) next: &'static str,
}

/// A row: it stands for a refusal that fits all that it names. A list that is empty fits everything.
pub(super) struct Row {
    statuses: &'static [u16],
    /// Azure's codes. Upper and lower case do not matter.
    codes: &'static [&'static str],
    /// What a message holds, in small letters; a star stands for anything.
    says: &'static [&'static str],
    pub(super) error: Meaning,
    pub(super) advice: Advice,
    /// Where it was met.
    pub(super) source: &'static str,
}

impl Row {
    /// A row that goes by the message.
    const fn says(
        says: &'static [&'static str],
        error: Meaning,
        advice: Advice,
        source: &'static str,
    ) -> Self {
        Self { statuses: &[], codes: &[], says, error, advice, source }
    }

    /// A row that goes by Azure's code.
    const fn code(
        codes: &'static [&'static str],
        error: Meaning,
        advice: Advice,
        source: &'static str,
    ) -> Self {
        Self { statuses: &[], codes, says: &[], error, advice, source }
    }

    /// A row for what is not known but by its status.
    const fn status(statuses: &'static [u16], error: Meaning, advice: Advice, source: &'static str) -> Self {
        Self { statuses, codes: &[], says: &[], error, advice, source }
    }

    const fn with_status(self, statuses: &'static [u16]) -> Self {
        Self { statuses, ..self }
    }

    fn fits(&self, azure: &AzureError, message: &str) -> bool {
        let code = azure.code.as_deref().unwrap_or_default();
        // A server that fails says little about the question, whatever code it writes.
        let any = self.statuses.is_empty() && azure.status < 500;
        (any || self.statuses.contains(&azure.status))
            && (self.codes.is_empty() || self.codes.iter().any(|known| known.eq_ignore_ascii_case(code)))
            && (self.says.is_empty() || self.says.iter().any(|pattern| holds(message, pattern)))
    }
}

/// The first row that fits.
pub(super) fn of(azure: &AzureError) -> Option<&'static Row> {
    let message = azure.message().unwrap_or_default().to_lowercase();
    ROWS.iter().find(|row| row.fits(azure, &message))
}

/// Whether the table has this code of Azure's.
pub(super) fn knows_code(code: &str) -> bool {
    ROWS.iter().any(|row| row.codes.iter().any(|known| known.eq_ignore_ascii_case(code)))
}

/// Whether the parts of a pattern stand in a text, one after the other.
fn holds(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    pattern.split('*').all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_in_between() {
        assert!(holds("x: the offer ms-azr-0243p is not supported.", "the offer * is not supported"));
        assert!(!holds("is not supported: the offer", "the offer*is not supported"));
    }

    #[test]
    fn every_row_says_what_to_do_and_where_it_was_met() {
        for row in ROWS {
            let Advice { happened, next } = row.advice;
            assert!(happened.ends_with('.') && next.ends_with('.'), "{happened} {next}");
            assert!(row.source.starts_with("https://"), "{happened}");
            assert!(!(row.statuses.is_empty() && row.codes.is_empty() && row.says.is_empty()), "{happened}");
            assert!(row.says.iter().all(|pattern| *pattern == pattern.to_lowercase()), "{:?}", row.says);
        }
    }
}

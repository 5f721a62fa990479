//! The columns of the file, in their order, and where each value comes from. docs/focus.md has this table: a test compares.

use std::sync::LazyLock;

use super::input::In;
use super::row::{Row, fixed, text};
use crate::error::Error;
use crate::table::{Cell, Column, Kind};

mod custom;
mod standard;

/// A column.
pub(super) struct Rule {
    pub(super) name: &'static str,
    kind: Kind,
    /// Where its value comes from, for people.
    #[cfg_attr(not(test), expect(dead_code, reason = "docs/focus.md has it, and a test compares"))]
    pub(super) from: &'static str,
    how: How,
}

/// How a value is made.
#[derive(Clone, Copy)]
enum How {
    /// As it stands in the report.
    Same(In),
    /// The same without Azure's words for nothing.
    Known(In),
    Amount(In),
    Yes(In),
    /// The first moment of a day, so many days later.
    Moment(In, i64),
    Fixed(&'static str),
    Null,
    By(for<'a> fn(&Row<'a>) -> Cell<'a>),
    /// Of a number, which may not be one.
    Try(for<'a> fn(&Row<'a>) -> Result<Cell<'a>, Error>),
}

impl Rule {
    pub(super) fn cell<'a>(&self, row: &Row<'a>) -> Result<Cell<'a>, Error> {
        let input = &row.input;
        Ok(match self.how {
            How::Same(of) => input.some(of).map_or(Cell::Null, text),
            How::Known(of) => input.known(of).map_or(Cell::Null, text),
            How::Amount(of) => input.amount(of)?,
            How::Yes(of) => {
                input.some(of).map_or(Cell::Null, |yes| Cell::Boolean(yes.eq_ignore_ascii_case("true")))
            }
            How::Moment(of, days) => input.moment(of, days)?.map_or(Cell::Null, Cell::Timestamp),
            How::Fixed(text) => fixed(text),
            How::Null => Cell::Null,
            How::By(made) => made(row),
            How::Try(made) => made(row)?,
        })
    }
}

pub(super) static COLUMNS: LazyLock<Vec<Column>> =
    LazyLock::new(|| rules().map(|rule| Column { name: rule.name.into(), kind: rule.kind }).collect());

/// All columns, FOCUS's first.
pub(super) fn rules() -> impl Iterator<Item = &'static Rule> {
    standard::RULES.iter().chain(custom::RULES)
}

/// How many columns there are.
pub(super) const COUNT: usize = standard::RULES.len() + custom::RULES.len();

const fn rule(name: &'static str, kind: Kind, from: &'static str, how: How) -> Rule {
    Rule { name, kind, from, how }
}

fn some(of: &str) -> Cell<'_> {
    if of.is_empty() { Cell::Null } else { text(of) }
}

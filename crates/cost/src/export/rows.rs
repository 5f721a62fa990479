//! Azure's lines as rows of a file: the columns that were asked for, each of its kind.

use std::borrow::Cow;

use super::date::day;
use super::decimal::plain;
use super::kinds::kind;
use super::records::Row;
use super::selection::places;
use crate::error::Error;
use crate::table::{Cell, Column, Kind};

/// Where each column of the file stands in Azure's lines.
pub(super) struct Rows {
    pub(super) columns: Vec<Column>,
    places: Vec<usize>,
}

impl Rows {
    /// `as_text` leaves every cell as Azure wrote it.
    pub(super) fn new(names: &[String], asked: Option<&[String]>, as_text: bool) -> Result<Self, Error> {
        let places = places(names, asked)?;
        let names = places.iter().filter_map(|place| names.get(*place));
        let columns = names.map(|name| Column {
            name: Cow::Owned(name.clone()),
            kind: if as_text { Kind::Text } else { kind(name) },
        });
        Ok(Self { columns: columns.collect(), places })
    }

    /// The cells of a line, the so many-th of all.
    pub(super) fn cells<'a>(&self, row: Row<'a>, number: u64) -> Result<Vec<Cell<'a>>, Error> {
        let mut cells = Vec::with_capacity(self.columns.len());
        for (column, place) in self.columns.iter().zip(&self.places) {
            let cell = cell(row.cell(*place), column.kind);
            let unread = || Error::InexactValue { column: column.name.to_string(), row: number };
            cells.push(cell.ok_or_else(unread)?);
        }
        Ok(cells)
    }
}

/// A cell of its kind. Azure's reports have no moments and no truth values.
fn cell(text: &str, kind: Kind) -> Option<Cell<'_>> {
    Some(match kind {
        _ if text.is_empty() => Cell::Null,
        Kind::Decimal => Cell::Decimal(plain(text)?),
        Kind::Date => Cell::Date(day(text)?),
        Kind::Text | Kind::Timestamp | Kind::Boolean => Cell::Text(Cow::Borrowed(text)),
    })
}

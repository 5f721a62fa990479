//! Azure's lines as rows of a file: its own columns or FOCUS's, those that were asked for.

use std::borrow::Cow;

use super::date::day;
use super::decimal::plain;
use super::kinds::kind;
use super::plan::ExportPlan;
use super::records::Row;
use super::selection::places;
use crate::error::Error;
use crate::focus::{Converter, OpenData, Source};
use crate::query::Metric;
use crate::table::{Cell, Column, Kind};

/// Makes rows.
pub(super) struct Rows {
    pub(super) columns: Vec<Column>,
    /// Where each column stands among all.
    places: Vec<usize>,
    whose: Whose,
}

/// Whose columns they are.
enum Whose {
    Azure,
    Focus(Box<Converter>),
    /// There is no report and so there are no lines.
    Nobody,
}

impl Rows {
    /// `names` is the header of Azure's report.
    pub(super) fn new(names: &[String], plan: &ExportPlan, open_data: &OpenData) -> Result<Self, Error> {
        if plan.format.is_focus() {
            let converter = Converter::new(names.iter().map(String::as_str), open_data)?;
            return Self::of(Converter::columns(), plan, Whose::Focus(Box::new(converter)));
        }
        Self::of(&azures(names, plan.format.is_csv()), plan, Whose::Azure)
    }

    /// Of no report: FOCUS has its columns all the same, and of Azure's there are those that were asked for, or the usual ones.
    pub(super) fn of_no_report(usual: &[&str], plan: &ExportPlan) -> Result<Self, Error> {
        if plan.format.is_focus() {
            return Self::of(Converter::columns(), plan, Whose::Nobody);
        }
        let usual = || usual.iter().map(ToString::to_string).collect();
        let names: Vec<String> = plan.columns.clone().unwrap_or_else(usual);
        Self::of(&azures(&names, plan.format.is_csv()), plan, Whose::Nobody)
    }

    fn of(all: &[Column], plan: &ExportPlan, whose: Whose) -> Result<Self, Error> {
        let names: Vec<_> = all.iter().map(|column| column.name.to_string()).collect();
        let places = places(&names, plan.columns.as_deref())?;
        let columns = places.iter().filter_map(|place| all.get(*place)).cloned().collect();
        Ok(Self { columns, places, whose })
    }

    /// The row that a line becomes, which is the so many-th of all. `None` where it is no part of the file.
    pub(super) fn row<'a>(
        &'a mut self,
        row: Row<'a>,
        number: u64,
        metric: Metric,
    ) -> Result<Option<Vec<Cell<'a>>>, Error> {
        match &mut self.whose {
            Whose::Nobody => Ok(None),
            Whose::Azure => {
                let cells = self.columns.iter().zip(&self.places).map(|(column, place)| {
                    let cell = cell(row.cell(*place), column.kind);
                    cell.ok_or_else(|| Error::InexactValue { column: column.name.to_string(), row: number })
                });
                cells.collect::<Result<_, _>>().map(Some)
            }
            Whose::Focus(converter) => {
                let cells = converter.row(|place| row.cell(place), source(metric))?;
                Ok(cells.map(|cells| picked(cells, &self.places)))
            }
        }
    }
}

fn azures(names: &[String], as_text: bool) -> Vec<Column> {
    let column = |name: &String| Column {
        name: Cow::Owned(name.clone()),
        // A CSV has every cell as Azure wrote it.
        kind: if as_text { Kind::Text } else { kind(name) },
    };
    names.iter().map(column).collect()
}

fn picked<'a>(mut cells: Vec<Cell<'a>>, places: &[usize]) -> Vec<Cell<'a>> {
    let take =
        |place: &usize| cells.get_mut(*place).map_or(Cell::Null, |cell| std::mem::replace(cell, Cell::Null));
    places.iter().map(take).collect()
}

const fn source(metric: Metric) -> Source {
    match metric {
        Metric::Amortized => Source::Amortized,
        Metric::Actual => Source::Actual,
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

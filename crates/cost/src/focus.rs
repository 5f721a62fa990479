//! FOCUS 1.2 of Azure's reports: an amortized and an actual report of the same days become one file, row by row, as Microsoft
//! describes (<https://learn.microsoft.com/cloud-computing/finops/focus/convert>). Knows no HTTP and no file format.
//!
//! | module | what it holds |
//! |---|---|
//! | `rules` | the columns, and where each value comes from: the table of docs/focus.md |
//! | `row`, `charge` | what a value is where it is more than a copy |
//! | `input` | the columns of a report, by either agreement's names |
//! | `number`, `unit`, `json` | exact numbers, blocks of units, tags |
//! | `open_data`, `category` | names that no report holds, and FOCUS's closed lists |

use std::collections::HashMap;

pub use open_data::{BadOpenData, OpenData};

use charge::{Charge, Model};
use input::{In, Input, Layout};
use row::Row;
use rules::{COLUMNS, COUNT, rules};
use scratch::Scratch;
use unit::Unit;

use crate::error::Error;
use crate::table::{Cell, Column};
use number::Number;

mod category;
mod charge;
mod input;
mod json;
mod number;
mod open_data;
mod row;
mod rules;
mod scratch;
mod unit;

/// The version of FOCUS that the columns and their values are of.
pub const VERSION: &str = "1.2";

/// Units of measure that are kept read. Azure has some hundred.
const UNITS_KEPT: usize = 4096;

/// Which report a line is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Commitments spread over their term: all of its lines are in the file.
    Amortized,
    /// As billed: the lines of commitments that the other report spreads are in the file.
    Actual,
}

/// Turns the lines of reports with one header into rows of FOCUS.
#[derive(Debug)]
pub struct Converter {
    layout: Layout,
    open_data: OpenData,
    scratch: Scratch,
    units: HashMap<String, Unit>,
}

impl Converter {
    /// Finds the columns, whatever their case, and whose agreement they are of.
    ///
    /// # Errors
    /// [`Error::DamagedReport`] where a column is missing without which no row can be made.
    pub fn new<'h>(header: impl IntoIterator<Item = &'h str>, open_data: &OpenData) -> Result<Self, Error> {
        let layout = Layout::of(header)?;
        let (scratch, units) = (Scratch::default(), HashMap::new());
        Ok(Self { layout, open_data: open_data.clone(), scratch, units })
    }

    /// The columns of the file, whatever the report.
    pub fn columns() -> &'static [Column] {
        &COLUMNS
    }

    /// The row that a line becomes: a cell for each column. `None` where the line is no part of the file. `cell` is the line's at a
    /// place; empty where it has none.
    ///
    /// # Errors
    /// [`Error::DamagedReport`] for a number or a day that is none.
    pub fn row<'a>(
        &'a mut self,
        cell: impl Fn(usize) -> &'a str,
        source: Source,
    ) -> Result<Option<Vec<Cell<'a>>>, Error> {
        let input = Input::of(&self.layout, cell);
        if source == Source::Actual && !is_of_actual(&input)? {
            return Ok(None);
        }
        self.scratch.fill(&input);
        let measure = input.text(In::UnitOfMeasure);
        if self.units.len() >= UNITS_KEPT {
            self.units.clear();
        }
        if self.open_data.unit(measure).is_none() && !self.units.contains_key(measure) {
            self.units.insert(measure.to_owned(), Unit::read(measure));
        }
        let unit = self.open_data.unit(measure).or_else(|| self.units.get(measure)).unwrap_or(&unit::ONE);
        let row = Row::of(input, source, &self.open_data, &self.scratch, unit)?;
        let mut cells = Vec::with_capacity(COUNT);
        for rule in rules() {
            cells.push(rule.cell(&row)?);
        }
        Ok(Some(cells))
    }
}

/// Of the actual report the file has what the amortized report spreads: purchases and refunds of commitments, and what else they
/// cost. Usage that they cover costs nothing there and is in the other report.
fn is_of_actual(input: &Input<'_>) -> Result<bool, Error> {
    if !Model::of(input.text(In::PricingModel)).is_committed {
        return Ok(false);
    }
    if Charge::of(input.text(In::ChargeType)).is_beside_usage() {
        return Ok(true);
    }
    Ok(input.number(In::Cost)?.is_some_and(|cost| !Number::is_zero(&cost)))
}

#[cfg(test)]
mod tests;

//! Rows as CSV (RFC 4180), where they are not Azure's own lines.

use std::io::Write;

use csv::{Terminator, Writer, WriterBuilder};

use super::decimal;
use super::encoder::{Encoder, write_plain};
use super::output::Output;
use crate::error::Error;
use crate::json::BYTE_ORDER_MARK;
use crate::table::{Cell, Column};

/// A CSV.
pub(super) struct Delimited<W: Write> {
    writer: Writer<Output<W>>,
    /// Whether a spreadsheet may run no cell as a formula.
    safe: bool,
    cell: Vec<u8>,
}

/// How the file looks.
#[derive(Clone, Copy)]
pub(super) struct Look {
    /// Whether it begins with a byte order mark.
    pub(super) marked: bool,
    pub(super) crlf: bool,
    pub(super) safe: bool,
}

impl<W: Write> Delimited<W> {
    pub(super) fn new(mut output: Output<W>, columns: &[Column], look: Look) -> Result<Self, Error> {
        if look.marked {
            output.write_all(BYTE_ORDER_MARK).map_err(Error::Unwritable)?;
        }
        let terminator = if look.crlf { Terminator::CRLF } else { Terminator::Any(b'\n') };
        let mut writer = WriterBuilder::new().terminator(terminator).from_writer(output);
        let names = columns.iter().map(|column| column.name.as_bytes());
        writer.write_record(names).map_err(unwritable)?;
        Ok(Self { writer, safe: look.safe, cell: Vec::new() })
    }
}

impl<W: Write> Encoder<W> for Delimited<W> {
    fn row(&mut self, _: u64, cells: &[Cell<'_>]) -> Result<(), Error> {
        for cell in cells {
            self.cell.clear();
            if self.safe && matches!(cell, Cell::Text(text) if is_formula(text)) {
                self.cell.push(b'\'');
            }
            write_plain(cell, &mut self.cell);
            self.writer.write_field(&self.cell).map_err(unwritable)?;
        }
        self.writer.write_record(None::<&[u8]>).map_err(unwritable)
    }

    fn finish(self: Box<Self>) -> Result<W, Error> {
        let output = self.writer.into_inner();
        output.map_err(|error| Error::Unwritable(error.into_error()))?.finish()
    }
}

/// Whether a spreadsheet takes a cell for a formula: <https://owasp.org/www-community/attacks/CSV_Injection>. A plain number
/// with a sign is none.
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r']) && decimal::plain(text).is_none()
}

fn unwritable(error: csv::Error) -> Error {
    Error::Unwritable(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_told_from_numbers() {
        for text in ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "-1+cmd|' /C calc'!A0", "-", "=", "+"]
        {
            assert!(is_formula(text), "{text:?}");
        }
        for text in ["", "-1.5", "-1E-05", "+3", "a=b", "'=1", "1-2", "2026-11-01"] {
            assert!(!is_formula(text), "{text:?}");
        }
    }
}

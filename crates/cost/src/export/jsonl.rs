//! Rows as JSON, an object on each line. Numbers have all their digits; a reader that takes them for floating point rounds them.

use std::io::Write;

use super::encoder::{Encoder, write_plain};
use super::output::Output;
use crate::error::Error;
use crate::table::{Cell, Column};

/// Lines of JSON.
pub(super) struct Jsonl<W: Write> {
    output: Output<W>,
    /// What stands before each value: `{"Date":` or `,"Cost":`.
    names: Vec<Vec<u8>>,
    line: Vec<u8>,
}

impl<W: Write> Jsonl<W> {
    pub(super) fn new(output: Output<W>, columns: &[Column]) -> Self {
        let name = |(at, column): (usize, &Column)| {
            let mut name = if at == 0 { b"{".to_vec() } else { b",".to_vec() };
            write_text(&column.name, &mut name);
            name.push(b':');
            name
        };
        Self { output, names: columns.iter().enumerate().map(name).collect(), line: Vec::new() }
    }
}

impl<W: Write> Encoder<W> for Jsonl<W> {
    fn row(&mut self, _: u64, cells: &[Cell<'_>]) -> Result<(), Error> {
        self.line.clear();
        for (name, cell) in self.names.iter().zip(cells) {
            self.line.extend_from_slice(name);
            match cell {
                Cell::Null => self.line.extend_from_slice(b"null"),
                Cell::Decimal(_) | Cell::Boolean(_) => write_plain(cell, &mut self.line),
                Cell::Text(text) => write_text(text, &mut self.line),
                Cell::Date(_) | Cell::Timestamp(_) => {
                    self.line.push(b'"');
                    write_plain(cell, &mut self.line);
                    self.line.push(b'"');
                }
            }
        }
        self.line.extend_from_slice(b"}\n");
        self.output.write_all(&self.line).map_err(Error::Unwritable)
    }

    fn finish(self: Box<Self>) -> Result<W, Error> {
        self.output.finish()
    }
}

fn write_text(text: &str, into: &mut Vec<u8>) {
    // A text is always JSON, and a vector takes everything.
    let _ = serde_json::to_writer(into, text);
}

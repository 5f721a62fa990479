//! The text of a cost details file: a byte order mark, a header line, and rows as RFC 4180 has them.
//!
//! Must not know where a row stands among others.

use std::io::{self, Write};

use super::columns::{self, Column};
use crate::arm::agreement::Agreement;
use crate::arm::costs::Row;

/// Writes the rows of an agreement's file.
pub(super) struct Lines {
    columns: &'static [Column],
}

impl Lines {
    /// Those of the agreement; one whose header is odd lacks the last column.
    pub(super) fn of(agreement: Agreement, is_odd: bool) -> Self {
        let columns = columns::of(agreement);
        Self { columns: &columns[..columns.len() - usize::from(is_odd)] }
    }

    /// What every file begins with.
    pub(super) fn head(&self, to: &mut impl Write) -> io::Result<()> {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        write!(to, "\u{feff}{}\r\n", names.join(","))
    }

    pub(super) fn row(&self, row: &Row<'_>, to: &mut impl Write) -> io::Result<()> {
        for (at, (_, value)) in self.columns.iter().enumerate() {
            if at > 0 {
                to.write_all(b",")?;
            }
            field(&value(row), to)?;
        }
        to.write_all(b"\r\n")
    }
}

/// Quoted where RFC 4180 demands it.
fn field(text: &str, to: &mut impl Write) -> io::Result<()> {
    if text.contains([',', '"', '\n', '\r']) {
        write!(to, "\"{}\"", text.replace('"', "\"\""))
    } else {
        to.write_all(text.as_bytes())
    }
}

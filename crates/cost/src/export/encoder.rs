//! What every format of rows can do.

use std::io::Write;

use crate::error::Error;
use crate::table::Cell;

/// Writes rows in a format.
pub(super) trait Encoder<W> {
    /// A row, the so many-th of the file, with a cell for each column.
    fn row(&mut self, number: u64, cells: &[Cell<'_>]) -> Result<(), Error>;

    /// Writes what is left and gives the sink back.
    fn finish(self: Box<Self>) -> Result<W, Error>;
}

/// Writes the text of a cell that is no text by itself: a number plain, a day and a moment as ISO 8601 has them.
pub(super) fn write_plain(cell: &Cell<'_>, into: &mut Vec<u8>) {
    // A vector takes everything.
    let _ = match cell {
        Cell::Null => Ok(()),
        Cell::Text(text) | Cell::Decimal(text) => into.write_all(text.as_bytes()),
        Cell::Date(day) => write!(into, "{day}"),
        Cell::Timestamp(moment) => write!(into, "{moment}"),
        Cell::Boolean(value) => write!(into, "{value}"),
    };
}

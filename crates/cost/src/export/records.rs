//! Reads a CSV record by record, and hands its bytes on as they are. Knows nothing of Azure.

use std::io::BufRead;

use csv_core::{ReadRecordResult, Reader};

use super::intake::unreadable;
use crate::error::Error;

/// The most bytes of one record. Beyond is a file whose quotes are not closed.
const MOST_BYTES: usize = 1024 * 1024;
/// The most cells of one record. Azure's reports have about 60.
const MOST_CELLS: usize = 4096;

/// The record that was read last, and the state of the file.
pub(super) struct Records {
    core: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    cells: usize,
    /// Whether bytes came that are a part of a record which has not ended.
    begun: bool,
}

/// The first record of a file.
#[derive(Clone, Debug)]
pub(super) struct Header {
    /// Its bytes, with its line end if it has one.
    pub(super) bytes: Vec<u8>,
    pub(super) names: Vec<String>,
}

/// Takes the bytes of records.
pub(super) type Raw<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), Error>;

impl Records {
    pub(super) fn new() -> Self {
        Self { core: Reader::new(), text: vec![0; 8192], ends: vec![0; 128], cells: 0, begun: false }
    }

    /// The header. `None` is a file without anything.
    pub(super) fn header(&mut self, file: &mut dyn BufRead) -> Result<Option<Header>, Error> {
        self.core.reset();
        let mut bytes = Vec::new();
        let there = self.next(file, &mut |raw| {
            bytes.extend_from_slice(raw);
            Ok(())
        })?;
        // The reader stops between the two characters of a `\r\n`.
        if bytes.ends_with(b"\r") && file.fill_buf().map_err(unreadable)?.starts_with(b"\n") {
            bytes.push(b'\n');
            file.consume(1);
        }
        self.core.reset();
        let names = self.row().map(|row| row.cells().map(str::to_owned).collect())?;
        Ok(there.then_some(Header { bytes, names }))
    }

    /// Reads the next record; `false` at the end of the file.
    pub(super) fn next(&mut self, file: &mut dyn BufRead, raw: Raw<'_>) -> Result<bool, Error> {
        let (mut written, mut ended) = (0, 0);
        loop {
            let input = file.fill_buf().map_err(unreadable)?;
            if input.is_empty() && !self.begun {
                self.cells = 0;
                return Ok(false);
            }
            // At the end of the file a line end is tried. Inside quotes it would be a part of the cell, and the rows of the file
            // that comes next would be too.
            let at_end = input.is_empty();
            let shown = if at_end { b"\n" } else { input };
            let text = self.text.get_mut(written..).unwrap_or_default();
            let ends = self.ends.get_mut(ended..).unwrap_or_default();
            let (result, read, more, cells) = self.core.read_record(shown, text, ends);
            let taken = shown.get(..read).unwrap_or_default();
            written += more;
            ended += cells;
            if !at_end {
                self.begun |= taken.iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
                raw(taken)?;
                file.consume(read);
            }
            match result {
                ReadRecordResult::Record => {
                    (self.cells, self.begun) = (ended, false);
                    return Ok(true);
                }
                ReadRecordResult::InputEmpty if at_end => {
                    return Err(Error::DamagedReport { what: "a file ends inside quotes" });
                }
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => grow(&mut self.text, MOST_BYTES)?,
                ReadRecordResult::OutputEndsFull => grow(&mut self.ends, MOST_CELLS)?,
                ReadRecordResult::End => return Ok(false),
            }
        }
    }

    /// The record that was read last.
    pub(super) fn row(&self) -> Result<Row<'_>, Error> {
        let ends = self.ends.get(..self.cells).unwrap_or_default();
        let text = self.text.get(..ends.last().copied().unwrap_or(0)).unwrap_or_default();
        let row = Row { text: std::str::from_utf8(text).map_err(|_| NOT_TEXT)?, ends };
        // Halves of a character in two cells make one where they meet.
        if ends.iter().any(|end| !row.text.is_char_boundary(*end)) {
            return Err(NOT_TEXT);
        }
        Ok(row)
    }
}

const NOT_TEXT: Error = Error::DamagedReport { what: "a file is not a CSV" };

fn grow<T: Clone + Default>(room: &mut Vec<T>, most: usize) -> Result<(), Error> {
    if room.len() >= most {
        return Err(Error::DamagedReport { what: "a line is longer than any of Azure's" });
    }
    room.resize(room.len() * 2, T::default());
    Ok(())
}

/// The cells of a record.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    text: &'a str,
    ends: &'a [usize],
}

impl<'a> Row<'a> {
    pub(super) const fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn cells(self) -> impl Iterator<Item = &'a str> {
        (0..self.len()).map(move |at| self.cell(at))
    }

    /// A cell; empty where there is none.
    pub(super) fn cell(self, at: usize) -> &'a str {
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(at).and_then(|end| self.text.get(start..*end)).unwrap_or_default()
    }
}

impl Header {
    /// How its line ends, and so the file's lines. One that is all of its file may have no end.
    pub(super) fn line_end(&self) -> Option<&'static [u8]> {
        const ENDS: [&[u8]; 2] = [b"\r\n", b"\n"];
        ENDS.into_iter().find(|end| self.bytes.ends_with(end))
    }

    /// <https://github.com/finopsfoundation/focus_converters/issues/331>: agreements write one header in two cases.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.names.len() == other.names.len()
            && self.names.iter().zip(&other.names).all(|(one, other)| one.eq_ignore_ascii_case(other))
    }
}

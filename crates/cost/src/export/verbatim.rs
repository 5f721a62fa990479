//! Azure's own files below each other: the first header, then the lines as they are.

use std::io::Write;

use super::output::Output;
use super::records::Header;
use crate::error::Error;
use crate::json::BYTE_ORDER_MARK;

/// A CSV that is copied.
pub(super) struct Verbatim<W: Write> {
    output: Output<W>,
    /// How Azure ends its lines, in the first file that shows it.
    line_end: Option<&'static [u8]>,
    /// Whether the line that was written last has its end, so that another can follow.
    ended: bool,
    /// Whether what comes next begins a file.
    begins: bool,
}

impl<W: Write> Verbatim<W> {
    pub(super) const fn new(output: Output<W>) -> Self {
        Self { output, line_end: None, ended: true, begins: false }
    }

    /// The first file's header.
    pub(super) fn header(&mut self, header: &Header, marked: bool) -> Result<(), Error> {
        if marked {
            self.write(BYTE_ORDER_MARK)?;
        }
        self.write(&header.bytes)
    }

    /// From here on come the lines of another file, whose header ends like this.
    pub(super) fn begin_lines(&mut self, line_end: Option<&'static [u8]>) {
        self.begins = true;
        self.line_end = self.line_end.or(line_end);
    }

    /// Bytes of lines. The line end that the file before left out comes first.
    pub(super) fn lines(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.begins) && !self.ended {
            self.write(self.line_end.unwrap_or(b"\r\n"))?;
        }
        self.write(bytes)
    }

    pub(super) fn finish(self) -> Result<W, Error> {
        self.output.finish()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.ended = bytes.ends_with(b"\n");
        self.output.write_all(bytes).map_err(Error::Unwritable)
    }
}

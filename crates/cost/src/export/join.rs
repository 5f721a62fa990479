//! The files of all reports into one. Runs on the thread that writes.

use std::io::Write;
use std::sync::Arc;

use super::format::Format;
use super::intake::{unmarked, unpacked, unreadable};
use super::output::Output;
use super::pipe::Inlet;
use super::plan::ExportPlan;
use super::progress::ExportProgress;
use super::records::{Header, Records, Row};
use super::sheet::Sheet;
use super::verbatim::Verbatim;
use crate::error::Error;
use crate::focus::OpenData;
use crate::query::Metric;

/// Writes all files that come into the sink, and gives it back with the count of rows.
pub(super) fn write<W: Write + Send>(
    (plan, open_data): (&ExportPlan, &OpenData),
    mut inlet: Inlet,
    sink: W,
    progress: &Arc<ExportProgress>,
) -> Result<(u64, W), Error> {
    let mut body = Body::new(plan, open_data, sink);
    let mut joined = Joined { records: Records::new(), first: None, rows: 0, progress };
    while let Some(metric) = inlet.next_file().map_err(unreadable)? {
        joined.file((&mut inlet, metric), &mut body)?;
    }
    Ok((joined.rows, body.finish()?))
}

/// What is written.
enum Body<'a, W: Write> {
    /// Azure's lines as they are. They are read all the same: what is damaged must be found.
    Verbatim(Verbatim<W>),
    /// Rows.
    Sheet(Sheet<'a, W>),
}

impl<'a, W: Write + Send + 'a> Body<'a, W> {
    fn new(plan: &'a ExportPlan, open_data: &'a OpenData, sink: W) -> Self {
        if plan.is_verbatim() {
            Self::Verbatim(Verbatim::new(Output::new(sink, plan.format == Format::CsvGz)))
        } else {
            Self::Sheet(Sheet::new(plan, open_data, sink))
        }
    }

    fn header(&mut self, header: &Header, marked: bool) -> Result<(), Error> {
        match self {
            Self::Verbatim(body) => body.header(header, marked),
            Self::Sheet(body) => body.header(header, marked),
        }
    }

    fn begin_lines(&mut self, line_end: Option<&'static [u8]>) {
        if let Self::Verbatim(body) = self {
            body.begin_lines(line_end);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Verbatim(body) => body.lines(bytes),
            Self::Sheet(_) => Ok(()),
        }
    }

    /// A line; whether it is a row of the file.
    fn line(&mut self, row: Row<'_>, metric: Metric) -> Result<bool, Error> {
        match self {
            Self::Verbatim(_) => Ok(true),
            Self::Sheet(body) => body.line(row, metric),
        }
    }

    fn finish(self) -> Result<W, Error> {
        match self {
            Self::Verbatim(body) => body.finish(),
            Self::Sheet(body) => body.finish(),
        }
    }
}

/// What is known of the files so far.
struct Joined<'a> {
    records: Records,
    first: Option<Header>,
    rows: u64,
    progress: &'a Arc<ExportProgress>,
}

impl Joined<'_> {
    /// Adds a file. Its header must be that of the first, upper and lower case aside: columns that differ cannot be put below
    /// each other. Some of Azure's exporters begin a file with a byte order mark, and the first charge with another, which
    /// would be a part of its first cell: <https://github.com/Azure/azure-sdk-for-net/issues/34129>.
    fn file<'a, W: Write + Send + 'a>(
        &mut self,
        (inlet, metric): (&mut Inlet, Metric),
        body: &mut Body<'a, W>,
    ) -> Result<(), Error> {
        let file = unpacked(inlet).map_err(unreadable)?;
        let (marked, mut file) = unmarked(file).map_err(unreadable)?;
        let Some(header) = self.records.header(&mut *file)? else { return Ok(()) };
        let (cells, line_end) = (header.names.len(), header.line_end());
        match &self.first {
            None => {
                body.header(&header, marked)?;
                self.first = Some(header);
            }
            Some(first) if first.is_like(&header) => {}
            Some(_) => return Err(Error::DamagedReport { what: "its files have different columns" }),
        }
        body.begin_lines(line_end);
        let (_, mut lines) = unmarked(file).map_err(unreadable)?;
        while self.records.next(&mut *lines, &mut |raw| body.bytes(raw))? {
            let row = self.records.row()?;
            if row.len() != cells {
                return Err(Error::DamagedReport { what: "a line has more or fewer cells than the header" });
            }
            if body.line(row, metric)? {
                self.rows += 1;
                self.progress.row();
            }
        }
        Ok(())
    }
}

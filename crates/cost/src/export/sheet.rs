//! A file of rows in the plan's format. What its columns are is known with the first header.

use std::io::Write;

use super::delimited::{Delimited, Look};
use super::encoder::Encoder;
use super::format::Format;
use super::jsonl::Jsonl;
use super::kinds::OF_NO_REPORT;
use super::output::Output;
use super::parquet::Parquet;
use super::plan::ExportPlan;
use super::records::{Header, Row};
use super::rows::Rows;
use crate::error::Error;
use crate::focus::OpenData;
use crate::query::Metric;
use crate::table::Column;

/// A file that is encoded row by row.
pub(super) struct Sheet<'a, W> {
    plan: &'a ExportPlan,
    open_data: &'a OpenData,
    /// Until there is a header.
    sink: Option<W>,
    open: Option<(Rows, Box<dyn Encoder<W> + 'a>)>,
    /// Lines of Azure's so far.
    lines: u64,
}

impl<'a, W: Write + Send + 'a> Sheet<'a, W> {
    pub(super) const fn new(plan: &'a ExportPlan, open_data: &'a OpenData, sink: W) -> Self {
        Self { plan, open_data, sink: Some(sink), open: None, lines: 0 }
    }

    /// The first file's header.
    pub(super) fn header(&mut self, header: &Header, marked: bool) -> Result<(), Error> {
        let rows = Rows::new(&header.names, self.plan, self.open_data)?;
        // The mark is a part of Azure's file. One of FOCUS is ours.
        self.open(rows, marked && !self.plan.format.is_focus(), header.line_end() != Some(b"\n"))
    }

    /// A line of Azure's, from a report of this metric; whether it became a row.
    pub(super) fn line(&mut self, row: Row<'_>, metric: Metric) -> Result<bool, Error> {
        let Some((rows, encoder)) = &mut self.open else { return Ok(false) };
        self.lines += 1;
        let Some(cells) = rows.row(row, self.lines, metric)? else { return Ok(false) };
        encoder.row(self.lines, &cells)?;
        Ok(true)
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> Result<W, Error> {
        if self.open.is_none() {
            self.open(Rows::of_no_report(OF_NO_REPORT, self.plan)?, false, true)?;
        }
        match self.open {
            Some((_, encoder)) => encoder.finish(),
            None => Err(Error::WriterEnded),
        }
    }

    fn open(&mut self, rows: Rows, marked: bool, crlf: bool) -> Result<(), Error> {
        let sink = self.sink.take().ok_or(Error::WriterEnded)?;
        let look = Look { marked, crlf, safe: self.plan.spreadsheet_safe };
        let encoder = encoder(self.plan.format, sink, &rows.columns, look)?;
        self.open = Some((rows, encoder));
        Ok(())
    }
}

fn encoder<'a, W: Write + Send + 'a>(
    format: Format,
    sink: W,
    columns: &[Column],
    look: Look,
) -> Result<Box<dyn Encoder<W> + 'a>, Error> {
    Ok(match format {
        Format::Csv | Format::CsvGz | Format::FocusCsv => {
            let output = Output::new(sink, format == Format::CsvGz);
            Box::new(Delimited::new(output, columns, look)?)
        }
        Format::Jsonl => Box::new(Jsonl::new(Output::new(sink, false), columns)),
        Format::Parquet | Format::FocusParquet => Box::new(Parquet::new(sink, columns)?),
    })
}

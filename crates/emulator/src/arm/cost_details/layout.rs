//! How the rows of a report lie in its blobs, found in one pass over them: then each blob is written from its own first row on.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::civil::Date;

use super::Report;
use super::csv::Lines;
use crate::arm::costs::Row;
use crate::arm::query::Start;

/// The blobs of a report.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(crate) blobs: Vec<Extent>,
}

/// A blob: where its rows begin, how many there are, and how many bytes they take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    start: Start,
    rows: usize,
    pub(crate) bytes: u64,
}

impl Layout {
    /// Goes through all rows once.
    pub(super) fn measure(report: &Report) -> Self {
        let (mut blobs, mut place) = (Vec::new(), Place::default());
        let mut rows = report.scope.rows(report.wanted()).peekable();
        while let Some(first) = rows.peek() {
            let start = place.start(report, first);
            let mut counted = 0;
            let own = rows.by_ref().take(report.rows_per_blob).inspect(|row| {
                place.pass(row);
                counted += 1;
            });
            let mut size = Size(0);
            let written = report.write_rows(blobs.len(), own, &mut size);
            debug_assert!(written.is_ok(), "a count takes everything");
            blobs.push(Extent { start, rows: counted, bytes: size.0 });
        }
        Self { blobs }
    }
}

impl Report {
    /// Writes blob number `at`.
    pub(crate) fn write(&self, at: usize, extent: Extent, to: &mut impl Write) -> io::Result<()> {
        let rows = self.scope.rows_from(extent.start, self.wanted());
        self.write_rows(at, rows.take(extent.rows), to)
    }

    fn write_rows<'a>(
        &self,
        at: usize,
        rows: impl Iterator<Item = Row<'a>>,
        to: &mut impl Write,
    ) -> io::Result<()> {
        let lines = Lines::of(self.scope.agreement(), self.odd_header == Some(at));
        if !self.is_compressed {
            return plain(&lines, rows, to);
        }
        let mut packed = GzEncoder::new(to, Compression::fast());
        plain(&lines, rows, &mut packed)?;
        packed.finish().map(drop)
    }
}

fn plain<'a>(lines: &Lines, mut rows: impl Iterator<Item = Row<'a>>, to: &mut impl Write) -> io::Result<()> {
    lines.head(to)?;
    rows.try_for_each(|row| lines.row(&row, to))
}

/// Where among the rows of its subscription's day the next row stands.
#[derive(Default)]
struct Place {
    day: Option<(*const str, Date)>,
    passed: usize,
}

impl Place {
    fn start(&self, report: &Report, row: &Row<'_>) -> Start {
        let is_same = self.day == Some(Self::day(row));
        let subscription = report.scope.position(row.subscription);
        Start { subscription, day: row.date, skip: if is_same { self.passed } else { 0 } }
    }

    fn pass(&mut self, row: &Row<'_>) {
        let day = Some(Self::day(row));
        self.passed = if self.day == day { self.passed + 1 } else { 1 };
        self.day = day;
    }

    fn day(row: &Row<'_>) -> (*const str, Date) {
        (std::ptr::from_ref(row.subscription.id.as_str()), row.date)
    }
}

/// Counts what is written.
struct Size(u64);

impl Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

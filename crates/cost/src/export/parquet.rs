//! Rows as Apache Parquet. A group of rows is held until its cells have so many bytes, and then written column by column: so
//! memory has a bound, however long or wide the rows are.

use std::io;
use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::encoder::Encoder;
use crate::error::Error;
use crate::table::{Cell, Column};
use columns::Held;

mod columns;

/// The bytes of a group's cells: what is held, and what a reader reads at once.
const MOST_HELD: usize = 8 * 1024 * 1024;

/// A Parquet file.
pub(super) struct Parquet<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<Held>,
    held: usize,
}

impl<W: Write + Send> Parquet<W> {
    pub(super) fn new(sink: W, columns: &[Column]) -> Result<Self, Error> {
        let columns: Vec<_> = columns.iter().map(Held::new).collect();
        let fields = columns.iter().map(|column| column.field().map(Arc::new));
        let fields = fields.collect::<Result<_, _>>().map_err(unwritable)?;
        let schema = Type::group_type_builder("schema").with_fields(fields).build().map_err(unwritable)?;
        let file = SerializedFileWriter::new(sink, Arc::new(schema), Arc::new(properties()));
        Ok(Self { file: file.map_err(unwritable)?, columns, held: 0 })
    }

    /// Writes the rows that are held.
    fn flush(&mut self) -> Result<(), ParquetError> {
        if std::mem::take(&mut self.held) == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column()? else { continue };
            column.write(&mut writer)?;
            writer.close()?;
        }
        group.close()?;
        Ok(())
    }
}

impl<W: Write + Send> Encoder<W> for Parquet<W> {
    fn row(&mut self, number: u64, cells: &[Cell<'_>]) -> Result<(), Error> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            self.held += column.hold(cell, number)?;
        }
        if self.held >= MOST_HELD { self.flush().map_err(unwritable) } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<W, Error> {
        self.flush().map_err(unwritable)?;
        self.file.into_inner().map_err(unwritable)
    }
}

/// Statistics for each group, and no index of pages: a group is small.
fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_created_by(concat!("mcp-cost-server ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .build()
}

/// What the sink said stands within what the format's own library makes of it.
fn unwritable(error: ParquetError) -> Error {
    Error::Unwritable(match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(cause) => *cause,
            Err(cause) => io::Error::other(cause),
        },
        other => io::Error::other(other),
    })
}

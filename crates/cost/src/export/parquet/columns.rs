//! The cells of one column until they are written.

use std::borrow::Cow;

use bytes::Bytes;
use jiff::civil::{Date, date};
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::errors::Result;
use parquet::file::writer::SerializedColumnWriter;
use parquet::schema::types::Type;

use crate::error::Error;
use crate::export::decimal::unscaled;
use crate::table::{Cell, Column, Kind};

/// A number has up to 38 digits, 24 of them behind the point: what doubles print at 1E-10 and Azure's decimals fit, and amounts
/// below 100 trillion.
const DIGITS: i32 = 38;
const PLACES: u8 = 24;

/// The bytes of a number.
const WIDTH: u8 = 16;
/// Cells that are handed over at a time.
const BATCH: usize = 4096;

/// A column's cells.
pub(super) struct Held {
    name: Cow<'static, str>,
    kind: Kind,
    /// 1 where there is a value, 0 where there is none.
    levels: Vec<i16>,
    values: Values,
}

enum Values {
    /// One behind the other, and where each ends.
    Text(Vec<u8>, Vec<usize>),
    /// Big-endian, 16 bytes each.
    Decimals(Vec<u8>),
    Days(Vec<i32>),
    Moments(Vec<i64>),
    Booleans(Vec<bool>),
}

impl Held {
    pub(super) fn new(column: &Column) -> Self {
        let Column { name, kind } = column.clone();
        Self { name, kind, levels: Vec::new(), values: Values::of(kind) }
    }

    /// What the file's head says of it.
    pub(super) fn field(&self) -> Result<Type> {
        let (physical, logical, length) = match self.kind {
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String), -1),
            Kind::Decimal => {
                let logical = LogicalType::decimal(i32::from(PLACES), DIGITS);
                (Physical::FIXED_LEN_BYTE_ARRAY, Some(logical), i32::from(WIDTH))
            }
            Kind::Date => (Physical::INT32, Some(LogicalType::Date), -1),
            Kind::Timestamp => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS)), -1),
            Kind::Boolean => (Physical::BOOLEAN, None, -1),
        };
        let field = Type::primitive_type_builder(&self.name, physical).with_repetition(Repetition::OPTIONAL);
        let field = field.with_logical_type(logical).with_length(length);
        match self.kind {
            Kind::Decimal => field.with_precision(DIGITS).with_scale(i32::from(PLACES)).build(),
            _ => field.build(),
        }
    }

    /// Keeps a cell; how many bytes that takes.
    ///
    /// # Errors
    /// [`Error::InexactValue`] where the file would hold another value.
    pub(super) fn hold(&mut self, cell: &Cell<'_>, row: u64) -> std::result::Result<usize, Error> {
        let level = size_of::<i16>();
        let taken = match (&mut self.values, cell) {
            (_, Cell::Null) => {
                self.levels.push(0);
                return Ok(level);
            }
            (Values::Text(text, ends), Cell::Text(cell)) => {
                text.extend_from_slice(cell.as_bytes());
                ends.push(text.len());
                Some(cell.len() + size_of::<usize>())
            }
            (Values::Decimals(bytes), Cell::Decimal(number)) => {
                unscaled(number, PLACES.into()).map(|value| {
                    bytes.extend_from_slice(&value.to_be_bytes());
                    WIDTH.into()
                })
            }
            (Values::Days(days), Cell::Date(day)) => Some({
                days.push(days_since_1970(*day));
                size_of::<i32>()
            }),
            (Values::Moments(moments), Cell::Timestamp(moment)) => Some({
                moments.push(moment.as_microsecond());
                size_of::<i64>()
            }),
            (Values::Booleans(values), Cell::Boolean(value)) => Some({
                values.push(*value);
                size_of::<bool>()
            }),
            _ => None,
        };
        let taken = taken.ok_or_else(|| Error::InexactValue { column: self.name.to_string(), row })?;
        self.levels.push(1);
        Ok(level + taken)
    }

    /// Writes all cells and forgets them.
    pub(super) fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<()> {
        let levels = std::mem::take(&mut self.levels);
        let mut values = std::mem::replace(&mut self.values, Values::of(self.kind)).shared();
        for levels in levels.chunks(BATCH) {
            let count = levels.iter().filter(|level| **level == 1).count();
            values.write(count, levels, writer)?;
        }
        Ok(())
    }
}

impl Values {
    const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(Vec::new(), Vec::new()),
            Kind::Decimal => Self::Decimals(Vec::new()),
            Kind::Date => Self::Days(Vec::new()),
            Kind::Timestamp => Self::Moments(Vec::new()),
            Kind::Boolean => Self::Booleans(Vec::new()),
        }
    }

    fn shared(self) -> Shared {
        let (bytes, values) = match self {
            Self::Text(text, ends) => (Bytes::from(text), Self::Text(Vec::new(), ends)),
            Self::Decimals(bytes) => (Bytes::from(bytes), Self::Decimals(Vec::new())),
            other => (Bytes::new(), other),
        };
        Shared { bytes, values, written: 0 }
    }
}

/// The cells while they are written: bytes are handed over without a copy.
struct Shared {
    bytes: Bytes,
    values: Values,
    written: usize,
}

impl Shared {
    /// Writes the next so many values.
    fn write(&mut self, count: usize, levels: &[i16], writer: &mut SerializedColumnWriter<'_>) -> Result<()> {
        let range = self.written..self.written + count;
        self.written = range.end;
        let levels = Some(levels);
        match &self.values {
            Values::Text(_, ends) => {
                let start = |at: usize| at.checked_sub(1).and_then(|at| ends.get(at)).copied().unwrap_or(0);
                let text = |at| ByteArray::from(self.bytes.slice(start(at)..start(at + 1)));
                let values: Vec<_> = range.map(text).collect();
                writer.typed::<ByteArrayType>().write_batch(&values, levels, None)?;
            }
            Values::Decimals(_) => {
                let width = usize::from(WIDTH);
                let number = |at| self.bytes.slice(at * width..(at + 1) * width);
                let values: Vec<_> =
                    range.map(|at| FixedLenByteArray::from(ByteArray::from(number(at)))).collect();
                writer.typed::<FixedLenByteArrayType>().write_batch(&values, levels, None)?;
            }
            Values::Days(days) => {
                writer.typed::<Int32Type>().write_batch(days.get(range).unwrap_or_default(), levels, None)?;
            }
            Values::Moments(moments) => {
                let moments = moments.get(range).unwrap_or_default();
                writer.typed::<Int64Type>().write_batch(moments, levels, None)?;
            }
            Values::Booleans(values) => {
                writer.typed::<BoolType>().write_batch(
                    values.get(range).unwrap_or_default(),
                    levels,
                    None,
                )?;
            }
        }
        Ok(())
    }
}

fn days_since_1970(day: Date) -> i32 {
    const EPOCH: Date = date(1970, 1, 1);
    // A calendar of 20,000 years has fewer days than that.
    EPOCH.until(day).map_or(0, |span| span.get_days())
}

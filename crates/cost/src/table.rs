//! What a file is made of: columns of a kind, and the cells of a row. Every format writes these.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, as the file writes it.
    pub name: Cow<'static, str>,
    /// What stands in it.
    pub kind: Kind,
}

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text as it is.
    Text,
    /// An exact number.
    Decimal,
    /// A day.
    Date,
    /// A moment, in UTC.
    Timestamp,
    /// Yes or no.
    Boolean,
}

/// One cell, of its column's kind or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing is known. An empty text is something else, though CSV writes both alike.
    Null,
    /// Text.
    Text(Cow<'a, str>),
    /// A plain decimal number as text: an optional `-`, digits, and a fraction after a `.`; no exponent. A `+` is none.
    Decimal(Cow<'a, str>),
    /// A day.
    Date(Date),
    /// A moment.
    Timestamp(Timestamp),
    /// Yes or no.
    Boolean(bool),
}

//! A file of any format as a table of exact cells.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A file's columns and rows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) names: Vec<String>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Nothing,
    Number(Decimal),
    /// Days too, and all of a CSV.
    Text(String),
}

impl Table {
    pub(super) fn of_csv(file: &[u8]) -> Self {
        let file = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
        let mut reader = csv::Reader::from_reader(file);
        let names = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let rows = reader.records().map(|row| row.unwrap().iter().map(Cell::of_text).collect());
        Self { names, rows: rows.collect() }
    }

    pub(super) fn of_json_lines(file: &[u8]) -> Self {
        let mut table = Self { names: Vec::new(), rows: Vec::new() };
        for line in std::str::from_utf8(file).unwrap().split_terminator('\n') {
            let Members(members) = serde_json::from_str(line).unwrap();
            table.push(members.into_iter().map(|(name, value)| (name, Cell::of_json(value.get()))));
        }
        table
    }

    pub(super) fn of_parquet(file: Vec<u8>) -> Self {
        let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
        let mut table = Self { names: Vec::new(), rows: Vec::new() };
        for row in reader.get_row_iter(None).unwrap() {
            let row = row.unwrap();
            let cells = row.get_column_iter().map(|(name, field)| (name.clone(), Cell::of_field(field)));
            table.push(cells);
        }
        table
    }

    /// Every row has the columns of the first, in their order.
    fn push(&mut self, members: impl Iterator<Item = (String, Cell)>) {
        let (names, cells): (Vec<_>, Vec<_>) = members.unzip();
        if self.rows.is_empty() {
            self.names.clone_from(&names);
        }
        assert_eq!(self.names, names);
        self.rows.push(cells);
    }

    pub(super) fn column(&self, name: &str) -> impl Iterator<Item = &Cell> {
        let at = self.names.iter().position(|one| one == name).unwrap_or_else(|| panic!("no {name}"));
        self.rows.iter().map(move |row| &row[at])
    }

    /// The sum of a column in each currency.
    pub(super) fn sums(&self, cost: &str, currency: &str) -> BTreeMap<String, Decimal> {
        let mut sums = BTreeMap::new();
        for (cost, currency) in self.column(cost).zip(self.column(currency)) {
            let Cell::Text(currency) = currency else { panic!("a cost without a currency") };
            *sums.entry(currency.clone()).or_default() += cost.number();
        }
        sums
    }

    /// That a CSV says cell by cell what this table says.
    pub(super) fn assert_says_what(&self, csv: &Self) {
        assert_eq!((&self.names, self.rows.len()), (&csv.names, csv.rows.len()));
        for (mine, written) in self.rows.iter().zip(&csv.rows) {
            for ((name, mine), written) in self.names.iter().zip(mine).zip(written) {
                let is_same = match mine {
                    Cell::Number(number) => *number == written.number(),
                    Cell::Text(_) if name.to_lowercase().ends_with("date") => *mine == written.day(),
                    _ => mine == written,
                };
                assert!(is_same, "{name}: {mine:?} is not {written:?}");
            }
        }
    }
}

impl Cell {
    fn of_text(text: &str) -> Self {
        if text.is_empty() { Self::Nothing } else { Self::Text(text.to_owned()) }
    }

    fn of_json(token: &str) -> Self {
        match token {
            "null" => Self::Nothing,
            _ if token.starts_with('"') => Self::Text(serde_json::from_str(token).unwrap()),
            _ => Self::Number(exact(token)),
        }
    }

    fn of_field(field: &Field) -> Self {
        match field {
            Field::Null => Self::Nothing,
            Field::Str(text) => Self::Text(text.clone()),
            Field::Bool(is_so) => Self::Text(is_so.to_string()),
            Field::Date(days) => {
                let day = Date::constant(1970, 1, 1) + days.days();
                Self::Text(day.to_string())
            }
            Field::TimestampMillis(at) => Self::Text(Timestamp::from_millisecond(*at).unwrap().to_string()),
            Field::TimestampMicros(at) => Self::Text(Timestamp::from_microsecond(*at).unwrap().to_string()),
            Field::Decimal(number) => Self::Number(of_bytes(number.data(), number.scale())),
            other => panic!("nothing of ours is {other:?}"),
        }
    }

    pub(super) fn number(&self) -> Decimal {
        match self {
            Self::Number(number) => *number,
            Self::Text(text) => exact(text),
            Self::Nothing => panic!("no number"),
        }
    }

    /// A day of Azure's, `11/30/2026`, as the other formats have it; those of FOCUS are so already.
    fn day(&self) -> Self {
        match self {
            Self::Text(text) => {
                let day = Date::strptime("%m/%d/%Y", text).map(|day| day.to_string());
                Self::Text(day.unwrap_or_else(|_| text.clone()))
            }
            other => other.clone(),
        }
    }
}

fn exact(text: &str) -> Decimal {
    text.parse().or_else(|_| Decimal::from_scientific(text)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A number of Parquet: its digits, most significant byte first, and how many of them are behind the point.
fn of_bytes(bytes: &[u8], scale: i32) -> Decimal {
    let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
    let (mut digits, mut scale) = (bytes.iter().fold(sign, |all, byte| all << 8 | i128::from(*byte)), scale);
    while scale > 0 && digits % 10 == 0 {
        (digits, scale) = (digits / 10, scale - 1);
    }
    Decimal::try_from_i128_with_scale(digits, u32::try_from(scale).unwrap()).unwrap()
}

/// The members of an object, in the order and with the digits that they are written in.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(InOrder)
    }
}

//! A page of the answer. Cells are addressed by column name: the order of columns differs between the
//! specification's examples, what Azure sends today, and what it sent yesterday.

use std::borrow::Cow;

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Grouping, Query};
use crate::money::parse_amount;
use crate::{Currency, Error, Money};

/// One row: what a group cost, on a day, in a month or altogether.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// The cost, to the last digit Azure sent. May be negative (credits, refunds).
    pub cost: Money,
    /// The day, or the month's first day; `None` without granularity.
    pub date: Option<Date>,
    /// The values of the groups, in the order of [`Query::grouping`]. Empty where Azure knows none, such as the
    /// tag of an untagged resource.
    pub groups: Vec<String>,
}

/// Reads a page's rows into `rows`. Returns the link to the next page, unchecked.
pub(super) fn read_page(body: &[u8], query: &Query, rows: &mut Vec<Row>) -> Result<Option<String>, Error> {
    let page: Page<'_> = serde_json::from_slice(body).map_err(|_| unexpected("costs in another form"))?;
    let Properties { next_link, columns, rows: cells } = page.properties;
    if !cells.is_empty() {
        let layout = Layout::new(&columns, query)?;
        rows.reserve(cells.len());
        for row in &cells {
            rows.push(layout.read(row)?);
        }
    }
    Ok(next_link.filter(|link| !link.is_empty()))
}

/// Where on a page the columns are that a query asked for.
struct Layout {
    cost: usize,
    currency: usize,
    date: Option<usize>,
    groups: Vec<usize>,
}

impl Layout {
    fn new(columns: &[Column<'_>], query: &Query) -> Result<Self, Error> {
        let find = |name: &str| columns.iter().position(|column| column.name.eq_ignore_ascii_case(name));
        let date = match query.granularity().date_column() {
            Some(name) => Some(find(name).ok_or(unexpected("costs without the date column"))?),
            None => None,
        };
        Ok(Self {
            cost: find(query.column().as_str()).ok_or(unexpected("costs without the cost column"))?,
            currency: find("Currency").ok_or(unexpected("costs without a currency"))?,
            date,
            groups: group_columns(columns, query.grouping())?,
        })
    }

    fn read(&self, row: &[&RawValue]) -> Result<Row, Error> {
        let cell = |index: usize| {
            row.get(index).map(|cell| cell.get()).ok_or(unexpected("a row with cells missing"))
        };
        let amount =
            parse_amount(&text(cell(self.cost)?)?).map_err(|_| unexpected("a cost that is no number"))?;
        let currency: Currency = text(cell(self.currency)?)?
            .parse()
            .map_err(|_| unexpected("a currency that is no currency code"))?;
        let date = match self.date {
            Some(index) => Some(date(&text(cell(index)?)?).ok_or(unexpected("a date that is no date"))?),
            None => None,
        };
        let groups = self.groups.iter().map(|index| Ok(text(cell(*index)?)?.into_owned()));
        Ok(Row { cost: Money::new(amount, currency), date, groups: groups.collect::<Result<_, Error>>()? })
    }
}

/// A dimension has a column of its own name. A tag has a pair, `TagKey` and `TagValue`; the values of the n-th tag
/// are in the n-th `TagValue`. Where there is none, the column is named after the tag.
fn group_columns(columns: &[Column<'_>], grouping: &[Grouping]) -> Result<Vec<usize>, Error> {
    let positions = |name: &str| -> Vec<usize> {
        (0..columns.len()).filter(|index| columns[*index].name.eq_ignore_ascii_case(name)).collect()
    };
    let mut tag_values = positions("TagValue").into_iter();
    grouping
        .iter()
        .map(|group| match group {
            Grouping::Dimension(name) => positions(name).first().copied(),
            Grouping::Tag(name) => tag_values.next().or_else(|| positions(name).first().copied()),
        })
        .map(|column| column.ok_or(unexpected("costs without the column of a group")))
        .collect()
}

/// A cell as text: a string's content, nothing for `null`, a number or boolean as it is written.
fn text(cell: &str) -> Result<Cow<'_, str>, Error> {
    match cell.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<Text<'_>>(cell)
            .map(|text| text.0)
            .map_err(|_| unexpected("a cell that is no text")),
        Some(b'{' | b'[') => Err(unexpected("a cell that is no plain value")),
        _ if cell == "null" => Ok(Cow::Borrowed("")),
        _ => Ok(Cow::Borrowed(cell)),
    }
}

/// `20261101` (as number or text), `2026-11-01` or `2026-11-01T00:00:00`, with or without zone.
fn date(text: &str) -> Option<Date> {
    match text.split_once('T') {
        Some((day, _time)) => day.parse().ok(),
        None if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Date::new(text[..4].parse().ok()?, text[4..6].parse().ok()?, text[6..].parse().ok()?).ok()
        }
        None => text.parse().ok(),
    }
}

const fn unexpected(what: &'static str) -> Error {
    Error::UnexpectedResponse { what }
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    properties: Properties<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    next_link: Option<String>,
    #[serde(borrow, default)]
    columns: Vec<Column<'a>>,
    /// Cells stay JSON text, in place: a cost must not pass through a double.
    #[serde(borrow, default)]
    rows: Vec<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Column<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests;

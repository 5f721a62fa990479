//! A page of the answer. Cells are addressed by column name: the order of columns differs between the
//! specification's examples, what Azure sends today, and what it sent yesterday.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Grouping, Operation, Query, QueryResult};
use crate::client::Answer;
use crate::error::Error;
use crate::json;
use crate::money::parse_amount;
use crate::money::{Currency, Money};

/// One row: what a group cost, on a day, in a month or altogether.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// The cost, to the last digit Azure sent. May be negative (credits, refunds).
    pub cost: Money,
    /// What was summed beside it, if the query asked and Azure has a figure: the whole is unknown where a part is.
    pub beside: Option<Decimal>,
    /// The day, or the month's first day; `None` without granularity.
    pub date: Option<Date>,
    /// The values of the groups, in the order of [`Query::grouping`]. Empty where Azure knows none, such as the
    /// tag of an untagged resource.
    /// Shared by all rows of the group: a month of days has the names of its resources thirty times.
    pub groups: Arc<[String]>,
}

/// Reads a page's rows into `result`. Returns the link to the next page, unchecked.
///
/// # Errors
/// [`Error::UnexpectedResponse`] with the reason; and what Azure says, where it sends an error with a 200.
pub(super) fn read_page(
    answer: &Answer,
    query: &Query,
    known: &mut KnownGroups,
    result: &mut QueryResult,
) -> Result<Option<String>, Error> {
    const OTHER_FORM: &str = "costs in another form";
    let page: Page<'_> = answer.read(OTHER_FORM)?;
    let is_a_query = page.is_a_query || !matches!(page.properties, Member::Absent);
    let Member::There(properties) = page.properties else {
        answer.refusal_inside()?;
        // The member is optional; but an answer without anything of a query's is none.
        let described = || answer.described();
        return if is_a_query { Ok(None) } else { Err(unexpected(OTHER_FORM).in_answer(described)) };
    };
    let Properties { next_link, columns, rows } = properties;
    read_rows(&columns, &rows.unwrap_or_default(), query, known, result)
        .map_err(|error| error.in_answer(|| answer.described()))?;
    Ok(next_link.filter(|link| !link.trim().is_empty()))
}

fn read_rows(
    columns: &[Column<'_>],
    rows: &[Option<Vec<&RawValue>>],
    query: &Query,
    known: &mut KnownGroups,
    result: &mut QueryResult,
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let layout = Layout::new(columns, query)?;
    for row in rows {
        match layout.read(row.as_deref().unwrap_or_default(), known)? {
            Cells::Row(row) => result.rows.push(row),
            Cells::NoFigure => result.without_figure += 1,
            Cells::NoMoney | Cells::NotAsked => {}
        }
    }
    Ok(())
}

/// The values of the groups of the rows so far, each combination once.
#[derive(Default)]
pub(super) struct KnownGroups(HashSet<Arc<[String]>>);

impl KnownGroups {
    fn shared(&mut self, values: Vec<String>) -> Arc<[String]> {
        if let Some(known) = self.0.get(values.as_slice()) {
            return Arc::clone(known);
        }
        let new: Arc<[String]> = values.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}

/// What a row of the answer is.
enum Cells {
    Row(Row),
    /// The cost is missing: nobody knows what it would be.
    NoFigure,
    /// Nothing of no currency.
    NoMoney,
    /// What was, in a forecast.
    NotAsked,
}

/// Where on a page the columns are that a query asked for.
struct Layout {
    cost: usize,
    beside: Option<usize>,
    currency: usize,
    date: Option<usize>,
    /// Where a forecast says whether a row is one.
    status: Option<usize>,
    groups: Vec<usize>,
}

impl Layout {
    fn new(columns: &[Column<'_>], query: &Query) -> Result<Self, Error> {
        let find = |name: &str| columns.iter().position(|column| column.name.eq_ignore_ascii_case(name));
        let beside = match query.beside() {
            Some(beside) => {
                let place = beside.columns(query.column()).into_iter().find_map(find);
                Some(place.ok_or(unexpected("costs without the second sum"))?)
            }
            None => None,
        };
        let date = match query.granularity().date_columns() {
            Some(names) => {
                let place = names.into_iter().find_map(find);
                Some(place.ok_or(unexpected("costs without the date column"))?)
            }
            None => None,
        };
        let status = (query.operation() == Operation::Forecast).then(|| find("CostStatus")).flatten();
        Ok(Self {
            cost: find(query.column().as_str())
                .or_else(|| find(query.column().other().as_str()))
                .ok_or(unexpected("costs without the cost column"))?,
            beside,
            currency: find("Currency").ok_or(unexpected("costs without a currency"))?,
            date,
            status,
            groups: group_columns(columns, query.grouping())?,
        })
    }

    fn read(&self, row: &[&RawValue], known: &mut KnownGroups) -> Result<Cells, Error> {
        let cell = |index: usize| {
            row.get(index).map(|cell| cell.get()).ok_or(unexpected("a row with cells missing"))
        };
        if let Some(index) = self.status
            && text(cell(index)?)?.trim().eq_ignore_ascii_case("Actual")
        {
            return Ok(Cells::NotAsked);
        }
        let (amount, currency) = (figure(&text(cell(self.cost)?)?)?, text(cell(self.currency)?)?);
        let Some(amount) = amount else { return Ok(Cells::NoFigure) };
        if currency.trim().is_empty() {
            // A zero of no currency adds to nothing; any other amount would be lost.
            let none = amount.is_zero();
            return if none { Ok(Cells::NoMoney) } else { Err(unexpected("a cost without a currency")) };
        }
        let currency: Currency =
            currency.trim().parse().map_err(|_| unexpected("a currency that is not a currency code"))?;
        let date = match self.date {
            Some(index) => Some(date(&text(cell(index)?)?).ok_or(unexpected("a date that is not a date"))?),
            None => None,
        };
        let beside = match self.beside {
            Some(index) => figure(&text(cell(index)?)?)?,
            None => None,
        };
        let groups = self.groups.iter().map(|index| Ok(text(cell(*index)?)?.into_owned()));
        let groups = known.shared(groups.collect::<Result<_, Error>>()?);
        Ok(Cells::Row(Row { cost: Money::new(amount, currency), beside, date, groups }))
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
            .map_err(|_| unexpected("a cell that is not text")),
        Some(b'{' | b'[') => Err(unexpected("a cell that is not a plain value")),
        _ if cell == "null" => Ok(Cow::Borrowed("")),
        _ => Ok(Cow::Borrowed(cell)),
    }
}

/// A figure, to the last digit; `None` where there is none.
fn figure(text: &str) -> Result<Option<Decimal>, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    parse_amount(text).map(Some).map_err(|_| unexpected("a figure that is not a number"))
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
    Error::unexpected(what)
}

/// Each member is optional in the specification.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow, default)]
    properties: Member<Properties<'a>>,
    #[serde(default, rename = "type", deserialize_with = "is_there")]
    is_a_query: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    #[serde(default, deserialize_with = "json::text")]
    next_link: Option<String>,
    #[serde(borrow, default, deserialize_with = "json::or_default")]
    columns: Vec<Column<'a>>,
    /// Cells stay JSON text, in place: a cost must not pass through a double.
    #[serde(borrow, default)]
    rows: Option<Vec<Option<Vec<&'a RawValue>>>>,
}

#[derive(Deserialize)]
struct Column<'a> {
    #[serde(borrow, default, deserialize_with = "json::or_default")]
    name: Cow<'a, str>,
}

/// A member where it makes a difference whether it is null or absent.
#[derive(Default)]
enum Member<T> {
    #[default]
    Absent,
    Null,
    There(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::There))
    }
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests;

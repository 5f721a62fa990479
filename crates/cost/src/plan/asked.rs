//! The queries of one selection, and their answers added up again.

use std::sync::Arc;

use jiff::civil::Date;

use crate::breakdown::{Cells, Figures};
use crate::error::Error;
use crate::invalid::InvalidQuery;
use crate::period::Period;
use crate::plan::Selection;
use crate::plan::cut::{coarser, pieces};
use crate::query::{Beside, Filter, Granularity, Metric, Query, QueryResult, Row};

/// What one kind of figure is asked with.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `None` where no cost can meet the conditions.
    selection: Option<Selection>,
    common: Common,
    queries: Vec<Part>,
}

/// A query, and what becomes of its answer.
#[derive(Clone, Debug)]
struct Part {
    query: Query,
    /// Whether it is taken off.
    taken: bool,
}

/// What all queries have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common {
    pub(crate) metric: Metric,
    pub(crate) period: Period,
    pub(crate) granularity: Granularity,
    pub(crate) beside: Option<Beside>,
}

impl Asked {
    pub(crate) fn new(common: Common, selection: Option<Selection>) -> Result<Self, InvalidQuery> {
        let mut queries = Vec::new();
        for piece in selection.iter().flat_map(|_| pieces(common.period, common.granularity)) {
            let Some(selection) = &selection else { break };
            let common = Common { period: piece, ..common };
            queries.push(Part { query: common.query(selection, selection.filter.as_ref())?, taken: false });
            if let Some(taken) = &selection.taken {
                queries.push(Part { query: common.query(selection, Some(taken))?, taken: true });
            }
        }
        Ok(Self { selection, common, queries })
    }

    pub(crate) fn queries(&self) -> impl ExactSizeIterator<Item = &Query> {
        self.queries.iter().map(|part| &part.query)
    }

    pub(crate) fn selection(&self) -> Option<&Selection> {
        self.selection.as_ref()
    }

    pub(crate) const fn beside(&self) -> Option<Beside> {
        self.common.beside
    }

    /// Adds the answers up, by the groups at these places.
    pub(crate) fn added_up(&self, answers: &[Arc<QueryResult>], places: &[usize]) -> Result<Cells, Error> {
        let mut cells = Cells::default();
        for (part, answer) in self.queries.iter().zip(answers) {
            for row in self.admitted(answer)? {
                cells.add(values(row, places), self.figures(row, part.taken))?;
            }
        }
        Ok(cells)
    }

    /// The same in two, without dates: of what is dated before a day, and of the others.
    pub(crate) fn in_two(
        &self,
        answers: &[Arc<QueryResult>],
        places: &[usize],
        day: Date,
    ) -> Result<[Cells; 2], Error> {
        let mut cells = [Cells::default(), Cells::default()];
        for (part, answer) in self.queries.iter().zip(answers) {
            for row in self.admitted(answer)? {
                let figures = self.figures(row, part.taken);
                let side = usize::from(figures.date.is_some_and(|date| date >= day));
                cells[side].add(values(row, places), Figures { date: None, ..figures })?;
            }
        }
        Ok(cells)
    }

    /// The rows of an answer that count.
    fn admitted<'a>(&'a self, answer: &'a QueryResult) -> Result<impl Iterator<Item = &'a Row>, Error> {
        if let Some(bound) = answer.truncated {
            return Err(bound.into());
        }
        let selection = self.selection.as_ref();
        Ok(answer.rows.iter().filter(move |row| selection.is_some_and(|selection| selection.admits(row))))
    }

    fn figures(&self, row: &Row, taken: bool) -> Figures {
        let date = coarser(row.date, self.common.granularity);
        Figures { date, cost: row.cost, beside: row.beside, taken }
    }
}

/// The values of a row at these places.
fn values<'a>(row: &'a Row, places: &'a [usize]) -> impl Iterator<Item = &'a str> + Clone {
    places.iter().map(|place| row.groups.get(*place).map_or("", String::as_str))
}

impl Common {
    fn query(self, selection: &Selection, filter: Option<&Filter>) -> Result<Query, InvalidQuery> {
        let mut query = Query::builder(self.metric, self.period).granularity(self.granularity);
        for grouping in &selection.grouping {
            query = query.group_by(grouping.clone());
        }
        if let Some(beside) = self.beside {
            query = query.beside(beside);
        }
        if let Some(filter) = filter {
            query = query.filter(filter.clone());
        }
        query.build()
    }
}

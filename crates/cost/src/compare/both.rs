//! The same question about two periods: in one query where months tell them apart, otherwise of each.

use std::sync::Arc;

use jiff::civil::Date;

use super::Comparison;
use crate::breakdown::Cells;
use crate::error::Error;
use crate::invalid::InvalidQuery;
use crate::period::Period;
use crate::plan::{Asked, Common, Selection};
use crate::query::{Beside, Granularity, Grouping, Query, QueryResult};
use crate::question::Condition;

/// What is asked of both periods.
#[derive(Clone, Debug)]
pub(super) enum Both {
    /// Of the one before, then of the one after.
    Apart([Asked; 2]),
    /// Of both at once, by month; those from the day on are after.
    AtOnce(Asked, Date),
}

/// What is asked, of whichever period.
pub(super) struct What<'a> {
    pub(super) shown: &'a [Grouping],
    /// A condition beside those of the comparison.
    pub(super) further: Option<&'a Condition>,
    pub(super) beside: Option<Beside>,
}

impl Both {
    /// Of each period, the one before in this grain.
    pub(super) fn apart(
        comparison: &Comparison,
        what: &What<'_>,
        before: Granularity,
    ) -> Result<Self, InvalidQuery> {
        let selection = what.selection(comparison)?;
        let asked = |period, granularity| what.asked(comparison, selection.clone(), period, granularity);
        Ok(Self::Apart([asked(comparison.before, before)?, asked(comparison.after, Granularity::None)?]))
    }

    /// In as few requests as there can be. One over both periods takes no more query units than one of each.
    pub(super) fn in_fewest(comparison: &Comparison, what: &What<'_>) -> Result<Self, InvalidQuery> {
        let apart = Self::apart(comparison, what, Granularity::None)?;
        let Some(period) = whole(comparison) else { return Ok(apart) };
        let selection = what.selection(comparison)?;
        let at_once = what.asked(comparison, selection, period, Granularity::Monthly)?;
        let fewer = at_once.queries().len() < apart.count();
        Ok(if fewer { Self::AtOnce(at_once, comparison.after.from()) } else { apart })
    }

    pub(super) fn queries(&self) -> impl Iterator<Item = &Query> {
        self.asked().iter().flat_map(Asked::queries)
    }

    /// How many requests it takes.
    pub(super) fn count(&self) -> usize {
        self.queries().count()
    }

    fn asked(&self) -> &[Asked] {
        match self {
            Self::Apart(both) => both,
            Self::AtOnce(one, _) => std::slice::from_ref(one),
        }
    }

    /// Adds the answers up, before and after, by the groups at these places.
    pub(super) fn added_up(
        &self,
        answers: &[Arc<QueryResult>],
        places: &[usize],
    ) -> Result<[Cells; 2], Error> {
        match self {
            Self::Apart([before, after]) => {
                let (first, others) = answers.split_at(before.queries().len());
                Ok([before.added_up(first, places)?, after.added_up(others, places)?])
            }
            Self::AtOnce(asked, after) => asked.in_two(answers, places, *after),
        }
    }
}

impl What<'_> {
    fn selection(&self, comparison: &Comparison) -> Result<Option<Selection>, InvalidQuery> {
        let filter: Vec<Condition> = comparison.filter.iter().chain(self.further).cloned().collect();
        Selection::new(self.shown, &[], &filter, &comparison.exclude)
    }

    fn asked(
        &self,
        comparison: &Comparison,
        selection: Option<Selection>,
        period: Period,
        granularity: Granularity,
    ) -> Result<Asked, InvalidQuery> {
        let common = Common { metric: comparison.metric, period, granularity, beside: self.beside };
        Asked::new(common, selection)
    }
}

/// Both periods as one, where no month is of both and no day of neither.
fn whole(comparison: &Comparison) -> Option<Period> {
    let Comparison { before, after, .. } = comparison;
    let follows = before.to().tomorrow().ok() == Some(after.from());
    (follows && after.from() == after.from().first_of_month()).then(|| before.part(before.from(), after.to()))
}

//! Whether a change of price is one of coverage: usage that a reservation or savings plan paid for is paid on demand.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::causes::{Cause, CauseKind, Uncovered};
use super::plan::{AnomalyQuestion, charge_type, dimension};
use super::suspect::{Suspect, hull};
use crate::breakdown::{Cells, Figures, values};
use crate::caseless;
use crate::compare::{Coverage, usage};
use crate::error::Error;
use crate::invalid::InvalidQuery;
use crate::money::{AmountOverflow, Money};
use crate::plan::{Asked, Common, Selection};
use crate::query::{Granularity, Grouping, Metric, Query, QueryResult};
use crate::question::Condition;

/// How many of an event's causes are looked at.
const LOOKED_AT: usize = 3;
/// The part of its usage by which a resource must be covered less, in per cent.
const LEAST: i64 = 5;

/// What Azure is to be asked about the coverage of what became dearer.
#[derive(Clone, Debug)]
pub struct CoveragePlan {
    suspects: Vec<(Suspect, Vec<String>)>,
    asked: Asked,
    queries: Vec<Query>,
}

impl CoveragePlan {
    /// `None` where nothing among the first causes became dearer by its price, or nobody can tell: of actual costs, and where the
    /// agreement has no pricing models.
    pub fn of(
        question: AnomalyQuestion,
        explained: &[(Suspect, Vec<Cause>)],
        dimensions: Option<&[String]>,
    ) -> Result<Option<Self>, InvalidQuery> {
        let knows = |by: &Grouping| {
            dimensions.is_none_or(|names| names.iter().any(|name| name.eq_ignore_ascii_case(by.name())))
        };
        let model = dimension("PricingModel");
        let mut suspects = Vec::new();
        for (suspect, causes) in explained {
            let dearer: Vec<String> = causes
                .iter()
                .take(LOOKED_AT)
                .filter(|cause| is_dearer(cause))
                .filter_map(|cause| cause.resource.clone())
                .collect();
            if !dearer.is_empty() {
                suspects.push((suspect.clone(), dearer));
            }
        }
        if suspects.is_empty()
            || question.metric != Metric::Amortized
            || !knows(&model)
            || !knows(&charge_type())
        {
            return Ok(None);
        }
        let mut resources: Vec<String> =
            suspects.iter().flat_map(|(_, resources)| resources.clone()).collect();
        resources.sort();
        resources.dedup();
        let of_them = Condition { by: dimension("ResourceId"), values: resources };
        let days: Vec<Suspect> = suspects.iter().map(|(suspect, _)| suspect.clone()).collect();
        let common = Common {
            metric: question.metric,
            period: hull(&days, question.today)?,
            granularity: Granularity::Daily,
            beside: None,
        };
        let shown = [dimension("ResourceId"), model];
        let asked = Asked::new(common, Selection::new(&shown, &[], &[of_them, usage(charge_type())], &[])?)?;
        Ok(Some(Self { suspects, queries: asked.queries().cloned().collect(), asked }))
    }

    /// What to ask, in the order in which [`Self::name`] wants the answers.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// Names the coverage in the causes that it was asked for.
    pub fn name(
        &self,
        answers: &[Arc<QueryResult>],
        explained: &mut [(Suspect, Vec<Cause>)],
    ) -> Result<(), Error> {
        let cells = self.asked.added_up(answers, &[0, 1])?;
        for (suspect, resources) in &self.suspects {
            let its = explained.iter_mut().filter(|(other, _)| other == suspect);
            for cause in its.flat_map(|(_, causes)| causes) {
                let Some(resource) = cause.resource.clone().filter(|one| resources.contains(one)) else {
                    continue;
                };
                cause.coverage = covered(suspect, &resource, &cells)?;
                if cause.coverage.is_some_and(|(before, after)| before - after >= Decimal::new(LEAST, 2)) {
                    cause.kind = CauseKind::Uncovered;
                }
            }
        }
        Ok(())
    }
}

/// Whether at least half of its change is price.
fn is_dearer(cause: &Cause) -> bool {
    cause.kind == CauseKind::Grown && cause.rate_effect * Decimal::TWO >= cause.change.change
}

fn covered(suspect: &Suspect, resource: &str, cells: &Cells) -> Result<Option<Uncovered>, AmountOverflow> {
    let mut sides = [Cells::default(), Cells::default()];
    for cell in cells.iter().filter(|cell| cell.currency == suspect.currency()) {
        let Some(side) = cell.date.and_then(|date| suspect.side(date)) else { continue };
        let keys = cells.keys(cell);
        let [Some(of), model] = &keys[..] else { continue };
        if caseless::same(of, resource) {
            let cost = Money::new(cell.cost.amount()?, cell.currency);
            let model = [model.clone()];
            sides[side].add(values(&model), Figures { date: None, cost, beside: None, taken: false })?;
        }
    }
    let ratio = |cells: &Cells| Ok::<_, AmountOverflow>(Coverage::of(cells)?.ratio(suspect.currency())?.ok());
    Ok(ratio(&sides[0])?.zip(ratio(&sides[1])?))
}

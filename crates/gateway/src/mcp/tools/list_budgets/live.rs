//! What was spent by now, budget by budget, by its own filter: as many as a call's query units are enough for.

use cost::{Condition, InvalidQuery, Scope, Spend, SpendPlan};
use futures::future::join_all;
use jiff::civil::Date;

use super::standing::{Days, Standing};
use crate::mcp::answer::Failure;
use crate::mcp::context::ToolContext;
use crate::mcp::tools::run::{Used, one};
use crate::mcp::tools::told::Partial;

/// The most query units of one call: Azure allows a directory as many in ten seconds.
pub(super) const MOST_UNITS: u32 = 12;
/// How many budgets are asked for at once.
const AT_ONCE: usize = 4;

/// What became of it.
pub(super) struct Asked {
    /// The place of the first budget that could be asked for and was not.
    pub(super) next: Option<usize>,
    /// How many there are of those.
    pub(super) left: usize,
}

/// Asks for the first of these budgets. What Azure refuses of one fails no other.
pub(super) async fn ask(
    context: &ToolContext,
    all: &mut [Standing],
    days: Days,
    (partial, used): (&mut Vec<Partial>, &mut Used),
) -> Result<Asked, Failure> {
    let mut questions = Vec::new();
    for (place, standing) in all.iter().enumerate().filter(|(_, one)| one.can_be_live()) {
        match Question::of(standing, days) {
            Ok(question) => questions.push((place, question)),
            Err(why) => partial.push(not_known(standing, "live_not_possible", why)),
        }
    }
    let takes = questions.iter().map(|(_, question)| question.units().unwrap_or_default());
    let left = questions.split_off(enough_for(takes));
    let asked = Asked { next: left.first().map(|(place, _)| *place), left: left.len() };
    for some in questions.chunks(AT_ONCE) {
        let outcomes = join_all(some.iter().map(|(_, question)| question.ask(context))).await;
        for ((place, _), outcome) in some.iter().zip(outcomes) {
            let Some(standing) = all.get_mut(*place) else { continue };
            match outcome {
                Ok((spend, its)) => {
                    used.add(&its);
                    partial.extend(count(standing, &spend, &its, days)?);
                }
                Err(Failure::Tool(error)) => {
                    partial.push(not_known(standing, error.code(), error.detail()));
                }
                Err(refused) => return Err(refused),
            }
        }
    }
    Ok(asked)
}

/// How many of the first of these a call's units are enough for: one at least, so that the next call gets on.
fn enough_for(takes: impl Iterator<Item = u32>) -> usize {
    let sums = takes.scan(0_u32, |sum, takes| {
        *sum = sum.saturating_add(takes);
        Some(*sum)
    });
    let units: Vec<u32> = sums.collect();
    units.iter().filter(|sum| **sum <= MOST_UNITS).count().max(units.len().min(1))
}

/// Takes an answer in; what of it is not in the figures.
fn count(standing: &mut Standing, spend: &Spend, used: &Used, days: Days) -> Result<Vec<Partial>, Failure> {
    let as_of = used.as_of().unwrap_or(standing.as_of);
    let counted = standing.count(spend, as_of, days).map_err(cost::Error::from)?;
    let mut missing = Vec::new();
    if !counted {
        let why = "Its costs are in several currencies, or there are none, and Azure has not said yet which one is its own.";
        missing.push(not_known(standing, "currency_unknown", why));
    }
    if spend.without_figure > 0 {
        let why = format!("Azure sent {} rows without a figure, which are in no sum.", spend.without_figure);
        missing.push(not_known(standing, "rows_without_figure", &why));
    }
    Ok(missing)
}

fn not_known(standing: &Standing, code: &str, why: &str) -> Partial {
    Partial::named(&standing.budget.id, code, &format!("Live spend: {}.", why.trim_end_matches('.')))
}

/// What is asked for one budget.
struct Question {
    scope: Scope,
    filter: Vec<Condition>,
    period: (Date, Date),
    days: Days,
}

impl Question {
    fn of(standing: &Standing, days: Days) -> Result<Self, &'static str> {
        let (scope, filter) = standing.costs()?;
        let period = (standing.period.from, standing.period.to.min(days.today));
        Ok(Self { scope: scope.clone(), filter: filter.to_vec(), period, days })
    }

    fn plan(&self, known: Option<&[String]>) -> Result<SpendPlan, InvalidQuery> {
        let plan = SpendPlan::new(&self.filter, self.period, (self.days.today, self.days.complete), known)?;
        plan.check_scope(&self.scope)?;
        Ok(plan)
    }

    /// What it takes where no answer is kept; nothing where it cannot be asked.
    fn units(&self) -> Option<u32> {
        self.plan(None).ok().map(|plan| plan.query_units())
    }

    async fn ask(&self, context: &ToolContext) -> Result<(Spend, Used), Failure> {
        let plan = |known: Option<&[String]>| self.plan(known);
        one(context, &self.scope, &plan).await
    }
}

/// The query units that all of these take together.
pub(super) fn units(all: &[Standing], days: Days) -> u32 {
    let of = |standing: &Standing| Question::of(standing, days).ok()?.units();
    all.iter().filter(|one| one.can_be_live()).filter_map(of).sum()
}

#[cfg(test)]
mod tests;

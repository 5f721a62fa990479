//! `cost_compare`: two periods, and what drove the difference.

use cost::{ComparePlan, Compared, Comparison, Grouping};
use jiff::civil::Date;

use self::answer::Known;
use super::ask::question::{CompareInput, days_of};
use super::period::Days;
use super::run::{self, Ran};
use super::scopes::{self, Scopes};
use crate::mcp::answer::{Answer, Failure};
use crate::mcp::context::ToolContext;
use crate::mcp::registry::Definition;

mod answer;
mod output;

/// The tool.
pub(in crate::mcp) struct CostCompare;

impl Definition for CostCompare {
    const NAME: &'static str = "cost_compare";
    const SLOW: bool = true;
    const TITLE: &'static str = "Compare two periods";
    const DESCRIPTION: &'static str = "Why costs changed: two periods, the groups that drove the difference, and how much of each is usage, price or \
        other charges. Drivers and rest add up to the change. Says per day, calendar and commitment coverage too. Without \
        arguments: the complete days of this month against the first days of the month before, by service.";
    type Input = CompareInput;
    type Output = output::Output;

    async fn call(context: ToolContext, mut input: CompareInput) -> Result<Answer<output::Output>, Failure> {
        let now = context.now();
        let (before, after) = periods(&input, context.today(), now)?;
        let mut scopes = Scopes::resolve(&context, &input.scopes).await?;
        scopes.check_groups(std::slice::from_ref(&input.group_by))?;
        scopes::by_id(&context, &mut input.filter).await?;
        scopes::by_id(&context, &mut input.exclude).await?;
        let comparison = comparison(&input, (before, after));
        let names = names(&input);
        let plan = |known: Option<&[String]>| ComparePlan::new(&comparison, known);
        let Ran { parts, scopes: answered, mut partial, azure } =
            run::each(&context, &scopes, &names, plan).await?;
        let differences = Compared::merged(parts)?.currencies(input.skip.saturating_add(input.top))?;
        scopes.tell_left_out(&context, (&answered, azure.calls > 0), &mut partial).await?;
        let title = scopes.title_of(answered.len());
        let paths = answered.iter().map(ToString::to_string).collect();
        let complete_until = cost::complete_until(now);
        Known {
            input: &input,
            title,
            scopes: paths,
            notes: scopes.notes,
            before,
            after,
            differences,
            complete_until,
            partial,
            azure,
        }
        .answer()
    }
}

/// What is asked of each scope.
pub(super) fn comparison(input: &CompareInput, (before, after): (Days, Days)) -> Comparison {
    Comparison {
        metric: input.metric,
        before: before.period,
        after: after.period,
        by: input.group_by.clone(),
        filter: input.filter.clone(),
        exclude: input.exclude.clone(),
    }
}

/// The two periods: the one before as it is asked for, or by the one after.
pub(super) fn periods(
    input: &CompareInput,
    today: Date,
    now: jiff::Timestamp,
) -> Result<(Days, Days), Failure> {
    let after = input.when.days(today)?;
    if let Some(word) = &input.baseline {
        return Ok((days_of(word, today)?, after));
    }
    let baseline = match input.when.unit() {
        Some(unit) => cost::baseline_of_unit(after.period, unit, now),
        None => cost::baseline_of(after.period, now),
    };
    let baseline = baseline.map_err(cost::Error::from)?;
    let days = |period: cost::Period| Days::between(period.from(), period.to(), today);
    Ok((days(baseline.before)?, days(baseline.after)?))
}

/// The dimensions that the question names.
fn names(input: &CompareInput) -> Vec<&str> {
    let conditions = input.filter.iter().chain(&input.exclude).map(|condition| &condition.by);
    let all = std::iter::once(&input.group_by).chain(conditions);
    all.filter(|by| matches!(by, Grouping::Dimension(_))).map(Grouping::name).collect()
}

//! `cost_query`: any question about costs.

use cost::{Breakdown, Condition, Grouping, Plan, Question};

use self::answer::Known;
use super::ask::question::QueryInput;
use super::run::{self, Ran};
use super::scopes::{self, Scopes};
use crate::mcp::answer::{Answer, Failure};
use crate::mcp::context::ToolContext;
use crate::mcp::registry::Definition;

mod answer;
mod empty;
mod output;
mod text;

/// The tool.
pub(in crate::mcp) struct CostQuery;

impl Definition for CostQuery {
    const NAME: &'static str = "cost_query";
    const SLOW: bool = true;
    const TITLE: &'static str = "Ask for costs";
    const DESCRIPTION: &'static str = "Costs of subscriptions, resource groups, management groups or billing scopes: by any dimension or tag, \
        by day or month, filtered, with quantities, unit prices or US dollars. All costs are counted, none twice; what is not \
        shown is in other and more. Amounts are exact decimals per currency. Without arguments: this month, all your \
        subscriptions.";
    type Input = QueryInput;
    type Output = output::Output;

    async fn call(context: ToolContext, mut input: QueryInput) -> Result<Answer<output::Output>, Failure> {
        let days = input.when.days(context.today())?;
        let complete_until = cost::complete_until(context.now());
        let mut scopes = Scopes::resolve(&context, &input.scopes).await?;
        scopes.check_groups(&input.group_by)?;
        scopes::by_id(&context, &mut input.filter).await?;
        scopes::by_id(&context, &mut input.exclude).await?;
        let question = question(&input, days.period);
        let names = names(&input);
        let wished = [UNIT.to_owned()];
        let plan = |known: Option<&[String]>| Plan::new(&question, known.or(Some(&wished)));
        let Ran { parts, scopes: answered, mut partial, azure } =
            run::each(&context, &scopes, &names, plan).await?;
        let costs = Breakdown::merged(parts)?;
        let empty = if costs.lines.is_empty() {
            Some(empty::explain(&context, &answered, &input, days, complete_until).await?)
        } else {
            None
        };
        scopes.tell_left_out(&context, (&answered, azure.calls > 0), &mut partial).await?;
        let title = scopes.title_of(answered.len());
        let paths = answered.iter().map(ToString::to_string).collect();
        Known {
            input: &input,
            title,
            scopes: paths,
            notes: scopes.notes,
            days,
            costs,
            complete_until,
            partial,
            azure,
            empty,
        }
        .answer()
    }
}

/// What a quantity is counted in, where the agreement has it: the one dimension that a question wishes for and does without. Where
/// nothing is known of an agreement yet it is asked for, for quantities of two units have no sum.
const UNIT: &str = "UnitOfMeasure";

/// The question of each scope.
pub(super) fn question(input: &QueryInput, period: cost::Period) -> Question {
    Question {
        metric: input.metric,
        period,
        granularity: input.granularity,
        grouping: input.group_by.clone(),
        filter: input.filter.clone(),
        exclude: input.exclude.clone(),
        measures: input.measures,
    }
}

/// The dimensions that the question names.
fn names(input: &QueryInput) -> Vec<&str> {
    let conditions = input.filter.iter().chain(&input.exclude).map(|condition: &Condition| &condition.by);
    let dimensions =
        input.group_by.iter().chain(conditions).filter(|by| matches!(by, Grouping::Dimension(_)));
    dimensions.map(Grouping::name).collect()
}

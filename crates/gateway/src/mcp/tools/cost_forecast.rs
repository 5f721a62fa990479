//! `cost_forecast`: what is to come, and how sure that is.

use cost::{
    Breakdown, ForecastPlan, Foreseen, Granularity, Horizon, Measures, Metric, NoForecast, Period, Plan,
    Question, Scope, ScopeKnown,
};

use self::answer::Known;
use super::ask::question::ForecastInput;
use super::run::{self, Ran, Used};
use super::scopes::Scopes;
use crate::mcp::answer::{Answer, Failure};
use crate::mcp::context::ToolContext;
use crate::mcp::registry::Definition;

mod answer;
mod output;

/// The tool.
pub(in crate::mcp) struct CostForecast;

impl Definition for CostForecast {
    const NAME: &'static str = "cost_forecast";
    const SLOW: bool = true;
    const TITLE: &'static str = "Forecast costs";
    const DESCRIPTION: &'static str = "What a period will cost: so far, still to come (Azure's forecast, or our run rate where it has none) and in all, \
        with our own 80 % range. Without arguments: this month.";
    type Input = ForecastInput;
    type Output = output::Output;

    async fn call(context: ToolContext, input: ForecastInput) -> Result<Answer<output::Output>, Failure> {
        let horizon = input.horizon(context.now())?;
        let mut scopes = Scopes::resolve(&context, &input.scopes).await?;
        let ask = |scope| known(&context, scope, &horizon, input.metric);
        let Ran { parts, scopes: answered, mut partial, azure } = run::over(&scopes, &[], ask).await?;
        let foreseen = Foreseen::of(&horizon, &parts)?;
        scopes.tell_left_out(&context, (&answered, azure.calls > 0), &mut partial).await?;
        Known {
            title: scopes.title_of(answered.len()),
            scopes: answered.iter().map(ToString::to_string).collect(),
            notes: scopes.notes,
            metric: input.metric,
            horizon,
            foreseen,
            partial,
            azure,
        }
        .answer()
    }
}

/// What a scope cost, and Azure's forecast of it. Where Azure has none that is no failure; where a role is missing it is.
async fn known(
    context: &ToolContext,
    scope: &Scope,
    horizon: &Horizon,
    metric: Metric,
) -> Result<(ScopeKnown, Used), Failure> {
    let days = horizon.daily().map_err(cost::Error::from)?;
    let (daily, mut used) = costs(context, scope, (metric, days, Granularity::Daily)).await?;
    let mut monthly = Breakdown::default();
    if let Some(before) = horizon.monthly().map_err(cost::Error::from)? {
        let (costs, more) = costs(context, scope, (metric, before, Granularity::Monthly)).await?;
        monthly = costs;
        used.add(&more);
    }
    let currencies = daily.totals()?.len();
    if currencies == 0 {
        // Of nothing Azure makes no forecast, and the question would take a query unit.
        return Ok((ScopeKnown { daily, monthly, azure: Err(NoForecast::TooLittleHistory) }, used));
    }
    let plan = ForecastPlan::new(metric, horizon, currencies).map_err(cost::Error::from)?;
    let azure = match run::ask(context, scope, &plan).await {
        Ok((azure, more)) => {
            used.add(&more);
            azure
        }
        Err(Failure::Tool(error)) => match NoForecast::of(error.code()) {
            Some(why) => {
                plan.queries().first().into_iter().for_each(|query| used.refused(query));
                Err(why)
            }
            None => return Err(Failure::Tool(error)),
        },
        Err(other) => return Err(other),
    };
    Ok((ScopeKnown { daily, monthly, azure }, used))
}

/// What a scope cost, asked as `cost_query` asks it: the answers are the same, and kept for both.
async fn costs(
    context: &ToolContext,
    scope: &Scope,
    (metric, period, granularity): (Metric, Period, Granularity),
) -> Result<(Breakdown, Used), Failure> {
    let question = Question {
        metric,
        period,
        granularity,
        grouping: Vec::new(),
        filter: Vec::new(),
        exclude: Vec::new(),
        measures: Measures::default(),
    };
    run::ask(context, scope, &Plan::new(&question, None).map_err(cost::Error::from)?).await
}

//! `cost_anomalies`: which days cost more or less than was to be expected, and why.

use cost::{AnomalyPlan, AnomalyQuestion, Odds};

use self::answer::Known;
use super::ask::question::AnomaliesInput;
use super::run::{self, Ran};
use super::scopes::Scopes;
use crate::mcp::answer::{Answer, Failure};
use crate::mcp::context::ToolContext;
use crate::mcp::registry::Definition;

mod answer;
mod explained;
mod output;
mod text;

/// The tool.
pub(in crate::mcp) struct CostAnomalies;

impl Definition for CostAnomalies {
    const NAME: &'static str = "cost_anomalies";
    const SLOW: bool = true;
    const TITLE: &'static str = "Find odd costs and their causes";
    const DESCRIPTION: &'static str = "Days that cost more or less than their history lets expect, by service and resource group: since when, how \
        much, how sure; of the top three which resources and meters caused it. Purchases and refunds stand apart.";
    type Input = AnomaliesInput;
    type Output = output::Output;

    async fn call(context: ToolContext, input: AnomaliesInput) -> Result<Answer<output::Output>, Failure> {
        let question = AnomalyQuestion {
            metric: input.metric,
            days: input.days,
            until: cost::complete_until(context.now()),
            today: context.today(),
        };
        let mut scopes = Scopes::resolve(&context, &input.scopes).await?;
        let plan = |known: Option<&[String]>| AnomalyPlan::new(question, known);
        let Ran { parts, scopes: answered, mut partial, mut azure } =
            run::each(&context, &scopes, &["ServiceName", "ResourceGroupName"], plan).await?;
        let odds = Odds::of(&parts, input.sensitivity)?;
        let explained = explained::causes(&context, question, &answered, &odds.events, &mut azure).await?;
        scopes.tell_left_out(&context, (&answered, azure.calls > 0), &mut partial).await?;
        let title = scopes.title_of(answered.len());
        Known {
            input: &input,
            question,
            title,
            scopes: answered,
            notes: scopes.notes,
            parts,
            odds,
            explained,
            partial,
            azure,
        }
        .answer()
    }
}

//! `cost_commitments`: how far reservations and savings plans cover what is used, what of them is wasted, and what to do about it.

use cost::{Breakdown, Plan};
use jiff::ToSpan as _;
use jiff::civil::Date;

use self::beside::Beside;
use self::text::Known;
use super::ask::question::CommitmentsInput;
use super::period::Days;
use super::run::{self, Ran};
use super::scopes::Scopes;
use crate::mcp::answer::{Answer, Failure};
use crate::mcp::context::ToolContext;
use crate::mcp::registry::Definition;

mod beside;
mod output;
mod roles;
mod text;

/// The days that are meant where nobody says: so many, all complete. Of days that are still arriving nobody knows what was used.
const DAYS: i64 = 30;
/// What is asked is grouped by.
const NAMES: &[&str] = &["PricingModel", "ChargeType"];

/// The tool.
pub(in crate::mcp) struct CostCommitments;

impl Definition for CostCommitments {
    const NAME: &'static str = "cost_commitments";
    const SLOW: bool = true;
    const TITLE: &'static str = "Coverage and waste";
    const DESCRIPTION: &'static str = "Reservations and savings plans: the usage they cover, how much of them is used, what is wasted; where roles allow, \
        each benefit, recommendations, MACC and credits.";
    type Input = CommitmentsInput;
    type Output = output::Output;

    async fn call(context: ToolContext, input: CommitmentsInput) -> Result<Answer<output::Output>, Failure> {
        let complete_until = cost::complete_until(context.now());
        let days = days(&input, complete_until, context.today())?;
        let mut scopes = Scopes::resolve(&context, &input.scopes).await?;
        let question = cost::commitment_question(days.period);
        let plan = |known: Option<&[String]>| Plan::new(&question, known);
        let Ran { parts, scopes: answered, mut partial, mut azure } =
            run::each(&context, &scopes, NAMES, plan).await?;
        let was_asked = azure.calls > 0;
        let beside = Beside::ask(&context, &scopes, (&answered, &parts), days.period).await?;
        azure.add(&beside.azure);
        partial.extend(beside.partial.iter().cloned());
        let committed = cost::committed(&Breakdown::merged(parts)?)?;
        scopes.tell_left_out(&context, (&answered, was_asked), &mut partial).await?;
        let title = scopes.title_of(answered.len());
        let notes = scopes.notes;
        let known = Known { title, answered, notes, days, committed, complete_until, beside, partial, azure };
        Ok(known.answer())
    }
}

fn days(input: &CommitmentsInput, complete_until: Date, today: Date) -> Result<Days, Failure> {
    if input.when.is_given() {
        return input.when.days(today);
    }
    let from = complete_until.saturating_sub((DAYS - 1).days());
    Days::between(from, complete_until, today)
}

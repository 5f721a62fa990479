//! `list_budgets`: what was planned, what of it is spent, and when it will be used up.

use cost::{Budget, BudgetList, Scope};
use futures::future::join_all;
use jiff::Timestamp;

use self::answer::Known;
use self::standing::{Days, Standing};
use super::ask::question::BudgetsInput;
use super::run::{Used, all_failed};
use super::scopes::Scopes;
use super::told::Partial;
use crate::mcp::answer::{Answer, Failure};
use crate::mcp::context::ToolContext;
use crate::mcp::registry::Definition;

mod answer;
mod empty;
mod live;
mod output;
mod standing;
#[cfg(test)]
mod testing;
mod text;

/// The tool.
pub(in crate::mcp) struct ListBudgets;

/// How many scopes are asked at once.
const AT_ONCE: usize = 5;

impl Definition for ListBudgets {
    const NAME: &'static str = "list_budgets";
    const SLOW: bool = true;
    const TITLE: &'static str = "List budgets";
    const DESCRIPTION: &'static str = "Budgets, the worst first: what is spent, what may still be spent a day, the day they run out at the present rate, the \
        thresholds crossed. Azure evaluates once a day; live asks for what was spent by now.";
    type Input = BudgetsInput;
    type Output = output::Output;

    async fn call(context: ToolContext, input: BudgetsInput) -> Result<Answer<output::Output>, Failure> {
        let days = Days { today: context.today(), complete: cost::complete_until(context.now()) };
        let scopes = Scopes::resolve_lists(&context, &input.scopes).await?;
        let Listed { budgets, answered, mut partial, mut used } = list(&context, &scopes).await?;
        let mut all = Vec::new();
        for (budget, as_of) in budgets {
            all.push(Standing::of(budget, as_of, days).map_err(cost::Error::from)?);
        }
        standing::in_order(&mut all);
        let live = if input.live {
            let shown = all.get_mut(input.skip..).unwrap_or_default();
            Some(live::ask(&context, shown, days, (&mut partial, &mut used)).await?)
        } else {
            None
        };
        Ok(Known { input: &input, scopes, answered, days, all, partial, azure: used.told(), live }.answer())
    }
}

/// What the scopes' lists hold.
struct Listed {
    /// With when Azure gave each.
    budgets: Vec<(Budget, Timestamp)>,
    answered: Vec<Scope>,
    partial: Vec<Partial>,
    used: Used,
}

/// Lists the budgets of each scope. What one scope refuses fails nothing else.
async fn list(context: &ToolContext, scopes: &Scopes) -> Result<Listed, Failure> {
    let (mut budgets, mut answered, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    let (mut failed, mut used) = (scopes.unseen.clone(), Used::default());
    for some in scopes.all.chunks(AT_ONCE) {
        let asked = join_all(some.iter().map(|scope| context.budgets(scope))).await;
        for (scope, outcome) in some.iter().zip(asked) {
            match outcome {
                Ok((listed, as_of)) => {
                    used.count_list(listed.pages, as_of);
                    unread.extend(unread_of(scope, &listed));
                    budgets.extend(listed.budgets.into_iter().map(|one| (one, as_of)));
                    answered.push(scope.clone());
                }
                Err(Failure::Tool(error)) => failed.push(scopes.failed(scope, *error)),
                Err(refused) => return Err(refused),
            }
        }
    }
    if answered.is_empty() {
        return Err(all_failed(failed));
    }
    let partial = failed.iter().map(Partial::from).chain(unread).collect();
    Ok(Listed { budgets, answered, partial, used })
}

/// Budgets that are there and cannot be read: each is named.
fn unread_of(scope: &Scope, listed: &BudgetList) -> Vec<Partial> {
    let named = |unread: &cost::UnreadBudget| {
        let scope = scope.to_string();
        let detail = format!(
            "Azure lists a budget here that cannot be read: {}. Open it in the portal, under Cost Management, Budgets.",
            unread.what
        );
        Partial::named(unread.called.as_deref().unwrap_or(&scope), "unreadable_budget", &detail)
    };
    listed.unread.iter().map(named).collect()
}

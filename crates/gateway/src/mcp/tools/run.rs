//! A question asked of each scope. What one scope refuses fails nothing else.

use std::sync::Arc;

use cost::{
    Ahead, AnomalyPlan, Breakdown, Cause, CausePlan, ComparePlan, Compared, CoveragePlan, Daily,
    ForecastPlan, InvalidQuery, NoForecast, Plan, Query, QueryResult, Scope, Spend, SpendPlan, Suspect,
    nearest, query_units, quoted,
};
use futures::future::{join_all, try_join_all};

use super::scopes::Scopes;
use super::told::{AzureUse, Failed, Partial};
use crate::engine::Answered;
use crate::mcp::answer::{Failure, ToolError};
use crate::mcp::context::ToolContext;
use crate::mcp::foreign;

/// How many scopes are asked at once.
const SCOPES_AT_ONCE: usize = 5;
/// How many queries of one scope are asked at once.
const QUERIES_AT_ONCE: usize = 4;

/// A question, cut into what Azure answers, and joined again.
pub(super) trait Planned: Sized + Send + Sync {
    type Part: Send;

    fn queries(&self) -> &[Query];
    fn join(&self, answers: &[Arc<QueryResult>]) -> Result<Self::Part, cost::Error>;
}

/// Plans that are asked and joined as `cost` has it, and what each makes of the answers.
macro_rules! planned {
    ($($plan:ty => $part:ty,)*) => {$(
        impl Planned for $plan {
            type Part = $part;

            fn queries(&self) -> &[Query] {
                self.queries()
            }

            fn join(&self, answers: &[Arc<QueryResult>]) -> Result<Self::Part, cost::Error> {
                self.join(answers)
            }
        }
    )*};
}

planned! {
    Plan => Breakdown,
    ForecastPlan => Result<Ahead, NoForecast>,
    ComparePlan => Compared,
    SpendPlan => Spend,
    AnomalyPlan => Daily,
    CausePlan => Vec<(Suspect, Vec<Cause>)>,
}

impl Planned for CoveragePlan {
    /// The answers themselves: what they name is known already.
    type Part = Vec<Arc<QueryResult>>;

    fn queries(&self) -> &[Query] {
        self.queries()
    }

    fn join(&self, answers: &[Arc<QueryResult>]) -> Result<Self::Part, cost::Error> {
        Ok(answers.to_vec())
    }
}

/// What the scopes answered.
pub(super) struct Ran<T> {
    pub(super) parts: Vec<T>,
    /// The scopes that did.
    pub(super) scopes: Vec<Scope>,
    /// Those that did not.
    pub(super) partial: Vec<Partial>,
    pub(super) azure: AzureUse,
}

/// Asks each scope what `plan` makes of the dimensions that are known of it; `names` are the dimensions of the question.
///
/// # Errors
/// A refusal of any scope: the person must do something first. Otherwise only if no scope answered.
pub(super) async fn each<P, F>(
    context: &ToolContext,
    scopes: &Scopes,
    names: &[&str],
    plan: F,
) -> Result<Ran<P::Part>, Failure>
where
    P: Planned,
    F: Fn(Option<&[String]>) -> Result<P, InvalidQuery> + Send + Sync,
{
    over(scopes, names, |scope| one(context, scope, &plan)).await
}

/// Asks each scope in some way of its own, a few at once.
///
/// # Errors
/// As [`each`].
pub(super) async fn over<'a, T, F>(
    scopes: &'a Scopes,
    names: &[&str],
    ask: impl Fn(&'a Scope) -> F,
) -> Result<Ran<T>, Failure>
where
    F: Future<Output = Result<(T, Used), Failure>>,
{
    let mut ran =
        Ran { parts: Vec::new(), scopes: Vec::new(), partial: Vec::new(), azure: AzureUse::default() };
    let (mut answers, mut failed) = (Used::default(), scopes.unseen.clone());
    for some in scopes.all.chunks(SCOPES_AT_ONCE) {
        let asked = join_all(some.iter().map(&ask)).await;
        for (scope, outcome) in some.iter().zip(asked) {
            match outcome {
                Ok((part, used)) => {
                    ran.parts.push(part);
                    ran.scopes.push(scope.clone());
                    answers.add(&used);
                }
                Err(Failure::Tool(error)) => failed.push(scopes.failed(scope, nearest_first(*error, names))),
                Err(refused) => return Err(refused),
            }
        }
    }
    if ran.parts.is_empty() {
        return Err(all_failed(failed));
    }
    ran.partial = failed.iter().map(Partial::from).collect();
    ran.azure = answers.told();
    Ok(ran)
}

/// Asks one scope something more, and counts it with what was asked before.
pub(super) async fn further<P: Planned>(
    context: &ToolContext,
    scope: &Scope,
    plan: &P,
    azure: &mut AzureUse,
) -> Result<P::Part, Failure> {
    let (part, used) = ask(context, scope, plan).await?;
    azure.add(&used.told());
    Ok(part)
}

/// Asks one scope. Where its agreement has not all dimensions that the plan would like, and the question does without, it is
/// planned once more.
pub(super) async fn one<P, F>(
    context: &ToolContext,
    scope: &Scope,
    plan: &F,
) -> Result<(P::Part, Used), Failure>
where
    P: Planned,
    F: Fn(Option<&[String]>) -> Result<P, InvalidQuery> + Send + Sync,
{
    let known = context.known_dimensions(scope);
    let first = plan(known.as_deref()).map_err(cost::Error::from)?;
    match ask(context, scope, &first).await {
        Err(Failure::Tool(error)) if !error.valid_values().is_empty() => {
            let second = plan(Some(error.valid_values())).ok();
            match second.filter(|second| second.queries() != first.queries()) {
                Some(second) => ask(context, scope, &second).await,
                None => Err(Failure::Tool(error)),
            }
        }
        outcome => outcome,
    }
}

/// Asks one scope what is planned.
pub(super) async fn ask<P: Planned>(
    context: &ToolContext,
    scope: &Scope,
    plan: &P,
) -> Result<(P::Part, Used), Failure> {
    let (mut results, mut used) = (Vec::new(), Used::default());
    for some in plan.queries().chunks(QUERIES_AT_ONCE) {
        let answers = try_join_all(some.iter().map(|query| context.costs(scope, query))).await?;
        for (query, answered) in some.iter().zip(answers) {
            used.count(query, &answered);
            results.push(answered.result);
        }
    }
    Ok((plan.join(&results)?, used))
}

/// What answers took.
#[derive(Default)]
pub(super) struct Used {
    answers: u64,
    azure: AzureUse,
}

impl Used {
    fn count(&mut self, query: &Query, answered: &Answered) {
        self.answers += 1;
        if !answered.cached {
            self.azure.calls += u64::from(answered.result.pages.max(1));
            self.azure.query_units += u64::from(query_units(query));
        }
        self.since(Some(answered.as_of));
    }

    fn since(&mut self, as_of: Option<jiff::Timestamp>) {
        self.azure.as_of = [self.azure.as_of, as_of].into_iter().flatten().min();
    }

    /// A list that came on so many pages takes no query units.
    pub(super) fn count_list(&mut self, pages: u32, as_of: jiff::Timestamp) {
        self.answers += 1;
        self.azure.calls += u64::from(pages);
        self.since(Some(as_of));
    }

    /// When the oldest part was given.
    pub(super) const fn as_of(&self) -> Option<jiff::Timestamp> {
        self.azure.as_of
    }

    /// A query that Azure refused: it was asked all the same.
    pub(super) fn refused(&mut self, query: &Query) {
        self.azure.calls += 1;
        self.azure.query_units += u64::from(query_units(query));
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.azure.calls += other.azure.calls;
        self.azure.query_units += other.azure.query_units;
        self.since(other.azure.as_of);
    }

    pub(super) fn told(self) -> AzureUse {
        AzureUse { cached: self.answers > 0 && self.azure.calls == 0, ..self.azure }
    }
}

/// The names that Azure would have taken, those first that are nearest to what was asked.
fn nearest_first(error: ToolError, names: &[&str]) -> ToolError {
    const NAMED: usize = 5;
    let valid = error.valid_values().to_vec();
    let is_wrong = |name: &&&str| !valid.iter().any(|valid| valid.eq_ignore_ascii_case(name));
    let Some(wrong) = names.iter().find(is_wrong).filter(|_| !valid.is_empty()) else { return error };
    let sorted: Vec<String> =
        nearest(wrong, valid.iter().map(String::as_str), usize::MAX).into_iter().map(str::to_owned).collect();
    let few = quoted(sorted.iter().take(NAMED).map(String::as_str));
    let said = foreign::message(&format!(
        "The agreement behind this scope has no '{wrong:.60}'; the nearest are {few}."
    ));
    let detail = format!("{said} list_dimensions lists all.");
    error.reworded(detail, sorted)
}

/// The one error; of several, the first, and what became of the others.
pub(super) fn all_failed(mut failed: Vec<Failed>) -> Failure {
    const NAMED: usize = 5;
    if failed.is_empty() {
        return ToolError::new("invalid_query", "There is no scope to ask.".to_owned()).into();
    }
    let first = failed.remove(0).error;
    if failed.is_empty() {
        return first.into();
    }
    let others: Vec<_> = failed
        .iter()
        .take(NAMED)
        .map(|failed| format!("{}: {}", failed.called, failed.error.code()))
        .collect();
    let rest = failed.len().saturating_sub(NAMED);
    let rest = if rest > 0 { format!(", and {rest} more") } else { String::new() };
    let detail = format!(
        "None of the {} scopes answered. {} The others: {}{rest}.",
        failed.len() + 1,
        first.detail(),
        others.join(", ")
    );
    let valid = first.valid_values().to_vec();
    first.reworded(detail, valid).into()
}

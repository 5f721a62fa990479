//! The causes of the first events: asked together where they can be told apart, and never in more than two queries an event.

use cost::{AnomalyQuestion, Cause, CausePlan, CoveragePlan, Event, Scope, Suspect};

use crate::mcp::answer::Failure;
use crate::mcp::context::ToolContext;
use crate::mcp::tools::run;
use crate::mcp::tools::scopes::is_wide;
use crate::mcp::tools::told::AzureUse;

/// How many events are explained.
pub(super) const MOST: usize = 3;

/// What is known of an event's cause.
pub(super) struct Explained {
    /// The event's place.
    pub(super) event: usize,
    /// Its days, and those that they are compared with.
    pub(super) suspect: Suspect,
    /// The causes, or why they are not known.
    pub(super) causes: Result<Vec<Cause>, String>,
}

/// Explains the first events. What Azure refuses is the reason why an event has no causes.
///
/// # Errors
/// A refusal of the person: something must be done first.
pub(super) async fn causes(
    context: &ToolContext,
    question: AnomalyQuestion,
    scopes: &[Scope],
    events: &[Event],
    azure: &mut AzureUse,
) -> Result<Vec<Explained>, Failure> {
    let mut explained = Vec::new();
    for (number, scope) in scopes.iter().enumerate() {
        let its = events.iter().enumerate().take(MOST).filter(|(_, event)| event.scope == number);
        let suspects: Vec<Suspect> = its.map(|(place, event)| Suspect::of(place, event, events)).collect();
        if suspects.is_empty() {
            continue;
        }
        let known = context.known_dimensions(scope);
        let plans = CausePlan::all(question, suspects, is_wide(scope), known.as_deref());
        for plan in plans.map_err(cost::Error::from)? {
            explained.extend(of_plan(context, question, scope, &plan, azure).await?);
        }
    }
    explained.sort_by_key(|one| one.event);
    Ok(explained)
}

async fn of_plan(
    context: &ToolContext,
    question: AnomalyQuestion,
    scope: &Scope,
    plan: &CausePlan,
    azure: &mut AzureUse,
) -> Result<Vec<Explained>, Failure> {
    let mut found = match run::further(context, scope, plan, azure).await {
        Ok(found) => found,
        Err(Failure::Tool(error)) => {
            let why = error.detail().to_owned();
            let unknown = |suspect: &Suspect| Explained {
                event: suspect.event,
                suspect: suspect.clone(),
                causes: Err(why.clone()),
            };
            return Ok(plan.suspects().iter().map(unknown).collect());
        }
        Err(refused) => return Err(refused),
    };
    if is_wide(scope) {
        ask_subscriptions(context, question, &mut found, azure).await?;
        return Ok(all(found));
    }
    let known = context.known_dimensions(scope);
    let coverage = CoveragePlan::of(question, &found, known.as_deref()).map_err(cost::Error::from)?;
    if let Some(coverage) = coverage {
        // Without it a price is a price: nothing else of the answer is missing.
        match run::further(context, scope, &coverage, azure).await {
            Ok(answers) => coverage.name(&answers, &mut found)?,
            Err(Failure::Tool(_)) => {}
            Err(refused) => return Err(refused),
        }
    }
    Ok(all(found))
}

fn all(found: Vec<(Suspect, Vec<Cause>)>) -> Vec<Explained> {
    let one = |(suspect, causes): (Suspect, Vec<Cause>)| Explained {
        event: suspect.event,
        suspect,
        causes: Ok(causes),
    };
    found.into_iter().map(one).collect()
}

/// Asks the subscription that each event arose in most for its resources. Where the person may not, it stays the cause itself.
async fn ask_subscriptions(
    context: &ToolContext,
    question: AnomalyQuestion,
    found: &mut [(Suspect, Vec<Cause>)],
    azure: &mut AzureUse,
) -> Result<(), Failure> {
    for (subscription, suspects) in cost::drills(found) {
        let scope = Scope::Subscription(subscription);
        let known = context.known_dimensions(&scope);
        let plans = CausePlan::all(question, suspects, false, known.as_deref()).map_err(cost::Error::from)?;
        for plan in plans {
            match run::further(context, &scope, &plan, azure).await {
                Ok(within) => cost::drilled(found, subscription, within),
                Err(Failure::Tool(_)) => {}
                Err(refused) => return Err(refused),
            }
        }
    }
    Ok(())
}

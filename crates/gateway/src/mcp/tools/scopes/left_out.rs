//! What Azure leaves out of a management group's costs.

use std::collections::BTreeMap;

use cost::{Scope, SubscriptionId};

use super::{Scopes, called, subscriptions, within};
use crate::mcp::answer::Failure;
use crate::mcp::context::ToolContext;
use crate::mcp::tools::told::Partial;

/// The most subscriptions that are named one by one.
const MOST_LEFT_OUT: usize = 10;

impl Scopes {
    /// Says what the management groups among the scopes that answered leave out. `was_asked` is whether Azure answered now: for
    /// an answer that was kept it is not asked again.
    ///
    /// # Errors
    /// A refusal: the person must do something first.
    pub(in crate::mcp::tools) async fn tell_left_out(
        &mut self,
        context: &ToolContext,
        (answered, was_asked): (&[Scope], bool),
        partial: &mut Vec<Partial>,
    ) -> Result<(), Failure> {
        if was_asked {
            partial.extend(left_out(context, answered, &mut self.names).await?);
        } else {
            self.notes.extend(may_leave_out(answered));
        }
        Ok(())
    }
}

/// The subscriptions below the management groups that have no cost in Azure's answer: it leaves those out that are bought under a
/// Customer Agreement. Nothing where that cannot be known.
///
/// # Errors
/// A refusal: the person must do something first.
async fn left_out(
    context: &ToolContext,
    asked: &[Scope],
    names: &mut BTreeMap<SubscriptionId, String>,
) -> Result<Vec<Partial>, Failure> {
    let mut partial = Vec::new();
    for scope in asked {
        let Scope::ManagementGroup(group) = scope else { continue };
        let below = |cost: cost::Client, token| async move { cost.subscriptions_below(&token, group).await };
        let (below, within) = match futures::join!(context.azure(below), within(context, scope)) {
            (Ok(below), Ok(Some(within))) => (below, within),
            (Err(Failure::Tool(_)), Ok(_)) | (Ok(_), Ok(None)) => continue,
            (Err(refused), _) | (_, Err(refused)) => return Err(refused),
        };
        let left = below.into_iter().map(Scope::Subscription);
        let left = left
            .filter(|one| one.subscription().is_some_and(|id| !within.contains(&id)) && !asked.contains(one));
        partial.extend(left.map(|one| {
            let detail = format!(
                "Azure's answer for {} has no cost of it. It leaves out what is bought under a Customer Agreement: name the \
                 subscription as a scope of its own.",
                called(scope)
            );
            (one.clone(), Partial::new(&one, "left_out_by_azure", &detail))
        }));
    }
    partial.truncate(MOST_LEFT_OUT);
    if !partial.is_empty() && names.is_empty() {
        // They are no more than a convenience: without them the paths are shown.
        match subscriptions(context).await {
            Ok(seen) => names.extend(seen.into_iter().map(|one| (one.id, one.display_name))),
            Err(Failure::Tool(_)) => {}
            Err(refused) => return Err(refused),
        }
    }
    let name = |scope: &Scope| names.get(&scope.subscription()?).cloned();
    Ok(partial.into_iter().map(|(scope, part)| part.called(name(&scope))).collect())
}

/// The same in a sentence.
fn may_leave_out(answered: &[Scope]) -> Option<String> {
    answered.iter().any(|scope| matches!(scope, Scope::ManagementGroup(_))).then(|| {
        "Azure leaves out of a management group's costs what is bought under a Customer Agreement: name such subscriptions as \
         scopes of their own."
            .to_owned()
    })
}

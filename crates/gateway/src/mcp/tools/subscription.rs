//! Which subscription a question is about: by id, or by the name a person knows.

use cost::{Scope, Subscription, SubscriptionId};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::mcp::answer::{Choice, Failure, ToolError};
use crate::mcp::context::ToolContext;
use crate::mcp::foreign;

/// A subscription as asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct SubscriptionInput(String);

impl SubscriptionInput {
    /// The subscription's id. A name is looked for among those this person can see, and only there.
    ///
    /// # Errors
    /// Names what there is to choose from.
    pub(super) async fn resolve(&self, context: &ToolContext) -> Result<SubscriptionId, Failure> {
        let asked = self.0.trim();
        if let Some(id) = id_in(asked) {
            return Ok(id);
        }
        let list = |cost: cost::Client, token| async move { cost.subscriptions(&token).await };
        let visible = context.azure(list).await?;
        let named: Vec<_> = visible.iter().filter(|s| s.display_name.eq_ignore_ascii_case(asked)).collect();
        match named[..] {
            [only] => Ok(only.id),
            [] => Err(not_found(&visible.iter().collect::<Vec<_>>()).into()),
            _ => Err(ambiguous(&named).into()),
        }
    }
}

/// The id, where that is what was asked with: by itself, or in the address that Azure writes it in.
fn id_in(asked: &str) -> Option<SubscriptionId> {
    match asked.trim_end_matches('/').parse() {
        Ok(Scope::Subscription(id)) => Some(id),
        _ => asked.parse().ok(),
    }
}

/// The most subscriptions that an error names.
const MOST_NAMED: usize = 20;

fn not_found(visible: &[&Subscription]) -> ToolError {
    let detail = if visible.is_empty() {
        "You see no Azure subscription at all: no role is assigned to you on any.".to_owned()
    } else {
        format!(
            "You see no subscription of that name. You see: {}.",
            named(visible, |s| foreign::name(&s.display_name))
        )
    };
    ToolError::new("subscription_not_found", detail).with_choices(choices(visible))
}

fn ambiguous(matching: &[&Subscription]) -> ToolError {
    let ids = named(matching, |s| s.id.to_string());
    let detail = format!("More than one subscription has that name; ask again with one of their ids: {ids}.");
    ToolError::new("subscription_ambiguous", detail).with_choices(choices(matching))
}

fn named(subscriptions: &[&Subscription], name: impl Fn(&Subscription) -> String) -> String {
    let mut names: Vec<_> = subscriptions.iter().take(MOST_NAMED).map(|s| name(s)).collect();
    let left_out = subscriptions.len() - names.len();
    if left_out > 0 {
        names.push(format!("and {left_out} more, which list_subscriptions lists"));
    }
    names.join(", ")
}

fn choices(subscriptions: &[&Subscription]) -> Vec<Choice> {
    let choice = |s: &&Subscription| Choice { id: s.id.to_string(), name: foreign::exact(&s.display_name) };
    subscriptions.iter().take(MOST_NAMED).map(choice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_out_of_the_address_it_stands_in() {
        const ID: &str = "10000000-0000-4000-8000-000000000001";
        let id: SubscriptionId = ID.parse().unwrap();
        for asked in [ID.to_owned(), format!("/subscriptions/{ID}"), format!("Subscriptions/{ID}/")] {
            assert_eq!(id_in(&asked), Some(id), "{asked}");
        }
        for asked in ["Contoso Prod", "/subscriptions/", &format!("/subscriptions/{ID}/resourceGroups/web")] {
            assert_eq!(id_in(asked), None, "{asked}");
        }
    }
}

//! Which subscription a question is about: by id, or by the name a person knows.

use cost::SubscriptionId;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::mcp::answer::{Failure, ToolError};
use crate::mcp::context::ToolContext;

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
        if let Ok(id) = asked.parse() {
            return Ok(id);
        }
        let list = |cost: cost::Client, token| async move { cost.subscriptions(&token).await };
        let visible = context.azure(list).await?;
        let mut matching = visible.iter().filter(|s| s.display_name.eq_ignore_ascii_case(asked));
        match (matching.next(), matching.next()) {
            (Some(only), None) => Ok(only.id),
            (Some(_), Some(_)) => Err(ToolError::new(
                "subscription_ambiguous",
                "More than one subscription has that name; ask again with the id from list_subscriptions."
                    .to_owned(),
            )
            .into()),
            (None, _) => {
                let names: Vec<_> = visible.iter().map(|s| s.display_name.as_str()).collect();
                Err(ToolError::new("subscription_not_found", not_found(&names)).into())
            }
        }
    }
}

fn not_found(visible: &[&str]) -> String {
    match visible {
        [] => "You see no Azure subscription at all: no role is assigned to you on any.".to_owned(),
        names => format!("You see no subscription of that name. You see: {}.", names.join(", ")),
    }
}

//! `list_subscriptions`: what this person can see.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::table::Table;
use crate::mcp::answer::{Answer, Failure};
use crate::mcp::context::ToolContext;
use crate::mcp::registry::Definition;

/// The tool.
pub(in crate::mcp) struct ListSubscriptions;

/// No arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mcp) struct Input {}

/// The subscriptions.
#[derive(JsonSchema, Serialize)]
pub(in crate::mcp) struct Output {
    /// The subscriptions that this person has any role on, by name.
    subscriptions: Vec<Subscription>,
}

/// A subscription.
#[derive(JsonSchema, Serialize)]
struct Subscription {
    /// Its id: what the other tools take.
    id: String,
    /// Its name.
    name: String,
    /// Enabled, Warned, PastDue, Disabled or Deleted.
    state: String,
}

impl Definition for ListSubscriptions {
    const NAME: &'static str = "list_subscriptions";
    const TITLE: &'static str = "List Azure subscriptions";
    const DESCRIPTION: &'static str = "Lists the Azure subscriptions that the signed-in person can see, with id, name and state. \
        Start here: the other tools take a subscription's id or name.";
    type Input = Input;
    type Output = Output;

    async fn call(context: ToolContext, _input: Input) -> Result<Answer<Output>, Failure> {
        let list = |cost: cost::Client, token| async move { cost.subscriptions(&token).await };
        let mut subscriptions: Vec<_> = context
            .azure(list)
            .await?
            .into_iter()
            .map(|subscription| Subscription {
                id: subscription.id.to_string(),
                name: subscription.display_name.clone(),
                state: subscription.state.as_str().to_owned(),
            })
            .collect();
        subscriptions.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.id.cmp(&b.id)));
        Ok(Answer { text: text(&subscriptions), data: Output { subscriptions } })
    }
}

fn text(subscriptions: &[Subscription]) -> String {
    if subscriptions.is_empty() {
        return "You see no Azure subscription: no role is assigned to you on any. Ask for Cost Management Reader \
                on the subscription you are interested in."
            .to_owned();
    }
    let mut table = Table::new(&["Subscription", "Id", "State"]);
    for subscription in subscriptions {
        table.row(&[&subscription.name, &subscription.id, &subscription.state]);
    }
    table.into_text()
}

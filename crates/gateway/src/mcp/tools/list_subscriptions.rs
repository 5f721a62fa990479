//! `list_subscriptions`: what this person can see.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::absent::or_default;
use super::page::Page;
use super::subscription::ASK_FOR_A_ROLE;
use super::table::Table;
use crate::mcp::answer::{Answer, Failure};
use crate::mcp::context::ToolContext;
use crate::mcp::foreign;
use crate::mcp::registry::Definition;

/// The tool.
pub(in crate::mcp) struct ListSubscriptions;

/// What is asked: nothing, or the next part of a long list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mcp) struct Input {
    /// How many to leave out at the start: next_skip of the answer before. Left out: none.
    #[serde(default, deserialize_with = "or_default")]
    skip: usize,
}

/// The subscriptions.
#[derive(JsonSchema, Serialize)]
pub(in crate::mcp) struct Output {
    /// The subscriptions that this person has any role on, by name.
    subscriptions: Vec<Subscription>,
    /// How many there are in all.
    total: usize,
    /// `skip` of the call that gets those after these. Null if these are the last.
    next_skip: Option<usize>,
}

/// A subscription.
#[derive(JsonSchema, Serialize)]
struct Subscription {
    /// Its id: what the other tools take.
    id: String,
    /// Its name.
    name: String,
    /// Enabled, Warned, PastDue, Disabled or Deleted; unknown where Azure sends none.
    state: String,
}

impl Definition for ListSubscriptions {
    const NAME: &'static str = "list_subscriptions";
    const TITLE: &'static str = "List Azure subscriptions";
    const DESCRIPTION: &'static str = "Lists the Azure subscriptions that the signed-in person can see, with id, name and state. \
        Start here: the other tools take a subscription's id or name. A long list comes in parts.";
    type Input = Input;
    type Output = Output;

    async fn call(context: ToolContext, input: Input) -> Result<Answer<Output>, Failure> {
        let list = |cost: cost::Client, token| async move { cost.subscriptions(&token).await };
        let mut subscriptions = context.azure(list).await?;
        subscriptions.sort_by(|a, b| a.display_name.cmp(&b.display_name).then_with(|| a.id.cmp(&b.id)));
        Ok(answer(subscriptions, input.skip))
    }
}

fn answer(subscriptions: Vec<cost::Subscription>, skip: usize) -> Answer<Output> {
    let mut table = Table::new(&["Subscription", "Id", "State"]);
    let page = Page::fill(subscriptions, skip, &mut table, row);
    let text = if page.total == 0 {
        format!("You see no Azure subscription: no role is assigned to you on any. {ASK_FOR_A_ROLE}")
    } else {
        table.into_text() + &page.note("subscriptions", ListSubscriptions::NAME)
    };
    let (total, next_skip) = (page.total, page.next_skip());
    Answer { text, data: Output { subscriptions: page.shown, total, next_skip } }
}

fn row(subscription: cost::Subscription) -> (Subscription, Vec<String>) {
    let cost::Subscription { id, display_name, state, .. } = subscription;
    let data = Subscription {
        id: id.to_string(),
        name: foreign::exact(&display_name),
        state: foreign::exact(state.as_str()),
    };
    (data, vec![display_name, id.to_string(), state.as_str().to_owned()])
}

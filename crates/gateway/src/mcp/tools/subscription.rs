//! Which subscription a question is about: by id, or by the name a person knows.

use cost::{NameSearch, Scope, Subscription, SubscriptionId};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::mcp::answer::{Choice, Failure, ToolError};
use crate::mcp::context::ToolContext;
use crate::mcp::foreign;

/// A subscription as asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct SubscriptionInput(String);

/// A subscription that was found.
pub(super) struct Found {
    pub(super) id: SubscriptionId,
    /// Its name as Azure has it, where it was asked for by name.
    pub(super) name: Option<String>,
    /// A sentence about how it was found, where that leaves a doubt.
    pub(super) note: Option<String>,
}

impl Found {
    /// What an answer calls it.
    pub(super) fn title(&self) -> String {
        match &self.name {
            Some(name) => foreign::name(name),
            None => format!("Subscription {}", self.id),
        }
    }
}

impl SubscriptionInput {
    /// The subscription. A name is looked for among those this person can see, and only there.
    ///
    /// # Errors
    /// Names what there is to choose from.
    pub(super) async fn resolve(&self, context: &ToolContext) -> Result<Found, Failure> {
        let asked = self.0.trim();
        if let Some(id) = id_in(asked) {
            return Ok(Found { id, name: None, note: None });
        }
        let look = |cost: cost::Client, token| async move { cost.subscriptions_named(&token, asked).await };
        chosen(&context.azure(look).await?)
    }
}

/// The id, where that is what was asked with: by itself, in the address that Azure writes it in, or behind the name.
pub(super) fn id_in(asked: &str) -> Option<SubscriptionId> {
    let address = asked.trim_end_matches('/');
    if address.contains('/') {
        // A group's address asks for less than its subscription.
        return match address.parse() {
            Ok(Scope::Subscription(id)) => Some(id),
            _ => None,
        };
    }
    // `Contoso Prod (10000000-…)`, as portals write it.
    let behind = asked.strip_suffix(')').and_then(|text| text.rsplit_once('(')).map(|(_, id)| id);
    [Some(asked), behind].into_iter().flatten().find_map(bare_id)
}

/// A GUID with dashes or without, in braces or without.
fn bare_id(text: &str) -> Option<SubscriptionId> {
    let text = text.trim();
    let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let digits: String = text.chars().filter(|character| *character != '-').collect();
    let is_guid = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_guid {
        return None;
    }
    let with_dashes =
        [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-");
    // Dashes at other places are not GUID's.
    if text.contains('-') && !text.eq_ignore_ascii_case(&with_dashes) {
        return None;
    }
    with_dashes.parse().ok()
}

/// The one subscription of that name.
pub(super) fn chosen(search: &NameSearch) -> Result<Found, Failure> {
    match &search.matching[..] {
        [] => Err(not_found(&search.first, search.total).into()),
        [only] => {
            let doubt = || {
                format!(
                    "{} is subscription {}: the first of that name. The list of subscriptions goes on and was not read \
                     further.",
                    foreign::name(&only.display_name),
                    only.id
                )
            };
            Ok(Found {
                id: only.id,
                name: Some(only.display_name.clone()),
                note: (!search.whole).then(doubt),
            })
        }
        several => Err(ambiguous(several).into()),
    }
}

/// The most subscriptions that an error names.
const MOST_NAMED: usize = 20;

/// Whom to ask for what, where a subscription is not seen.
pub(super) const ASK_FOR_A_ROLE: &str = "Ask an owner of the subscription you are interested in to assign you the role Cost Management \
    Reader on it. A role given just now takes some minutes to count.";

/// None has that name; `first` are those to choose from, of `total`.
pub(super) fn not_found(first: &[Subscription], total: usize) -> ToolError {
    let detail = if first.is_empty() {
        format!("You see no Azure subscription at all: no role is assigned to you on any. {ASK_FOR_A_ROLE}")
    } else {
        let names = listed(first, total, |s| foreign::name(&s.display_name));
        format!(
            "You see no subscription of that name. You see: {names}. Where it is none of these, no role is assigned to you \
             on it. {ASK_FOR_A_ROLE}"
        )
    };
    ToolError::new("subscription_not_found", detail).with_choices(choices(first))
}

pub(super) fn ambiguous(matching: &[Subscription]) -> ToolError {
    let directories_differ = matching.iter().any(|s| directory(s) != directory(&matching[0]));
    let line = |s: &Subscription| {
        let state = foreign::name(s.state.as_str());
        match directory(s).filter(|_| directories_differ) {
            Some(directory) => format!("{} ({state}, directory {directory})", s.id),
            None => format!("{} ({state})", s.id),
        }
    };
    let lines = listed(matching, matching.len(), line);
    let detail =
        format!("More than one subscription has that name; ask again with one of their ids: {lines}.");
    ToolError::new("subscription_ambiguous", detail).with_choices(choices(matching))
}

/// The directory that people know it by: with Azure Lighthouse the customer's, not the one it is managed from.
fn directory(subscription: &Subscription) -> Option<String> {
    subscription.home_tenant_id.or(subscription.tenant_id).map(|id| id.to_string())
}

fn listed(subscriptions: &[Subscription], total: usize, line: impl Fn(&Subscription) -> String) -> String {
    let mut lines: Vec<_> = subscriptions.iter().take(MOST_NAMED).map(line).collect();
    let left_out = total - lines.len();
    if left_out > 0 {
        lines.push(format!("and {left_out} more, which list_subscriptions lists"));
    }
    lines.join(", ")
}

fn choices(subscriptions: &[Subscription]) -> Vec<Choice> {
    let choice = |s: &Subscription| Choice {
        id: s.id.to_string(),
        name: foreign::exact(&s.display_name),
        state: foreign::exact(s.state.as_str()),
        directory: directory(s),
    };
    subscriptions.iter().take(MOST_NAMED).map(choice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1a000000-0000-4000-8000-000000000001";

    #[test]
    fn an_id_is_taken_out_of_what_it_stands_in() {
        let id: SubscriptionId = ID.parse().unwrap();
        let bare = ID.replace('-', "");
        for asked in [
            ID.to_owned(),
            ID.to_uppercase(),
            format!("/subscriptions/{ID}"),
            format!("Subscriptions/{ID}/"),
            format!("{{{ID}}}"),
            bare.clone(),
            format!("{{{bare}}}"),
            format!("Contoso Prod ({ID})"),
            format!("Contoso (Prod) ( {ID} )"),
        ] {
            assert_eq!(id_in(&asked), Some(id), "{asked}");
        }
        for asked in [
            "Contoso Prod",
            "Contoso (Prod)",
            "/subscriptions/",
            "1a000000-0000-4000-8000-00000000001",
            "1a00000-00000-4000-8000-000000000001",
            &format!("/subscriptions/{ID}/resourceGroups/web"),
            &format!("{ID} or another"),
        ] {
            assert_eq!(id_in(asked), None, "{asked}");
        }
    }
}

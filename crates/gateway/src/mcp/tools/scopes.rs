//! Which scopes a question is about: each once, and none that lies within another, so that nothing is counted twice.

use std::collections::{BTreeMap, BTreeSet};

use cost::{BillingPart, Condition, Grouping, Scope, Subscription, SubscriptionId, SubscriptionState};
use futures::future::join_all;

use self::names::{all_named, look_up};
use self::overlap::{Clash, Inside};
use super::ask::fields::MOST_SCOPES;
use super::subscription::{id_in, not_found};
use super::told::Failed;
use crate::mcp::answer::{Failure, ToolError};
use crate::mcp::context::ToolContext;
use crate::mcp::foreign;

mod form;
mod left_out;
mod names;
mod overlap;

/// The scopes of a question.
pub(in crate::mcp) struct Scopes {
    pub(in crate::mcp) all: Vec<Scope>,
    /// Names that mean no subscription that this person sees, or more than one.
    pub(super) unseen: Vec<Failed>,
    /// The names of subscriptions, where they are known.
    names: BTreeMap<SubscriptionId, String>,
    /// What they are called together, for a text.
    pub(super) title: String,
    /// Sentences about scopes that are not among them.
    pub(super) notes: Vec<String>,
}

impl Scopes {
    /// The scopes that these texts mean; without any, every subscription in use that this person sees.
    ///
    /// # Errors
    /// Says what is no scope, and what cannot be asked together.
    pub(in crate::mcp) async fn resolve(context: &ToolContext, asked: &[String]) -> Result<Self, Failure> {
        let named = Self::named(context, asked).await?;
        let (scopes, mut inside) = overlap::by_path(named.all);
        let members = members(context, &scopes).await?;
        let (all, also_inside) = overlap::by_members(scopes, &members).map_err(|clash| refused(&clash))?;
        inside.extend(also_inside);
        let notes = named.notes.into_iter().chain(dropped(&inside)).collect();
        Ok(Self { all, notes, ..named })
    }

    /// The same for what each scope has of its own, such as budgets: it is not in the list of a scope that holds it, but for resource
    /// groups, which are in that of their subscription.
    pub(super) async fn resolve_lists(context: &ToolContext, asked: &[String]) -> Result<Self, Failure> {
        let named = Self::named(context, asked).await?;
        let (all, _) = overlap::by_list(named.all);
        Ok(Self { all, ..named })
    }

    /// All that are named, or every subscription.
    async fn named(context: &ToolContext, asked: &[String]) -> Result<Self, Failure> {
        let forms: Vec<_> = asked.iter().map(|text| form::read(text)).collect::<Result<_, _>>()?;
        let needs_names = forms.is_empty() || forms.iter().any(form::Form::is_named);
        let seen = if needs_names { subscriptions(context).await? } else { Vec::new() };
        if forms.is_empty() {
            return every(seen);
        }
        let (found, unseen) = look_up(forms, &seen);
        let title = title(&found, unseen.len());
        let name = |(scope, name): &(Scope, Option<String>)| Some((scope.subscription()?, name.clone()?));
        let names = found.iter().filter_map(name).collect();
        let all = found.into_iter().map(|(scope, _)| scope).collect();
        Ok(Self { all, unseen, names, title, notes: Vec::new() })
    }

    /// The name of the subscription that a scope is, where it is known.
    pub(super) fn name_of(&self, scope: &Scope) -> Option<&str> {
        let is_whole = matches!(scope, Scope::Subscription(_));
        scope.subscription().filter(|_| is_whole).and_then(|id| self.names.get(&id)).map(String::as_str)
    }

    /// Some of them alone.
    pub(super) fn only(&self, all: Vec<Scope>) -> Self {
        let (names, title) = (self.names.clone(), self.title.clone());
        Self { all, unseen: Vec::new(), names, title, notes: Vec::new() }
    }

    /// What one of them refused.
    pub(super) fn failed(&self, scope: &Scope, error: ToolError) -> Failed {
        let name = self.name_of(scope).map(str::to_owned);
        Failed { scope: scope.to_string(), name, called: called(scope), error }
    }

    /// What they are called where only so many of them answered.
    pub(super) fn title_of(&self, answered: usize) -> String {
        if answered < self.all.len() + self.unseen.len() {
            format!("{}, of which {answered} answered", self.title)
        } else {
            self.title.clone()
        }
    }

    /// Refuses groups that these scopes have not.
    ///
    /// # Errors
    /// Says where it can be asked.
    pub(super) fn check_groups(&self, groups: &[Grouping]) -> Result<(), Failure> {
        let is_resource = |by: &Grouping| matches!(by, Grouping::Dimension(name) if name.eq_ignore_ascii_case("ResourceId"));
        let wide = self.all.iter().find(|scope| is_wide(scope));
        match wide.filter(|_| groups.iter().any(is_resource)) {
            None => Ok(()),
            Some(scope) => Err(ToolError::new(
                "invalid_query",
                format!(
                    "Azure groups by ResourceId at subscriptions and resource groups only, not at {}. Group by SubscriptionId \
                     there first, then ask the dearest subscription by ResourceId.",
                    called(scope)
                ),
            )
            .into()),
        }
    }
}

#[cfg(test)]
impl Scopes {
    /// Scopes that were found, and names that mean none.
    pub(super) fn known(all: Vec<Scope>, unseen: Vec<Failed>) -> Self {
        Self { all, unseen, names: BTreeMap::new(), title: "Some scopes".to_owned(), notes: Vec::new() }
    }

    /// One subscription by its name.
    pub(super) fn of_subscription(id: SubscriptionId, name: &str) -> Self {
        let (all, names) = (vec![Scope::Subscription(id)], BTreeMap::from([(id, name.to_owned())]));
        Self { all, unseen: Vec::new(), names, title: name.to_owned(), notes: Vec::new() }
    }
}

/// A management group or a billing scope: it holds subscriptions.
pub(super) const fn is_wide(scope: &Scope) -> bool {
    matches!(scope, Scope::ManagementGroup(_) | Scope::Billing { .. })
}

/// The subscriptions that this person sees, by name.
pub(in crate::mcp) async fn subscriptions(context: &ToolContext) -> Result<Vec<Subscription>, Failure> {
    let list = |cost: cost::Client, token| async move { cost.subscriptions(&token).await };
    let mut seen = context.azure(list).await?;
    seen.sort_by(|a, b| a.display_name.cmp(&b.display_name).then_with(|| a.id.cmp(&b.id)));
    Ok(seen)
}

/// Conditions with each subscription by its id, where people wrote its name: names are nobody's alone, and a management group
/// takes a name only with its id beside it.
pub(super) async fn by_id(context: &ToolContext, conditions: &mut [Condition]) -> Result<(), Failure> {
    let is_subscription = |condition: &Condition| {
        let name = condition.by.name();
        matches!(condition.by, Grouping::Dimension(_))
            && (name == "SubscriptionName"
                || (name == "SubscriptionId" && condition.values.iter().any(|v| id_in(v).is_none())))
    };
    if !conditions.iter().any(is_subscription) {
        return Ok(());
    }
    let seen = subscriptions(context).await?;
    for condition in conditions.iter_mut().filter(|condition| is_subscription(condition)) {
        let mut ids = Vec::new();
        for value in &condition.values {
            match id_in(value) {
                Some(id) => ids.push(id),
                None => ids.extend(all_named(&seen, value).map_err(Failure::Tool)?.iter().map(|one| one.id)),
            }
        }
        *condition = Condition {
            by: Grouping::Dimension("SubscriptionId".to_owned()),
            values: ids.iter().map(ToString::to_string).collect(),
        };
    }
    Ok(())
}

/// Every subscription in use.
fn every(seen: Vec<Subscription>) -> Result<Scopes, Failure> {
    let is_used = |one: &Subscription| {
        !matches!(
            one.state,
            SubscriptionState::Disabled | SubscriptionState::Deleted | SubscriptionState::Other(_)
        )
    };
    let (used, unused): (Vec<_>, Vec<_>) = seen.into_iter().partition(is_used);
    if used.is_empty() {
        return Err(not_found(&unused, unused.len()).into());
    }
    let all: Vec<_> = used.iter().take(MOST_SCOPES).map(|one| Scope::Subscription(one.id)).collect();
    let mut notes = Vec::new();
    let left: Vec<_> = used.iter().skip(MOST_SCOPES).collect();
    if !left.is_empty() {
        notes.push(format!(
            "{} subscriptions are not in it, for a question takes {MOST_SCOPES}: {}. Name them in `scopes`, or ask for the \
             management group or billing account above them.",
            left.len(),
            few(left.iter().map(|one| one.display_name.as_str()))
        ));
    }
    if !unused.is_empty() {
        let names = few(unused.iter().map(|one| one.display_name.as_str()));
        notes.push(format!("Subscriptions that are not enabled are not in it: {names}."));
    }
    let title = match &used[..] {
        [only] => foreign::name(&only.display_name),
        _ if left.is_empty() => format!("All {} subscriptions you see", all.len()),
        _ => format!("The first {} of {} subscriptions you see", all.len(), used.len()),
    };
    let names = used.into_iter().map(|one| (one.id, one.display_name)).collect();
    Ok(Scopes { all, unseen: Vec::new(), names, title, notes })
}

/// Some names in a sentence, and how many more there are.
fn few<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const MOST: usize = 5;
    let more = names.len().saturating_sub(MOST);
    let mut few: Vec<_> = names.take(MOST).map(|name| cost::visible(name, 60)).collect();
    if more > 0 {
        few.push(format!("and {more} more"));
    }
    few.join(", ")
}

/// The subscriptions within each wide scope, where there is something beside it that may lie within; `None` where it is not
/// known.
async fn members(
    context: &ToolContext,
    scopes: &[Scope],
) -> Result<Vec<Option<BTreeSet<SubscriptionId>>>, Failure> {
    if scopes.len() < 2 {
        return Ok(vec![None; scopes.len()]);
    }
    let of = |scope| async move { if is_wide(scope) { within(context, scope).await } else { Ok(None) } };
    join_all(scopes.iter().map(of)).await.into_iter().collect()
}

/// The subscriptions that a wide scope has costs of, where all are known.
async fn within(context: &ToolContext, scope: &Scope) -> Result<Option<BTreeSet<SubscriptionId>>, Failure> {
    match context.dimension_values(scope, "SubscriptionId", None).await {
        Ok(found) if !found.truncated && found.total <= found.values.len() as u64 => {
            Ok(found.values.iter().map(|value| id_in(value)).collect())
        }
        Ok(_) | Err(Failure::Tool(_)) => Ok(None),
        Err(refused) => Err(refused),
    }
}

fn dropped(inside: &[Inside]) -> Option<String> {
    const MOST: usize = 5;
    let mut parts: Vec<_> = inside
        .iter()
        .take(MOST)
        .map(|Inside { part, whole }| format!("{} lies within {}", called(part), called(whole)))
        .collect();
    let more = inside.len().saturating_sub(MOST);
    if more > 0 {
        parts.push(format!("{more} more lie within others"));
    }
    (!parts.is_empty()).then(|| format!("Counted once: {}.", parts.join("; ")))
}

fn refused(clash: &Clash) -> Failure {
    let Clash { one, other, known } = clash;
    let why = if *known {
        "have costs in common, but neither holds the other"
    } else {
        "may have costs in common, and which ones cannot be known"
    };
    let detail = format!(
        "{} and {} {why}: together they would be counted twice. Ask for each in a question of its own, or for what holds \
         both.",
        called(one),
        called(other)
    );
    ToolError::new("scopes_overlap", detail).into()
}

/// What a scope is called in a sentence.
pub(super) fn called(scope: &Scope) -> String {
    match scope {
        Scope::Subscription(id) => format!("subscription {id}"),
        Scope::ResourceGroup { name, .. } => format!("resource group {}", foreign::name(name.as_str())),
        Scope::ManagementGroup(id) => format!("management group {}", foreign::name(id.as_str())),
        Scope::Billing { account, part } => {
            let (kind, id) = match part {
                BillingPart::Department(id) => ("department", id),
                BillingPart::EnrollmentAccount(id) => ("enrollment account", id),
                BillingPart::Profile(id) => ("billing profile", id),
                BillingPart::InvoiceSection { section, .. } => ("invoice section", section),
                BillingPart::Customer(id) => ("customer", id),
                _ => ("billing account", account),
            };
            format!("{kind} {}", foreign::name(id.as_str()))
        }
        _ => "a scope".to_owned(),
    }
}

fn title(found: &[(Scope, Option<String>)], unseen: usize) -> String {
    match found {
        _ if unseen > 0 => format!("{} scopes", found.len() + unseen),
        [(Scope::ResourceGroup { name: group, .. }, Some(name))] => {
            format!("Resource group {} of {}", foreign::name(group.as_str()), foreign::name(name))
        }
        [(_, Some(name))] => foreign::name(name),
        [(scope, None)] => {
            let mut called = called(scope);
            if let Some(first) = called.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            called
        }
        several if several.iter().all(|(scope, _)| matches!(scope, Scope::Subscription(_))) => {
            format!("{} subscriptions", several.len())
        }
        several => format!("{} scopes", several.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::names::tests::seen;
    use super::*;

    #[tokio::test]
    async fn of_more_subscriptions_than_a_question_takes_the_others_are_named() {
        let names: Vec<_> = (1..=27).map(|number| format!("Sub {number:02}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let some = every(seen(&names[..20]).await).unwrap_or_else(|_| panic!());
        assert_eq!((some.all.len(), some.title.as_str()), (20, "All 20 subscriptions you see"));
        assert!(some.notes.is_empty());
        let most = every(seen(&names).await).unwrap_or_else(|_| panic!());
        assert_eq!((most.all.len(), most.title.as_str()), (20, "The first 20 of 27 subscriptions you see"));
        let said = "7 subscriptions are not in it, for a question takes 20: Sub 21, Sub 22, Sub 23, Sub 24, Sub 25, and 2 more. Name";
        assert!(most.notes[0].starts_with(said), "{:?}", most.notes);
    }

    #[test]
    fn what_failed_is_called_by_its_name_where_it_is_known() {
        let all: Vec<Scope> = ["", "/resourceGroups/web"]
            .map(|rest| format!("/subscriptions/10000000-0000-4000-8000-000000000001{rest}").parse().unwrap())
            .to_vec();
        let names =
            all[..1].iter().filter_map(|one| Some((one.subscription()?, "Prod".to_owned()))).collect();
        let scopes = Scopes { names, ..Scopes::known(all, Vec::new()) };
        let failed = |scope| scopes.failed(scope, ToolError::new("no_access", String::new())).name;
        assert_eq!([failed(&scopes.all[0]), failed(&scopes.all[1])], [Some("Prod".to_owned()), None]);
    }
}

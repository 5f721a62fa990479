//! What stands beside the figures: which commitments are not used, and the lists that take roles of their own. Whatever of it
//! cannot be had is said, and fails nothing.

use cost::{
    BenefitDay, BenefitUse, Breakdown, Listing, Lot, Period, Plan, Recommendation, Scope, benefit_uses,
};

use super::roles::What;
use crate::engine::{Counted, Known};
use crate::mcp::answer::Failure;
use crate::mcp::context::ToolContext;
use crate::mcp::foreign;
use crate::mcp::tools::run::{self, Ran};
use crate::mcp::tools::scopes::Scopes;
use crate::mcp::tools::told::{AzureUse, Partial};

/// The scopes whose lists are asked for: four requests each at most.
const MOST_SCOPES: usize = 3;

/// What stands beside the figures.
#[derive(Default)]
pub(super) struct Beside {
    /// What was not used, by id and name of the benefit.
    pub(super) unused: Breakdown,
    /// The benefits that billing scopes list; `None` where none does.
    pub(super) uses: Option<Vec<BenefitUse>>,
    pub(super) recommendations: Option<Vec<(Scope, Recommendation)>>,
    pub(super) lots: Option<Vec<(Scope, Lot)>>,
    /// What takes a role that this person has not.
    pub(super) missing: Vec<(Scope, What)>,
    pub(super) partial: Vec<Partial>,
    pub(super) notes: Vec<String>,
    pub(super) azure: AzureUse,
}

impl Beside {
    /// Asks for all of it. `answered` are the scopes that have figures, with them.
    ///
    /// # Errors
    /// A refusal: the person must do something first.
    pub(super) async fn ask(
        context: &ToolContext,
        scopes: &Scopes,
        (answered, parts): (&[Scope], &[Breakdown]),
        period: Period,
    ) -> Result<Self, Failure> {
        // Where nothing more is asked, nothing more is not cached.
        let mut beside = Self { azure: AzureUse { cached: true, ..AzureUse::default() }, ..Self::default() };
        beside.ask_unused(context, scopes, wasteful(answered, parts)?, period).await?;
        let mut days = Vec::new();
        for scope in answered.iter().take(MOST_SCOPES) {
            beside.ask_lists(context, scope, period, &mut days).await?;
        }
        if beside.uses.is_some() {
            beside.uses = Some(benefit_uses(days)?);
        }
        if answered.len() > MOST_SCOPES {
            beside.notes.push(format!(
                "Recommendations and what billing roles show are of the first {MOST_SCOPES} scopes: name others in a question of \
                 their own."
            ));
        }
        Ok(beside)
    }

    /// Which commitments are not used, at the scopes where one is not.
    async fn ask_unused(
        &mut self,
        context: &ToolContext,
        scopes: &Scopes,
        wasteful: Vec<Scope>,
        period: Period,
    ) -> Result<(), Failure> {
        if wasteful.is_empty() {
            return Ok(());
        }
        let question = cost::unused_question(period);
        let plan = |known: Option<&[String]>| Plan::new(&question, known);
        match run::each(context, &scopes.only(wasteful), &["BenefitId", "BenefitName"], plan).await {
            Ok(Ran { parts, partial, azure, .. }) => {
                self.unused = Breakdown::merged(parts)?;
                self.partial.extend(partial);
                self.azure.add(&azure);
            }
            Err(Failure::Tool(error)) => self.notes.push(format!(
                "Which commitments were not used cannot be said ({}). {}",
                error.code(),
                foreign::message(error.detail())
            )),
            Err(refused) => return Err(refused),
        }
        Ok(())
    }

    async fn ask_lists(
        &mut self,
        context: &ToolContext,
        scope: &Scope,
        period: Period,
        days: &mut Vec<BenefitDay>,
    ) -> Result<(), Failure> {
        let (costs, older) = (Counted::WithCosts, Counted::ByTheOlderProvider);
        // Four of them in a row of futures are too large for a stack.
        let (plans, reserved, recommended, lots) = futures::join!(
            Box::pin(context.list_by_role(scope, costs, |azure| azure.savings_plan_pages(scope, period))),
            Box::pin(context.list_by_role(scope, older, |azure| azure.reservation_pages(scope, period))),
            Box::pin(context.list_by_role(scope, costs, |azure| azure.recommendation_pages(scope))),
            Box::pin(context.list_by_role(scope, older, |azure| azure.lot_pages(scope))),
        );
        for (what, outcome) in [(What::SavingsPlans, plans), (What::Reservations, reserved)] {
            if let Some(found) = self.took(scope, what, outcome)? {
                self.uses.get_or_insert_default();
                days.extend(found);
            }
        }
        if let Some(found) = self.took(scope, What::Recommendations, recommended)? {
            let all = self.recommendations.get_or_insert_default();
            all.extend(found.into_iter().map(|one| (scope.clone(), one)));
        }
        if let Some(found) = self.took(scope, What::Lots, lots)? {
            let all = self.lots.get_or_insert_default();
            all.extend(found.into_iter().map(|one| (scope.clone(), one)));
        }
        Ok(())
    }

    /// The entries of a list; `None` where there is none to be had, and then it is noted why.
    fn took<T: Clone>(
        &mut self,
        scope: &Scope,
        what: What,
        outcome: Result<Option<Known<Listing<T>>>, Failure>,
    ) -> Result<Option<Vec<T>>, Failure> {
        let known = match outcome {
            Ok(Some(known)) => known,
            Ok(None) => return Ok(None),
            Err(Failure::Tool(error)) => {
                let detail = format!("Without {}. {}", what.words(), error.detail());
                self.partial.push(Partial::new(scope, error.code(), &detail));
                return Ok(None);
            }
            Err(refused) => return Err(refused),
        };
        let Known { list, as_of, cached } = known;
        let pages = list.as_ref().map_or(1, |list| u64::from(list.pages));
        let calls = if cached { 0 } else { pages };
        self.azure.add(&AzureUse { calls, cached, as_of: Some(as_of), ..AzureUse::default() });
        let Some(list) = list else {
            self.missing.push((scope.clone(), what));
            return Ok(None);
        };
        if list.unread > 0 {
            let (count, words) = (list.unread, what.words());
            self.notes.push(format!(
                "{count} entries of Azure's list about {words} cannot be read, and are left out."
            ));
        }
        Ok(Some(list.items.clone()))
    }
}

/// The scopes where something was paid for and not used.
fn wasteful(answered: &[Scope], parts: &[Breakdown]) -> Result<Vec<Scope>, Failure> {
    let mut wasteful = Vec::new();
    for (scope, part) in answered.iter().zip(parts) {
        if cost::committed(part)?.iter().any(|one| !one.whole.unused_cost.is_zero()) {
            wasteful.push(scope.clone());
        }
    }
    Ok(wasteful)
}

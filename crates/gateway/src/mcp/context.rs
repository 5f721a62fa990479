//! What a tool works with: the caller, and Azure as that caller.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use audit::Audit;
use cost::{ExportPlan, ListPages, Listing, Paged, QueryPages, Usage};
use identity::BearerToken;
use identity::clock::SharedClock;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use telemetry::http::TraceContext;
use tokio::time::Instant;

use super::answer::{Failure, ToolError};
use super::exporting::{Door, ExportJobs, Making, Order, Waiting};
use crate::broker::Broker;
use crate::caller::Caller;
use crate::engine::{Answered, Asker, Counted, Engine, Known, Person, Token};
use crate::exports::Exports;
use crate::metrics::Instruments;
use crate::policy::Policies;
use crate::refusal::Refusal;
use crate::users::UserKey;

/// How long what stands beside the figures may wait for its turn.
const BESIDE: Duration = Duration::from_secs(10);
/// How long a call waits for an export.
const EXPORT_WAIT: Duration = Duration::from_secs(10);

/// What the service as a whole gives its tools.
pub(crate) struct Services {
    pub(crate) policies: Policies,
    pub(crate) broker: Broker,
    pub(crate) cost: cost::Client,
    pub(crate) engine: Engine,
    pub(crate) clock: SharedClock,
    pub(crate) instruments: Instruments,
    pub(crate) audit: Audit,
    pub(crate) exports: Exports,
    /// Those that are being made.
    pub(crate) export_jobs: ExportJobs,
    /// When a call is told that its answer is still to come.
    pub(crate) soft_deadline: Duration,
    /// What people are called in traces and in the log.
    pub(crate) users: UserKey,
    /// What the trace that a client names is to this server's.
    pub(crate) trace_context: TraceContext,
}

/// One tool call.
pub(super) struct ToolContext {
    caller: Caller,
    services: Arc<Services>,
    azure: AsCaller,
    /// How long its questions may wait for their turn.
    patience: Instant,
    seen: Seen,
}

/// The scopes of which a call was shown something, and when Azure said it. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Vec<(cost::Scope, Timestamp)>>>);

impl Seen {
    fn note(&self, scope: &cost::Scope, as_of: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((scope.clone(), as_of));
    }

    fn all(&self) -> Vec<(cost::Scope, Timestamp)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ToolContext {
    /// What it uses at Azure is counted in `usage`. Its questions wait for their turn until `patience` at most.
    pub(super) fn new(caller: Caller, services: Arc<Services>, usage: &Usage, patience: Instant) -> Self {
        let azure = AsCaller {
            person: (caller.principal.tenant(), caller.principal.oid()),
            assertion: caller.assertion.clone(),
            broker: services.broker.clone(),
            cost: services.cost.counted_in(usage),
            usage: usage.clone(),
        };
        Self { caller, services, azure, patience, seen: Seen::default() }
    }

    /// What this call is shown.
    pub(super) fn seen(&self) -> Seen {
        self.seen.clone()
    }

    /// Whether the broker has a token for this very call.
    pub(super) async fn vouched(&self) -> Result<(), Refusal> {
        Token::of(&self.azure).await.map(drop)
    }

    /// Whether the caller may still see what another call of theirs was shown.
    pub(super) async fn may_still_see(&self, seen: &Seen) -> Result<bool, Refusal> {
        self.services.engine.may_still_see(&self.azure, &seen.all()).await
    }

    /// Calls Azure as the caller, at once: what counts against the quotas of Cost Management goes through [`Self::costs`].
    ///
    /// A claims challenge of Azure's is answered once.
    pub(super) async fn azure<T, F, Fut>(&self, call: F) -> Result<T, Failure>
    where
        F: Fn(cost::Client, SecretString) -> Fut,
        Fut: Future<Output = Result<T, cost::Error>>,
    {
        let mut token = Token::of(&self.azure).await.map_err(Failure::Refused)?;
        loop {
            match call(self.azure.cost.clone(), token.secret.clone()).await {
                Err(cost::Error::ClaimsChallenge { claims, .. }) => {
                    token.challenged(&self.azure, &claims).await.map_err(Failure::Refused)?;
                }
                other => return Ok(other?),
            }
        }
    }

    /// The answer to a query of a scope, as the caller: one that they were given before and may still see, or Azure's, when it
    /// is this question's turn.
    pub(super) async fn costs(&self, scope: &cost::Scope, query: &cost::Query) -> Result<Answered, Failure> {
        let answered = self.services.engine.costs(&self.azure, scope, query, self.patience).await?;
        self.seen.note(scope, answered.as_of);
        Ok(answered)
    }

    /// The names that the scope's agreement can be grouped and filtered by, where they are known already.
    pub(super) fn known_dimensions(&self, scope: &cost::Scope) -> Option<Arc<[String]>> {
        self.services.engine.known_names(scope)
    }

    /// The dimensions of a scope with their first values.
    pub(super) async fn dimensions(&self, scope: &cost::Scope) -> Result<Vec<cost::Dimension>, Failure> {
        let dimensions = self.list(scope, self.azure.cost.dimension_pages(scope)).await?;
        self.services.engine.learn_names(scope, dimensions.iter().map(|dimension| dimension.name.clone()));
        Ok(dimensions)
    }

    /// One dimension of a scope with all its values, or those that hold `search`.
    pub(super) async fn dimension_values(
        &self,
        scope: &cost::Scope,
        dimension: &str,
        search: Option<&str>,
    ) -> Result<cost::Dimension, Failure> {
        let pages = self.azure.cost.value_pages(scope, dimension).map_err(cost::Error::from)?;
        let found = self.list(scope, pages).await?.into_iter().next();
        let found = found.unwrap_or_else(|| cost::Dimension::without_values(dimension));
        Ok(match search {
            Some(search) => found.holding(search),
            None => found,
        })
    }

    /// The keys of a scope's tags.
    pub(super) async fn tag_keys(&self, scope: &cost::Scope) -> Result<cost::TagKeys, Failure> {
        self.list(scope, self.azure.cost.tag_pages(scope)).await
    }

    /// The budgets of a scope, and when Azure gave them.
    pub(super) async fn budgets(
        &self,
        scope: &cost::Scope,
    ) -> Result<(cost::BudgetList, Timestamp), Failure> {
        let newer = self.listed(scope, self.azure.cost.budget_pages(scope)).await?;
        if !newer.0.is_empty() {
            return Ok(newer);
        }
        // What was made with the older provider may show there alone.
        match self.listed(scope, self.azure.cost.older_budget_pages(scope)).await {
            Ok((older, as_of)) => {
                Ok((cost::BudgetList { pages: older.pages + newer.0.pages, ..older }, as_of))
            }
            Err(Failure::Tool(_)) => Ok(newer),
            Err(refused) => Err(refused),
        }
    }

    /// A list of a scope's that takes a role of its own, or that the caller has not the role; `None` where the scope has no such
    /// list. It is beside the figures: nobody waits long for it.
    pub(super) async fn list_by_role<T: Send + Sync + 'static>(
        &self,
        scope: &cost::Scope,
        of: Counted,
        pages: impl FnOnce(&cost::Client) -> Option<ListPages<T>> + Send,
    ) -> Result<Option<Known<Listing<T>>>, Failure> {
        let Some(pages) = pages(&self.azure.cost) else { return Ok(None) };
        let patience = self.patience.min(Instant::now() + BESIDE);
        let engine = &self.services.engine;
        let list = (pages.address().to_owned(), pages);
        let entries = |listing: &Listing<T>| listing.items.len();
        let known = engine.list_by_role(&self.azure, (scope, of), list, entries, patience).await?;
        if known.list.is_some() {
            self.seen.note(scope, known.as_of);
        }
        Ok(Some(known))
    }

    async fn list<P: Paged>(&self, scope: &cost::Scope, pages: P) -> Result<P::Whole, Failure> {
        Ok(self.listed(scope, pages).await?.0)
    }

    async fn listed<P: Paged>(
        &self,
        scope: &cost::Scope,
        pages: P,
    ) -> Result<(P::Whole, Timestamp), Failure> {
        let (listed, as_of) = self.services.engine.list(&self.azure, scope, pages, self.patience).await?;
        self.seen.note(scope, as_of);
        Ok((listed, as_of))
    }

    /// The moment, by the service's clock.
    pub(super) fn now(&self) -> Timestamp {
        self.services.clock.now()
    }

    /// Today, in UTC: Azure's days are.
    pub(super) fn today(&self) -> Date {
        self.now().to_zoned(TimeZone::UTC).date()
    }

    /// Whose call it is.
    pub(super) fn person(&self) -> Person {
        self.azure.person
    }

    /// The exports that are ready.
    pub(super) fn exports(&self) -> &Exports {
        &self.services.exports
    }

    /// Those that are being made, or were.
    pub(super) fn export_jobs(&self) -> &ExportJobs {
        &self.services.export_jobs
    }

    /// Begins an export as the caller, or joins the one of the same that is being made. It may go on after the call, for as long as
    /// they are signed in.
    pub(super) fn export(&self, plan: ExportPlan, title: String, note: String) -> Result<Waiting, Failure> {
        let exports = self.services.exports.clone();
        let id = exports.new_id().map_err(ToolError::from)?;
        let end = Instant::now() + self.caller.signed_in_for(self.now());
        // What it takes at Azure is not this call's: it may be over by then.
        let azure = self.azure.counted_in(&Usage::default());
        let cost = azure.cost.clone();
        let door = Door { azure, engine: self.services.engine.clone(), end };
        let making = Making { id, plan: plan.clone(), cost, door, exports };
        let order = Order { person: self.azure.person, plan, title, note };
        self.services.export_jobs.enter(order, id, end, |progress| making.made(progress))
    }

    /// Until when a call waits for an export: so long as nobody minds, and less than the request may take.
    pub(super) fn export_wait(&self) -> Instant {
        let left = self.caller.deadline.saturating_duration_since(Instant::now());
        Instant::now() + left.mul_f32(0.8).min(EXPORT_WAIT)
    }
}

/// Azure as the caller.
#[derive(Clone)]
struct AsCaller {
    person: Person,
    assertion: BearerToken,
    broker: Broker,
    cost: cost::Client,
    usage: Usage,
}

impl Asker for AsCaller {
    type Pages = QueryPages;

    fn person(&self) -> Person {
        self.person
    }

    fn usage(&self) -> &Usage {
        &self.usage
    }

    fn counted_in(&self, usage: &Usage) -> Self {
        Self { cost: self.cost.counted_in(usage), usage: usage.clone(), ..self.clone() }
    }

    async fn token(&self, claims: Option<&str>) -> Result<SecretString, Refusal> {
        self.broker.exchange(&self.assertion, claims).await
    }

    fn query(&self, scope: &cost::Scope, query: &cost::Query) -> QueryPages {
        self.cost.query_pages(scope, query)
    }

    async fn may_read(&self, token: &SecretString, scope: &cost::Scope) -> Result<Option<bool>, cost::Error> {
        self.cost.may_read_costs(token, scope).await
    }
}

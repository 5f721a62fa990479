//! What stands between a tool and Azure: the answers a person was given before, and the turn that each question waits for.
//!
//! It must not know of MCP: whoever asks is an `Asker`, and what comes is an answer or a reason.

use std::sync::Arc;
use std::time::Duration;

use cost::{Page, Paged, Query, QueryResult, Scope, Usage};
use identity::clock::SharedClock;
use jiff::Timestamp;
use moka::sync::Cache;
use opentelemetry::metrics::Meter;
use tokio::time::Instant;

use self::answers::{Answers, Place};
use self::flights::Flights;
use self::governor::{Busy, Governor, Wanted};
use self::key::ScopeKey;
use self::lists::Lists;
use self::metrics::{CostInstruments, Lookup};
use self::rights::Rights;
use crate::refusal::Refusal;

pub use settings::{CacheSettings, CostArgs, CostSettings, Quotas, UnitQuota};

pub(crate) use asker::{Asker, Token};
pub(crate) use governor::Outlook;
pub(crate) use jobs::{Ended, Jobs, Joining};
pub(crate) use key::Person;
pub(crate) use lists::Known;

mod answers;
mod asker;
mod flights;
mod governor;
mod jobs;
mod key;
mod lists;
mod metrics;
mod rights;
mod settings;
#[cfg(test)]
mod tests;

/// Scopes whose dimensions are remembered, and how long.
const MOST_SCOPES: u64 = 10_000;
const NAMES_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// A token that was had so long ago is had again before it is used.
const TOKEN_AGE: Duration = Duration::from_secs(60);

/// The answer to one query of one scope.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    /// All of it: what is truncated is an error.
    pub(crate) result: Arc<QueryResult>,
    /// Whether Azure was not asked for it now.
    pub(crate) cached: bool,
    /// When Azure gave it.
    pub(crate) as_of: Timestamp,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(crate) enum Unanswered {
    /// The person must do something first.
    Refused(Refusal),
    /// Azure says why, or its answer does.
    Azure(Arc<cost::Error>),
    /// It was not this question's turn within the time that there was.
    Busy {
        /// When it may be.
        retry_after: Duration,
    },
}

impl From<Refusal> for Unanswered {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<cost::Error> for Unanswered {
    fn from(error: cost::Error) -> Self {
        Self::Azure(Arc::new(error))
    }
}

impl From<Busy> for Unanswered {
    fn from(Busy { retry_after }: Busy) -> Self {
        Self::Busy { retry_after }
    }
}

/// Whose quotas count the requests for a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Those of Cost Management, as questions about costs.
    WithCosts,
    /// Those of Consumption, which knows no query units and counts each scope by itself.
    ByTheOlderProvider,
}

/// The engine. Clones are the same.
#[derive(Clone)]
pub(crate) struct Engine(Arc<Inner>);

struct Inner {
    governor: Governor,
    answers: Answers,
    rights: Rights,
    lists: Lists,
    /// With what each uses at Azure.
    questions: Flights<(Place, Query), (Result<Answered, Unanswered>, Usage)>,
    /// What each scope's agreement has: the same for everybody who may see it.
    names: Cache<ScopeKey, Arc<[String]>>,
    clock: SharedClock,
    instruments: CostInstruments,
}

impl Engine {
    pub(crate) fn new(settings: CostSettings, clock: SharedClock, meter: &Meter) -> Self {
        let instruments = CostInstruments::new(meter);
        let governor = Governor::new(settings.quota, instruments.clone());
        metrics::observe(&governor, meter);
        Self(Arc::new(Inner {
            governor,
            answers: Answers::new(settings.cache),
            rights: Rights::new(settings.cache.rights),
            lists: Lists::new(settings.cache),
            questions: Flights::default(),
            names: Cache::builder().max_capacity(MOST_SCOPES).time_to_live(NAMES_FOR).build(),
            clock,
            instruments,
        }))
    }

    /// The answer to a query: one that this person was given before and may still see, or Azure's, when it is its turn.
    pub(crate) async fn costs<A: Asker>(
        &self,
        asker: &A,
        scope: &Scope,
        query: &Query,
        patience: Instant,
    ) -> Result<Answered, Unanswered> {
        // Nothing is looked up for somebody whose sign-in is not good for a token now.
        let token = Token::of(asker).await?;
        let place: Place = (asker.person(), ScopeKey::from(scope));
        if let Some(kept) = self.kept(asker, &token, (&place, scope), query).await {
            return Ok(kept);
        }
        let question =
            Question { asker: asker.clone(), scope: scope.clone(), query: query.clone(), patience };
        let (engine, used) = (self.clone(), asker.usage().part());
        let of_all = Question { asker: asker.counted_in(&used), ..question.clone() };
        let begin = move || async move { (engine.fresh(of_all, token).await, used) };
        let ((outcome, used), joined) = self.0.questions.join((place, query.clone()), begin).await;
        if joined {
            asker.usage().share(&used);
        }
        match outcome {
            // What kept another call of theirs need not keep this one: it may have a newer sign-in, or more time.
            Err(Unanswered::Refused(_) | Unanswered::Busy { .. }) if joined => {
                let token = Token::of(asker).await?;
                self.fresh(question, token).await
            }
            outcome => outcome,
        }
    }

    async fn kept(
        &self,
        asker: &impl Asker,
        token: &Token,
        (place, scope): (&Place, &Scope),
        query: &Query,
    ) -> Option<Answered> {
        let now = self.0.clock.now();
        let Some(found) = self.0.answers.find(place, query, now) else {
            self.0.instruments.looked_up(Lookup::Miss);
            return None;
        };
        if !self.0.rights.may_see(asker, token, (place, scope), found.as_of, now).await {
            self.0.instruments.looked_up(Lookup::Refused);
            self.0.answers.forget(place);
            return None;
        }
        self.0.instruments.looked_up(if found.derived { Lookup::Derived } else { Lookup::Hit });
        Some(Answered { result: found.result, cached: true, as_of: found.as_of })
    }

    async fn fresh<A: Asker>(&self, question: Question<A>, token: Token) -> Result<Answered, Unanswered> {
        let Question { asker, scope, query, patience } = question;
        let place: Place = (asker.person(), ScopeKey::from(&scope));
        let units = cost::query_units(&query);
        let wanted = Wanted { person: place.0, scope: place.1.clone(), units, patience };
        let asked = self.asked(&asker, token, wanted, asker.query(&scope, &query)).await;
        let (result, as_of) = asked.inspect_err(|error| self.learn_from(error, &place.1))?;
        if let Some(bound) = result.truncated {
            return Err(cost::Error::from(bound).into());
        }
        let result = Arc::new(result);
        self.0.rights.shown(place.clone(), as_of);
        self.0.answers.keep(place, &query, &result, as_of);
        Ok(Answered { result, cached: false, as_of })
    }

    /// A list of a scope's that is no query, with all its pages, and when Azure gave it.
    pub(crate) async fn list<P: Paged>(
        &self,
        asker: &impl Asker,
        scope: &Scope,
        pages: P,
        patience: Instant,
    ) -> Result<(P::Whole, Timestamp), Unanswered> {
        let token = Token::of(asker).await?;
        let scope = ScopeKey::from(scope);
        // What such a list takes is written nowhere; the answer tells.
        let wanted = Wanted { person: asker.person(), scope: scope.clone(), units: 1, patience };
        let listed = self.asked(asker, token, wanted, pages).await;
        listed.inspect_err(|error| self.learn_from(error, &scope))
    }

    /// A list of a scope's that takes a role of its own, by its address. Who has not the role is an answer too. Either is remembered
    /// for as long as a proof of the right to see something; `entries` are what is kept of it. `of` is where its requests are
    /// counted: the older provider counts its own.
    pub(crate) async fn list_by_role<P>(
        &self,
        asker: &impl Asker,
        (scope, of): (&Scope, Counted),
        (address, pages): (String, P),
        entries: impl FnOnce(&P::Whole) -> usize + Send,
        patience: Instant,
    ) -> Result<Known<P::Whole>, Unanswered>
    where
        P: Paged,
        P::Whole: Sync + 'static,
    {
        let token = Token::of(asker).await?;
        let key = ((asker.person(), ScopeKey::from(scope)), address);
        if let Some(known) = self.0.lists.find(&key, self.0.clock.now()) {
            return Ok(known);
        }
        let wanted = match of {
            Counted::WithCosts => Wanted { person: key.0.0, scope: key.0.1.clone(), units: 1, patience },
            Counted::ByTheOlderProvider => {
                Wanted { person: key.0.0, scope: ScopeKey::of_the_older_provider(scope), units: 0, patience }
            }
        };
        let (list, as_of) = match self.asked(asker, token, wanted, pages).await {
            Ok((whole, as_of)) => (Some(Arc::new(whole)), as_of),
            Err(Unanswered::Azure(error)) if matches!(*error, cost::Error::NoAccess(_)) => {
                (None, self.0.clock.now())
            }
            Err(why) => return Err(why),
        };
        let entries = list.as_deref().map_or(0, entries);
        let known = Known { list, as_of, cached: false };
        self.0.lists.keep(key, &known, entries);
        Ok(known)
    }

    /// Whether a person may still see what Azure said about these scopes at these moments.
    ///
    /// # Errors
    /// Where their sign-in is not good for a token.
    pub(crate) async fn may_still_see(
        &self,
        asker: &impl Asker,
        seen: &[(Scope, Timestamp)],
    ) -> Result<bool, Refusal> {
        let token = Token::of(asker).await?;
        for (scope, as_of) in seen {
            let place: Place = (asker.person(), ScopeKey::from(scope));
            let now = self.0.clock.now();
            if !self.0.rights.may_see(asker, &token, (&place, scope), *as_of, now).await {
                self.0.answers.forget(&place);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits until something that is no question about costs may be asked of a scope. Azure counts it as one.
    pub(crate) async fn turn(
        &self,
        person: Person,
        scope: &Scope,
        patience: Instant,
    ) -> Result<(), Unanswered> {
        let wanted = Wanted { person, scope: ScopeKey::from(scope), units: 1, patience };
        self.0.governor.turn(wanted).await?.sends();
        Ok(())
    }

    /// Counts a call that was told that its answer is still to come.
    pub(crate) fn told_pending(&self) {
        self.0.instruments.pending_given();
    }

    /// Counts a call that had an answer of which an earlier one was told.
    pub(crate) fn collected(&self) {
        self.0.instruments.pending_collected();
    }

    /// What a person's questions wait for, if any waits.
    pub(crate) fn outlook(&self, person: Person) -> Option<Outlook> {
        self.0.governor.outlook(person)
    }

    /// Asks Azure for all pages of something, each when its turn has come. And when the turn came.
    async fn asked<P: Paged>(
        &self,
        asker: &impl Asker,
        mut token: Token,
        wanted: Wanted,
        mut pages: P,
    ) -> Result<(P::Whole, Timestamp), Unanswered> {
        let mut turn = self.0.governor.turn(wanted).await?;
        let as_of = self.0.clock.now();
        loop {
            token.refresh(asker, TOKEN_AGE).await?;
            turn.sends();
            match pages.next_page(&token.secret).await {
                Ok(Page::Last(quota)) => {
                    turn.answered(&quota);
                    return Ok((pages.whole(), as_of));
                }
                Ok(Page::More(quota)) => {
                    turn.answered(&quota);
                    turn.next_page().await?;
                }
                Ok(Page::NotNow { retry_after, quota }) => turn.again(retry_after, &quota).await?,
                Err(cost::Error::ClaimsChallenge { claims, .. }) => {
                    token.challenged(asker, &claims).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The dimensions of a scope, where they are known.
    pub(crate) fn known_names(&self, scope: &Scope) -> Option<Arc<[String]>> {
        self.0.names.get(&ScopeKey::from(scope))
    }

    /// These are the dimensions of a scope.
    pub(crate) fn learn_names(&self, scope: &Scope, names: impl IntoIterator<Item = String>) {
        self.remember(&ScopeKey::from(scope), names.into_iter().collect());
    }

    /// Azure lists the right names where it refuses a wrong one.
    fn learn_from(&self, error: &Unanswered, scope: &ScopeKey) {
        if let Unanswered::Azure(error) = error
            && let Some(azure) = error.azure()
        {
            self.remember(scope, azure.valid_values().into());
        }
    }

    fn remember(&self, scope: &ScopeKey, names: Arc<[String]>) {
        if !names.is_empty() {
            self.0.names.insert(scope.clone(), names);
        }
    }
}

#[derive(Clone)]
struct Question<A> {
    asker: A,
    scope: Scope,
    query: Query,
    patience: Instant,
}

//! Azure as one person, as the engine needs it.

use std::time::Duration;

use cost::{Paged, Query, QueryResult, Scope, Usage};
use secrecy::SecretString;
use tokio::time::Instant;

use super::key::Person;
use crate::refusal::Refusal;

/// Azure as the person whose call this is.
pub(crate) trait Asker: Clone + Send + Sync + 'static {
    /// A query under way.
    type Pages: Paged<Whole = QueryResult> + 'static;

    /// Whose call it is.
    fn person(&self) -> Person;

    /// What the call uses at Azure.
    fn usage(&self) -> &Usage;

    /// The same call, which counts in `usage`.
    fn counted_in(&self, usage: &Usage) -> Self;

    /// Their token for Azure, exchanged for that proof now. `claims` is what Azure wants the token to hold.
    fn token(&self, claims: Option<&str>) -> impl Future<Output = Result<SecretString, Refusal>> + Send;

    /// A query, to be asked page by page.
    fn query(&self, scope: &Scope, query: &Query) -> Self::Pages;

    /// Whether their roles let them read the costs of a scope; `None` where it cannot be asked.
    fn may_read(
        &self,
        token: &SecretString,
        scope: &Scope,
    ) -> impl Future<Output = Result<Option<bool>, cost::Error>> + Send;
}

/// A person's token, which Azure may challenge once.
///
/// If Azure answers with a claims challenge (Continuous Access Evaluation), the token is exchanged once more with those claims and
/// the call made once more; a second challenge goes to the client. Never a third try.
pub(crate) struct Token {
    pub(crate) secret: SecretString,
    since: Instant,
    challenged: bool,
}

impl Token {
    pub(crate) async fn of(asker: &impl Asker) -> Result<Self, Refusal> {
        Ok(Self { secret: asker.token(None).await?, since: Instant::now(), challenged: false })
    }

    /// Sees to it that the token is no older than this: whoever waited may have lost it.
    pub(crate) async fn refresh(&mut self, asker: &impl Asker, age: Duration) -> Result<(), Refusal> {
        // What was exchanged for a challenge is the one that Azure takes.
        if !self.challenged && self.since.elapsed() >= age {
            *self = Self::of(asker).await?;
        }
        Ok(())
    }

    /// Azure wants these claims.
    pub(crate) async fn challenged(&mut self, asker: &impl Asker, claims: &str) -> Result<(), Refusal> {
        if self.challenged {
            return Err(Refusal::challenged(claims));
        }
        tracing::debug!("azure challenged the token; exchanging once more with its claims");
        self.challenged = true;
        // Entra ID's refusal says what the person must do; Azure's claims say what the next token must hold.
        let renewed = asker.token(Some(claims)).await;
        self.secret = renewed.map_err(|refusal| refusal.with_claims(claims))?;
        self.since = Instant::now();
        Ok(())
    }
}

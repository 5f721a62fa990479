//! Azure as the person whose export it is.

use cost::{ExportDoor, Scope};
use secrecy::SecretString;
use tokio::time::Instant;

use crate::engine::{Asker, Engine};
use crate::mcp::answer::Failure;

/// Their token, exchanged anew for each request, and their turn in the order of all questions.
pub(in crate::mcp) struct Door<A> {
    pub(in crate::mcp) azure: A,
    pub(in crate::mcp) engine: Engine,
    /// Who asks waits no longer.
    pub(in crate::mcp) end: Instant,
}

impl<A: Asker> ExportDoor for Door<A> {
    type Refused = Failure;

    async fn token(&self, claims: Option<&str>) -> Result<SecretString, Failure> {
        let exchanged = self.azure.token(claims).await;
        exchanged.map_err(|refusal| match claims {
            Some(claims) => Failure::Refused(refusal.with_claims(claims)),
            None => Failure::Refused(refusal),
        })
    }

    async fn turn(&self, scope: &Scope) -> Result<(), Failure> {
        Ok(self.engine.turn(self.azure.person(), scope, self.end).await?)
    }
}

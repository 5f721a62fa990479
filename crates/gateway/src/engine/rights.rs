//! The right to see an answer that is kept: who had it then may have lost it since.

use std::time::Duration;

use cost::Scope;
use jiff::{SignedDuration, Timestamp};
use moka::sync::Cache;

use super::answers::Place;
use super::asker::{Asker, Token};
use super::flights::Flights;

/// People and scopes whose proofs are remembered.
const MOST: u64 = 50_000;

/// The proofs that there are.
pub(crate) struct Rights {
    age: Duration,
    proved: Cache<Place, Timestamp>,
    flights: Flights<Place, Proof>,
}

/// What a proof came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    May,
    MayNot,
    /// It cannot be asked for this scope.
    Unknown,
}

impl Rights {
    pub(crate) fn new(age: Duration) -> Self {
        Self {
            age,
            proved: Cache::builder().max_capacity(MOST).time_to_live(age).build(),
            flights: Flights::default(),
        }
    }

    /// Azure answered this person's own question: that proves it.
    pub(crate) fn shown(&self, place: Place, at: Timestamp) {
        self.proved.insert(place, at);
    }

    /// Whether the person may see now what was answered at `as_of`. Where Azure does not say, they may not.
    pub(crate) async fn may_see(
        &self,
        asker: &impl Asker,
        token: &Token,
        (place, scope): (&Place, &Scope),
        as_of: Timestamp,
        now: Timestamp,
    ) -> bool {
        if self.proved.get(place).is_some_and(|at| self.is_young(at, now)) {
            return true;
        }
        let (of, secret, scope) = (asker.clone(), token.secret.clone(), scope.clone());
        let proof = self.flights.join(place.clone(), move || async move {
            match of.may_read(&secret, &scope).await {
                Ok(Some(true)) => Proof::May,
                Ok(Some(false)) => Proof::MayNot,
                Ok(None) => Proof::Unknown,
                Err(error) => {
                    tracing::info!(
                        code = error.code(),
                        "azure does not say whether a person may still see costs"
                    );
                    Proof::MayNot
                }
            }
        });
        match proof.await.0 {
            Proof::May => {
                self.proved.insert(place.clone(), now);
                true
            }
            Proof::MayNot => {
                self.proved.invalidate(place);
                false
            }
            // The answer itself is the proof.
            Proof::Unknown => self.is_young(as_of, now),
        }
    }

    fn is_young(&self, at: Timestamp, now: Timestamp) -> bool {
        now.duration_since(at) < SignedDuration::try_from(self.age).unwrap_or(SignedDuration::MAX)
    }
}

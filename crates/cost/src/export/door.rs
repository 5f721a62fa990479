//! What an export needs of whoever asks for it: their token, and their turn.

use secrecy::SecretString;

use crate::error::Error;
use crate::scope::Scope;

/// Whoever asks, and whoever keeps the count of what Azure is asked.
pub trait ExportDoor: Send + Sync {
    /// Why there is no export: what Azure says, or what the door does.
    type Refused: From<Error> + Send;

    /// The person's token for Azure Resource Manager. Asked for before each request that takes one, for an export outlives a
    /// token; with Azure's claims after a challenge.
    fn token(&self, claims: Option<&str>)
    -> impl Future<Output = Result<SecretString, Self::Refused>> + Send;

    /// Waits until a report may be ordered.
    fn turn(&self, scope: &Scope) -> impl Future<Output = Result<(), Self::Refused>> + Send;
}

/// One token for all of it, and nobody else who asks: for an export that is shorter than a token lives.
impl ExportDoor for SecretString {
    type Refused = Error;

    async fn token(&self, _: Option<&str>) -> Result<Self, Error> {
        Ok(self.clone())
    }

    async fn turn(&self, _: &Scope) -> Result<(), Error> {
        Ok(())
    }
}

/// Why an export ended.
pub(super) enum Fault<R> {
    /// Azure's, or the data's.
    Azure(Error),
    /// The door's.
    Door(R),
    /// See there.
    Stopped,
}

/// The thread that writes has ended: why, it says itself.
pub(super) struct Stopped;

impl<R> From<Stopped> for Fault<R> {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl<R> From<Error> for Fault<R> {
    fn from(error: Error) -> Self {
        Self::Azure(error)
    }
}

//! The token for Graph: the application's own, by the same client and with the same client assertion as an exchange.
//! Entra ID's answer tells more than the token: whether it knows the application and its credential, and what time it is
//! there.

use jiff::SignedDuration;
use reqwest::StatusCode;
use tokio::time::Instant;

use super::{Graph, REQUEST_DEADLINE, Session};
use crate::credential::{Own, Unavailable};
use crate::entra::AttemptFailed;
use crate::preflight::untold::{Part, Untold};

/// What came of signing in.
pub(crate) struct SignIn<'a> {
    pub(crate) standing: Standing,
    /// How far this machine's clock is ahead of Entra ID's.
    pub(crate) clock_ahead: Part<SignedDuration>,
    /// What the broker proved itself with.
    pub(crate) own: Part<Own>,
    pub(crate) session: Part<Session<'a>>,
}

/// What Entra ID says of the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It gave out a token: application and credential are known and good.
    Accepted,
    /// It refuses, with this error number.
    Refused {
        /// Without its `AADSTS`.
        number: Option<u32>,
    },
    /// It could not be asked, or cannot answer.
    Untold(Untold),
}

impl Graph {
    /// Gets a token, for use until `deadline`.
    pub(crate) async fn sign_in(&self, deadline: Instant) -> SignIn<'_> {
        let (attempt, proof) = match self.entra.for_itself(&self.settings.scope, REQUEST_DEADLINE).await {
            Ok(asked) => asked,
            Err(unavailable) => {
                let untold = no_credential(unavailable);
                return SignIn::failed(untold.clone(), Err(untold));
            }
        };
        let now = self.clock.now();
        let unreadable = || Untold::Unavailable("the client assertion cannot be read".to_owned());
        let own = proof.own.as_deref().cloned().ok_or_else(unreadable);
        let answer = match attempt {
            Ok(answer) => answer,
            Err(failed) => return SignIn::failed(no_answer(failed), own),
        };
        let undated = || Untold::Unavailable("Entra ID's answer has no date".to_owned());
        let clock_ahead = answer.date.map(|date| now.duration_since(date)).ok_or_else(undated);
        if answer.status == StatusCode::TOO_MANY_REQUESTS || answer.status.is_server_error() {
            let status = answer.status.as_u16();
            let text = format!("there is no token for it: Entra ID cannot answer ({status})");
            let untold = Untold::Throttled { text, pause: answer.retry_after };
            return SignIn { clock_ahead, ..SignIn::failed(untold, own) };
        }
        if let Some(token) = answer.token(now) {
            let session = Ok(Session { graph: self, token: token.access_token, deadline });
            return SignIn { standing: Standing::Accepted, clock_ahead, own, session };
        }
        let number = answer.number();
        let session = Err(Untold::Refused { number });
        SignIn { standing: Standing::Refused { number }, clock_ahead, own, session }
    }
}

fn no_credential(unavailable: Unavailable) -> Untold {
    Untold::no_token(match unavailable {
        Unavailable::ForNow { .. } => "the broker has no credential just now",
        Unavailable::Misconfigured => "the broker's own credential cannot be used; the log says why",
    })
}

fn no_answer(failed: AttemptFailed) -> Untold {
    Untold::no_token(match failed {
        AttemptFailed::NotConnected => "Entra ID does not answer",
        AttemptFailed::NoAnswer => "Entra ID does not answer in time",
        AttemptFailed::BrokenOff => "Entra ID's answer breaks off",
        AttemptFailed::HeldBack { left } => {
            let text = "there is no token for it: Entra ID has asked to be left alone".to_owned();
            return Untold::Throttled { text, pause: Some(left) };
        }
    })
}

impl SignIn<'_> {
    fn failed(untold: Untold, own: Part<Own>) -> Self {
        Self {
            standing: Standing::Untold(untold.clone()),
            clock_ahead: Err(Untold::Unavailable("Entra ID did not tell its time".to_owned())),
            own,
            session: Err(untold),
        }
    }
}

//! What an outcome at the token endpoint means beyond the one exchange: for the pace of the others, and for the
//! credential. What it means for the caller is `aadsts`' business.

use reqwest::StatusCode;

use super::{aadsts, answer::Refusal, endpoint::Outcome};
use crate::throttle::Ending;

/// What an outcome means for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bearing {
    pub(super) ending: Ending,
    /// What Entra ID thinks of the credential, if the outcome shows it.
    pub(super) credential: Option<Opinion>,
    /// Whether Entra ID did not find the certificate, which another one may cure.
    pub(super) unknown_certificate: bool,
}

/// What Entra ID thinks of the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opinion {
    Accepted,
    Refused,
}

impl Bearing {
    pub(super) fn of(outcome: &Outcome) -> Self {
        let says_nothing = |ending| Self { ending, credential: None, unknown_certificate: false };
        let Ok(answer) = outcome else { return says_nothing(Ending::Fault) };
        let (status, retry_after) = (answer.status, answer.retry_after);
        let accepted = Self {
            ending: Ending::Answered,
            credential: Some(Opinion::Accepted),
            unknown_certificate: false,
        };
        if status.is_success() {
            return accepted;
        }
        if status == StatusCode::TOO_MANY_REQUESTS || (status.is_server_error() && retry_after.is_some()) {
            return says_nothing(Ending::Throttled { retry_after });
        }
        let refusal = Refusal::parse(&answer.body);
        if status.is_server_error() || aadsts::is_transient(&refusal) {
            return says_nothing(Ending::Fault);
        }
        if !aadsts::is_about_credential(&refusal) {
            return accepted;
        }
        let unknown_certificate = aadsts::is_unknown_certificate(&refusal);
        Self { credential: Some(Opinion::Refused), unknown_certificate, ..accepted }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use zeroize::Zeroizing;

    use super::*;
    use crate::entra::endpoint::{Answer, AttemptFailed};

    fn of(status: u16, retry_after: Option<u64>, body: &Value) -> Bearing {
        Bearing::of(&Ok(Answer {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: retry_after.map(Duration::from_secs),
            body: Zeroizing::new(body.to_string().into_bytes()),
        }))
    }

    #[test]
    fn throttling_and_faults_say_nothing_about_the_credential() {
        let wait = Some(Duration::from_secs(7));
        let client = json!({"error": "invalid_client", "error_codes": [700_027]});
        for (bearing, ending) in [
            (of(429, Some(7), &client), Ending::Throttled { retry_after: wait }),
            (of(429, None, &json!(null)), Ending::Throttled { retry_after: None }),
            (of(503, Some(7), &json!(null)), Ending::Throttled { retry_after: wait }),
            (of(500, None, &client), Ending::Fault),
            (of(404, None, &json!("<html>")), Ending::Fault),
            (
                of(400, None, &json!({"error": "temporarily_unavailable", "error_codes": [90033]})),
                Ending::Fault,
            ),
            (Bearing::of(&Err(AttemptFailed::NoAnswer)), Ending::Fault),
        ] {
            assert_eq!((bearing.ending, bearing.credential), (ending, None));
        }
    }

    #[test]
    fn what_is_said_about_a_user_or_a_resource_accepts_the_credential() {
        let grant = |number: u32| json!({"error": "invalid_grant", "error_codes": [number]});
        for body in [
            grant(65001),
            grant(50076),
            grant(53003),
            grant(50013),
            // A loop is about one user's request, and no reason for the others to hold back.
            grant(50196),
            json!({"error": "invalid_client", "error_codes": [7_000_114]}),
            json!({"error": "invalid_resource", "error_codes": [500_011]}),
            json!({"error": "invalid_grant", "error_codes": [501_051]}),
        ] {
            let bearing = of(400, None, &body);
            assert_eq!(
                (bearing.ending, bearing.credential),
                (Ending::Answered, Some(Opinion::Accepted)),
                "{body}"
            );
        }
    }

    #[test]
    fn what_is_said_about_the_client_refuses_it() {
        for number in
            [700_027, 7_000_222, 700_213, 700_212, 700_211, 70021, 700_024, 700_016, 7_000_112, 999_999]
        {
            let bearing = of(401, None, &json!({"error": "invalid_client", "error_codes": [number]}));
            assert_eq!(bearing.credential, Some(Opinion::Refused), "{number}");
            assert_eq!(bearing.unknown_certificate, number == 700_027);
        }
    }
}

//! What an attempt at the token endpoint means beyond the one exchange: for the pace of the others, and for the
//! credential. What it means for the caller is `classify`'s business.

use reqwest::StatusCode;

use super::answer::Refusal;
use super::classify;
use super::endpoint::Attempt;
use crate::throttle::Ending;

/// What an attempt means for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bearing {
    pub(super) ending: Ending,
    /// What Entra ID thinks of the credential, if the attempt shows it.
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
    pub(super) fn of(attempt: &Attempt) -> Self {
        let says_nothing = |ending| Self { ending, credential: None, unknown_certificate: false };
        let Ok(answer) = attempt else { return says_nothing(Ending::Fault) };
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
        if status.is_server_error() || classify::is_transient(&refusal) {
            return says_nothing(Ending::Fault);
        }
        if !classify::is_about_credential(&refusal) {
            return accepted;
        }
        let unknown_certificate = classify::is_unknown_certificate(&refusal);
        Self { credential: Some(Opinion::Refused), unknown_certificate, ..accepted }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use identity::cloud::Cloud;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};
    use zeroize::Zeroizing;

    use super::*;
    use crate::entra::endpoint::{Answer, AttemptFailed};
    use crate::error::Kind;
    use crate::resource::Resources;

    fn of(status: u16, retry_after: Option<u64>, body: &Value) -> Bearing {
        Bearing::of(&Ok(Answer {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: retry_after.map(Duration::from_secs),
            date: None,
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

    proptest! {
        /// However odd the other members are, what Entra ID has said about one request is not an outage, neither for the
        /// others nor for whoever made it.
        #[test]
        fn no_shape_of_the_members_makes_a_known_refusal_an_outage(
            status in prop_oneof![Just(400_u16), Just(401), Just(403)],
            error in prop::sample::select(KNOWN),
            number in prop_oneof![Just(None), prop::sample::select(&[50173, 65001, 53003, 50076, 700_027, 1][..]).prop_map(Some)],
            as_text in any::<bool>(),
            members in prop::collection::vec((prop::sample::select(MEMBERS), json_value()), 0..6),
        ) {
            let mut body: Map<_, _> = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            body.insert("error".to_owned(), json!(error));
            match number {
                Some(number) if as_text => drop(body.insert("error_codes".to_owned(), json!([number.to_string()]))),
                Some(number) => drop(body.insert("error_codes".to_owned(), json!([number]))),
                None => {}
            }
            let body = Value::from(body);
            let bearing = of(status, None, &body);
            prop_assert_eq!(bearing.ending, Ending::Answered);
            prop_assert!(bearing.credential.is_some());
            let resources = Resources::of(Cloud::AzureCloud).unwrap();
            let refusal = Refusal::parse(body.to_string().as_bytes());
            let status = StatusCode::from_u16(status).unwrap();
            let error = classify::classify(status, None, &refusal, resources.find("arm").unwrap());
            // Of Microsoft's numbers a few do mean "not now": for this one request.
            let not_now = [50033, 90006, 90024, 90033, 90055, 50000, 50196];
            prop_assume!(!refusal.number().is_some_and(|number| not_now.contains(&number)));
            let outage = matches!(error.kind(), Kind::IdentityProviderUnavailable { .. });
            prop_assert!(!outage, "{error:?}");
        }
    }

    /// The words of RFC 6749 and OpenID Connect by which a request is refused.
    const KNOWN: &[&str] = &[
        "invalid_grant",
        "interaction_required",
        "login_required",
        "consent_required",
        "invalid_client",
        "unauthorized_client",
        "invalid_request",
        "invalid_scope",
        "invalid_resource",
        "unsupported_grant_type",
        "access_denied",
    ];
    const MEMBERS: &[&str] = &[
        "suberror",
        "error_description",
        "error_codes",
        "claims",
        "correlation_id",
        "trace_id",
        "timestamp",
        "error_uri",
    ];

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            prop::sample::select(&["50173", "AADSTS50173: x", "{}", "{\"access_token\":{}}"][..])
                .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(".{0,6}", inner, 0..4)
                    .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    #[test]
    fn a_number_of_one_requests_own_trouble_holds_nobody_else_back() {
        let body = json!({"error": "invalid_grant", "error_codes": [90033]});
        assert_eq!(of(400, None, &body).ending, Ending::Answered);
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

//! How long an outcome may be served, and when it is worth a refresh. Every such rule stands here.

use jiff::{SignedDuration, Timestamp};

use crate::error::Kind;
use crate::outcome::{DownstreamToken, Outcome};

/// The longest a token is served without asking Entra ID again, so that no policy lags by more.
pub(super) const MAX_LIFE: SignedDuration = SignedDuration::from_mins(30);
/// A token is not served in its last minutes: whoever receives it must have time to use it.
const EXPIRY_MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// How long a refusal of this one assertion is remembered, a fault of our own included. Asking again in a loop
/// would lead to AADSTS50196; a new sign-in brings another assertion, and with it another key.
const REFUSAL_LIFE: SignedDuration = SignedDuration::from_secs(60);
/// How long an outage is remembered where Entra ID does not say.
const OUTAGE_LIFE: SignedDuration = SignedDuration::from_secs(2);
const MAX_OUTAGE_LIFE: SignedDuration = SignedDuration::from_secs(60);

/// A token is refreshed in the background once this share of its life in the cache is gone, in percent. The rest
/// is time for Entra ID to be slow, or out of reach for a while, with nobody noticing.
const REFRESH_AT_PERCENT: i32 = 80;
/// A refresh must win at least this much life: near the assertion's end it wins nothing.
const MIN_GAIN: SignedDuration = SignedDuration::from_mins(1);

/// How long an outcome may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// From then on it is not served.
    pub(crate) fresh_until: Timestamp,
    /// From then on a call that is served starts a refresh in the background; `None` where it would win nothing.
    pub(crate) refresh_at: Option<Timestamp>,
}

impl Terms {
    /// The same, but for no longer than `life`.
    pub(crate) fn within(self, life: SignedDuration, now: Timestamp) -> Self {
        let limit = now.saturating_add(life).unwrap_or(now);
        Self { fresh_until: self.fresh_until.min(limit), ..self }
    }

    /// The same for a short while only, and without a refresh.
    pub(crate) fn briefly(self, life: SignedDuration, now: Timestamp) -> Self {
        Self { refresh_at: None, ..self.within(life, now) }
    }
}

/// The terms of an outcome; `None` if it may not be served again at all.
///
/// A token: the least of 30 minutes, what is left of it less 5 minutes, and what is left of the assertion. A
/// refusal: by its kind; it harms nobody to remember it longer than the assertion lives.
pub(crate) fn terms(outcome: &Outcome, assertion_expires_at: Timestamp, now: Timestamp) -> Option<Terms> {
    let life = match outcome {
        Ok(token) => token_life(token, assertion_expires_at, now),
        Err(error) => refusal_life(error.kind()),
    };
    if life <= SignedDuration::ZERO {
        return None;
    }
    let fresh_until = now.saturating_add(life).ok()?;
    let refresh_at = outcome.as_ref().ok().and_then(|token| {
        let gain = assertion_expires_at.duration_since(fresh_until);
        let by_share = now.saturating_add(life * REFRESH_AT_PERCENT / 100).ok()?;
        let at = token.refresh_at.map_or(by_share, |asked_for| asked_for.min(by_share));
        (gain >= MIN_GAIN).then_some(at.max(now))
    });
    Some(Terms { fresh_until, refresh_at })
}

fn token_life(token: &DownstreamToken, assertion_expires_at: Timestamp, now: Timestamp) -> SignedDuration {
    let left = token.expires_at.duration_since(now) - EXPIRY_MARGIN;
    MAX_LIFE.min(left).min(assertion_expires_at.duration_since(now))
}

fn refusal_life(kind: &Kind) -> SignedDuration {
    match kind {
        Kind::IdentityProviderUnavailable { retry_after: None } => OUTAGE_LIFE,
        Kind::IdentityProviderUnavailable { retry_after: Some(wait) } => {
            SignedDuration::try_from(*wait).unwrap_or(MAX_OUTAGE_LIFE).clamp(OUTAGE_LIFE, MAX_OUTAGE_LIFE)
        }
        _ => REFUSAL_LIFE,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use proto::status::Block;

    use crate::testing::NOW;

    const MINUTES: fn(i64) -> SignedDuration = SignedDuration::from_mins;

    fn life(outcome: &Outcome, assertion_left: SignedDuration) -> Option<SignedDuration> {
        terms(outcome, NOW + assertion_left, NOW).map(|terms| terms.fresh_until.duration_since(NOW))
    }

    fn refresh_after(token: DownstreamToken, assertion_left: SignedDuration) -> Option<SignedDuration> {
        let terms = terms(&Ok(token), NOW + assertion_left, NOW).unwrap();
        terms.refresh_at.map(|at| at.duration_since(NOW))
    }

    #[test]
    fn a_token_lives_for_the_least_of_three_terms() {
        for (token_left, assertion_left, expected) in [
            (75, 75, Some(30)),
            (20, 75, Some(15)),
            (75, 3, Some(3)),
            (4, 75, None),
            (5, 75, None),
            (75, -1, None),
            (75, 0, None),
        ] {
            let token = Ok(DownstreamToken::sample("t", NOW + MINUTES(token_left)));
            assert_eq!(life(&token, MINUTES(assertion_left)), expected.map(MINUTES));
        }
    }

    #[test]
    fn refusals_live_briefly_and_outages_as_long_as_entra_says() {
        let life = |kind: Kind| life(&Err(kind.into()), SignedDuration::ZERO).unwrap().as_secs();
        let outage = |seconds: Option<u64>| Kind::IdentityProviderUnavailable {
            retry_after: seconds.map(Duration::from_secs),
        };
        assert_eq!(life(Kind::BlockedByPolicy { cause: Block::Policy }), 60);
        assert_eq!(life(Kind::ConsentRequired { permission: "p".into() }), 60);
        assert_eq!(life(Kind::ClaimsChallenge { claims: Arc::from("{}") }), 60);
        assert_eq!(life(Kind::BrokerMisconfigured), 60);
        assert_eq!(life(outage(None)), 2);
        assert_eq!(life(outage(Some(0))), 2);
        assert_eq!(life(outage(Some(30))), 30);
        assert_eq!(life(outage(Some(u64::MAX))), 60);
    }

    #[test]
    fn a_refresh_comes_before_the_end_and_only_where_it_wins_something() {
        let token = DownstreamToken::sample("t", NOW + MINUTES(75));
        assert_eq!(refresh_after(token.clone(), MINUTES(75)), Some(MINUTES(24)), "80 % of 30 minutes");
        assert_eq!(refresh_after(token.clone(), MINUTES(30)), None, "the assertion ends as soon");
        assert_eq!(refresh_after(token.clone(), MINUTES(20)), None);
        assert_eq!(refresh_after(token, MINUTES(31)), Some(MINUTES(24)));
        let asked = |minutes| DownstreamToken {
            refresh_at: Some(NOW + MINUTES(minutes)),
            ..DownstreamToken::sample("t", NOW + MINUTES(75))
        };
        assert_eq!(refresh_after(asked(10), MINUTES(75)), Some(MINUTES(10)), "Entra ID's word");
        assert_eq!(refresh_after(asked(60), MINUTES(75)), Some(MINUTES(24)));
        assert_eq!(refresh_after(asked(-1), MINUTES(75)), Some(MINUTES(0)));
    }

    #[test]
    fn a_refusal_is_not_refreshed() {
        let refusal = Err(Kind::BrokerMisconfigured.into());
        assert_eq!(terms(&refusal, NOW + MINUTES(75), NOW).unwrap().refresh_at, None);
    }

    #[test]
    fn terms_can_be_cut_and_never_stretched() {
        let terms = terms(&Ok(DownstreamToken::sample("t", NOW + MINUTES(75))), NOW + MINUTES(75), NOW);
        let terms = terms.unwrap();
        assert_eq!(terms.within(MINUTES(31), NOW), terms);
        assert_eq!(terms.within(MINUTES(1), NOW), Terms { fresh_until: NOW + MINUTES(1), ..terms });
        let cut = terms.briefly(MINUTES(1), NOW);
        assert_eq!(cut, Terms { fresh_until: NOW + MINUTES(1), refresh_at: None });
    }
}

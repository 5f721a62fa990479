//! Why a token is not accepted: one enum, whose names are the same in logs, metrics and answers.

use std::fmt;

use jiff::Timestamp;

/// A token could not be validated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidationError {
    /// The token is at fault.
    #[error(transparent)]
    Invalid(#[from] InvalidToken),
    /// The tenant's signing keys could not be had, so nothing can be said of the token.
    #[error("the signing keys of the tenant cannot be fetched")]
    KeysUnavailable,
}

impl ValidationError {
    /// The code of this refusal, the same string everywhere.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_token",
            Self::KeysUnavailable => "identity_provider_unavailable",
        }
    }
}

/// A token that fails a check.
///
/// Its text is safe to show: it repeats nothing from the token but times, and holds no quote and no `=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidToken {
    reason: Reason,
    at: Option<Timestamp>,
}

impl InvalidToken {
    /// A refusal that concerns a point in time.
    pub(crate) fn at(reason: Reason, at: Timestamp) -> Self {
        Self { reason, at: Some(at) }
    }

    /// Which check failed.
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

impl From<Reason> for InvalidToken {
    fn from(reason: Reason) -> Self {
        Self { reason, at: None }
    }
}

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.text())?;
        match self.at {
            Some(at) => write!(f, " ({at})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for InvalidToken {}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// Which check a token failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The reason's name in logs, metrics and answers.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The reason in words, for the person who reads the refusal.
            fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// The signature does not verify.
    BadSignature = "bad_signature", "the token's signature does not verify with the tenant's key; a token for Microsoft Graph never does, so request a token for this server";
    /// `exp` has passed.
    Expired = "expired", "the token has expired; sign in again or refresh it";
    /// The header holds a parameter that points to a key of the sender's choice, or must be understood and is not.
    ForbiddenHeader = "forbidden_header", "the token's header holds a parameter that is not accepted";
    /// Its header is longer than any that is read.
    HeaderTooLarge = "header_too_large", "the token's header is longer than 2 KiB; those of Entra ID have a tenth of that";
    /// It is not a JWT, or a claim has the wrong type or stands twice.
    Malformed = "malformed", "the token is not a well-formed JSON Web Token";
    /// A claim that every Entra access token of a user carries is missing.
    MissingClaim = "missing_claim", "the token lacks a claim that every Entra ID access token carries (oid, tid, exp, nbf, aud, iss)";
    /// An ID token, or something else that is not meant for an API.
    NotAnAccessToken = "not_an_access_token", "the token is not an access token for this API; an ID token cannot be used here";
    /// `nbf` lies ahead.
    NotYetValid = "not_yet_valid", "the token is not valid yet; check the clock of the machine";
    /// `aud` is a list, which no token of Entra ID has.
    SeveralAudiences = "several_audiences", "the token names its audience as a list; Entra ID issues a token for one API alone: request one with this server's scope";
    /// Longer than any token that is looked at.
    TooLarge = "too_large", "the token is larger than 16 KiB, as a rule for its group claims; in the token configuration of the API's app registration choose Groups assigned to the application, or none";
    /// More values than are read, in one list or in all.
    TooManyValues = "too_many_values", "the token lists more than is read: at most 256 scopes, roles, authentication contexts or capabilities, and 2000 values in all; assign fewer to this person";
    /// The key that signed it is not among the tenant's.
    UnknownKey = "unknown_key", "the token is signed with a key that the tenant does not publish";
    /// The algorithm is not on the list.
    UnsupportedAlgorithm = "unsupported_algorithm", "the token's signature algorithm is not accepted; Entra ID signs with RS256";
    /// A version 1.0 token where only 2.0 is accepted, or a version unknown.
    UnsupportedVersion = "unsupported_version", "the token's version is not accepted; set requestedAccessTokenVersion to 2 in the API's app registration";
    /// It was issued for another API.
    WrongAudience = "wrong_audience", "the token was issued for another API, not for this server; request one with this server's scope";
    /// It was issued by another authority.
    WrongIssuer = "wrong_issuer", "the token was issued by another authority or tenant";
    /// `tid` is another tenant.
    WrongTenant = "wrong_tenant", "the token belongs to another tenant";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::MAX_LISTED;
    use crate::strict_json::MAX_VALUES;
    use crate::token::MAX_TOKEN_BYTES;
    use crate::unverified::MAX_HEADER_CHARS;

    #[test]
    fn a_refusal_has_its_code_and_says_when() {
        let expired = InvalidToken::at(Reason::Expired, Timestamp::from_second(1_795_348_800).unwrap());
        let text = "the token has expired; sign in again or refresh it (2026-11-22T12:00:00Z)";
        assert_eq!((expired.reason(), expired.to_string().as_str()), (Reason::Expired, text));
        assert_eq!(ValidationError::from(expired).code(), "invalid_token");
        assert_eq!(ValidationError::KeysUnavailable.code(), "identity_provider_unavailable");
        let undated = InvalidToken::from(Reason::WrongTenant);
        assert_eq!(undated.to_string(), "the token belongs to another tenant");
    }

    #[test]
    fn a_bound_is_said_in_the_text_of_its_refusal() {
        for (reason, bound) in [
            (Reason::TooLarge, format!("{} KiB", MAX_TOKEN_BYTES / 1024)),
            (Reason::HeaderTooLarge, format!("{} KiB", MAX_HEADER_CHARS / 1024)),
            (Reason::TooManyValues, format!("at most {MAX_LISTED} scopes")),
            (Reason::TooManyValues, format!("and {MAX_VALUES} values")),
        ] {
            assert!(reason.text().contains(&bound), "{bound}: {}", reason.text());
        }
        assert!(Reason::TooLarge.text().contains("Groups assigned to the application"), "the cure is named");
    }

    #[test]
    fn no_text_can_confuse_the_parser_of_a_challenge() {
        for reason in Reason::ALL {
            let text = reason.text();
            assert!(!text.contains(['"', '=', '\\']) && text.is_ascii(), "{text}");
        }
    }
}

//! One token explained: every pin with what is expected and what was found, not only the first that fails.
//!
//! For `gateway doctor`, never for a request. The verdicts come from the functions that [`Validator::validate`] itself
//! calls, over the same table, so an explanation cannot disagree with the validation. What is shown of a token is
//! header parameters and claims that name no person and open no door: never a name, an address, or the token's text.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use self::claims::{Fault, faults, kind, mended, readable, unreadable};
use crate::claims::{Claims, TokenVersion};
use crate::error::{InvalidToken, Reason, ValidationError};
use crate::keys::{KeyCache, KeyError, SigningKey, Snapshot};
use crate::principal::Principal;
use crate::proved::ProvedTokens;
use crate::token::BearerToken;
use crate::unverified::{Parts, key_id};
use crate::validate::{Evidence, LEEWAY, RULES, Signer, Validator};

mod claims;

/// The longest value of a claim that is repeated, in characters.
const MAX_SHOWN: usize = 160;

/// Why nothing is said of a version.
const CHOSEN_ELSEWHERE: &str =
    "follows from the token's audience: the token is for another API, which chooses the version";

/// A token, pin by pin.
#[derive(Debug)]
pub struct Explanation {
    /// Every pin, in the order of validation. Only the form, if the token cannot be opened apart.
    pub pins: Vec<Pin>,
    /// What the validation says: the caller, or why there is none.
    pub outcome: Result<Principal, ValidationError>,
}

/// One demand on a token, and how the token meets it.
#[derive(Debug)]
pub struct Pin {
    /// The pin's stable name: `audience`.
    pub name: &'static str,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What would hold.
    pub expected: String,
    /// What the token has.
    pub found: String,
}

/// Whether a pin holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed(InvalidToken),
    /// It could not be checked, and why.
    Unknown(&'static str),
}

impl Validator {
    /// Explains a token. Fetches the tenant's keys if they are not at hand.
    pub async fn explain(&self, token: &BearerToken) -> Explanation {
        // What was remembered of an earlier proof would explain nothing.
        let outcome = self.prove(token).await.map(|(_, principal)| principal);
        let pins = match Opened::apart(token) {
            Ok(opened) => self.pins(&opened).await,
            Err(invalid) => vec![form(Err(invalid))],
        };
        Explanation { pins, outcome }
    }

    async fn pins(&self, opened: &Opened<'_>) -> Vec<Pin> {
        let kid = key_id(&opened.header);
        let signer = match &kid {
            Ok(kid) => Some(self.signer(kid).await),
            Err(_) => None,
        };
        let mut pins = vec![form(Ok(())), header(&opened.header, kid.as_ref().err().copied())];
        pins.push(self.key_pin(kid.as_deref().ok(), signer.as_ref()));
        pins.push(opened.signature_pin(kid.as_deref().unwrap_or_default(), signer.as_ref()));
        // Nobody may have signed them: they are read for who holds the token, and decide nothing.
        let claims = match opened.parts.claims() {
            Ok(claims) => claims,
            Err(invalid) => return pins.into_iter().chain([unreadable(invalid)]).collect(),
        };
        let keys = TokenVersion::read(&claims).ok().and_then(|version| self.keys_of(version));
        pins.push(self.version_pin(&claims, keys.is_some()));
        let published = Published::look_up(keys, kid.as_deref().unwrap_or_default(), self.clock.now()).await;
        pins.extend(self.claim_pins(&claims, &published));
        pins
    }

    /// What the claims say: their form, each rule, and the kind of token.
    fn claim_pins(&self, map: &Map<String, Value>, published: &Published) -> Vec<Pin> {
        let faults = faults(map);
        let mut pins = vec![readable(&faults)];
        let Ok(claims) = Claims::read(&mended(map, &faults)) else { return pins };
        let (no_key, no_metadata) = (no_key(), no_metadata());
        let evidence = Evidence {
            claims: &claims,
            key: published.key.as_ref().unwrap_or(&no_key),
            metadata: published.metadata.as_deref().unwrap_or(&no_metadata),
            config: &self.config,
            now: self.clock.now(),
        };
        pins.extend(RULES.iter().map(|(name, rule)| {
            let about = About::rule(name);
            let verdict = about
                .obstacle(published, &faults)
                .map_or_else(|| Verdict::from(rule(&evidence)), Verdict::Unknown);
            let found = map.get(about.claim).map(|value| shown(about.claim, value));
            Pin { name, verdict, expected: (about.expected)(&evidence), found: found.unwrap_or_default() }
        }));
        pins.push(kind(map, claims, &faults));
        pins
    }

    fn key_pin(&self, kid: Option<&str>, signer: Option<&Result<Signer, ValidationError>>) -> Pin {
        let verdict = match signer {
            None => Verdict::Unknown("the header is refused, so no key is looked up"),
            Some(Ok(_)) => Verdict::Passed,
            Some(Err(ValidationError::Invalid(invalid))) => Verdict::Failed(*invalid),
            Some(Err(ValidationError::KeysUnavailable)) => Verdict::Unknown(UNREACHABLE),
        };
        let of_signer = signer.and_then(|signer| signer.as_ref().ok()).map(|signer| &signer.metadata);
        let published = of_signer.cloned().or_else(|| self.v2.believed(self.clock.now()));
        let count = published.map_or(0, |metadata| metadata.keys.len());
        let expected = format!("one of the {count} signing keys that the tenant publishes");
        Pin { name: "key", verdict, expected, found: kid.map(bounded).unwrap_or_default() }
    }

    fn version_pin(&self, claims: &Map<String, Value>, accepted: bool) -> Pin {
        let verdict = match self.config.refused_version(claims) {
            _ if accepted => Verdict::Passed,
            reason @ Reason::UnsupportedVersion => Verdict::Failed(reason.into()),
            _ => Verdict::Unknown(CHOSEN_ELSEWHERE),
        };
        let expected = if self.v1.is_some() { "2.0 or 1.0" } else { "2.0" };
        let found = claims.get("ver").map_or_else(|| "none".to_owned(), |value| shown("ver", value));
        Pin { name: "version", verdict, expected: expected.to_owned(), found }
    }
}

impl From<Result<(), InvalidToken>> for Verdict {
    fn from(result: Result<(), InvalidToken>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

/// A token whose header is JSON.
struct Opened<'a> {
    parts: Parts<'a>,
    header: Map<String, Value>,
}

impl<'a> Opened<'a> {
    fn apart(token: &'a BearerToken) -> Result<Self, InvalidToken> {
        let parts = Parts::split(token)?;
        Ok(Self { header: parts.header()?, parts })
    }

    fn signature_pin(&self, kid: &str, signer: Option<&Result<Signer, ValidationError>>) -> Pin {
        let verdict = match signer {
            Some(Ok(signer)) => Verdict::from(self.parts.verify(&signer.key)),
            Some(Err(_)) | None => Verdict::Unknown("there is no key to check it with"),
        };
        // Graph's own tokens are signed over a header with the hash of this nonce: they verify nowhere else.
        let found = match (verdict, self.header.contains_key("nonce")) {
            (Verdict::Failed(_), true) => {
                "a nonce in the header, as tokens for Microsoft Graph have: only Graph itself can verify those"
            }
            (Verdict::Failed(_), false) => "one that does not",
            (Verdict::Passed | Verdict::Unknown(_), _) => "",
        };
        Pin { name: "signature", verdict, expected: signed_by(kid), found: found.to_owned() }
    }
}

/// What the tenant publishes, as far as it could be had.
#[derive(Default)]
struct Published {
    metadata: Option<Arc<Snapshot>>,
    key: Option<SigningKey>,
    unreachable: bool,
}

impl Published {
    async fn look_up(keys: Option<&KeyCache>, kid: &str, now: Timestamp) -> Self {
        let Some(keys) = keys else { return Self::default() };
        match keys.key(kid).await {
            Ok((metadata, key)) => Self { metadata: Some(metadata), key: Some(key), unreachable: false },
            Err(error) => {
                let unreachable = error == KeyError::Unavailable;
                Self { metadata: keys.believed(now), key: None, unreachable }
            }
        }
    }
}

/// What a rule needs beside the claims.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Metadata,
    Key,
}

/// What is to be said of a rule. One entry for each of [`RULES`], which a test holds.
struct About {
    rule: &'static str,
    /// The claim it looks at.
    claim: &'static str,
    needs: Needs,
    expected: fn(&Evidence<'_>) -> String,
}

const ABOUT: &[About] = &[
    About {
        rule: "issuer",
        claim: "iss",
        needs: Needs::Metadata,
        expected: |e| e.for_tenant(&e.metadata.issuer),
    },
    About {
        rule: "issuer of the key",
        claim: "iss",
        needs: Needs::Key,
        expected: |e| e.key.issuer.as_deref().map_or_else(|| "any".to_owned(), |issuer| e.for_tenant(issuer)),
    },
    About {
        rule: "audience",
        claim: "aud",
        needs: Needs::Nothing,
        expected: |e| e.config.audiences.join(" or "),
    },
    About { rule: "tenant", claim: "tid", needs: Needs::Nothing, expected: |e| e.config.tenant.to_string() },
    About {
        rule: "not before",
        claim: "nbf",
        needs: Needs::Nothing,
        expected: |e| format!("not after {}", from_now(e, LEEWAY)),
    },
    About {
        rule: "expiry",
        claim: "exp",
        needs: Needs::Nothing,
        expected: |e| format!("after {}", from_now(e, -LEEWAY)),
    },
];

const NOTHING_SAID: About = About { rule: "", claim: "", needs: Needs::Nothing, expected: |_| String::new() };

impl About {
    fn rule(name: &str) -> &'static Self {
        ABOUT.iter().find(|about| about.rule == name).unwrap_or(&NOTHING_SAID)
    }

    /// Why the rule cannot be applied, if it cannot.
    fn obstacle(&self, published: &Published, faults: &[Fault]) -> Option<&'static str> {
        if faults.iter().any(|fault| fault.claim == self.claim) {
            return Some("the claim cannot be read");
        }
        let lacking = match self.needs {
            Needs::Nothing => false,
            Needs::Metadata => published.metadata.is_none(),
            Needs::Key => published.key.is_none(),
        };
        lacking.then(|| published.why_not())
    }
}

const UNREACHABLE: &str = "the signing keys of the tenant cannot be fetched";

impl Published {
    fn why_not(&self) -> &'static str {
        if self.unreachable {
            return UNREACHABLE;
        }
        match self.metadata {
            None => "tokens of this version are not accepted, so their issuer is not looked up",
            Some(_) => "the tenant publishes no key of this id",
        }
    }
}

fn form(result: Result<(), InvalidToken>) -> Pin {
    let expected =
        "three parts of base64url; a short header, in JSON in which no name stands twice".to_owned();
    let found = if result.is_ok() { "a JSON Web Token" } else { "something else" };
    Pin { name: "form", verdict: result.into(), expected, found: found.to_owned() }
}

fn header(header: &Map<String, Value>, refused: Option<InvalidToken>) -> Pin {
    let named = |name: &str| header.get(name).map_or_else(|| "none".to_owned(), |value| shown(name, value));
    let others: Vec<_> = header
        .keys()
        .filter(|name| !["alg", "typ", "kid", "x5t"].contains(&name.as_str()))
        .map(|name| bounded(name))
        .collect();
    let mut found = format!("alg {}, typ {}, kid {}", named("alg"), named("typ"), named("kid"));
    if !others.is_empty() {
        found = format!("{found}; further parameters: {}", others.join(", "));
    }
    Pin {
        name: "header",
        verdict: refused.map_or(Verdict::Passed, Verdict::Failed),
        expected:
            "alg RS256, typ JWT or at+jwt, a kid, and no parameter that names a key of the sender's choice"
                .to_owned(),
        found,
    }
}

/// A point in time relative to the evidence's, to the second, as claims have it.
fn from_now(evidence: &Evidence<'_>, step: SignedDuration) -> Timestamp {
    let seconds = evidence.now.as_second() + step.as_secs();
    Timestamp::from_second(seconds).unwrap_or(evidence.now)
}

fn signed_by(kid: &str) -> String {
    format!("a signature that verifies with the tenant's key {}", bounded(kid))
}

/// A claim for a person to read: times as times, no longer than a line.
fn shown(name: &str, value: &Value) -> String {
    let time = || value.as_i64().and_then(|seconds| Timestamp::from_second(seconds).ok());
    match (name, value) {
        ("nbf" | "exp", _) => time().map_or_else(|| bounded(&value.to_string()), |time| time.to_string()),
        (_, Value::String(text)) => bounded(text),
        (_, other) => bounded(&other.to_string()),
    }
}

fn bounded(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Stands where a rule that looks at no key is applied without one.
fn no_key() -> SigningKey {
    SigningKey { key: DecodingKey::from_secret(&[]), issuer: None }
}

/// Stands where a rule that looks at no metadata is applied without any.
fn no_metadata() -> Snapshot {
    let (issuer, keys, proved) = (String::new(), HashMap::new(), ProvedTokens::default());
    Snapshot { issuer, keys, fetched_at: Timestamp::UNIX_EPOCH, proved }
}

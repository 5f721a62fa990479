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

use crate::claims::Claims;
use crate::error::{InvalidToken, Reason, ValidationError};
use crate::keys::{KeyCache, KeyError, SigningKey, Snapshot};
use crate::principal::Principal;
use crate::proved::ProvedTokens;
use crate::token::BearerToken;
use crate::unverified::{Parts, TokenVersion, UnverifiedToken, key_id};
use crate::validate::{Evidence, LEEWAY, RULES, Validator, principal};

/// The longest value of a claim that is repeated, in characters.
const MAX_SHOWN: usize = 160;

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
        let unverified = opened.unverified(kid.as_deref().unwrap_or_default());
        let version = unverified.version();
        let keys = match version {
            Ok(TokenVersion::V2) => Some(&self.v2),
            Ok(TokenVersion::V1) => self.v1.as_ref(),
            Err(_) => None,
        };
        let published = Published::look_up(keys, kid.as_deref().unwrap_or_default(), self.clock.now()).await;
        let mut pins = vec![form(Ok(())), header(&opened.header, kid.as_ref().err().copied())];
        pins.push(self.version_pin(&opened.claims, version, keys.is_some()));
        pins.push(key(kid.as_deref().ok(), &published));
        let faults = faults(&opened.claims);
        pins.push(readable(&opened.claims, &faults));
        let Ok(claims) = Claims::read(&mended(&opened.claims, &faults)) else { return pins };
        let (no_key, no_metadata) = (no_key(), no_metadata());
        let evidence = Evidence {
            token: &unverified,
            claims: &claims,
            key: published.key.as_ref().unwrap_or(&no_key),
            metadata: published.metadata.as_deref().unwrap_or(&no_metadata),
            config: &self.config,
            now: self.clock.now(),
        };
        pins.extend(RULES.iter().map(|(name, rule)| {
            let about = About::rule(name);
            let verdict = about
                .obstacle(&published, &faults)
                .map_or_else(|| Verdict::from(rule(&evidence)), Verdict::Unknown);
            let found = opened.claims.get(about.claim).map(|value| shown(about.claim, value));
            Pin { name, verdict, expected: (about.expected)(&evidence), found: found.unwrap_or_default() }
        }));
        pins.push(kind(&opened.claims, claims, &faults));
        pins
    }

    fn version_pin(
        &self,
        claims: &Map<String, Value>,
        version: Result<TokenVersion, InvalidToken>,
        accepted: bool,
    ) -> Pin {
        let verdict = version.and_then(|_| {
            if accepted { Ok(()) } else { Err(InvalidToken::from(Reason::UnsupportedVersion)) }
        });
        let expected = if self.v1.is_some() { "2.0 or 1.0" } else { "2.0" };
        let found = claims.get("ver").map_or_else(|| "none".to_owned(), |value| shown("ver", value));
        Pin { name: "version", verdict: verdict.into(), expected: expected.to_owned(), found }
    }
}

impl From<Result<(), InvalidToken>> for Verdict {
    fn from(result: Result<(), InvalidToken>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

/// A token whose parts are JSON.
struct Opened<'a> {
    parts: Parts<'a>,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl<'a> Opened<'a> {
    fn apart(token: &'a BearerToken) -> Result<Self, InvalidToken> {
        let parts = Parts::split(token)?;
        Ok(Self { header: parts.header()?, claims: parts.claims()?, parts })
    }

    fn unverified(&self, kid: &str) -> UnverifiedToken<'a> {
        UnverifiedToken::new(&self.parts, kid.to_owned(), self.claims.clone())
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
    /// The claim it looks at; none for the signature.
    claim: &'static str,
    needs: Needs,
    expected: fn(&Evidence<'_>) -> String,
}

const ABOUT: &[About] = &[
    About { rule: "signature", claim: "", needs: Needs::Key, expected: |e| signed_by(e.token.kid()) },
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

impl Published {
    fn why_not(&self) -> &'static str {
        if self.unreachable {
            return "the signing keys of the tenant cannot be fetched";
        }
        match self.metadata {
            None => "tokens of this version are not accepted, so their keys and issuer are not looked up",
            Some(_) => "the tenant publishes no key of this id",
        }
    }
}

fn form(result: Result<(), InvalidToken>) -> Pin {
    let expected = "three parts of base64url, JSON in which no name stands twice".to_owned();
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

fn key(kid: Option<&str>, published: &Published) -> Pin {
    let verdict = match (kid, &published.key) {
        (None, _) => Verdict::Unknown("the header is refused, so no key is looked up"),
        (Some(_), Some(_)) => Verdict::Passed,
        (Some(_), None) if published.unreachable || published.metadata.is_none() => {
            Verdict::Unknown(published.why_not())
        }
        (Some(_), None) => Verdict::Failed(Reason::UnknownKey.into()),
    };
    let count = published.metadata.as_ref().map_or(0, |metadata| metadata.keys.len());
    let expected = format!("one of the {count} signing keys that the tenant publishes");
    Pin { name: "key", verdict, expected, found: kid.map(bounded).unwrap_or_default() }
}

/// A claim that is missing or of the wrong type.
struct Fault {
    claim: &'static str,
    why: InvalidToken,
}

/// The claims that [`Claims::read`] reads, each with a value it takes; null is a claim that may be missing.
fn sample() -> [(&'static str, Value); 14] {
    const GUID: &str = "00000000-0000-0000-0000-000000000000";
    let absent = || Value::Null;
    [
        ("iss", "".into()),
        ("aud", "".into()),
        ("tid", GUID.into()),
        ("nbf", 0.into()),
        ("exp", 0.into()),
        ("oid", absent()),
        ("azp", absent()),
        ("appid", absent()),
        ("scp", absent()),
        ("roles", absent()),
        ("idtyp", absent()),
        ("acrs", absent()),
        ("xms_cc", absent()),
        ("uti", absent()),
    ]
}

/// Reads each claim by itself, in company that is right, so that one fault does not hide the next.
fn faults(claims: &Map<String, Value>) -> Vec<Fault> {
    let right = || sample().into_iter().filter(|(_, value)| !value.is_null());
    let fault = |(claim, _): (&'static str, Value)| {
        let mut probe: Map<_, _> = right().map(|(name, value)| (name.to_owned(), value)).collect();
        probe.remove(claim);
        probe.extend(claims.get(claim).map(|value| (claim.to_owned(), value.clone())));
        Claims::read(&probe).err().map(|why| Fault { claim, why })
    };
    sample().into_iter().filter_map(fault).collect()
}

/// The same claims, with what cannot be read replaced, so that the rest can be looked at.
fn mended(claims: &Map<String, Value>, faults: &[Fault]) -> Map<String, Value> {
    let mut mended = claims.clone();
    for (name, value) in sample() {
        if faults.iter().any(|fault| fault.claim == name) {
            mended.remove(name);
            if !value.is_null() {
                mended.insert(name.to_owned(), value);
            }
        }
    }
    mended
}

fn readable(claims: &Map<String, Value>, faults: &[Fault]) -> Pin {
    let verdict = faults.first().map_or(Verdict::Passed, |fault| Verdict::Failed(fault.why));
    let state = |fault: &Fault| {
        let state = if claims.contains_key(fault.claim) { "of the wrong form" } else { "missing" };
        format!("{} is {state}", fault.claim)
    };
    let found = match faults {
        [] => "all of them".to_owned(),
        faults => faults.iter().map(state).collect::<Vec<_>>().join(", "),
    };
    Pin { name: "claims", verdict, expected: "iss, aud, tid, nbf, exp, each of its form".to_owned(), found }
}

fn kind(map: &Map<String, Value>, claims: Claims, faults: &[Fault]) -> Pin {
    const LOOKED_AT: [&str; 6] = ["oid", "azp", "appid", "scp", "roles", "idtyp"];
    let verdict = if faults.iter().any(|fault| LOOKED_AT.contains(&fault.claim)) {
        Verdict::Unknown("a claim that tells the kind cannot be read")
    } else {
        Verdict::from(principal(claims).map(|_| ()))
    };
    let claim = |name: &&str| map.get(*name).map(|value| format!("{name} {}", shown(name, value)));
    let found: Vec<_> = LOOKED_AT.iter().filter_map(claim).collect();
    Pin {
        name: "kind",
        verdict,
        expected: "an access token: oid, azp or appid, and scp or roles".to_owned(),
        found: if found.is_empty() { "none of them".to_owned() } else { found.join(", ") },
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

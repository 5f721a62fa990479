//! The claims of a token whose signature proves nothing yet: which can be read, and what they say all the same.

use serde_json::{Map, Value};

use super::{Pin, Verdict, shown};
use crate::claims::{Claims, MAX_LISTED};
use crate::error::{InvalidToken, Reason};
use crate::strict_json::MAX_VALUES;
use crate::validate::principal;

/// A claim that is missing or of the wrong type.
pub(super) struct Fault {
    pub(super) claim: &'static str,
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
pub(super) fn faults(claims: &Map<String, Value>) -> Vec<Fault> {
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
pub(super) fn mended(claims: &Map<String, Value>, faults: &[Fault]) -> Map<String, Value> {
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

/// Claims that are not a JSON object, or too much of one.
pub(super) fn unreadable(invalid: InvalidToken) -> Pin {
    let expected = format!("JSON in which no name stands twice, of at most {MAX_VALUES} values");
    Pin { name: "claims", verdict: Verdict::Failed(invalid), expected, found: "something else".to_owned() }
}

pub(super) fn readable(faults: &[Fault]) -> Pin {
    let verdict = faults.first().map_or(Verdict::Passed, |fault| Verdict::Failed(fault.why));
    let state = |fault: &Fault| match fault.why.reason() {
        Reason::MissingClaim => format!("{} is missing", fault.claim),
        Reason::SeveralAudiences => format!("{} is a list", fault.claim),
        Reason::TooManyValues => format!("{} has more than {MAX_LISTED} entries", fault.claim),
        _ => format!("{} is of the wrong form", fault.claim),
    };
    let found = match faults {
        [] => "all of them".to_owned(),
        faults => faults.iter().map(state).collect::<Vec<_>>().join(", "),
    };
    Pin { name: "claims", verdict, expected: "iss, aud, tid, nbf, exp, each of its form".to_owned(), found }
}

pub(super) fn kind(map: &Map<String, Value>, claims: Claims, faults: &[Fault]) -> Pin {
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

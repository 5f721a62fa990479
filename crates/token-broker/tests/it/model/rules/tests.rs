//! The checker itself, checked: each kind of wrong answer, planted, is caught.

use super::*;
use testkit::NOW;

use crate::model::ledger::Purge;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn at(minutes: i32) -> Timestamp {
    NOW + MINUTE * minutes
}

fn moment(ledger: &Ledger, minutes: i32) -> Moment {
    Moment { order: ledger.next(), at: at(minutes) }
}

/// Hands out a token for user 1, session 10, now, good for 75 minutes.
fn issue(ledger: &Ledger) -> String {
    ledger.issue(Issue {
        user: 1,
        session: 10,
        scope: "https://management.azure.com/user_impersonation".to_owned(),
        claims: r#"{"access_token":{"nbf":{"value":"nonce-1"}}}"#.to_owned(),
        asked: moment(ledger, 0),
        expires_at: at(75),
    })
}

/// A call of user 1 in session 10 that begins and ends so many minutes later.
fn call(ledger: &Ledger, minutes: i32) -> Call {
    let began = moment(ledger, minutes);
    Call {
        user: 1,
        session: 10,
        expires_at: at(120),
        resource: "arm",
        claims: String::new(),
        replica: 0,
        forged: false,
        withdrawn: false,
        began,
        ended: began,
    }
}

fn local(text: &str) -> Answer {
    Answer::Token { text: text.to_owned(), source: Source::Local }
}

fn refused(code: &'static str, reason: Option<&'static str>) -> Answer {
    Answer::Refused { code, reason }
}

#[test]
fn a_right_answer_is_right() {
    let ledger = Ledger::default();
    let token = issue(&ledger);
    for minutes in [0, 29, 31] {
        assert_eq!(check(&ledger, &call(&ledger, minutes), &local(&token)), Ok(()));
    }
}

#[test]
fn a_token_of_somebody_or_something_else_is_caught() {
    let ledger = Ledger::default();
    let token = issue(&ledger);
    let right = call(&ledger, 1);
    for (wrong, call) in [
        (Wrong::AnotherUsers, Call { user: 2, ..right.clone() }),
        (Wrong::AnotherSessions, Call { session: 11, ..right.clone() }),
        (Wrong::AnotherResources, Call { resource: "graph", ..right.clone() }),
        (Wrong::Unproved, Call { forged: true, ..right.clone() }),
        (Wrong::WithoutClaims, Call { claims: r#"{"x":"nonce-2"}"#.to_owned(), ..right.clone() }),
    ] {
        assert_eq!(check(&ledger, &call, &local(&token)), Err(wrong));
    }
    for made_up in ["token-0", "token-1-", "", &token[1..], &token.replace("-0-", "-00-")] {
        assert_eq!(check(&ledger, &right, &local(made_up)), Err(Wrong::MadeUp));
    }
}

#[test]
fn an_overdue_token_is_caught() {
    let ledger = Ledger::default();
    let token = issue(&ledger);
    let late = |minutes: i32, expires_at: i32| {
        let call = Call { expires_at: at(expires_at), ..call(&ledger, minutes) };
        check(&ledger, &call, &local(&token))
    };
    assert_eq!(late(32, 120), Err(Wrong::Overdue), "30 minutes");
    assert_eq!(late(20, 20), Ok(()));
    assert_eq!(late(21, 20), Err(Wrong::Overdue), "the assertion's end");
    assert_eq!(late(22, 20), Err(Wrong::Unproved), "no assertion at all");
    let entra = Answer::Token { text: token.clone(), source: Source::Entra };
    assert_eq!(check(&ledger, &call(&ledger, 2), &entra), Err(Wrong::Overdue), "said to be new, and old");
    let short = ledger.issue(Issue { expires_at: at(10), ..ledger.find(&token).unwrap() });
    assert_eq!(check(&ledger, &call(&ledger, 5), &local(&short)), Ok(()));
    assert_eq!(check(&ledger, &call(&ledger, 6), &local(&short)), Err(Wrong::Overdue), "its own end");
}

#[test]
fn a_purged_token_is_caught_from_when_the_purge_holds() {
    let ledger = Ledger::default();
    let before = issue(&ledger);
    let during = call(&ledger, 1);
    let began = ledger.next();
    let meanwhile = issue(&ledger);
    let completed = ledger.next();
    ledger.purge(1, Purge { began, completed, effective_at: at(2), only_on: None });
    assert_eq!(check(&ledger, &during, &local(&before)), Ok(()), "the call began before");
    assert_eq!(check(&ledger, &call(&ledger, 1), &local(&before)), Ok(()), "it does not hold yet");
    assert_eq!(check(&ledger, &call(&ledger, 3), &local(&before)), Err(Wrong::Purged));
    assert_eq!(check(&ledger, &call(&ledger, 3), &local(&meanwhile)), Ok(()));
}

#[test]
fn a_purge_that_could_not_be_told_holds_where_it_was_made() {
    let ledger = Ledger::default();
    let before = issue(&ledger);
    let (began, completed) = (ledger.next(), ledger.next());
    ledger.purge(1, Purge { began, completed, effective_at: at(0), only_on: Some(1) });
    let here = Call { replica: 1, ..call(&ledger, 1) };
    assert_eq!(check(&ledger, &here, &local(&before)), Err(Wrong::Purged));
    assert_eq!(check(&ledger, &call(&ledger, 1), &local(&before)), Ok(()));
}

#[test]
fn a_refusal_without_cause_is_caught() {
    let ledger = Ledger::default();
    let call = call(&ledger, 10);
    let refusals = [
        refused("identity_provider_unavailable", None),
        refused("blocked_by_policy", None),
        refused("unknown_resource", None),
        refused("broker_misconfigured", None),
        refused("invalid_token", Some("expired")),
        refused("invalid_token", Some("bad_signature")),
        refused("invalid_token", Some("unknown_key")),
    ];
    for refusal in &refusals {
        assert_eq!(check(&ledger, &call, refusal), Err(Wrong::Refused), "{refusal:?}");
    }
    ledger.trouble_begins(at(5));
    ledger.trouble_ends(at(9));
    ledger.refuse(10, "blocked_by_policy", at(9));
    ledger.roll(at(5));
    let withdrawn = Call { withdrawn: true, ..call.clone() };
    assert_eq!(check(&ledger, &withdrawn, &refused("invalid_token", Some("unknown_key"))), Ok(()));
    let call = Call { forged: true, expires_at: at(9), ..call };
    for refusal in &refusals {
        let Answer::Refused { code, .. } = refusal else { unreachable!() };
        let resource = if *code == "unknown_resource" { "nothing" } else { "arm" };
        let expected = if *code == "broker_misconfigured" { Err(Wrong::Refused) } else { Ok(()) };
        assert_eq!(check(&ledger, &Call { resource, ..call.clone() }, refusal), expected, "{refusal:?}");
    }
    let later = Call { began: moment(&ledger, 20), ended: moment(&ledger, 20), ..call };
    assert_eq!(
        check(&ledger, &later, &refused("blocked_by_policy", None)),
        Err(Wrong::Refused),
        "remembered too long"
    );
    let unavailable = refused("identity_provider_unavailable", None);
    assert_eq!(check(&ledger, &later, &unavailable), Ok(()), "nobody has seen yet that it is over");
    for _ in 0..500 {
        issue(&ledger);
    }
    assert_eq!(check(&ledger, &later, &unavailable), Err(Wrong::Refused), "everybody has");
}

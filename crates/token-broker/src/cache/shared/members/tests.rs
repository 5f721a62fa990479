use super::*;
use crate::testing::NOW;

const ME: Uuid = Uuid::from_u128(1);
const SECONDS: fn(i64) -> SignedDuration = SignedDuration::from_secs;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn counting(said_at: Timestamp, counted: &[Uuid]) -> Heartbeat {
    let counted = counted.iter().map(|id| (*id, said_at)).collect();
    Heartbeat { left: false, said_at, since: said_at, counted }
}

/// One that has looked for long.
fn members() -> Members {
    Members::new(ME, NOW - REMEMBERED_FOR)
}

#[test]
fn all_is_everybody_ever_heard_whatever_redis_holds() {
    let mut members = members();
    members.look(&[(id(2), counting(NOW, &[ME, id(3)]))], NOW);
    // The second is not in Redis any more, and the third never was.
    members.look(&[], NOW);
    let by_all = |members: &Members, who: &[Uuid]| members.confirmed(|id| who.contains(id), NOW).by_all;
    assert!(by_all(&members, &[ME, id(2), id(3)]));
    for missing in [&[ME, id(2)][..], &[ME, id(3)], &[id(2), id(3)], &[]] {
        assert!(!by_all(&members, missing), "{missing:?}");
    }
}

#[test]
fn who_is_silent_is_waited_for_no_more_but_remembered_for_a_day() {
    let mut members = members();
    members.look(&[(id(2), counting(NOW, &[ME]))], NOW);
    let alone = |members: &mut Members, after: SignedDuration| {
        members.look(&[(id(2), counting(NOW, &[ME]))], NOW + after);
        let Confirmed { by_those_heard, by_all } = members.confirmed(|id| *id == ME, NOW + after);
        (by_those_heard, by_all)
    };
    assert_eq!(alone(&mut members, SECONDS(30)), (false, false));
    assert_eq!(alone(&mut members, SECONDS(31)), (true, false), "it plays the same again");
    assert_eq!(alone(&mut members, MAX_SILENCE), (true, false));
    assert_eq!(alone(&mut members, REMEMBERED_FOR + SECONDS(1)), (true, true));
}

#[test]
fn who_has_looked_for_a_day_or_heard_of_somebody_who_has_knows_all() {
    let confirmed = |members: &Members, now| members.confirmed(|_| true, now).by_all;
    let mut new = Members::new(ME, NOW);
    new.look(&[], NOW);
    assert!(!confirmed(&new, NOW));
    let told = Heartbeat { since: NOW - REMEMBERED_FOR, ..counting(NOW, &[]) };
    new.look(&[(id(2), told.clone())], NOW);
    assert!(confirmed(&new, NOW));
    // After an outage it must be told again: by its own last word too.
    new.resume(NOW);
    assert!(!confirmed(&new, NOW));
    let too_old = Heartbeat { said_at: NOW - REMEMBERED_FOR - SECONDS(1), ..told.clone() };
    new.look(&[(id(2), too_old)], NOW);
    assert!(!confirmed(&new, NOW));
    new.look(&[(ME, told)], NOW);
    assert!(confirmed(&new, NOW));
    // It says so only while it looks.
    assert!(!confirmed(&new, NOW + LOOKED_WITHIN + SECONDS(1)));
}

#[test]
fn a_replica_is_counted_if_each_who_lives_counts_it() {
    let mut members = members();
    assert!(members.is_counted(NOW), "alone");
    members.look(&[(id(2), counting(NOW, &[]))], NOW);
    assert!(!members.is_counted(NOW));
    members.look(&[(id(2), counting(NOW + SECONDS(1), &[ME]))], NOW + SECONDS(1));
    assert!(members.is_counted(NOW + SECONDS(1)));
    let third = |said_at| (id(3), counting(said_at, &[id(2)]));
    members.look(&[third(NOW + SECONDS(1))], NOW + SECONDS(1));
    assert!(!members.is_counted(NOW + SECONDS(1)));
    members.look(&[third(NOW + SECONDS(1))], NOW + SECONDS(6));
    assert!(members.is_counted(NOW + SECONDS(7)), "it is dead, or what it said was played again");
    members.look(&[third(NOW + SECONDS(2))], NOW + SECONDS(200));
    assert!(members.is_counted(NOW + SECONDS(200)), "too old to be a sign of life");
    // Of whom it was only told nothing is known.
    members.look(&[(id(2), counting(NOW + SECONDS(201), &[ME, id(4)]))], NOW + SECONDS(201));
    assert!(members.is_counted(NOW + SECONDS(201)));
}

#[test]
fn who_has_left_is_nobody_and_does_not_come_back() {
    let mut members = members();
    let here = counting(NOW, &[]);
    let gone = Heartbeat { left: true, ..counting(NOW + SECONDS(1), &[]) };
    members.look(&[(id(2), here.clone())], NOW);
    members.look(&[(id(2), gone)], NOW + SECONDS(1));
    let now = NOW + SECONDS(2);
    members.look(&[(id(2), here), (id(3), counting(now, &[ME, id(2)]))], now);
    assert!(members.is_counted(now));
    assert!(members.confirmed(|by| *by != id(2), now).by_all);
    assert_eq!(members.heartbeat(now).counted, [(id(3), now)]);
}

#[test]
fn each_heartbeat_is_later_than_the_last_whatever_the_clock_does() {
    let mut members = members();
    let said: Vec<_> = [0, 0, -60].map(|after| members.heartbeat(NOW + SECONDS(after)).said_at).into();
    assert!(said.is_sorted_by(|one, next| one < next), "{said:?}");
}

#[test]
fn of_more_than_can_be_remembered_nobody_says_that_they_are_all() {
    let mut members = members();
    let heartbeats = |count: usize| -> Vec<_> {
        (0..count).map(|number| (id(2 + number as u128), counting(NOW, &[ME]))).collect()
    };
    members.look(&heartbeats(MAX_MEMBERS), NOW);
    assert!(members.confirmed(|_| true, NOW).by_all);
    members.look(&heartbeats(MAX_MEMBERS + 1), NOW);
    assert!(!members.confirmed(|_| true, NOW).by_all);
    // Nor of those it is only told of.
    let mut members = self::members();
    let told: Vec<_> = (0..MAX_MEMBERS).map(|number| id(3 + number as u128)).collect();
    members.look(&[(id(2), counting(NOW, &told[1..]))], NOW);
    assert!(members.confirmed(|_| true, NOW).by_all);
    members.look(&[(id(2), counting(NOW + SECONDS(1), &told))], NOW + SECONDS(1));
    assert!(!members.confirmed(|_| true, NOW + SECONDS(1)).by_all);
}

#[test]
fn whose_clock_is_a_little_behind_is_waited_for_all_the_same() {
    for (behind, waits) in [(0, true), (90, true), (91, false)] {
        let mut members = members();
        members.look(&[(id(2), counting(NOW - SECONDS(behind), &[ME]))], NOW);
        assert_eq!(!members.confirmed(|id| *id == ME, NOW).by_those_heard, waits, "{behind}");
    }
}

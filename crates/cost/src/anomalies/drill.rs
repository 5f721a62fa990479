//! Above subscriptions Azure tells no resources. So the subscription that an event arose in most is asked for its own: one more
//! query an event, and the second of two.

use std::cmp::Reverse;

use super::causes::{Cause, MOST_CAUSES};
use super::suspect::Suspect;
use crate::scope::SubscriptionId;

/// The subscriptions that are to be asked, each with the events of which it is the first cause.
pub fn drills(explained: &[(Suspect, Vec<Cause>)]) -> Vec<(SubscriptionId, Vec<Suspect>)> {
    let mut found: Vec<(SubscriptionId, Vec<Suspect>)> = Vec::new();
    for (suspect, causes) in explained {
        let first = causes.first().and_then(|cause| cause.resource.as_deref()?.parse().ok());
        let Some(first) = first else { continue };
        match found.iter_mut().find(|(id, _)| *id == first) {
            Some((_, suspects)) => suspects.push(suspect.clone()),
            None => found.push((first, vec![suspect.clone()])),
        }
    }
    found
}

/// Puts what a subscription says of its own resources in the place of the subscription, in each event that it was asked about. Where
/// it says nothing, its own line stays.
pub fn drilled(
    explained: &mut [(Suspect, Vec<Cause>)],
    subscription: SubscriptionId,
    within: Vec<(Suspect, Vec<Cause>)>,
) {
    let is_its = |cause: &Cause| {
        cause.resource.as_deref().and_then(|id| id.parse::<SubscriptionId>().ok()) == Some(subscription)
    };
    for (suspect, found) in within.into_iter().filter(|(_, found)| !found.is_empty()) {
        let Some((_, causes)) = explained.iter_mut().find(|(other, _)| *other == suspect) else { continue };
        causes.retain(|cause| !is_its(cause));
        causes.extend(found);
        causes.sort_by_key(|cause| Reverse(cause.change.change.abs()));
        causes.truncate(MOST_CAUSES);
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use rust_decimal::Decimal;

    use super::*;
    use crate::anomalies::causes::CauseKind;
    use crate::anomalies::events::{Event, Key};
    use crate::anomalies::judge::Shape;
    use crate::compare::Change;

    const PROD: &str = "10000000-0000-4000-8000-000000000001";
    const DEV: &str = "10000000-0000-4000-8000-000000000002";

    fn suspect(place: usize) -> Suspect {
        let day = date(2026, 11, 10);
        let event = Event {
            scope: 0,
            key: Key::Total,
            also: Vec::new(),
            from: day,
            to: day,
            shape: Shape::Spike,
            currency: "EUR".parse().unwrap(),
            expected: Decimal::ONE,
            actual: Decimal::TEN,
            excess: Decimal::from(9),
            score: 9.0,
            history_days: 30,
            weekday_factor: None,
            lasts: false,
            places: Vec::new(),
        };
        Suspect::of(place, &event, &[])
    }

    fn cause(resource: &str, change: i64) -> Cause {
        Cause {
            resource: Some(resource.to_owned()),
            meter: Some("D4s v5".to_owned()),
            meter_before: None,
            change: Change::of(Decimal::ZERO, Decimal::from(change)).unwrap(),
            kind: CauseKind::New,
            usage_effect: Decimal::from(change),
            rate_effect: Decimal::ZERO,
            other_effect: Decimal::ZERO,
            coverage: None,
        }
    }

    fn told(causes: &[Cause]) -> Vec<(&str, String)> {
        let of = |cause: &Cause| cause.change.change.to_string();
        causes.iter().map(|cause| (cause.resource.as_deref().unwrap(), of(cause))).collect()
    }

    #[test]
    fn each_event_asks_its_first_subscription_and_equal_ones_are_asked_once() {
        let explained = [
            (suspect(0), vec![cause(PROD, 9), cause(DEV, 3)]),
            (suspect(1), vec![cause(DEV, 5)]),
            (suspect(2), vec![cause(&PROD.to_uppercase(), 2)]),
            (suspect(3), vec![cause("no subscription", 2)]),
            (suspect(4), Vec::new()),
        ];
        let asked: Vec<_> = drills(&explained)
            .into_iter()
            .map(|(id, suspects)| {
                (id.to_string(), suspects.iter().map(|suspect| suspect.event).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(asked, [(PROD.to_owned(), vec![0, 2]), (DEV.to_owned(), vec![1])]);
    }

    #[test]
    fn resources_stand_in_the_place_of_their_subscription() {
        let mut explained = [
            (suspect(0), vec![cause(PROD, 9), cause(DEV, 3), cause(PROD, 1)]),
            (suspect(1), vec![cause(PROD, 4)]),
        ];
        let within = vec![
            (suspect(0), vec![cause("/subscriptions/p/vm-1", 8), cause("/subscriptions/p/vm-2", 2)]),
            (suspect(1), Vec::new()),
        ];
        drilled(&mut explained, PROD.parse().unwrap(), within);
        let words = |pairs: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
            pairs.iter().map(|(name, change)| (*name, (*change).to_owned())).collect()
        };
        assert_eq!(
            told(&explained[0].1),
            words(&[("/subscriptions/p/vm-1", "8"), (DEV, "3"), ("/subscriptions/p/vm-2", "2")])
        );
        assert_eq!(told(&explained[1].1), words(&[(PROD, "4")]), "it said nothing");
    }
}

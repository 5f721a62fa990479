//! How many fetches unknown key ids may cause.
//!
//! Anybody can invent key ids. If one of them used up the only fetch of some minutes, valid tokens of a new key would be
//! refused for as long; if each caused a fetch, Entra ID would be flooded through us. So there is a budget: a few
//! fetches at once, and then one in a while. Whichever id causes a fetch, it brings all keys.

use jiff::{SignedDuration, Timestamp};

/// How many fetches of the budget may follow each other at once.
pub const UNKNOWN_KEY_FETCHES: i32 = 3;
/// The time in which the budget grows by one fetch, and for which an id that caused one causes no other.
///
/// With the longest fetch it bounds how long a valid token can fail after an emergency rollover: 30 seconds, however
/// many ids are forged. It also bounds the fetches of one key set: 18 in five minutes, 183 in an hour.
pub const UNKNOWN_KEY_PAUSE: SignedDuration = SignedDuration::from_secs(20);

/// The budget of one key set.
#[derive(Debug)]
pub(super) struct Budget {
    /// Until when the time to come has been spent: one pause for each fetch.
    spent_until: Timestamp,
    /// The ids that caused a fetch within the last pause, and when. As few as the budget allows.
    asked: Vec<(Timestamp, String)>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { spent_until: Timestamp::UNIX_EPOCH, asked: Vec::new() }
    }
}

impl Budget {
    /// Spends a fetch on `kid`, if one is left and this id did not just have one.
    pub(super) fn spend(&mut self, kid: &str, now: Timestamp) -> bool {
        let spent = self.spent(now);
        self.asked
            .retain(|(at, _)| (SignedDuration::ZERO..UNKNOWN_KEY_PAUSE).contains(&now.duration_since(*at)));
        if spent > UNKNOWN_KEY_PAUSE * (UNKNOWN_KEY_FETCHES - 1) || self.asked.iter().any(|(_, id)| id == kid)
        {
            return false;
        }
        self.spent_until = now.saturating_add(spent + UNKNOWN_KEY_PAUSE).unwrap_or(now);
        self.asked.push((now, kid.to_owned()));
        true
    }

    /// What is spent of the time after `now`. More than the whole budget is a clock that was set back: nothing counts.
    fn spent(&self, now: Timestamp) -> SignedDuration {
        let ahead = self.spent_until.duration_since(now);
        let whole = UNKNOWN_KEY_PAUSE * UNKNOWN_KEY_FETCHES;
        if (SignedDuration::ZERO..=whole).contains(&ahead) { ahead } else { SignedDuration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: SignedDuration = SignedDuration::from_secs(1);

    fn start() -> Timestamp {
        Timestamp::from_second(1_795_377_600).unwrap()
    }

    /// How many fetches a flood of ids, each new, causes within `seconds`.
    fn flood(budget: &mut Budget, seconds: i32) -> usize {
        let moments = (0..seconds).map(|n| start() + SECOND * n);
        let fetches = moments.map(|now| (0..5).filter(|n| budget.spend(&format!("{now} {n}"), now)).count());
        fetches.sum()
    }

    #[test]
    fn a_flood_causes_18_fetches_in_five_minutes_and_183_in_an_hour() {
        assert_eq!(flood(&mut Budget::default(), 5 * 60), 3 + 14);
        assert_eq!(flood(&mut Budget::default(), 5 * 60 + 1), 18);
        assert_eq!(flood(&mut Budget::default(), 60 * 60 + 1), 183);
    }

    #[test]
    fn after_a_flood_the_next_fetch_is_one_pause_away_at_most() {
        let mut budget = Budget::default();
        flood(&mut budget, 100);
        let last = start() + SECOND * 80;
        assert!(!budget.spend("new", last + UNKNOWN_KEY_PAUSE - SECOND));
        assert!(budget.spend("new", last + UNKNOWN_KEY_PAUSE));
    }

    #[test]
    fn one_id_alone_never_uses_up_what_another_needs() {
        let mut budget = Budget::default();
        let spent = (0..300).filter(|n| budget.spend("stale", start() + SECOND * *n)).count();
        assert_eq!(spent, 15, "one in each pause");
        assert!(budget.spend("new", start() + SECOND * 300));
    }

    #[test]
    fn what_is_remembered_of_ids_is_bounded() {
        let mut budget = Budget::default();
        flood(&mut budget, 1000);
        assert!(budget.asked.len() <= 4, "{}", budget.asked.len());
    }

    #[test]
    fn a_clock_set_back_holds_nothing_back() {
        let mut budget = Budget::default();
        flood(&mut budget, 10);
        let earlier = start() - SignedDuration::from_hours(1);
        assert!(budget.spend("new", earlier) && budget.spend("newer", earlier));
    }
}

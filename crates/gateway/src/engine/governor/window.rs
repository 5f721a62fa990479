//! What was taken of one quota within the last so many seconds.
//!
//! Azure's windows are fixed and nobody tells when one begins. So a charge counts from the moment that its request leaves until a
//! whole window after its answer: whatever window Azure counted it in is over by then, however long request and answer travelled.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How long it is believed that somebody else took something. Azure's own window may be over much sooner, and only an answer tells.
const GUESS: Duration = Duration::from_secs(60);

/// One quota.
#[derive(Clone, Debug)]
pub(super) struct Window {
    length: Duration,
    /// As configured.
    documented: u32,
    /// As Azure's answers prove it, if they prove more.
    limit: u32,
    charges: VecDeque<Charge>,
    /// Azure asks to wait until then.
    held: Option<Instant>,
    /// The last answer said that nothing is left.
    told_empty: bool,
}

#[derive(Clone, Copy, Debug)]
struct Charge {
    of: Of,
    amount: u32,
    /// `None` while there is no answer.
    until: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Our own request.
    Request(u64),
    /// What another tool seems to have taken, or a request that was refused.
    Guess,
}

/// When something fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fits {
    /// At once.
    Now,
    /// Not before.
    At(Instant),
    /// Not before an answer that is awaited.
    AfterAnAnswer,
}

impl Fits {
    /// The later of two.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::AfterAnAnswer, _) | (_, Self::AfterAnAnswer) => Self::AfterAnAnswer,
            (Self::At(one), Self::At(two)) => Self::At(one.max(two)),
            (Self::At(at), Self::Now) | (Self::Now, Self::At(at)) => Self::At(at),
            (Self::Now, Self::Now) => Self::Now,
        }
    }

    /// The moment: what waits for an answer is taken to have it a second later.
    pub(super) fn from(self, now: Instant) -> Instant {
        match self {
            Self::Now => now,
            Self::At(at) => at,
            Self::AfterAnAnswer => now + Duration::from_secs(1),
        }
    }

    pub(super) fn not_before(at: Option<Instant>, now: Instant) -> Self {
        at.filter(|at| *at > now).map_or(Self::Now, Self::At)
    }
}

impl Window {
    pub(super) fn new(limit: u32, length: Duration) -> Self {
        let charges = VecDeque::new();
        Self { length, documented: limit, limit, charges, held: None, told_empty: false }
    }

    pub(super) const fn limit(&self) -> u32 {
        self.limit
    }

    /// When `amount` fits in.
    pub(super) fn fits(&self, amount: u32, now: Instant) -> Fits {
        Fits::not_before(self.held, now).and(self.room_for(amount, now))
    }

    /// When the next page of an answer may be asked for: only what Azure says holds it back.
    pub(super) fn lets_on(&self, now: Instant) -> Fits {
        let told = if self.told_empty { self.room_for(1, now) } else { Fits::Now };
        Fits::not_before(self.held, now).and(told)
    }

    fn room_for(&self, amount: u32, now: Instant) -> Fits {
        // What is larger than the whole window has it for itself.
        let allowed = self.limit - amount.min(self.limit);
        let mut used = self.used(now);
        if used <= allowed {
            return Fits::Now;
        }
        let mut ends: Vec<_> =
            self.charges.iter().filter_map(|charge| Some((charge.until?, charge.amount))).collect();
        ends.sort_unstable();
        for (until, amount) in ends.into_iter().filter(|(until, _)| *until > now) {
            used -= amount;
            if used <= allowed {
                return Fits::At(until);
            }
        }
        Fits::AfterAnAnswer
    }

    /// How much is left.
    pub(super) fn left(&self, now: Instant) -> u32 {
        self.limit.saturating_sub(self.used(now))
    }

    fn used(&self, now: Instant) -> u32 {
        self.sum(|charge| charge.until.is_none_or(|until| until > now))
    }

    fn sum(&self, which: impl Fn(&Charge) -> bool) -> u32 {
        self.charges
            .iter()
            .filter(|charge| which(charge))
            .fold(0, |sum, charge| sum.saturating_add(charge.amount))
    }

    /// Charges for a request that is sent now.
    pub(super) fn charge(&mut self, request: u64, amount: u32) {
        self.charges.push_back(Charge { of: Of::Request(request), amount, until: None });
    }

    /// Takes back what was charged for a request that was never sent. What has its answer stays.
    pub(super) fn give_up(&mut self, request: u64) {
        self.charges.retain(|charge| charge.of != Of::Request(request) || charge.until.is_some());
    }

    /// The request has its answer. `took` is what it was charged at Azure, if that says so; `left` what Azure says is left.
    pub(super) fn answered(&mut self, request: u64, took: Option<u32>, left: Option<u32>, now: Instant) {
        let until = now + self.length;
        let mut own = took.unwrap_or_default();
        for charge in self.charges.iter_mut().filter(|charge| charge.of == Of::Request(request)) {
            charge.until = Some(until);
            charge.amount = took.unwrap_or(charge.amount);
            own = charge.amount;
        }
        if let Some(left) = left {
            self.told_empty = left == 0;
            self.believe(left, own, now);
        }
        self.forget(now);
    }

    /// The request was refused. What was charged is a guess from now on: some of Azure's windows count refusals, some do not.
    pub(super) fn refused(&mut self, request: u64, now: Instant) {
        for charge in self.charges.iter_mut().filter(|charge| charge.of == Of::Request(request)) {
            *charge = Charge { of: Of::Guess, until: Some(now + self.length.min(GUESS)), ..*charge };
        }
        self.forget(now);
    }

    /// Azure asks to wait, because this is empty.
    pub(super) fn hold(&mut self, until: Instant) {
        self.held = self.held.max(Some(until));
        // It proved less than was believed.
        self.limit = self.documented;
    }

    fn believe(&mut self, left: u32, own: u32, now: Instant) {
        // So much is left and so much was there before: an agreement that has more than is documented.
        self.limit = self.limit.max(left.saturating_add(own));
        let room = self.left(now);
        if left < room {
            // Another tool has it, or an agreement has less.
            let until = Some(now + self.length.min(GUESS));
            self.charges.push_back(Charge { of: Of::Guess, amount: room - left, until });
            return;
        }
        // What is on its way may not be counted in `left`.
        let on_the_way = self.sum(|charge| charge.until.is_none());
        self.give_back(left.saturating_sub(on_the_way).saturating_sub(room));
    }

    /// Takes back so much of what was only guessed.
    fn give_back(&mut self, mut amount: u32) {
        for charge in self.charges.iter_mut().filter(|charge| charge.of == Of::Guess) {
            let back = charge.amount.min(amount);
            charge.amount -= back;
            amount -= back;
        }
    }

    fn forget(&mut self, now: Instant) {
        self.charges.retain(|charge| charge.amount > 0 && charge.until.is_none_or(|until| until > now));
    }

    /// Whether there is nothing to remember.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.used(now) == 0 && self.held.is_none_or(|held| held <= now)
    }

    /// The same window as it will be if all that is on its way is answered at `at`.
    pub(super) fn settled(&self, at: Instant) -> Self {
        let mut settled = self.clone();
        for charge in settled.charges.iter_mut().filter(|charge| charge.until.is_none()) {
            charge.until = Some(at + self.length);
        }
        settled
    }

    /// Charges for a request that is imagined.
    pub(super) fn imagine(&mut self, amount: u32, answered: Instant) {
        self.charges.push_back(Charge { of: Of::Guess, amount, until: Some(answered + self.length) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(10);

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_charge_lasts_a_whole_window_after_its_answer() {
        let (mut window, start) = (Window::new(2, LENGTH), Instant::now());
        window.charge(1, 2);
        assert_eq!(window.fits(1, at(start, 30)), Fits::AfterAnAnswer);
        window.answered(1, None, None, at(start, 3));
        assert_eq!(window.fits(1, at(start, 4)), Fits::At(at(start, 13)));
        assert_eq!(window.fits(1, at(start, 13)), Fits::Now);
        // What is larger than the window waits until that is empty, and no longer.
        assert_eq!(window.fits(9, at(start, 4)), Fits::At(at(start, 13)));
    }

    #[test]
    fn azure_is_believed_in_both_directions() {
        let (mut window, start) = (Window::new(12, LENGTH), Instant::now());
        window.charge(1, 1);
        window.answered(1, Some(1), Some(5), start);
        assert_eq!(window.left(start), 5, "somebody else took six");
        window.charge(2, 1);
        window.answered(2, Some(1), Some(11), at(start, 1));
        assert_eq!(window.left(at(start, 1)), 10, "theirs is over, and ours is counted to its end");
        window.charge(3, 1);
        window.answered(3, Some(1), Some(99), at(start, 1));
        assert_eq!((window.limit(), window.left(at(start, 1))), (100, 97), "an agreement that has more");
        window.hold(at(start, 20));
        assert_eq!((window.limit(), window.fits(1, at(start, 2))), (12, Fits::At(at(start, 20))));
    }

    #[test]
    fn what_is_on_its_way_is_not_given_away_twice() {
        let (mut window, start) = (Window::new(12, LENGTH), Instant::now());
        window.charge(1, 1);
        window.answered(1, Some(1), Some(2), start);
        window.charge(2, 1);
        window.charge(3, 1);
        // Azure had counted the second and not yet the third.
        window.answered(2, Some(1), Some(8), at(start, 1));
        assert_eq!(window.left(at(start, 1)), 7);
    }

    #[test]
    fn azure_may_say_that_a_query_took_another_number() {
        let (mut window, start) = (Window::new(12, LENGTH), Instant::now());
        window.charge(1, 5);
        window.answered(1, Some(2), None, start);
        assert_eq!(window.left(start), 10);
    }
}

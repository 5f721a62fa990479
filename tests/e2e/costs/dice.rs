//! Choices that a seed decides.

use jiff::{Span, ToSpan as _};
use testkit::Seeded;

/// Dice that fall the same for the same seed.
pub(super) struct Dice(Seeded);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(Seeded::new(seed))
    }

    /// A number below `most`.
    pub(super) fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.0.next_number() % most as u64).unwrap()
    }

    /// Less than so many days.
    pub(super) fn days(&mut self, most: usize) -> Span {
        i64::try_from(self.below(most)).unwrap().days()
    }

    /// True once in so many times.
    pub(super) fn one_of(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Up to `most` different ones.
    pub(super) fn some<T: Copy>(&mut self, from: &[T], most: usize) -> Vec<T> {
        let mut left = from.to_vec();
        let mut chosen = Vec::new();
        while chosen.len() < most && !left.is_empty() {
            chosen.push(left.swap_remove(self.below(left.len())));
        }
        chosen
    }
}

//! Days running that are off in one direction.

use super::level::Level;
use super::pattern::Pattern;

/// What the days are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The level of the days before.
    Level,
    /// Nothing: there was no cost for four weeks.
    New,
    /// Days without a cost, and a few with one.
    Sparse,
}

/// Days of an event, as far as they are known.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) kind: Kind,
    pub(super) from: usize,
    pub(super) to: usize,
    /// The last day that was found odd. The days after it are at a new level, which is expected by now.
    pub(super) flagged_to: usize,
    /// What was expected when it began.
    pub(super) level: Level,
    /// 1 for more, -1 for less.
    pub(super) sign: f64,
    pub(super) score: f64,
    /// The new level by the old one, once it is what is expected.
    pub(super) adopted: Option<f64>,
}

impl Run {
    pub(super) const fn new(
        kind: Kind,
        (from, to): (usize, usize),
        level: Level,
        (sign, score): (f64, f64),
    ) -> Self {
        Self { kind, from, to, flagged_to: to, level, sign, score, adopted: None }
    }

    /// What was expected of a day.
    pub(super) fn expected(&self, day: usize, pattern: &Pattern<'_>) -> f64 {
        if pattern.is_idle(day) { 0.0 } else { self.level.on(day) * pattern.on(day) }
    }

    pub(super) const fn days(&self) -> usize {
        self.to + 1 - self.from
    }
}

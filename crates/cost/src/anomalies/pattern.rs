//! The weekdays of a series, by the place of a day in it.

use super::robust::{OF_MEDIAN, float, median};
use super::rule::IDLE;
use crate::series::{Day, Weekly};

/// The factor of each day on the level.
#[derive(Clone, Debug)]
pub(super) struct Pattern<'a> {
    days: &'a [Day],
    weekly: Weekly,
}

impl<'a> Pattern<'a> {
    /// Of all days of a series: one odd week does not move it.
    pub(super) fn of(days: &'a [Day]) -> Self {
        // Credits have weekdays as costs have.
        let is_credit = median(days.iter().map(|day| day.value)) < 0.0;
        let mirrored: Vec<Day> = days.iter().map(|day| Day { value: -day.value, ..*day }).collect();
        Self { days, weekly: Weekly::of(if is_credit { &mirrored } else { days }) }
    }

    pub(super) fn on(&self, day: usize) -> f64 {
        self.days.get(day).map_or(1.0, |day| self.weekly.factor(day.date))
    }

    /// How unsure the factor of a day is: the variance of a median of so many weeks, in that of a day.
    pub(super) fn unsure(&self) -> f64 {
        if self.weekly.is_flat() { 0.0 } else { OF_MEDIAN * 7.0 / float(self.days.len()) }
    }

    /// The factor, where the series has weekdays.
    pub(super) fn effect(&self, day: usize) -> Option<f64> {
        (!self.weekly.is_flat()).then(|| self.on(day))
    }

    /// Whether the day is of a weekday on which there is next to nothing.
    pub(super) fn is_idle(&self, day: usize) -> bool {
        self.on(day).abs() < IDLE
    }
}

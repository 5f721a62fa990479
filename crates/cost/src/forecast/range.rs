//! How far our run rate missed before, over as many days: the range around what is to come.
//!
//! The series is cut at each of its last days, the days after it are forecast from those before, and what they cost is known. Such
//! misses overlap, and so say less than their number does: the fewer of them stand apart, the wider the range is made.
//!
//! A month's edges are known from all days: at most cuts, one month was over, and what the rate knows now was not to be known then.

use super::run_rate::RunRate;
use crate::series::{Day, Edges};

/// The days before the first cut.
const LEARNED: usize = 28;
/// The fewest cuts that say something.
const LEAST_CUTS: usize = 7;
/// Of normal misses, 80 % lie within so many deviations.
const EIGHTY_PERCENT: f64 = 1.28;
/// How much wider it is where all misses are of the same days. Found on seeded series, others than those of the test.
const OVERLAP: f64 = 0.5;

/// By how much more or less a day may cost than forecast in 80 of 100 cases, on average over `ahead` days. `None` where the history
/// is too short to say: below five weeks.
pub(super) fn margin(history: &[Day], ahead: usize) -> Option<f64> {
    let tested = history.len().checked_sub(LEARNED).filter(|tested| *tested >= LEAST_CUTS)?;
    let length = ahead.clamp(1, tested - (LEAST_CUTS - 1));
    let cuts = LEARNED..=history.len() - length;
    let edges = RunRate::of(history)?.edges();
    let missed: Vec<f64> = cuts.filter_map(|cut| missed((history, edges), cut, length)).collect();
    let squares = missed.iter().map(|miss| miss.powi(2)).sum::<f64>();
    let (length, tested) = (number(length), number(tested));
    let overlap = 1.0 + OVERLAP * length / tested;
    // What was not tested, for the history is too short, is less sure the further it is.
    let further = (number(ahead) / length).sqrt().max(1.0);
    Some(EIGHTY_PERCENT * (squares / number(missed.len())).sqrt() * overlap * further)
}

/// By how much more a day cost than was forecast at a cut, on average over the days after it.
fn missed((history, edges): (&[Day], Edges), cut: usize, length: usize) -> Option<f64> {
    let (before, after) = history.split_at_checked(cut)?;
    let rate = RunRate::with(edges, before)?;
    let misses = after.iter().take(length).map(|day| day.value - rate.on(day.date));
    Some(misses.sum::<f64>() / number(length))
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;

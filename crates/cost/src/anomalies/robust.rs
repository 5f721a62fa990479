//! Statistics that a few wild days do not move. Of figures, not of money: what leaves as money is rounded where it leaves.

use super::rule::MAD_TO_SIGMA;
use crate::series;

/// The variance of a median of `n` days is this many times that of their mean.
pub(super) const OF_MEDIAN: f64 = std::f64::consts::FRAC_PI_2;

/// The median; zero of nothing.
pub(super) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let figures: Vec<f64> = figures.into_iter().collect();
    series::median(&figures).unwrap_or_default()
}

/// The scatter of deviations: the median of their sizes, then the standard deviation of those within three of it. The second is
/// as robust, and twice as sure of as few days.
pub(super) fn scatter(deviations: &[f64]) -> f64 {
    let rough = MAD_TO_SIGMA * median(deviations.iter().map(|deviation| deviation.abs()));
    let near: Vec<f64> =
        deviations.iter().copied().filter(|deviation| deviation.abs() <= 3.0 * rough).collect();
    let squares: f64 = near.iter().map(|deviation| deviation * deviation).sum();
    if near.is_empty() { rough } else { (squares / float(near.len())).sqrt() }
}

/// A count as a figure.
#[expect(clippy::cast_precision_loss, reason = "days and series are few")]
pub(super) fn float(count: usize) -> f64 {
    count as f64
}

/// The mean; zero of nothing.
pub(super) fn mean(figures: &[f64]) -> f64 {
    if figures.is_empty() { 0.0 } else { figures.iter().sum::<f64>() / float(figures.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wild_day_moves_neither_level_nor_scatter() {
        let quiet = [10.0, 11.0, 9.0, 10.5, 9.5, 10.0, 11.0, 9.0];
        let mut wild = quiet;
        wild[3] = 1e6;
        assert!((median(quiet) - median(wild)).abs() < 0.6, "{}", median(wild));
        let scatter_of = |figures: &[f64]| {
            let level = median(figures.iter().copied());
            scatter(&figures.iter().map(|figure| figure - level).collect::<Vec<_>>())
        };
        assert!((scatter_of(&quiet) - scatter_of(&wild)).abs() < 0.4, "{}", scatter_of(&wild));
        assert!((median([]), scatter(&[]), mean(&[])) == (0.0, 0.0, 0.0));
        assert!((median([1.0, 2.0, 4.0, 3.0]) - 2.5).abs() < 1e-12);
    }
}

//! A series of figures as a bar of letters: the shape of a month in a line of text.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The most letters of a bar. Longer series are added up in steps of equal length.
const MOST: usize = 40;

/// The bar of a series, and how many figures are in each letter. The lowest letter is zero, or the lowest figure below it.
pub(super) fn bar(figures: &[Decimal]) -> (String, usize) {
    let step = figures.len().div_ceil(MOST).max(1);
    let sums: Vec<Decimal> = figures.chunks(step).map(sum).collect();
    let low = sums.iter().copied().fold(Decimal::ZERO, Decimal::min);
    let high = sums.iter().copied().fold(low, Decimal::max);
    (sums.iter().map(|sum| letter(*sum, low, high)).collect(), step)
}

/// A picture needs no exactness: a sum that overflows is the highest there is.
fn sum(figures: &[Decimal]) -> Decimal {
    figures.iter().try_fold(Decimal::ZERO, |sum, figure| sum.checked_add(*figure)).unwrap_or(Decimal::MAX)
}

fn letter(figure: Decimal, low: Decimal, high: Decimal) -> char {
    let part = || {
        let (over, range) = (figure.checked_sub(low)?, high.checked_sub(low)?);
        let steps = over.checked_div(range)?.checked_mul(Decimal::from(BARS.len() - 1))?;
        // What is more than the lowest is seen to be.
        let least = usize::from(over > Decimal::ZERO);
        steps.round().to_usize().map(|steps| steps.max(least))
    };
    BARS[part().unwrap_or_default().min(BARS.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(figures: &[i64]) -> String {
        bar(&figures.iter().map(|figure| Decimal::from(*figure)).collect::<Vec<_>>()).0
    }

    #[test]
    fn the_highest_is_full_and_zero_is_lowest() {
        assert_eq!(bars(&[0, 1, 2, 3, 4, 5, 6, 7]), "▁▂▃▄▅▆▇█");
        assert_eq!(bars(&[7, 7, 7]), "███");
        assert_eq!(bars(&[0, 0]), "▁▁");
        assert_eq!(bars(&[1, 1000]), "▂█");
        assert_eq!(bars(&[-7, 0, 7]), "▁▅█");
        assert_eq!(bars(&[]), "");
    }

    #[test]
    fn a_long_series_is_added_up_in_steps() {
        let (text, step) = bar(&[Decimal::ONE; 366]);
        assert_eq!((text.chars().count(), step), (37, 10));
        // The last step is of six figures.
        assert!(text.ends_with("█▅"), "{text}");
        assert_eq!(bar(&[Decimal::MAX, Decimal::MIN, Decimal::MAX]).0.chars().count(), 3);
    }
}

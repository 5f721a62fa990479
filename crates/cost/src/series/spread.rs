//! The middle of numbers and how far they lie apart, by rank: one odd number moves neither.

/// The number in the middle; of an even number of them, the mean of both. `None` of none.
pub fn median(numbers: &[f64]) -> Option<f64> {
    quantile(numbers, 0.5)
}

/// The median distance from the median. Of normal noise it is 1/1.4826 of the standard deviation.
pub fn mad(numbers: &[f64]) -> Option<f64> {
    let middle = median(numbers)?;
    let distances: Vec<f64> = numbers.iter().map(|number| (number - middle).abs()).collect();
    median(&distances)
}

/// The number below which such a part (0 to 1) of them lies, between neighbours by proportion. `None` of none.
pub fn quantile(numbers: &[f64], part: f64) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = part.clamp(0.0, 1.0) * number(last);
    let (below, above) = (at(&sorted, place.floor())?, at(&sorted, place.ceil())?);
    Some(below + (above - below) * place.fract())
}

/// A count as a number of statistics, exact: no series has 2³² days.
pub(super) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number from 0 to the length"
)]
fn at(sorted: &[f64], place: f64) -> Option<f64> {
    sorted.get(place as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_a_number_or_between_two() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, -1.0, 3.0]), Some(3.0));
        assert_eq!(median(&[4.0, 1.0, 1000.0, 2.0]), Some(3.0));
    }

    #[test]
    fn one_odd_number_moves_no_distance() {
        assert_eq!(mad(&[]), None);
        assert_eq!(mad(&[1.0, 2.0, 3.0, 4.0, 5.0]), Some(1.0));
        assert_eq!(mad(&[1.0, 2.0, 3.0, 4.0, 5000.0]), Some(1.0));
        assert_eq!(mad(&[0.0, 0.0, 0.0, 7.0]), Some(0.0));
    }

    #[test]
    fn parts_lie_between_neighbours() {
        let numbers = [50.0, 10.0, 40.0, 20.0, 30.0];
        for (part, expected) in
            [(0.0, 10.0), (0.1, 14.0), (0.25, 20.0), (0.9, 46.0), (1.0, 50.0), (7.0, 50.0)]
        {
            assert_eq!(quantile(&numbers, part), Some(expected), "{part}");
        }
    }
}

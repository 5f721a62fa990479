use jiff::ToSpan;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use testkit::Seeded;

use super::*;

const FIRST: Date = date(2026, 6, 1);
const AHEAD: [usize; 4] = [3, 7, 14, 31];
/// Tuned on: 1 000 000 and 2 000 000.
const SEED: u64 = 3_000_000;
const EACH: u64 = 50;

/// What bills look like.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// A week's pattern and noise of 2 to 6 %.
    Quiet,
    /// The same with 8 to 15 %.
    Noisy,
    /// A level that falls or grows, by up to 60 % of the first day in 100 days.
    Trend,
    /// A month's first day that costs a third to twice more.
    Edges,
    /// Costs on every second to seventh day only.
    Sparse,
}

const SHAPES: [Shape; 5] = [Shape::Quiet, Shape::Noisy, Shape::Trend, Shape::Edges, Shape::Sparse];

/// 62 to 92 days of history, and 31 that follow.
fn series(shape: Shape, seed: u64) -> (Vec<Day>, Vec<Day>) {
    let mut seeded = Seeded::new(seed);
    let mut draw = |from: f64, to: f64| seeded.between(from, to);
    let noise = match shape {
        Shape::Quiet => draw(0.02, 0.06),
        Shape::Noisy => draw(0.08, 0.15),
        _ => draw(0.02, 0.15),
    };
    let (weekend, trend) = (draw(0.4, 1.0), draw(-0.004, 0.006));
    let (edge, often) = (draw(0.3, 2.0), draw(0.15, 0.5));
    #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
    let (start, length) = (draw(0.0, 30.0) as i32, draw(62.0, 93.0) as i32);
    let mut day = |n: i32| {
        let date = FIRST + (start + n).days();
        let is_weekend = date.weekday().to_monday_zero_offset() >= 5;
        let level = 100.0 * if is_weekend { weekend } else { 1.0 };
        let part = match shape {
            Shape::Trend => 1.0 + trend * f64::from(n),
            Shape::Edges if date.day() == 1 => 1.0 + edge,
            Shape::Sparse if seeded.between(0.0, 1.0) > often => 0.0,
            _ => 1.0,
        };
        Day { date, amount: Decimal::ZERO, value: level * part * (1.0 + noise * seeded.normal()) }
    };
    ((0..length).map(&mut day).collect(), (length..length + 31).map(&mut day).collect())
}

/// Prints the table that docs/tools.md has.
#[test]
fn four_in_five_of_what_came_lie_in_the_range() {
    let mut all = (0, 0);
    println!("{:<8}{}", "", AHEAD.map(|days| format!("{days:>6} d")).concat());
    for (place, shape) in (0..).zip(SHAPES) {
        let mut held = AHEAD.map(|_| 0_u64);
        for seed in 0..EACH {
            let (history, future) = series(shape, SEED + place * EACH + seed);
            let rate = RunRate::of(&history).unwrap();
            for (ahead, held) in AHEAD.into_iter().zip(&mut held) {
                let missed: f64 = future.iter().take(ahead).map(|day| day.value - rate.on(day.date)).sum();
                *held += u64::from(missed.abs() <= margin(&history, ahead).unwrap() * number(ahead));
            }
        }
        println!(
            "{:<8}{}",
            format!("{shape:?}"),
            held.map(|held| format!("{:>6} %", held * 100 / EACH)).concat()
        );
        all = (all.0 + held.iter().sum::<u64>(), all.1 + EACH * AHEAD.len() as u64);
        // No kind of bill is left out of the promise.
        assert!(held.iter().all(|held| (70..=92).contains(&(held * 100 / EACH))), "{shape:?}: {held:?}");
    }
    let percent = all.0 * 100 / all.1;
    println!("of {}: {percent} %", all.1);
    assert!((75..=85).contains(&percent), "{percent} %");
}

#[test]
fn a_short_history_has_no_range() {
    let (history, _) = series(Shape::Quiet, 1);
    assert_eq!(margin(&history[..34], 3), None);
    assert!(margin(&history[..35], 3).is_some());
    assert_eq!(margin(&[], 3), None);
}

#[test]
fn what_is_further_than_was_tested_is_less_sure() {
    let (history, _) = series(Shape::Noisy, 2);
    let whole = |ahead: usize| margin(&history, ahead).unwrap() * number(ahead);
    assert!(whole(7) < whole(31) && whole(31) < whole(92) && whole(92) < whole(365));
}

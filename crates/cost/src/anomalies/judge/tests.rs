use jiff::ToSpan;
use jiff::civil::date;
use rust_decimal::Decimal;

use super::*;
use crate::anomalies::rule::Sensitivity;

/// 62 days from a Monday on, of which the last 30 are judged: 100 a day, 40 at weekends, with a little that differs day by day.
fn office() -> Vec<f64> {
    let little = [0.0, 1.0, -1.5, 2.0, -0.5, 1.5, -2.0, 0.5, -1.0];
    (0..62).map(|day| if day % 7 > 4 { 40.0 } else { 100.0 } * (1.0 + little[day % 9] / 100.0)).collect()
}

fn days(values: &[f64]) -> Vec<Day> {
    let first = date(2026, 8, 10);
    let day = |(at, value): (usize, &f64)| Day {
        date: first + i64::try_from(at).unwrap().days(),
        amount: Decimal::from_f64_retain(*value).unwrap(),
        value: *value,
    };
    values.iter().enumerate().map(day).collect()
}

/// Shape, first day, last day, and whether it lasts.
fn told(values: &[f64]) -> Vec<(Shape, usize, usize, bool)> {
    let days = days(values);
    let series = Series { days: &days, judged_from: 32 };
    let bounds = Bounds { cuts: Cuts::of(Sensitivity::Normal, 10), least: 1.0 };
    judge(series, bounds).iter().map(|odd| (odd.shape, odd.from, odd.to, odd.lasts)).collect()
}

fn office_with(change: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    office().into_iter().enumerate().map(|(day, value)| change(day, value)).collect()
}

#[test]
fn weekends_and_small_differences_are_not_odd() {
    assert_eq!(told(&office()), []);
}

#[test]
fn each_shape_is_told_with_its_days() {
    use Shape::{Drop, Gone, New, Spike, Step};
    // A weekday, a weekend, one that is still going on.
    assert_eq!(told(&office_with(|day, v| if day == 45 { v * 2.0 } else { v })), [(Spike, 45, 45, false)]);
    assert_eq!(told(&office_with(|day, v| if day == 47 { v * 2.0 } else { v })), [(Spike, 47, 47, false)]);
    assert_eq!(told(&office_with(|day, v| if day > 59 { v * 1.5 } else { v })), [(Spike, 60, 61, true)]);
    assert_eq!(
        told(&office_with(|day, v| if day == 44 || day == 45 { v * 0.5 } else { v })),
        [(Drop, 44, 45, false)]
    );
    assert_eq!(told(&office_with(|day, v| if day > 49 { v * 1.4 } else { v })), [(Step, 50, 61, true)]);
    assert_eq!(told(&office_with(|day, v| if day > 57 { v * 1.4 } else { v })), [(Step, 58, 61, true)]);
    assert_eq!(told(&office_with(|day, v| if day > 49 { v * 0.6 } else { v })), [(Step, 50, 61, true)]);
    assert_eq!(told(&office_with(|day, v| if day > 57 { 0.0 } else { v })), [(Gone, 58, 61, true)]);
    assert_eq!(told(&office_with(|day, v| if day > 54 { v } else { 0.0 })), [(New, 55, 61, true)]);
}

#[test]
fn a_step_that_ends_is_one_event_and_what_follows_is_judged() {
    let burst = office_with(|day, v| if (40..50).contains(&day) { v * 2.0 } else { v });
    assert_eq!(told(&burst), [(Shape::Step, 40, 49, false)]);
    // A spike on the new level is an event of its own.
    let both = office_with(|day, v| {
        if day < 40 {
            v
        } else if day == 55 {
            v * 4.0
        } else {
            v * 2.0
        }
    });
    assert_eq!(told(&both), [(Shape::Step, 40, 54, false), (Shape::Spike, 55, 55, false)]);
}

#[test]
fn a_level_that_moved_within_the_history_is_not_odd_later() {
    assert_eq!(told(&office_with(|day, v| if day > 17 { v * 1.5 } else { v })), []);
}

#[test]
fn a_level_that_moved_within_the_history_hides_nothing_later() {
    let both = office_with(|day, v| match day {
        0..15 => v / 1.5,
        43 => v * 1.3,
        _ => v,
    });
    assert_eq!(told(&both), [(Shape::Spike, 43, 43, false)]);
}

#[test]
fn what_was_found_early_is_not_told_again() {
    assert_eq!(told(&office_with(|day, v| if day > 19 { 0.0 } else { v })), []);
    // It began before the judged days, and is what is expected by then.
    assert_eq!(told(&office_with(|day, v| if day > 22 { v * 1.5 } else { v })), []);
}

#[test]
fn of_days_without_a_cost_only_what_is_far_larger_is_odd() {
    let sometimes = |at: usize, size: f64| -> Vec<f64> {
        (0..62)
            .map(|day| {
                if day == at {
                    size
                } else if day % 6 == 0 {
                    20.0
                } else {
                    0.0
                }
            })
            .collect()
    };
    assert_eq!(told(&sometimes(45, 30.0)), []);
    assert_eq!(told(&sometimes(45, 90.0)), [(Shape::Spike, 45, 45, false)]);
}

#[test]
fn a_cost_on_a_weekday_that_has_none_is_odd() {
    let works = |odd: f64| {
        office_with(|day, v| {
            if day == 47 {
                odd
            } else if day % 7 > 4 {
                0.0
            } else {
                v
            }
        })
    };
    assert_eq!(told(&works(0.0)), []);
    assert_eq!(told(&works(90.0)), [(Shape::Spike, 47, 47, false)]);
}

#[test]
fn small_money_is_not_odd() {
    let small: Vec<f64> =
        office_with(|day, v| if day == 45 { v * 2.0 } else { v }).iter().map(|v| v / 200.0).collect();
    assert_eq!(told(&small), []);
}

#[test]
fn a_short_history_is_not_judged() {
    let known = |values: &[f64]| is_known(Series { days: &days(values), judged_from: 32 });
    assert!(known(&office()));
    assert!(!known(&office_with(|day, v| if day < 10 { 0.0 } else { v })));
    // Nothing for four weeks is a history of its own.
    assert!(known(&office_with(|day, v| if day < 28 { 0.0 } else { v })));
    assert!(!is_known(Series { days: &days(&office()[..31]), judged_from: 32 }));
}

#[test]
fn credits_are_judged_as_costs_are() {
    let credit: Vec<f64> =
        office_with(|day, v| if day == 45 { v * 2.0 } else { v }).iter().map(|v| -v).collect();
    assert_eq!(told(&credit), [(Shape::Drop, 45, 45, false)]);
}

//! The rule against series that are made: how many odd days it finds, and how often it is wrong. Prints the table of
//! docs/anomalies.md.

use jiff::ToSpan;
use jiff::civil::{Date, date};

use super::judge::{Bounds, Odd, Series, Shape, judge};
use super::rule::{Cuts, LEAST_MONEY, Sensitivity};

const DAYS: usize = 120;
/// As the tool asks by default: 62 days, of which the last 30 are judged.
const SPAN: usize = 62;
const JUDGED: usize = 30;
const FIRST: Date = date(2026, 5, 1);

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap()) / f64::from(u32::MAX)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.between(1e-12, 1.0), self.unit());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }

    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap()
    }
}

/// How days scatter about what is usual.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Noise {
    /// Between so much less and so much more.
    Even,
    /// With so much as standard deviation.
    Normal,
}

/// A series, and how much its days scatter.
struct Made {
    amounts: Vec<f64>,
    noise: f64,
    kind: Noise,
    how: (f64, f64, f64),
}

fn made(dice: &mut Dice, kind: Noise) -> Made {
    let noise = dice.between(0.02, 0.15);
    let base = dice.between(20.0, 2_000.0);
    let trend = dice.between(-0.002, 0.003);
    let weekend = if dice.below(3) > 0 { dice.between(0.3, 1.0) } else { 1.0 };
    let weekdays: [f64; 7] = std::array::from_fn(|day| {
        let own = if dice.below(2) == 0 { dice.between(0.95, 1.05) } else { 1.0 };
        if day > 4 { weekend * own } else { own }
    });
    // A month's first or last days are dearer or cheaper, each month.
    let edge = if dice.below(2) == 0 { dice.between(-0.3, 0.5) } else { 0.0 };
    let (first_days, last_day) = (1 + dice.below(4), dice.below(2) == 0);
    let amounts = (0..DAYS).map(|day| {
        let on = FIRST + i64::try_from(day).unwrap().days();
        let at_edge = if last_day { on == on.last_of_month() } else { usize::try_from(on.day()).unwrap() <= first_days };
        let usual = base * (1.0 + trend).powf(day as f64) * weekdays[(on.weekday().to_monday_zero_offset()) as usize];
        let off = match kind {
            Noise::Even => dice.between(-noise, noise),
            Noise::Normal => noise * dice.normal(),
        };
        usual * if at_edge { 1.0 + edge } else { 1.0 } * (1.0 + off).max(0.05)
    });
    Made { amounts: amounts.collect(), noise, kind, how: (trend, weekend, edge) }
}

/// What the tool would say on the day on which `last` is the last judged day.
fn told(amounts: &[f64], last: usize) -> Vec<Odd> {
    let from = last + 1 - SPAN;
    let series = Series {
        first: FIRST + i64::try_from(from).unwrap().days(),
        amounts: &amounts[from..=last],
        judged_from: SPAN - JUDGED,
    };
    let bounds = Bounds { cuts: Cuts::of(Sensitivity::Normal, 1), least: LEAST_MONEY };
    judge(series, bounds)
}

fn spike_found(made: &Made, day: usize, part: f64) -> bool {
    let mut amounts = made.amounts.clone();
    amounts[day] *= 1.0 + part;
    let last = SPAN - 1;
    told(&amounts, day).iter().any(|odd| odd.to == last && odd.expected.iter().sum::<f64>() < amounts[day + odd.from - last..=day].iter().sum::<f64>())
}

fn step_found(made: &Made, day: usize, part: f64) -> bool {
    let mut amounts = made.amounts.clone();
    amounts[day..].iter_mut().for_each(|amount| *amount *= 1.0 + part);
    (day..day + 3).any(|last| {
        told(&amounts, last).iter().any(|odd| odd.to + 1 == SPAN && odd.to - odd.from <= last - day + 1)
    })
}

#[test]
fn explore() {
    let mut out = String::new();
    for kind in [Noise::Even, Noise::Normal] {
        let mut dice = Dice(std::env::var("ANOM_SEED").map_or(99, |s| s.parse().unwrap()));
        let (mut falses, mut months) = (0, 0.0);
        let mut spikes = [[0_u32; 2]; 3];
        let mut steps = [[0_u32; 2]; 3];
        let mut shapes = std::collections::BTreeMap::new();
        for _ in 0..400 {
            let made = made(&mut dice, kind);
            for last in [61, 90, 119] {
                let odd = told(&made.amounts, last);
                falses += odd.len();
                let (trend, weekend, edge) = made.how; if std::env::var("ANOM_DBG").is_ok() { for o in &odd { let f = FIRST + i64::try_from(last+1-SPAN+o.from).unwrap().days(); println!("DBG {kind:?} {trend:.4} {weekend:.2} {edge:.2} {:?} {} len {} score {:.1} noise {:.3} wk {:?} exp {:.2} act {:.2} hist {} wkd {:?}", o.shape, f, o.to-o.from+1, o.score, made.noise, o.weekday, o.expected[0]/made.amounts[60], made.amounts[last+1-SPAN+o.from]/made.amounts[60], o.history, f.weekday()); } }
                for o in odd { *shapes.entry(o.shape).or_insert(0) += 1; }
                months += 30.0 / 30.4;
            }
            let least = (3.0 * made.noise).max(0.3);
            let day = 61 + dice.below(56);
            for (at, times) in [1.0, 1.5, 2.0].into_iter().enumerate() {
                if at == 0 && std::env::var("ANOM_DBG").is_ok() && !spike_found(&made, day, least) { let f = FIRST + i64::try_from(day).unwrap().days(); let from = day + 1 - SPAN; let w = super::weekly::Weekly::of(FIRST + i64::try_from(from).unwrap().days(), &made.amounts[from..=day]); println!("MISS {kind:?} {f} {:?} noise {:.3} least {least:.2} wk {:?} recent {:?} this {:.2}", f.weekday(), made.noise, w, made.amounts[day-8..day].iter().map(|a| (a / made.amounts[day] * 100.0).round()).collect::<Vec<_>>(), 1.0+least); }
                spikes[at][0] += u32::from(spike_found(&made, day, least * times));
                spikes[at][1] += 1;
            }
            for (at, part) in [0.2, 0.3, 0.4].into_iter().enumerate() {
                steps[at][0] += u32::from(step_found(&made, day, part));
                steps[at][1] += 1;
            }
        }
        let rate = |of: [u32; 2]| f64::from(of[0]) / f64::from(of[1]);
        out += &format!("{kind:?}: false per 10 months {:.2} {shapes:?}; spikes x1 {:.3} x1.5 {:.3} x2 {:.3}; steps 20% {:.3} 30% {:.3} 40% {:.3}\n", falses as f64 / months * 10.0,
          rate(spikes[0]), rate(spikes[1]), rate(spikes[2]), rate(steps[0]), rate(steps[1]), rate(steps[2]));
    }
    println!("{out}");
}

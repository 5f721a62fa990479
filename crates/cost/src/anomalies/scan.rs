//! A walk along one series: each day is held against the days before it that were not odd.

use jiff::ToSpan;
use jiff::civil::Date;

use super::judge::{Bounds, Series, known_from};
use super::level::Level;
use super::month;
use super::robust::{float, mean, median, scatter};
use super::rule::{
    ADOPT_DAYS, JOIN_DAYS, LEAST_HISTORY, LEAST_NONZERO, LEAST_PART, LEAST_PART_RUN, LEVEL_DAYS, NOTHING,
    RUN_DAYS, SETTLE_CUT, TIMES_LARGEST,
};
use super::run::{Kind, Run};
use super::weekly::Weekly;

pub(super) struct Scan<'a> {
    series: Series<'a>,
    bounds: Bounds,
    weekly: &'a Weekly,
    /// The amounts without their weekdays; what came before a step at the level after it.
    plain: Vec<f64>,
    /// The days that were not odd.
    normal: Vec<usize>,
    run: Option<Run>,
    /// Runs that are over. A step that goes on is the last of them.
    found: Vec<Run>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(series: Series<'a>, bounds: Bounds, weekly: &'a Weekly) -> Self {
        let plain = |(day, amount): (usize, &f64)| if weekly.is_idle(day) { 0.0 } else { amount / weekly.on(day) };
        let plain = series.amounts.iter().enumerate().map(plain).collect();
        Self { series, bounds, weekly, plain, normal: Vec::new(), run: None, found: Vec::new() }
    }

    /// The runs, in their order.
    pub(super) fn runs(mut self) -> Vec<Run> {
        for day in known_from(self.series.amounts)..self.series.amounts.len() {
            if self.normal.len() < LEAST_HISTORY {
                self.learn(day);
            } else if !self.goes_on(day) {
                self.look_at(day);
            }
        }
        self.end_run();
        self.found
    }

    fn date(&self, day: usize) -> Date {
        self.series.first.saturating_add(i64::try_from(day).unwrap_or(i64::MAX).days())
    }

    /// The first days are history, whatever they are.
    fn learn(&mut self, day: usize) {
        if !self.weekly.is_idle(day) {
            self.normal.push(day);
        }
        if self.normal.len() == LEAST_HISTORY {
            self.settle();
        }
    }

    /// Where the level moved within the first days, what came before is put at the level after it.
    fn settle(&mut self) {
        const SIDE: usize = 10;
        let values: Vec<f64> = self.normal.iter().map(|day| self.plain[*day]).collect();
        let mut best = (SETTLE_CUT, None);
        for split in SIDE..values.len().saturating_sub(SIDE) {
            let (before, after) = values.split_at(split);
            let (old, new) = (median(before.iter().copied()), median(after.iter().copied()));
            let off: Vec<f64> =
                before.iter().map(|v| v - old).chain(after.iter().map(|v| v - new)).collect();
            let unsure = scatter(&off) * (1.6 / float(before.len()) + 1.6 / float(after.len())).sqrt();
            let moved = (new - old).abs();
            if old > 0.0 && new > 0.0 && moved > LEAST_PART * old && moved > best.0 * unsure {
                best = (moved / unsure.max(f64::MIN_POSITIVE), Some((self.normal[split], new / old)));
            }
        }
        if let (_, Some((split, ratio))) = best {
            self.rebase(split, ratio);
        }
    }

    /// Puts the days before one at another level.
    fn rebase(&mut self, before: usize, ratio: f64) {
        self.plain[..before].iter_mut().for_each(|value| *value *= ratio);
    }

    fn look_at(&mut self, day: usize) {
        if self.weekly.is_idle(day) {
            return self.look_at_idle(day);
        }
        let recent = &self.normal[self.normal.len() - LEVEL_DAYS..];
        let costs: Vec<f64> =
            recent.iter().map(|day| self.plain[*day]).filter(|value| *value != 0.0).collect();
        if float(costs.len()) < LEAST_NONZERO * float(LEVEL_DAYS) {
            self.look_at_sparse(day, &costs);
        } else {
            self.look_at_level(day);
        }
    }

    /// A weekday that has no cost.
    fn look_at_idle(&mut self, day: usize) {
        let level = Level::of(&self.plain, &self.normal);
        let amount = self.series.amounts[day];
        if amount.abs() >= self.bounds.least && amount.abs() > level.on(day).abs() / 2.0 {
            let (sign, score) = (amount.signum(), amount.abs() / level.sigma.max(self.bounds.least));
            self.begin(Run::new(Kind::Level, (day, day), level, (sign, score)));
        }
    }

    /// After days that had next to no cost, of which these had one.
    fn look_at_sparse(&mut self, day: usize, costs: &[f64]) {
        let amount = self.series.amounts[day];
        let largest = costs.iter().fold(0.0_f64, |largest, cost| largest.max(cost.abs()));
        let limit = self.bounds.least.max(TIMES_LARGEST * largest);
        if amount.abs() < limit {
            return self.accept(day);
        }
        let kind = if costs.is_empty() { Kind::New } else { Kind::Sparse };
        let usual = median(costs.iter().copied());
        let level = Level::fixed(usual, limit, self.normal.len());
        let score = self.bounds.cuts.day * amount.abs() / limit;
        self.begin(Run::new(kind, (day, day), level, (amount.signum(), score)));
    }

    /// The day, then the mean of it and the days before it.
    fn look_at_level(&mut self, day: usize) {
        for days in 1..=RUN_DAYS {
            let kept = self.normal.len() + 1 - days;
            let from = if days == 1 { day } else { self.normal[kept] };
            // Neighbours, but for idle days.
            if day - from > days + 1 || kept < LEAST_HISTORY {
                break;
            }
            let level = Level::of(&self.plain, &self.normal[..kept]);
            if let Some(odd) = self.odd(&level, (from, day), days) {
                self.normal.truncate(kept);
                return self.begin(Run::new(Kind::Level, (from, day), level, odd));
            }
        }
        self.accept(day);
    }

    /// Direction and score of days whose mean is odd.
    fn odd(&self, level: &Level, (from, to): (usize, usize), days: usize) -> Option<(f64, f64)> {
        let is_day = days == 1;
        let (cut, part) = if is_day {
            (self.bounds.cuts.day, LEAST_PART)
        } else {
            (self.bounds.cuts.run, LEAST_PART_RUN)
        };
        let counted: Vec<usize> = (from..=to).filter(|day| !self.weekly.is_idle(*day)).collect();
        let off: Vec<f64> = counted.iter().map(|day| self.off(level, *day)).collect();
        let (sign, off_by) = (mean(&off).signum(), mean(&off).abs());
        let money = mean(&counted.iter().map(|day| off_by * self.weekly.on(*day)).collect::<Vec<_>>());
        let score = self.score(level, off_by, (to, days));
        let is_odd = score >= cut
            && off_by >= part * level.on(to).abs()
            && money >= self.bounds.least
            && off.iter().all(|one| one * sign > 0.0);
        is_odd.then_some((sign, score))
    }

    /// How far off days are: in standard deviations of what was to be expected of their mean.
    fn score(&self, level: &Level, off_by: f64, (day, days): (usize, usize)) -> f64 {
        let variance = (1.0 + self.weekly.unsure(day)) / float(days) + level.unsure;
        off_by / (level.sigma * variance.sqrt()).max(f64::MIN_POSITIVE)
    }

    /// By how much a day is off, less what the month before was off at that place.
    fn off(&self, level: &Level, day: usize) -> f64 {
        if self.weekly.is_idle(day) {
            return self.series.amounts[day];
        }
        let off = self.plain[day] - level.on(day);
        let excused = month::excuse(&self.plain, |one| self.date(one), day, (off, level));
        off.signum() * (off.abs() - excused).max(0.0)
    }

    fn begin(&mut self, run: Run) {
        if self.is_return(&run) {
            return;
        }
        match self.found.last_mut() {
            Some(last) if last.is_joined_by(&run) => {
                let mut joined = last.clone();
                (joined.to, joined.flagged_to) = (run.to, run.to);
                joined.score = joined.score.max(run.score);
                self.found.pop();
                self.normal.retain(|day| *day < joined.from);
                self.run = Some(joined);
            }
            _ => self.run = Some(run),
        }
    }

    /// Whether the level is back where it was before the step that went on: then the step is over, and nothing is odd.
    fn is_return(&mut self, run: &Run) -> bool {
        let Some(step) = self.found.last() else { return false };
        let Some(ratio) = step.adopted.filter(|_| step.to + 1 >= run.from) else { return false };
        let now = median((run.from..=run.to).map(|day| self.plain[day]));
        let (old, new) = (step.level.on(run.from), step.level.on(run.from) * ratio);
        if (now - old).abs() >= (now - new).abs() {
            return false;
        }
        let from = step.from;
        self.rebase(from, 1.0 / ratio);
        self.normal.retain(|day| *day < from);
        self.normal.extend(run.from..=run.to);
        true
    }

    /// Whether a run goes on with this day.
    fn goes_on(&mut self, day: usize) -> bool {
        let Some(mut run) = self.run.take() else { return false };
        if self.is_like(&run, day) {
            (run.to, run.flagged_to) = (day, day);
            run.score = run.score.max(self.score(&run.level, self.off(&run.level, day).abs(), (day, 1)));
            if run.kind == Kind::New || run.days() < ADOPT_DAYS || !self.adopt(&mut run) {
                self.run = Some(run);
            } else {
                self.found.push(run);
            }
            return true;
        }
        self.run = Some(run);
        self.end_run();
        false
    }

    /// Whether the day is nearer to the days of the run than to what was expected.
    fn is_like(&self, run: &Run, day: usize) -> bool {
        let amount = self.series.amounts[day];
        match run.kind {
            Kind::New => amount.abs() > NOTHING * self.bounds.least,
            Kind::Sparse => amount.abs() >= run.level.sigma,
            Kind::Level if self.weekly.is_idle(day) => run.days() > 1,
            Kind::Level => {
                let off = |day: usize| run.sign * self.off(&run.level, day);
                let is_counted = |day: &usize| *day == run.from || !self.weekly.is_idle(*day);
                let whole: Vec<f64> = (run.from..=run.to).filter(is_counted).map(off).collect();
                let half = mean(&whole) / 2.0;
                let with: Vec<f64> = whole.iter().rev().take(RUN_DAYS - 1).copied().chain([off(day)]).collect();
                off(day) >= half || (run.days() >= RUN_DAYS && mean(&with) >= half)
            }
        }
    }

    /// Takes the level of a run that has lasted for what is expected from now on.
    fn adopt(&mut self, run: &mut Run) -> bool {
        let days: Vec<usize> = (run.from..=run.to).filter(|day| !self.weekly.is_idle(*day)).collect();
        let (old, new) = (run.level.on(run.to), median(days.iter().map(|day| self.plain[*day])));
        if run.kind != Kind::Level || new / old <= NOTHING || !(new / old).is_finite() {
            return false;
        }
        self.rebase(run.from, new / old);
        self.normal.extend(days);
        run.adopted = Some(new / old);
        true
    }

    /// A day that is not odd. A step that goes on has it too.
    fn accept(&mut self, day: usize) {
        self.normal.push(day);
        if let Some(step) = self.found.last_mut().filter(|step| step.adopted.is_some() && step.to + 1 == day) {
            step.to = day;
        }
    }

    fn end_run(&mut self) {
        self.found.extend(self.run.take());
    }
}

impl Run {
    /// Whether another run is the same event.
    fn is_joined_by(&self, other: &Self) -> bool {
        let is_near = other.from <= self.to + 1 + JOIN_DAYS || self.kind == Kind::New;
        self.adopted.is_none() && self.kind == other.kind && self.sign == other.sign && is_near
    }
}

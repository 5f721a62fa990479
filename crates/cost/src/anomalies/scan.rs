//! A walk along one series: each day is held against the days before it that were not odd.

use jiff::civil::Date;

use super::judge::{Bounds, Series, known_from};
use super::level::Level;
use super::month;
use super::pattern::Pattern;
use super::robust::{float, mean, median};
use super::rule::{
    ADOPT_DAYS, JOIN_DAYS, LEAST_HISTORY, LEAST_NONZERO, LEAST_PART, LEAST_PART_RUN, LEVEL_DAYS, NOTHING,
    RUN_DAYS, TIMES_LARGEST,
};
use super::run::{Kind, Run};
use crate::series::Day;

pub(super) struct Scan<'a> {
    series: Series<'a>,
    bounds: Bounds,
    pattern: &'a Pattern<'a>,
    /// The amounts without their weekdays; what came before a step at the level after it.
    plain: Vec<f64>,
    /// The days that were not odd.
    normal: Vec<usize>,
    /// Whether they are a history.
    knows: bool,
    run: Option<Run>,
    /// Runs that are over. A step that goes on is the last of them.
    found: Vec<Run>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(series: Series<'a>, bounds: Bounds, pattern: &'a Pattern<'a>) -> Self {
        let plain =
            |(at, day): (usize, &Day)| if pattern.is_idle(at) { 0.0 } else { day.value / pattern.on(at) };
        let plain = series.days.iter().enumerate().map(plain).collect();
        Self {
            series,
            bounds,
            pattern,
            plain,
            normal: Vec::new(),
            knows: false,
            run: None,
            found: Vec::new(),
        }
    }

    /// The runs, in their order.
    pub(super) fn runs(mut self) -> Vec<Run> {
        for day in known_from(self.series.days)..self.series.days.len() {
            if !self.knows {
                self.learn(day);
            } else if !self.goes_on(day) {
                self.look_at(day);
            }
        }
        self.end_run();
        self.found
    }

    /// What a day cost, and when it was.
    fn amount(&self, day: usize) -> f64 {
        self.series.days[day].value
    }

    fn date(&self, day: usize) -> Date {
        self.series.days[day].date
    }

    /// The first days are history, whatever they are.
    fn learn(&mut self, day: usize) {
        if !self.pattern.is_idle(day) {
            self.normal.push(day);
        }
        self.knows = self.normal.len() == LEAST_HISTORY;
    }

    /// Puts the days before one at another level.
    fn rebase(&mut self, before: usize, ratio: f64) {
        self.plain[..before].iter_mut().for_each(|value| *value *= ratio);
    }

    fn look_at(&mut self, day: usize) {
        if self.pattern.is_idle(day) {
            return self.look_at_idle(day);
        }
        let recent = &self.normal[self.normal.len().saturating_sub(LEVEL_DAYS)..];
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
        let amount = self.amount(day);
        if amount.abs() >= self.bounds.least && amount.abs() > level.on(day).abs() / 2.0 {
            let (sign, score) = (amount.signum(), amount.abs() / level.sigma.max(self.bounds.least));
            self.begin(Run::new(Kind::Level, (day, day), level, (sign, score)));
        }
    }

    /// After days that had next to no cost, of which these had one.
    fn look_at_sparse(&mut self, day: usize, costs: &[f64]) {
        let amount = self.amount(day);
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
        let own = Level::of(&self.plain, &self.normal);
        for days in 1..=RUN_DAYS {
            let kept = self.normal.len() + 1 - days;
            let from = if days == 1 { day } else { self.normal[kept] };
            // Neighbours, but for idle days; and as seen from the days before them, which takes long, only where it may be odd.
            let between = (from..day).filter(|day| !self.pattern.is_idle(*day)).count();
            if between + 1 != days || kept < LEAST_HISTORY {
                break;
            }
            if days > 1 && !self.may_be_odd(&own, (from, day), days) {
                continue;
            }
            let level = if days == 1 { own } else { Level::of(&self.plain, &self.normal[..kept]) };
            if let Some(odd) = self.odd(&level, (from, day), days) {
                self.normal.truncate(kept);
                return self.begin(Run::new(Kind::Level, (from, day), level, odd));
            }
        }
        self.accept(day);
    }

    /// Whether it is worth while to look closer: the level that holds the days themselves is near.
    fn may_be_odd(&self, level: &Level, (from, to): (usize, usize), days: usize) -> bool {
        let off: Vec<f64> = (from..=to).map(|day| self.off(level, day)).collect();
        self.score(level, mean(&off).abs(), days) >= self.bounds.cuts.run / 2.0
    }

    /// Direction and score of days whose mean is odd.
    fn odd(&self, level: &Level, (from, to): (usize, usize), days: usize) -> Option<(f64, f64)> {
        let is_day = days == 1;
        let (cut, part) =
            if is_day { (self.bounds.cuts.day, LEAST_PART) } else { (self.bounds.cuts.run, LEAST_PART_RUN) };
        let counted: Vec<usize> = (from..=to).filter(|day| !self.pattern.is_idle(*day)).collect();
        let off: Vec<f64> = counted.iter().map(|day| self.off(level, *day)).collect();
        let (sign, off_by) = (mean(&off).signum(), mean(&off).abs());
        let money = mean(&counted.iter().map(|day| off_by * self.pattern.on(*day)).collect::<Vec<_>>());
        let score = self.score(level, off_by, days);
        let is_odd = score >= cut
            && off_by >= part * level.on(to).abs()
            && money >= self.bounds.least
            && off.iter().all(|one| one * sign > 0.0);
        is_odd.then_some((sign, score))
    }

    /// How far off days are: in standard deviations of what was to be expected of their mean.
    fn score(&self, level: &Level, off_by: f64, days: usize) -> f64 {
        let variance = (1.0 + self.pattern.unsure()) / float(days) + level.unsure;
        off_by / (level.sigma * variance.sqrt()).max(f64::MIN_POSITIVE)
    }

    /// By how much a day is off, less what the month before was off at that place.
    fn off(&self, level: &Level, day: usize) -> f64 {
        if self.pattern.is_idle(day) {
            return self.amount(day);
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
            _ => self.run = Some(self.since(run)),
        }
    }

    /// A run with the days just before it that are like it: they were too few to be odd, or history.
    fn since(&mut self, mut run: Run) -> Run {
        let off = |day: usize| run.sign * self.off(&run.level, day);
        let half = mean(&(run.from..=run.to).map(off).collect::<Vec<_>>()) / 2.0;
        let is_like =
            |day: &&usize| run.kind == Kind::Level && run.sign * self.off(&run.level, **day) >= half;
        let before = self.normal.iter().rev().zip(1..);
        let like = before.take_while(|(day, back)| **day + back == run.from && is_like(day)).count();
        self.normal.truncate(self.normal.len() - like);
        run.from -= like;
        run
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
            run.score = run.score.max(self.score(&run.level, self.off(&run.level, day).abs(), 1));
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
        let amount = self.amount(day);
        match run.kind {
            Kind::New => amount.abs() > NOTHING * self.bounds.least,
            Kind::Sparse => amount.abs() >= run.level.sigma,
            Kind::Level if self.pattern.is_idle(day) => run.days() > 1,
            Kind::Level => {
                let off = |day: usize| run.sign * self.off(&run.level, day);
                let is_counted = |day: &usize| *day == run.from || !self.pattern.is_idle(*day);
                let whole: Vec<f64> = (run.from..=run.to).filter(is_counted).map(off).collect();
                let half = mean(&whole) / 2.0;
                let with: Vec<f64> =
                    whole.iter().rev().take(RUN_DAYS - 1).copied().chain([off(day)]).collect();
                off(day) >= half || (run.days() >= RUN_DAYS && mean(&with) >= half)
            }
        }
    }

    /// Takes the level of a run that has lasted for what is expected from now on.
    fn adopt(&mut self, run: &mut Run) -> bool {
        let days: Vec<usize> = (run.from..=run.to).filter(|day| !self.pattern.is_idle(*day)).collect();
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
        if let Some(step) = self.found.last_mut().filter(|step| step.adopted.is_some() && step.to + 1 == day)
        {
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
        self.adopted.is_none() && self.kind == other.kind && self.sign * other.sign > 0.0 && is_near
    }
}

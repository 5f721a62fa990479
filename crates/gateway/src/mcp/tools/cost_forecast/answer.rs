//! The answer of `cost_forecast`: how much in all, how sure, whose forecast, and the shape of it.

use std::collections::BTreeMap;

use cost::{Foreseen, Granularity, Horizon, Kind, Metric, Money, NoForecast, Part, Point, Source};
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::output::{Ends, InCurrency, Output};
use crate::mcp::answer::{Answer, Failure};
use crate::mcp::foreign;
use crate::mcp::tools::ask::words::metric_word;
use crate::mcp::tools::money::readable;
use crate::mcp::tools::spark;
use crate::mcp::tools::told::{AzureUse, MOST_BYTES, MOST_TEXT, Partial, length, missing};

/// What is known when the answer is written.
pub(super) struct Known {
    pub(super) title: String,
    /// The scopes that are in it.
    pub(super) scopes: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) metric: Metric,
    pub(super) horizon: Horizon,
    pub(super) foreseen: Vec<Foreseen>,
    pub(super) partial: Vec<Partial>,
    pub(super) azure: AzureUse,
}

/// Room for what is said of points that do not fit in, in bytes.
const MORE: usize = 400;

impl Known {
    /// The answer.
    pub(super) fn answer(mut self) -> Result<Answer<Output>, Failure> {
        let mut output = self.output();
        let mut text = vec![self.head()];
        let end = self.tail();
        let mut bytes = text[0].len() + end.len() + length(&output) + MORE;
        let mut room = MOST_TEXT - text[0].len() - end.len() - MORE;
        let mut left_out = Vec::new();
        for mut foreseen in std::mem::take(&mut self.foreseen) {
            let said = self.sentences(&foreseen)?;
            let mut currency = InCurrency::new(&foreseen, point(&foreseen)?, &self.scopes);
            if bytes + said.len() + length(&currency) > MOST_BYTES {
                by_month(&mut foreseen)?;
                currency = InCurrency::new(&foreseen, point(&foreseen)?, &self.scopes);
                output
                    .notes
                    .push(format!("Points of {} are by month: by day there is no room.", currency.currency));
            }
            if said.len() > room || bytes + said.len() + length(&currency) > MOST_BYTES {
                left_out.push(currency.currency);
                continue;
            }
            room -= said.len();
            bytes += said.len() + length(&currency);
            text.push(said);
            output.currencies.push(currency);
        }
        if !left_out.is_empty() {
            let note =
                format!("There was no room for {}: ask for fewer scopes at once.", left_out.join(", "));
            text.push(note.clone());
            output.notes.push(note);
        }
        text.push(end);
        Ok(Answer { text: text.join("\n"), data: output })
    }

    /// All of the data but the currencies.
    fn output(&self) -> Output {
        let mut notes = self.notes.clone();
        notes.extend(self.foreseen.is_empty().then(|| NOTHING.to_owned()));
        Output {
            currencies: Vec::new(),
            period: Ends { from: self.horizon.from(), to: self.horizon.to() },
            complete_until: self.horizon.complete_until(),
            metric: metric_word(self.metric),
            scopes: self.scopes.iter().map(|scope| foreign::exact(scope)).collect(),
            partial: self.partial.clone(),
            notes,
            azure: self.azure.clone(),
        }
    }

    fn head(&self) -> String {
        let (title, metric, horizon) = (&self.title, metric_word(self.metric), &self.horizon);
        let mut lines = vec![format!(
            "{title}, {metric} costs from {} to {}, seen from {}:",
            horizon.from(),
            horizon.to(),
            horizon.today()
        )];
        lines.extend(self.foreseen.is_empty().then(|| NOTHING.to_owned()));
        lines.extend(missing(&self.partial));
        lines.extend(self.notes.iter().map(|note| foreign::message(note)));
        lines.join("\n")
    }

    /// What a currency comes to, its shape, and how sure that is.
    fn sentences(&self, foreseen: &Foreseen) -> Result<String, Failure> {
        let money = |amount| readable(Money::new(amount, foreseen.currency));
        let so_far = money(foreseen.actual);
        let first = match (point(foreseen)?, foreseen.remaining) {
            (Some(point), Some(remaining)) => format!(
                "{} in all: {so_far} so far, {} to come{}.{}",
                money(point),
                money(remaining),
                self.arriving(foreseen),
                foreseen
                    .range
                    .map(|(low, high)| format!(" 80 % range: {} to {}.", money(low), money(high)))
                    .unwrap_or_default(),
            ),
            _ => format!(
                "{so_far} so far. What is to come cannot be told: there is no complete day yet of a scope that has costs."
            ),
        };
        Ok([first, shape(foreseen, self.horizon.by()), self.sure(foreseen)].join("\n"))
    }

    /// What is told of days that are not complete.
    fn arriving(&self, foreseen: &Foreseen) -> String {
        if foreseen.still_arriving.is_zero() {
            return String::new();
        }
        let money = readable(Money::new(foreseen.still_arriving, foreseen.currency));
        format!(
            " ({money} of it for days after {} whose costs are still arriving)",
            self.horizon.complete_until()
        )
    }

    /// Whose forecast it is, and whose range.
    fn sure(&self, foreseen: &Foreseen) -> String {
        let whose = match &foreseen.sources[..] {
            [] => "The period ends today; what still arrives is our estimate.".to_owned(),
            [Part { source: Source::Azure, .. }] => "To come: Azure's forecast.".to_owned(),
            [Part { source: Source::RunRate(why), .. }] => {
                format!("To come: our run rate by weekday, for {}.", because(*why))
            }
            parts => {
                let said: Vec<_> = parts.iter().map(|part| self.part(part, foreseen)).collect();
                format!("To come: {}.", said.join("; "))
            }
        };
        let days = foreseen.history_days;
        let range = match foreseen.range {
            Some(_) => format!("The range is ours: how far our run rate missed in {days} days of history."),
            None => format!("No range: it takes five weeks of history, and there are {days} days."),
        };
        format!("{whose} {range}")
    }

    fn part(&self, part: &Part, foreseen: &Foreseen) -> String {
        let money = readable(Money::new(part.remaining, foreseen.currency));
        let count = part.scopes.len();
        match part.source {
            Source::Azure => {
                let scopes = if count == 1 { "scope" } else { "scopes" };
                format!("{money} Azure's forecast for {count} {scopes}")
            }
            Source::RunRate(why) => {
                let few = part.scopes.iter().take(3).filter_map(|place| self.scopes.get(*place));
                let few: Vec<_> = few.map(|scope| foreign::name(scope)).collect();
                let more = if count > 3 { format!(" and {} more", count - 3) } else { String::new() };
                format!("{money} our run rate for {}{more}, for {}", few.join(", "), because(why))
            }
        }
    }

    fn tail(&self) -> String {
        format!("cost_compare says what drives it.\n{}", self.azure.line())
    }
}

const NOTHING: &str = "There were no costs this month and in the two before it, so there is nothing to forecast from. A new subscription has \
     none for two days.";

const fn because(why: NoForecast) -> &'static str {
    match why {
        NoForecast::TooLittleHistory => "Azure has no forecast: it wants 28 days of history",
        NoForecast::Failed => "Azure could not make a forecast of these costs",
        NoForecast::OfferNotSupported => "Azure forecasts no costs of this offer",
        NoForecast::Incomplete => "Azure's forecast ends too early",
    }
}

/// The whole, where it is known.
fn point(foreseen: &Foreseen) -> Result<Option<Decimal>, Failure> {
    let overflow = || Failure::from(cost::Error::from(cost::AmountOverflow));
    let whole = |remaining| foreseen.actual.checked_add(remaining).ok_or_else(overflow);
    foreseen.remaining.map(whole).transpose()
}

/// The bar of what was, and behind a line that of what will be.
fn shape(foreseen: &Foreseen, by: Granularity) -> String {
    let mut sums: BTreeMap<Date, (Decimal, bool)> = BTreeMap::new();
    for Point { date, kind, amount } in &foreseen.points {
        let (sum, is_ahead) = sums.entry(*date).or_insert((Decimal::ZERO, true));
        // A picture needs no exactness.
        *sum = sum.checked_add(*amount).unwrap_or(Decimal::MAX);
        *is_ahead &= *kind == Kind::Forecast;
    }
    let ahead = sums.values().filter(|(_, is_ahead)| *is_ahead).count();
    let (bar, step) = spark::bar(&sums.into_values().map(|(sum, _)| sum).collect::<Vec<_>>());
    let letters: Vec<char> = bar.chars().collect();
    let (was, will) = letters.split_at(letters.len() - (ahead / step).min(letters.len()));
    let each = match (by, step) {
        (Granularity::Daily, 1) => "day".to_owned(),
        (Granularity::Daily, step) => format!("{step} days"),
        _ => "month".to_owned(),
    };
    let text = |part: &[char]| part.iter().collect::<String>();
    format!("{} by {each}: {}|{} (behind |: to come)", foreseen.currency, text(was), text(will))
}

/// Days as months.
fn by_month(foreseen: &mut Foreseen) -> Result<(), Failure> {
    let mut months: BTreeMap<(Date, Kind), Decimal> = BTreeMap::new();
    for Point { date, kind, amount } in std::mem::take(&mut foreseen.points) {
        let sum = months.entry((date.first_of_month(), kind)).or_default();
        *sum = sum.checked_add(amount).ok_or_else(|| cost::Error::from(cost::AmountOverflow))?;
    }
    let point = |((date, kind), amount)| Point { date, kind, amount };
    foreseen.points = months.into_iter().map(point).collect();
    Ok(())
}

#[cfg(test)]
mod tests;

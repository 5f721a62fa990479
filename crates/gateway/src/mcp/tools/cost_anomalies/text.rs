//! The answer of `cost_anomalies` for people.

use cost::{Cause, Event, Grouping, Key, Money, Unjudged};

use super::answer::{Known, MOST_ONE_OFFS, MOST_UNJUDGED};
use super::explained::Explained;
use super::output::{confidence, kind, shape};
use crate::mcp::foreign;
use crate::mcp::tools::ask::words::metric_word;
use crate::mcp::tools::money::{percent, readable};
use crate::mcp::tools::scopes::called;
use crate::mcp::tools::shown::shown;
use crate::mcp::tools::told::missing;

/// The most causes of an event that a text names.
const MOST_CAUSES: usize = 3;
/// The last day of a month on which the costs of the month before may still change.
const FINAL_DAY: i8 = 5;

impl Known<'_> {
    pub(super) fn head(&self) -> String {
        let (from, until) = (self.question.from(), self.question.until);
        let metric = metric_word(self.question.metric);
        let mut lines = vec![format!(
            "{}, {metric} costs of each day from {from} to {until}: {}",
            self.title,
            self.found()
        )];
        lines.extend(missing(&self.partial));
        lines.extend(self.notes.iter().map(|note| foreign::message(note)));
        lines.join("\n")
    }

    /// How many events, or why there are none.
    fn found(&self) -> String {
        let series = self.odds.series;
        match self.odds.events.len() {
            0 if series == 0 && self.odds.unjudged.is_empty() => "there are no costs to judge.".to_owned(),
            0 if series == 0 => {
                "nothing could be judged, for nothing has a history of 28 days yet.".to_owned()
            }
            0 => format!("nothing is odd in {series} series of services, resource groups and the whole."),
            1 => format!("1 event in {series} series."),
            count => format!("{count} events in {series} series, the largest first."),
        }
    }

    /// An event, and its causes.
    pub(super) fn line(&self, place: usize, event: &Event) -> String {
        let money = |amount| readable(Money::new(amount, event.currency));
        let sign = if event.excess.is_sign_negative() { "" } else { "+" };
        let days = if event.from == event.to {
            event.from.to_string()
        } else {
            format!("{} to {}", event.from, event.to)
        };
        let lasts = if event.lasts { ", still going on" } else { "" };
        let also: Vec<_> = event.also.iter().map(name).collect();
        let also =
            if also.is_empty() { String::new() } else { format!(", seen in {} too", also.join(" and ")) };
        let line = format!(
            "\n\n{}. {}{}: {}, {days}{lasts}{also}: {sign}{} ({} instead of {}).",
            place + 1,
            name(&event.key),
            self.of_scope(event),
            shape(event.shape),
            money(event.excess),
            money(event.actual),
            money(event.expected)
        );
        let causes = self.explained(place).map(|explained| causes(explained, event)).unwrap_or_default();
        format!("{line}{}{causes}", self.sureness(event))
    }

    fn of_scope(&self, event: &Event) -> String {
        let scope = self.scopes.get(event.scope).filter(|_| self.scopes.len() > 1);
        scope.map(|scope| format!(" in {}", called(scope))).unwrap_or_default()
    }

    fn sureness(&self, event: &Event) -> String {
        let weekday = match event.weekday_factor {
            Some(factor) => {
                format!(", a {} counted as {factor:.2} of a usual day", event.from.strftime("%A"))
            }
            None => String::new(),
        };
        format!(
            " Confidence {}: score {:.1}, {:.1} is odd; by {} days of history{weekday}.",
            confidence(event, self.odds.cut),
            event.score,
            self.odds.cut,
            event.history_days
        )
    }

    pub(super) fn tail(&self) -> String {
        let mut lines = Vec::new();
        let one_offs: Vec<_> = self
            .one_offs()
            .take(MOST_ONE_OFFS)
            .map(|one| {
                let service = foreign::name(one.service.as_deref().unwrap_or("(none)"));
                format!("{service} {} ({}, {})", readable(one.cost), foreign::name(&one.kind), one.date)
            })
            .collect();
        if !one_offs.is_empty() {
            lines.push(format!("Charged at once, and never odd: {}.", one_offs.join("; ")));
        }
        let unjudged: Vec<_> = self.odds.unjudged.iter().take(MOST_UNJUDGED).map(young).collect();
        if !unjudged.is_empty() {
            lines.push(format!("Not judged, with less than 28 days of history: {}.", unjudged.join("; ")));
        }
        lines.push(format!(
            "Days after {} are not judged: their costs are still arriving.",
            self.question.until
        ));
        if self.question.today.day() <= FINAL_DAY {
            lines.push("Until the 5th Azure may still change the costs of the month before.".to_owned());
        }
        let next = self.next();
        if !next.is_empty() {
            lines.push(format!("To look closer: cost_compare {}", serde_json::Value::Object(next)));
        }
        lines.push(self.azure.line());
        format!("\n\n{}", lines.join("\n"))
    }
}

fn name(key: &Key) -> String {
    let named = |name: &Option<String>| foreign::name(name.as_deref().unwrap_or("(none)"));
    match key {
        Key::Service(service) => named(service),
        Key::Group(group) => format!("resource group {}", named(group)),
        Key::Total => "the whole".to_owned(),
    }
}

fn young(one: &Unjudged) -> String {
    format!("{} ({} since {})", name(&one.key), readable(Money::new(one.amount, one.currency)), one.since)
}

fn causes(explained: &Explained, event: &Event) -> String {
    let (from, to) = explained.suspect.before;
    let before = if from == to { from.to_string() } else { format!("{from} to {to}") };
    match &explained.causes {
        Ok(causes) if causes.is_empty() => "\nNo single resource explains it.".to_owned(),
        Ok(causes) => {
            let lines: String = causes.iter().take(MOST_CAUSES).map(|one| cause(one, event)).collect();
            format!("\nCauses, against {before}:{lines}")
        }
        Err(why) => format!("\nIts causes could not be asked: {}", foreign::message(why)),
    }
}

fn cause(cause: &Cause, event: &Event) -> String {
    let money = |amount| readable(Money::new(amount, event.currency));
    let resource = shown(&Grouping::Dimension("ResourceId".to_owned()), cause.resource.as_deref());
    let meter = foreign::name(cause.meter.as_deref().unwrap_or("(none)"));
    let meter = match &cause.meter_before {
        Some(before) => format!("{} to {meter}", foreign::name(before)),
        None => meter,
    };
    let coverage = match cause.coverage {
        Some((before, after)) => {
            format!("; covered by commitments: {} after {}", percent(Some(after)), percent(Some(before)))
        }
        None => String::new(),
    };
    format!(
        "\n- {}, {meter}: {}, {} after {} (by usage {}, by rate {}{coverage})",
        foreign::name(&resource),
        kind(cause.kind),
        money(cause.change.after),
        money(cause.change.before),
        money(cause.usage_effect),
        money(cause.rate_effect)
    )
}

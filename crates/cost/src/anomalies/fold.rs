//! One incident is seen in several series: in a service, in its resource group, in the whole. It is told once.

use std::cmp::Reverse;

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::events::{Event, Key, Place};
use super::plan::Daily;
use crate::breakdown::{Groups, values};
use crate::caseless;
use crate::error::Error;
use crate::series::Series;

/// The most places of an event that are kept.
const MOST_PLACES: usize = 5;
/// The part of an event's money that its places are to have, in per cent.
const ENOUGH: i64 = 80;

/// The events, each with its places, and one for each incident.
pub(super) fn folded(events: &[Event], scopes: &[Daily]) -> Result<Vec<Event>, Error> {
    let mut located = Vec::new();
    for (scope, daily) in scopes.iter().enumerate() {
        let its: Vec<_> = events.iter().filter(|event| event.scope == scope).cloned().collect();
        if !its.is_empty() {
            let cells = Series::groups(&daily.costs, daily.span, daily.question.until)?;
            located.extend(its.into_iter().map(|event| with_places(event, &cells)));
        }
    }
    // What says most: a service, then a resource group, then the whole; of those the largest.
    located.sort_by_key(|event| (rank(&event.key), Reverse(event.excess.abs())));
    let mut kept: Vec<Event> = Vec::new();
    for event in located {
        if let Some(other) = kept.iter_mut().find(|other| is_same(other, &event)) {
            other.also.push(event.key);
        } else if !is_explained(&event, &kept) {
            kept.push(event);
        }
    }
    Ok(kept)
}

const fn rank(key: &Key) -> u8 {
    match key {
        Key::Service(_) => 0,
        Key::Group(_) => 1,
        Key::Total => 2,
    }
}

fn with_places(mut event: Event, cells: &[Series]) -> Event {
    let mut found: Vec<(Decimal, Place)> = Vec::new();
    for cell in cells.iter().filter(|cell| cell.currency == event.currency) {
        let [service, group] = &cell.keys[..] else { continue };
        if !is_of(&event.key, service.as_deref(), group.as_deref()) {
            continue;
        }
        let more = more_than_before(cell, event.from, event.to);
        let signed = if event.excess.is_sign_negative() { -more } else { more };
        if signed > Decimal::ZERO {
            found.push((signed, (service.clone(), group.clone())));
        }
    }
    found.sort_by_key(|(more, _)| Reverse(*more));
    let all: Decimal = found.iter().map(|(more, _)| more).sum();
    let enough = all * Decimal::new(ENOUGH, 2);
    let mut sum = Decimal::ZERO;
    for (more, place) in found.into_iter().take(MOST_PLACES) {
        if sum >= enough {
            break;
        }
        sum += more;
        event.places.push(place);
    }
    event
}

fn is_of(key: &Key, service: Option<&str>, group: Option<&str>) -> bool {
    let same = |one: &Option<String>, other: Option<&str>| {
        caseless::same(one.as_deref().unwrap_or_default(), other.unwrap_or_default())
    };
    match key {
        Key::Total => true,
        Key::Service(name) => same(name, service),
        Key::Group(name) => same(name, group),
    }
}

/// What some days cost more than as many days at the middle of the four weeks before. Where something is to be looked for, not how
/// much it is.
fn more_than_before(cell: &Series, from: Date, to: Date) -> Decimal {
    let days = cell.complete();
    let sum: Decimal = days.iter().filter(|day| (from..=to).contains(&day.date)).map(|day| day.amount).sum();
    let since = from.saturating_sub(28.days());
    let mut before: Vec<_> =
        days.iter().filter(|day| (since..from).contains(&day.date)).map(|day| day.amount).collect();
    before.sort();
    let middle = before.get(before.len() / 2).copied().unwrap_or_default();
    sum - middle * Decimal::from((to - from).get_days() + 1)
}

fn overlap(one: &Event, other: &Event) -> bool {
    one.scope == other.scope
        && one.currency == other.currency
        && one.excess.is_sign_negative() == other.excess.is_sign_negative()
        && one.from <= other.to
        && other.from <= one.to
}

/// Whether two events are one: what they are most of is the same place.
fn is_same(one: &Event, other: &Event) -> bool {
    let mut names = Groups::default();
    let mut number = |event: &Event| {
        let (service, group) = event.places.first()?;
        Some(names.number(values(&[service.clone(), group.clone()])))
    };
    let (first, second) = (number(one), number(other));
    overlap(one, other) && one.key != other.key && first.is_some() && first == second
}

/// Whether at least half of it is in what is told already.
fn is_explained(event: &Event, kept: &[Event]) -> bool {
    let told: Decimal =
        kept.iter().filter(|other| overlap(other, event)).map(|other| other.excess.abs()).sum();
    event.key == Key::Total && told * Decimal::TWO >= event.excess.abs()
}

//! The answers that people were given before, person by person and scope by scope. It looks nothing up for anybody: whose answers
//! are wanted is an argument, and nobody else's can come out.

use std::collections::HashSet;
use std::sync::Arc;

use cost::{Operation, Query, QueryResult};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use moka::ops::compute::Op;
use moka::sync::Cache;

use super::key::{Person, ScopeKey};
use super::settings::CacheSettings;

/// Answers of one person about one scope.
const MOST_OF_ONE: usize = 48;
/// Costs of a month may change until this day of the next.
const SETTLED_AFTER: i8 = 5;
/// How much longer an answer is good that no longer changes.
const SETTLED: u32 = 6;
/// A forecast is good for this part of it: it changes with each update of the costs.
const FORECAST: u32 = 4;

/// All answers that are kept. Clones share them.
#[derive(Clone)]
pub(crate) struct Answers {
    settings: CacheSettings,
    shelves: Cache<Place, Shelf>,
}

/// Whose answers, and about what.
pub(crate) type Place = (Person, ScopeKey);

/// The oldest answer first.
type Shelf = Arc<[Arc<Kept>]>;

/// An answer that is kept.
pub(crate) struct Kept {
    query: Query,
    pub(crate) result: Arc<QueryResult>,
    pub(crate) as_of: Timestamp,
    bytes: u32,
}

/// An answer that was found.
pub(crate) struct Found {
    pub(crate) result: Arc<QueryResult>,
    pub(crate) as_of: Timestamp,
    /// Whether it was made of another question's.
    pub(crate) derived: bool,
}

impl Answers {
    pub(crate) fn new(settings: CacheSettings) -> Self {
        let shelves = Cache::builder()
            .weigher(|_: &Place, shelf: &Shelf| {
                shelf.iter().fold(256, |sum: u32, kept| sum.saturating_add(kept.bytes))
            })
            .max_capacity(settings.bytes)
            .time_to_live(settings.data.saturating_mul(SETTLED).max(std::time::Duration::from_secs(1)))
            .build();
        Self { settings, shelves }
    }

    /// The person's own answer to a query, or what one of theirs makes of it, if it is fresh.
    pub(crate) fn find(&self, place: &Place, query: &Query, now: Timestamp) -> Option<Found> {
        let own = self.shelves.get(place)?;
        // The newest answer counts.
        let mut fresh = own.iter().rev().filter(|kept| self.is_fresh(kept, now));
        if let Some(kept) = fresh.clone().find(|kept| kept.query == *query) {
            return Some(Found { result: Arc::clone(&kept.result), as_of: kept.as_of, derived: false });
        }
        fresh.find_map(|kept| {
            let result = Arc::new(cost::derive(&kept.query, &kept.result, query)?);
            Some(Found { result, as_of: kept.as_of, derived: true })
        })
    }

    /// Keeps an answer.
    pub(crate) fn keep(&self, place: Place, query: &Query, result: &Arc<QueryResult>, as_of: Timestamp) {
        if self.settings.data.is_zero() {
            return;
        }
        let bytes = bytes_of(result);
        let kept = Arc::new(Kept { query: query.clone(), result: Arc::clone(result), as_of, bytes });
        self.shelves.entry(place).and_compute_with(|shelf| {
            let known = shelf.map(moka::Entry::into_value).unwrap_or_default();
            let others =
                known.iter().filter(|other| other.query != kept.query && self.is_fresh(other, as_of));
            let mut all: Vec<_> = others.map(Arc::clone).collect();
            if all.len() == MOST_OF_ONE {
                all.remove(0);
            }
            // One that was asked earlier may come later.
            let place = all.partition_point(|other| other.as_of <= kept.as_of);
            all.insert(place, kept);
            Op::Put(all.into())
        });
    }

    /// Forgets all that a person was told about a scope.
    pub(crate) fn forget(&self, place: &Place) {
        self.shelves.invalidate(place);
    }

    fn is_fresh(&self, kept: &Kept, now: Timestamp) -> bool {
        let most = match kept.query.operation() {
            Operation::Forecast => self.settings.data / FORECAST,
            Operation::Query if is_settled(&kept.query, kept.as_of) => self.settings.data * SETTLED,
            Operation::Query => self.settings.data,
        };
        let most = SignedDuration::try_from(most).unwrap_or(SignedDuration::MAX);
        now.duration_since(kept.as_of) < most
    }
}

/// Whether the costs no longer changed when Azure gave them: the month of the last day was over, and after that its 5th day.
fn is_settled(query: &Query, as_of: Timestamp) -> bool {
    let month_after = query.period().to().last_of_month().saturating_add(1.day());
    let settled = month_after.saturating_add(i64::from(SETTLED_AFTER).days());
    as_of.to_zoned(TimeZone::UTC).date() >= settled
}

/// What an answer takes in memory, about.
fn bytes_of(result: &QueryResult) -> u32 {
    // Rows of a group share its names.
    let mut counted = HashSet::new();
    let rows = result.rows.iter().map(|row| {
        let is_new = counted.insert(Arc::as_ptr(&row.groups));
        let names = row.groups.iter().filter(|_| is_new);
        size_of_val(row) + names.map(|name| name.capacity() + size_of::<String>()).sum::<usize>()
    });
    u32::try_from(rows.sum::<usize>() + 512).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cost::{Granularity, Metric};

    use super::*;
    use crate::engine::tests::azure::{of, query, subscription};

    fn kept_after(settings: CacheSettings, answers: i8) -> usize {
        let kept = Answers::new(settings);
        let (place, now) =
            ((of(1), ScopeKey::from(&subscription(1))), "2026-11-26T12:00:00Z".parse().unwrap());
        for days in 1..=answers {
            kept.keep(place.clone(), &query(days), &Arc::default(), now);
        }
        // What is too much goes when somebody looks.
        kept.shelves.run_pending_tasks();
        kept.shelves.get(&place).map_or(0, |shelf| shelf.len())
    }

    fn settings(data: u64, bytes: u64) -> CacheSettings {
        CacheSettings { data: Duration::from_secs(data), rights: Duration::from_secs(300), bytes }
    }

    /// The days up to this one, day by day.
    fn daily(days: i8) -> Query {
        let by_day = Query::builder(Metric::Actual, query(days).period()).granularity(Granularity::Daily);
        by_day.build().unwrap()
    }

    #[test]
    fn the_newest_answer_counts_in_whatever_order_they_came() {
        let kept = Answers::new(settings(14_400, 1 << 20));
        let place = (of(1), ScopeKey::from(&subscription(1)));
        let at = |minute: i8| format!("2026-11-26T12:0{minute}:00Z").parse().unwrap();
        // Each holds what the question of the first day takes.
        for (days, minute) in [(3, 5), (4, 7), (2, 6)] {
            kept.keep(place.clone(), &daily(days), &Arc::default(), at(minute));
        }
        let found = kept.find(&place, &daily(1), at(9)).unwrap();
        assert_eq!((found.as_of, found.derived), (at(7), true));
        let own = kept.find(&place, &daily(3), at(9)).unwrap();
        assert_eq!((own.as_of, own.derived), (at(5), false));
    }

    #[test]
    fn nothing_is_stored_where_it_is_switched_off_and_little_where_there_is_little_room() {
        assert_eq!(kept_after(settings(14_400, 1 << 20), 20), 20);
        assert_eq!(kept_after(settings(0, 1 << 20), 20), 0);
        assert_eq!(kept_after(settings(14_400, 1_000), 20), 0);
    }
}

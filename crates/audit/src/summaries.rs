//! Refusals that anybody can cause, who need not even be known: counted by cause and minute, so that a flood of them fills
//! no disk.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::record::Body;
use crate::text::Text;

/// The most causes of one minute. Those beyond count as [`OTHER`].
const MOST_CAUSES: usize = 64;
/// The most records that wait to be fetched. While nobody fetches them, a minute goes on for as long as that takes.
const MOST_WAITING: usize = 1024;
/// The causes that found no place.
const OTHER: &str = "other";

/// What was refused in the present minute.
#[derive(Debug, Default)]
pub(crate) struct Summaries {
    /// The minute's number since 1970.
    minute: i64,
    counts: BTreeMap<Cause, u64>,
    /// Whole minutes that nobody has fetched yet.
    done: Vec<Body>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cause {
    code: Text,
    consumer: Option<Text>,
}

impl Summaries {
    /// Counts a refusal.
    pub(crate) fn count(&mut self, code: &str, consumer: Option<&str>, now: Timestamp) {
        self.turn_to(minute(now));
        let mut cause = Cause { code: code.into(), consumer: consumer.map(Text::new) };
        if self.counts.len() >= MOST_CAUSES && !self.counts.contains_key(&cause) {
            cause = Cause { code: OTHER.into(), consumer: None };
        }
        *self.counts.entry(cause).or_default() += 1;
    }

    /// The records of minutes that are over by now; at the end, of the present one too.
    pub(crate) fn take(&mut self, now: Timestamp, the_last: bool) -> Vec<Body> {
        self.turn_to(if the_last { i64::MAX } else { minute(now) });
        std::mem::take(&mut self.done)
    }

    /// Ends the present minute, unless it goes on.
    fn turn_to(&mut self, minute: i64) {
        if minute == self.minute || self.done.len() >= MOST_WAITING {
            return;
        }
        let since = Timestamp::from_second(self.minute.saturating_mul(60)).unwrap_or(Timestamp::UNIX_EPOCH);
        let over = std::mem::take(&mut self.counts).into_iter();
        self.done.extend(over.map(|(Cause { code, consumer }, count)| Body::Summary {
            code,
            consumer,
            count,
            since,
        }));
        self.minute = minute;
    }
}

fn minute(now: Timestamp) -> i64 {
    now.as_second().div_euclid(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn told(bodies: Vec<Body>) -> Vec<(String, Option<String>, u64, i64)> {
        let text = |text: Text| text.as_str().to_owned();
        let row = |body| match body {
            Body::Summary { code, consumer, count, since } => {
                (text(code), consumer.map(text), count, since.as_second())
            }
            other => panic!("{other:?}"),
        };
        bodies.into_iter().map(row).collect()
    }

    #[test]
    fn each_cause_is_one_record_of_each_minute() {
        let mut summaries = Summaries::default();
        for (code, consumer, second) in
            [("a", None, 60), ("b", Some("x"), 61), ("a", None, 119), ("a", None, 120), ("b", Some("y"), 121)]
        {
            summaries.count(code, consumer, at(second));
        }
        let (a, x, y) = ("a".to_owned(), Some("x".to_owned()), Some("y".to_owned()));
        assert_eq!(
            told(summaries.take(at(179), false)),
            [(a.clone(), None, 2, 60), ("b".to_owned(), x, 1, 60)]
        );
        assert_eq!(told(summaries.take(at(179), false)), []);
        assert_eq!(told(summaries.take(at(179), true)), [(a, None, 1, 120), ("b".to_owned(), y, 1, 120)]);
        assert_eq!(told(summaries.take(at(179), true)), []);
    }

    #[test]
    fn what_nobody_fetches_is_bounded_and_nothing_of_it_is_lost() {
        let mut summaries = Summaries::default();
        for minute in 0..5000 {
            summaries.count("a", None, at(minute * 60));
        }
        let rows = told(summaries.take(at(5000 * 60), true));
        assert_eq!(rows.len(), MOST_WAITING);
        let rest = told(summaries.take(at(5000 * 60), true));
        assert_eq!(rest, [("a".to_owned(), None, 5000 - 1024, 1024 * 60)]);
    }

    #[test]
    fn causes_beyond_the_bound_count_together() {
        let mut summaries = Summaries::default();
        for cause in 0..1000 {
            summaries.count(&format!("cause {cause}"), None, at(5));
            summaries.count("cause 3", None, at(5));
        }
        let rows = told(summaries.take(at(60), false));
        assert_eq!(rows.len(), MOST_CAUSES + 1);
        assert_eq!(rows.iter().map(|row| row.2).sum::<u64>(), 2000);
        assert_eq!(rows.iter().find(|row| row.0 == "other").unwrap().2, 1000 - 64);
    }
}

//! What calls cost at Azure: requests, and the query units that the whole directory shares.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header::HeaderMap;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::quota;

/// The most ids of requests that are kept.
const MAX_REQUEST_IDS: usize = 16;

/// What the calls of one client used so far. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Usage(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    milliunits: AtomicU64,
    request_ids: Mutex<VecDeque<String>>,
    /// What this is a part of.
    whole: Option<Usage>,
}

impl Usage {
    /// A part of it: what is counted there is counted here as well.
    #[must_use]
    pub fn part(&self) -> Self {
        Self(Arc::new(Counts { whole: Some(self.clone()), ..Counts::default() }))
    }

    /// Takes over what was used for several: the counts move, so that each request is counted once, and the ids are those of all.
    pub fn adopt(&self, other: &Self) {
        if Arc::ptr_eq(&self.0, &other.0) {
            return;
        }
        let moved = |from: &AtomicU64, to: &AtomicU64| {
            to.fetch_add(from.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        };
        moved(&other.0.requests, &self.0.requests);
        moved(&other.0.milliunits, &self.0.milliunits);
        self.share(other);
    }

    /// Has the ids of what another asked, which is counted there.
    pub fn share(&self, other: &Self) {
        other.request_ids().iter().for_each(|id| self.has_id(id));
    }

    /// Requests that were sent, those included that had to be sent again.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// Query units (QPU) that Azure counted.
    pub fn query_units(&self) -> Decimal {
        Decimal::new(self.0.milliunits.load(Ordering::Relaxed).try_into().unwrap_or(i64::MAX), 3).normalize()
    }

    /// The ids that Azure gave the requests it answered (`x-ms-request-id`), in their order: the last sixteen.
    pub fn request_ids(&self) -> Vec<String> {
        self.0.request_ids.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Azure gave a request this id.
    pub fn has_id(&self, id: &str) {
        let mut ids = self.0.request_ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.len() == MAX_REQUEST_IDS {
            ids.pop_front();
        }
        ids.push_back(id.to_owned());
        drop(ids);
        if let Some(whole) = &self.0.whole {
            whole.has_id(id);
        }
    }

    pub(crate) fn sent(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        if let Some(whole) = &self.0.whole {
            whole.sent();
        }
    }

    /// Adds what an answer says that it took. What cannot be read is nothing.
    pub(crate) fn answered(&self, headers: &HeaderMap) {
        let units = quota::consumed(headers);
        let milliunits = units.and_then(|units| units.checked_mul(Decimal::ONE_THOUSAND)?.to_u64());
        self.0.milliunits.fetch_add(milliunits.unwrap_or_default(), Ordering::Relaxed);
        if let Some(whole) = &self.0.whole {
            whole.answered(headers);
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn of_many_requests_the_last_ids_are_kept() {
        let usage = Usage::default();
        (0..20).for_each(|number| usage.clone().has_id(&number.to_string()));
        let expected: Vec<_> = (4..20).map(|number| number.to_string()).collect();
        assert_eq!(usage.request_ids(), expected);
    }

    #[test]
    fn a_request_is_counted_once_and_named_to_all_who_waited_for_it() {
        let (begun, joined, collected) = (Usage::default(), Usage::default(), Usage::default());
        let part = begun.part();
        part.sent();
        part.has_id("r-1");
        begun.adopt(&begun.clone());
        joined.share(&part);
        collected.adopt(&begun);
        let counted = [&part, &begun, &joined, &collected].map(Usage::requests);
        assert_eq!(counted, [1, 0, 0, 1]);
        for usage in [part, begun, joined, collected] {
            assert_eq!(usage.request_ids(), ["r-1"]);
        }
    }

    #[test]
    fn what_azure_says_it_took_is_added_up() {
        const CONSUMED: &str = "x-ms-ratelimit-microsoft.costmanagement-qpu-consumed";
        let usage = Usage::default();
        for text in ["2", " 1.5 ", "", "many", "-3", "1e9999999"] {
            let value = HeaderValue::from_str(text).unwrap();
            usage.answered(&HeaderMap::from_iter([(HeaderName::from_static(CONSUMED), value)]));
        }
        usage.answered(&HeaderMap::new());
        assert_eq!(usage.query_units(), Decimal::new(35, 1));
    }
}

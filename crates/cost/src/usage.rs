//! What calls cost at Azure: requests, and the query units that the whole directory shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::header::HeaderMap;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

/// Query units of one query: about one for each month of data that was asked for. A directory has 12 in ten seconds.
/// <https://learn.microsoft.com/azure/cost-management-billing/costs/manage-automation>
const CONSUMED: &str = "x-ms-ratelimit-microsoft.costmanagement-qpu-consumed";

/// What the calls of one client used so far. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Usage(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    milliunits: AtomicU64,
}

impl Usage {
    /// Requests that were sent, those included that had to be sent again.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// Query units (QPU) that Azure counted.
    pub fn query_units(&self) -> Decimal {
        Decimal::new(self.0.milliunits.load(Ordering::Relaxed).try_into().unwrap_or(i64::MAX), 3).normalize()
    }

    pub(crate) fn sent(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds what an answer says that it took. What cannot be read is nothing.
    pub(crate) fn answered(&self, headers: &HeaderMap) {
        let text = headers.get(CONSUMED).and_then(|value| value.to_str().ok());
        let units = text.and_then(|text| text.trim().parse::<Decimal>().ok());
        let milliunits = units.and_then(|units| units.checked_mul(Decimal::ONE_THOUSAND)?.to_u64());
        self.0.milliunits.fetch_add(milliunits.unwrap_or_default(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn what_azure_says_it_took_is_added_up() {
        let usage = Usage::default();
        for text in ["2", " 1.5 ", "", "many", "-3", "1e9999999"] {
            let value = HeaderValue::from_str(text).unwrap();
            usage.answered(&HeaderMap::from_iter([(HeaderName::from_static(CONSUMED), value)]));
        }
        usage.answered(&HeaderMap::new());
        assert_eq!(usage.query_units(), Decimal::new(35, 1));
    }
}

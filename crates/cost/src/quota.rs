//! What an answer of Cost Management's says of its quotas: what it took, what is left, how long to wait. Reads headers and no
//! clock.
//!
//! It counts in several buckets at once, each with a header of its own:
//! <https://learn.microsoft.com/azure/cost-management-billing/costs/manage-automation>; as captured from the service:
//! <https://github.com/microsoft/AzureTRE/issues/2835>.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::retry;

/// Query units of one query: about one for each month of data that was asked for. A directory has 12 in ten seconds.
const CONSUMED: &str = "x-ms-ratelimit-microsoft.costmanagement-qpu-consumed";
const UNITS_LEFT: &str = "x-ms-ratelimit-microsoft.costmanagement-qpu-remaining";

/// What is left of a bucket of requests.
const REQUESTS_LEFT: [&str; 3] = [
    "x-ms-ratelimit-remaining-microsoft.costmanagement-entity-requests",
    "x-ms-ratelimit-remaining-microsoft.costmanagement-tenant-requests",
    "x-ms-ratelimit-remaining-microsoft.costmanagement-clienttype-requests",
];

/// What one answer said of the quotas. What it did not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// The query units that the request took.
    pub consumed: Option<Decimal>,
    /// Query units that the directory has left, for all its tools together.
    pub units: UnitsLeft,
    /// Requests that the scope has left.
    pub entity: Option<u32>,
    /// Requests that the directory has left.
    pub tenant: Option<u32>,
    /// Requests that this client type has left.
    pub client_type: Option<u32>,
    /// How long to wait.
    pub waits: Waits,
}

/// Query units that are left of each window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitsLeft {
    /// Of this hour's.
    pub per_hour: Option<u32>,
    /// Of this minute's.
    pub per_minute: Option<u32>,
    /// Of these ten seconds'.
    pub per_ten_seconds: Option<u32>,
}

/// The waits that an answer asks for, by the bucket that is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// The scope's requests.
    pub entity: Option<Duration>,
    /// The directory's requests.
    pub tenant: Option<Duration>,
    /// The requests of this client type.
    pub client_type: Option<Duration>,
    /// The directory's query units.
    pub units: Option<Duration>,
    /// Of no bucket that is known: plain `Retry-After`, and whatever is named like it.
    pub other: Option<Duration>,
}

impl Waits {
    /// The longest. Waiting for less earns the next refusal.
    pub fn longest(&self) -> Option<Duration> {
        [self.entity, self.tenant, self.client_type, self.units, self.other].into_iter().flatten().max()
    }
}

impl Quota {
    /// `now` is the own clock, for a date in an answer that does not say when it was sent.
    pub(crate) fn read(headers: &HeaderMap, now: Option<Timestamp>) -> Self {
        let [entity, tenant, client_type] = REQUESTS_LEFT.map(|name| left_of(text(headers, name)?, None));
        Self {
            consumed: consumed(headers),
            units: text(headers, UNITS_LEFT).map(UnitsLeft::read).unwrap_or_default(),
            entity,
            tenant,
            client_type,
            waits: Waits::read(headers, now),
        }
    }
}

impl UnitsLeft {
    /// `QueriesPerHour:597,QueriesPerMin:57,QueriesPer10Sec:9`, in any order.
    fn read(text: &str) -> Self {
        let of = |name| left_of(text, Some(name));
        Self {
            per_hour: of("QueriesPerHour"),
            per_minute: of("QueriesPerMin"),
            per_ten_seconds: of("QueriesPer10Sec"),
        }
    }
}

impl Waits {
    fn read(headers: &HeaderMap, now: Option<Timestamp>) -> Self {
        let mut waits = Self::default();
        for (name, wait) in retry::waits(headers, now) {
            let bucket = name.strip_prefix("x-ms-ratelimit-microsoft.costmanagement-").unwrap_or_default();
            let place = match bucket.trim_end_matches("-ms").trim_end_matches("-retry-after") {
                "entity" => &mut waits.entity,
                "tenant" => &mut waits.tenant,
                // Both names were seen: https://github.com/Azure/azqr/issues/745
                "client" | "clienttype" => &mut waits.client_type,
                "qpu" => &mut waits.units,
                _ => &mut waits.other,
            };
            *place = (*place).max(Some(wait));
        }
        waits
    }
}

/// The query units that an answer says it took. What cannot be read is none.
pub(crate) fn consumed(headers: &HeaderMap) -> Option<Decimal> {
    let units = text(headers, CONSUMED)?.parse::<Decimal>().ok()?;
    (!units.is_sign_negative()).then_some(units)
}

/// The number of `Name:12`, of the first entry if no name is asked for. Parts of a unit are no unit.
fn left_of(text: &str, name: Option<&str>) -> Option<u32> {
    text.split(',').find_map(|entry| {
        let (key, value) = entry.split_once(':').unwrap_or(("", entry));
        if name.is_some_and(|name| !key.trim().eq_ignore_ascii_case(name)) {
            return None;
        }
        // Some buckets go below nothing while others wait.
        let value: Decimal = value.trim().parse().ok()?;
        value.max(Decimal::ZERO).trunc().to_u32()
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    /// <https://github.com/microsoft/AzureTRE/issues/2835>
    #[test]
    fn an_answer_says_what_it_took_and_what_is_left() {
        let quota = Quota::read(
            &headers(&[
                (CONSUMED, "2"),
                (UNITS_LEFT, "QueriesPerHour:597,QueriesPerMin:57,QueriesPer10Sec:9"),
                ("x-ms-ratelimit-remaining-microsoft.costmanagement-entity-requests", "DefaultQuota:7"),
                ("x-ms-ratelimit-remaining-microsoft.costmanagement-tenant-requests", "DefaultQuota:49"),
                ("x-ms-ratelimit-remaining-microsoft.costmanagement-clienttype-requests", "DefaultQuota:0"),
            ]),
            None,
        );
        let units = UnitsLeft { per_hour: Some(597), per_minute: Some(57), per_ten_seconds: Some(9) };
        let expected = Quota {
            consumed: Some(Decimal::TWO),
            units,
            entity: Some(7),
            tenant: Some(49),
            client_type: Some(0),
            waits: Waits::default(),
        };
        assert_eq!(quota, expected);
        assert_eq!(Quota::read(&HeaderMap::new(), None), Quota::default());
    }

    #[test]
    fn each_wait_is_of_its_bucket_and_the_longest_counts() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let quota = Quota::read(
            &headers(&[
                ("x-ms-ratelimit-microsoft.costmanagement-entity-retry-after", "23"),
                ("x-ms-ratelimit-microsoft.costmanagement-tenant-retry-after", "5"),
                ("x-ms-ratelimit-microsoft.costmanagement-client-retry-after", "7"),
                ("x-ms-ratelimit-microsoft.costmanagement-clienttype-retry-after", "6"),
                ("x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after", "9"),
                ("x-ms-ratelimit-microsoft.consumption-retry-after", "11"),
                ("retry-after", "3"),
            ]),
            None,
        );
        let expected = Waits {
            entity: seconds(23),
            tenant: seconds(5),
            client_type: seconds(7),
            units: seconds(9),
            other: seconds(11),
        };
        assert_eq!(quota.waits, expected);
        assert_eq!(quota.waits.longest(), seconds(23));
    }

    #[test]
    fn odd_figures_are_read_as_far_as_they_go() {
        for (said, expected) in [
            ("QueriesPer10Sec:9.7", Some(9)),
            ("queriesper10sec: 3 ", Some(3)),
            ("QueriesPer10Sec:-2", Some(0)),
            ("QueriesPer10Sec:many", None),
            ("QueriesPer10Sec:99999999999999", None),
            ("QueriesPerMin:1", None),
            ("", None),
        ] {
            let units = Quota::read(&headers(&[(UNITS_LEFT, said)]), None).units;
            assert_eq!(units.per_ten_seconds, expected, "{said}");
        }
    }

    proptest! {
        #[test]
        fn hostile_values_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let names = [CONSUMED, UNITS_LEFT, REQUESTS_LEFT[0], "retry-after"];
                let headers = names.map(|name| (HeaderName::from_static(name), value.clone()));
                let _ = Quota::read(&headers.into_iter().collect(), None);
            }
        }
    }
}

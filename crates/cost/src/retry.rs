//! How long Azure asks a caller to wait. Reads headers and no clock.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, HeaderName, HeaderValue};

/// No header of Azure's asks for more than a day; a larger number is cut here so that sums stay sane.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest wait that any header asks for.
///
/// Cost Management counts in several buckets at once (requests of a scope, of a tenant, of a client type, query
/// units) and names the wait for each in a header of its own: `x-ms-ratelimit-microsoft.costmanagement-*-retry-after`
/// beside the plain `Retry-After`. Waiting for less than the longest earns the next 429.
pub(crate) fn retry_after(headers: &HeaderMap, now: Option<Timestamp>) -> Option<Duration> {
    headers.iter().filter(|(name, _)| asks_to_wait(name)).filter_map(|(_, value)| wait(value, now)).max()
}

/// When the answer was sent, by the sender's own clock (RFC 9110 §6.6.1).
///
/// A `Retry-After` in the form of a date is counted from here: both times then come from one clock.
pub(crate) fn sent_at(headers: &HeaderMap) -> Option<Timestamp> {
    headers.get(DATE).and_then(http_date)
}

fn asks_to_wait(name: &HeaderName) -> bool {
    name.as_str().ends_with("retry-after")
}

/// `Retry-After = HTTP-date / delay-seconds` (RFC 9110 §10.2.3).
fn wait(value: &HeaderValue, now: Option<Timestamp>) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let until = http_date(value)?.duration_since(now?);
    // A moment that has passed asks for no wait.
    Some(Duration::try_from(until).unwrap_or(Duration::ZERO).min(LONGEST))
}

/// The preferred form of an HTTP-date is an RFC 2822 date in GMT (RFC 9110 §5.6.7).
fn http_date(value: &HeaderValue) -> Option<Timestamp> {
    const PARSER: DateTimeParser = DateTimeParser::new();
    PARSER.parse_timestamp(value.to_str().ok()?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn now() -> Timestamp {
        "2026-11-22T20:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_longest_wait_counts() {
        let headers = headers(&[
            ("retry-after", "7"),
            ("x-ms-ratelimit-microsoft.costmanagement-entity-retry-after", "23"),
            ("x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after", "nonsense"),
            ("x-ms-ratelimit-remaining-microsoft.costmanagement-entity-requests", "900"),
        ]);
        assert_eq!(retry_after(&headers, Some(now())), Some(Duration::from_secs(23)));
    }

    #[test]
    fn a_date_counts_from_the_answers_own_date() {
        let headers = headers(&[
            ("date", "Sun, 22 Nov 2026 20:00:00 GMT"),
            ("retry-after", "Sun, 22 Nov 2026 20:01:30 GMT"),
        ]);
        assert_eq!(sent_at(&headers), Some(now()));
        assert_eq!(retry_after(&headers, sent_at(&headers)), Some(Duration::from_secs(90)));
        assert_eq!(retry_after(&headers, None), None);
    }

    #[test]
    fn a_past_date_asks_for_nothing_and_a_far_one_for_a_day() {
        let past = headers(&[("retry-after", "Sun, 22 Nov 2026 19:59:00 GMT")]);
        assert_eq!(retry_after(&past, Some(now())), Some(Duration::ZERO));
        let far = headers(&[("retry-after", "18446744073709551615")]);
        assert_eq!(retry_after(&far, Some(now())), Some(LONGEST));
    }

    #[test]
    fn no_header_is_no_wait() {
        assert_eq!(retry_after(&headers(&[("date", "Sun, 22 Nov 2026 20:00:00 GMT")]), Some(now())), None);
    }

    proptest! {
        #[test]
        fn hostile_values_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let _ = wait(&value, Some(now()));
            }
        }
    }
}

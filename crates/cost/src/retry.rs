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
/// beside the plain `Retry-After`. Waiting for less than the longest earns the next 429. Other services of Azure count in
/// milliseconds (`retry-after-ms`, `x-ms-retry-after-ms`: <https://github.com/Azure/azure-sdk-for-rust/issues/1516>).
///
/// `now` is the own clock, for a date in an answer that does not say when it was sent.
pub(crate) fn retry_after(headers: &HeaderMap, now: Option<Timestamp>) -> Option<Duration> {
    waits(headers, now).map(|(_, wait)| wait).max()
}

/// All waits that headers ask for, each with its header.
pub(crate) fn waits(headers: &HeaderMap, now: Option<Timestamp>) -> impl Iterator<Item = (&str, Duration)> {
    let sent = sent_at(headers).or(now);
    headers.iter().filter_map(move |(name, value)| {
        let unit = Unit::of(name)?;
        let wait = unit.wait(value, sent);
        if wait.is_none() {
            // Not its value: nobody knows what stands there.
            tracing::info!(header = %name, "azure asks to wait in a form that cannot be read");
        }
        Some((name.as_str(), wait?))
    })
}

/// When the answer was sent, by the sender's own clock (RFC 9110 §6.6.1).
///
/// A `Retry-After` in the form of a date is counted from here: both times then come from one clock.
fn sent_at(headers: &HeaderMap) -> Option<Timestamp> {
    headers.get(DATE).and_then(http_date)
}

/// What a header counts in.
#[derive(Clone, Copy)]
enum Unit {
    Seconds,
    Milliseconds,
}

impl Unit {
    /// `None` where the header asks for no wait.
    fn of(name: &HeaderName) -> Option<Self> {
        let name = name.as_str();
        if name.ends_with("retry-after") {
            Some(Self::Seconds)
        } else if name.ends_with("retry-after-ms") {
            Some(Self::Milliseconds)
        } else {
            None
        }
    }

    /// `Retry-After = HTTP-date / delay-seconds` (RFC 9110 §10.2.3), and what Azure makes of it: fractions. They are rounded
    /// up, for asking early can lengthen the penalty.
    fn wait(self, value: &HeaderValue, sent: Option<Timestamp>) -> Option<Duration> {
        let text = value.to_str().ok()?.trim();
        if let Some(count) = rounded_up(text) {
            let wait = match self {
                Self::Seconds => Duration::from_secs(count),
                Self::Milliseconds => Duration::from_millis(count),
            };
            return Some(wait.min(LONGEST));
        }
        let until = http_date(value)?.duration_since(sent?);
        // A moment that has passed asks for no wait.
        Some(Duration::try_from(until).unwrap_or(Duration::ZERO).min(LONGEST))
    }
}

/// `17` of `17` and of `16.5`.
fn rounded_up(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let more = u64::from(fraction.bytes().any(|byte| byte != b'0'));
    // More digits than a number has are more than a day.
    Some(whole.parse::<u64>().unwrap_or(u64::MAX).saturating_add(more))
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
        let later = "2026-11-22T20:01:00Z".parse().unwrap();
        assert_eq!(retry_after(&headers, Some(later)), Some(Duration::from_secs(90)));
        assert_eq!(retry_after(&headers, None), Some(Duration::from_secs(90)));
    }

    #[test]
    fn a_past_date_asks_for_nothing_and_a_far_one_for_a_day() {
        let past = headers(&[("retry-after", "Sun, 22 Nov 2026 19:59:00 GMT")]);
        assert_eq!(retry_after(&past, Some(now())), Some(Duration::ZERO));
        let far = headers(&[("retry-after", "18446744073709551615")]);
        assert_eq!(retry_after(&far, Some(now())), Some(LONGEST));
    }

    #[test]
    fn fractions_are_rounded_up_and_milliseconds_are_read() {
        for (name, value, expected) in [
            ("retry-after", "17.5", Some(Duration::from_secs(18))),
            ("retry-after", "17.000", Some(Duration::from_secs(17))),
            ("retry-after", "0", Some(Duration::ZERO)),
            ("retry-after-ms", "16000", Some(Duration::from_secs(16))),
            ("x-ms-retry-after-ms", "1.5", Some(Duration::from_millis(2))),
            ("retry-after", "99999999999999999999999", Some(LONGEST)),
            ("retry-after", "Sun, 22 Nov 2026 20:00:30 GMT", Some(Duration::from_secs(30))),
            ("retry-after", "-1", None),
            ("retry-after", "1.", None),
            ("retry-after", "soon", None),
        ] {
            assert_eq!(retry_after(&headers(&[(name, value)]), Some(now())), expected, "{name}: {value}");
        }
    }

    #[test]
    fn no_header_is_no_wait() {
        assert_eq!(retry_after(&headers(&[("date", "Sun, 22 Nov 2026 20:00:00 GMT")]), Some(now())), None);
    }

    proptest! {
        #[test]
        fn hostile_values_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let _ = Unit::Seconds.wait(&value, Some(now()));
                let _ = Unit::Milliseconds.wait(&value, None);
            }
        }
    }
}

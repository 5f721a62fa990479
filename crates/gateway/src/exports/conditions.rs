//! What of an export a request is for: preconditions and ranges (RFC 9110 sections 13 and 14).
//!
//! One range is answered with a part. Several, another unit, or what is no range are answered with the whole, as section 14.2
//! allows: a client that asks for several reads a whole as well.

use axum::http::{HeaderMap, HeaderName, Method, header};

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// From the first byte to the last, both included.
    Part { first: u64, last: u64 },
    /// Nothing of it is within the range.
    Unsatisfiable,
    /// The client has it already.
    NotModified,
    /// It is not what the client wants it to be.
    Failed,
}

/// What a request with these fields is for, of `size` bytes with the strong entity tag `tag`, quotes included.
pub(super) fn wanted(method: &Method, headers: &HeaderMap, tag: &str, size: u64) -> Wanted {
    if let Some(tags) = joined(headers, &header::IF_MATCH)
        && !matches(&tags, |one| one == tag)
    {
        return Wanted::Failed;
    }
    if let Some(tags) = joined(headers, &header::IF_NONE_MATCH)
        && matches(&tags, |one| one.strip_prefix("W/").unwrap_or(one) == tag)
    {
        return Wanted::NotModified;
    }
    // Of HEAD no range is defined.
    if method != Method::GET {
        return Wanted::Whole;
    }
    // A date never matches: there is no Last-Modified to be strong about.
    let is_other =
        headers.get(header::IF_RANGE).is_some_and(|validator| validator.as_bytes() != tag.as_bytes());
    let mut ranges = headers.get_all(header::RANGE).iter();
    match (ranges.next(), ranges.next()) {
        (Some(range), None) if !is_other => {
            range.to_str().ok().and_then(|range| part(range, size)).unwrap_or(Wanted::Whole)
        }
        _ => Wanted::Whole,
    }
}

/// The part that a range is for; `None` where it is not one range of bytes.
fn part(range: &str, size: u64) -> Option<Wanted> {
    let (unit, range) = range.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") || range.contains(',') {
        return None;
    }
    let (first, last) = range.trim_matches([' ', '\t']).split_once('-')?;
    let first = if first.is_empty() { None } else { Some(number(first)?) };
    let last = if last.is_empty() { None } else { Some(number(last)?) };
    let end = size.checked_sub(1);
    Some(match (first, last, end) {
        (None, None, _) => return None,
        (Some(first), Some(last), _) if last < first => return None,
        (None, Some(0), _) => Wanted::Unsatisfiable,
        // There is no way to write a part of nothing.
        (None, Some(_), None) => Wanted::Whole,
        (None, Some(length), Some(end)) => Wanted::Part { first: size.saturating_sub(length), last: end },
        (Some(first), _, _) if first >= size => Wanted::Unsatisfiable,
        (Some(first), last, Some(end)) => {
            Wanted::Part { first, last: last.map_or(end, |last| last.min(end)) }
        }
        (Some(_), _, None) => Wanted::Unsatisfiable,
    })
}

/// A number of digits and nothing else. One beyond all sizes is beyond this one.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// The values of a field, all lines together.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<_> = headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
    headers.contains_key(name).then(|| lines.join(","))
}

/// Whether one of the tags is meant. Ours have no comma in them.
fn matches(tags: &str, is_it: impl Fn(&str) -> bool) -> bool {
    tags.split(',').map(str::trim).any(|one| one == "*" || is_it(one))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const TAG: &str = "\"abc\"";

    fn of(method: &Method, fields: &[(HeaderName, &str)], size: u64) -> Wanted {
        let fields = fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value);
        }
        wanted(method, &headers, TAG, size)
    }

    #[test]
    fn a_range_is_read_as_the_standard_says() {
        let part = |first, last| Wanted::Part { first, last };
        for (range, size, expected) in [
            ("bytes=0-0", 10, part(0, 0)),
            ("bytes=0-9", 10, part(0, 9)),
            ("bytes=3-", 10, part(3, 9)),
            ("bytes=9-", 10, part(9, 9)),
            ("bytes=3-99", 10, part(3, 9)),
            ("BYTES=3-4", 10, part(3, 4)),
            ("bytes= 3-4 ", 10, part(3, 4)),
            ("bytes=-1", 10, part(9, 9)),
            ("bytes=-10", 10, part(0, 9)),
            ("bytes=-99", 10, part(0, 9)),
            ("bytes=10-", 10, Wanted::Unsatisfiable),
            ("bytes=10-12", 10, Wanted::Unsatisfiable),
            ("bytes=-0", 10, Wanted::Unsatisfiable),
            ("bytes=99999999999999999999999-", 10, Wanted::Unsatisfiable),
            ("bytes=0-99999999999999999999999", 10, part(0, 9)),
            // What is no range is as if it were not there.
            ("bytes=4-3", 10, Wanted::Whole),
            ("bytes=-", 10, Wanted::Whole),
            ("bytes=", 10, Wanted::Whole),
            ("bytes=a-b", 10, Wanted::Whole),
            ("bytes=+1-2", 10, Wanted::Whole),
            ("bytes=1--2", 10, Wanted::Whole),
            ("bytes 0-1", 10, Wanted::Whole),
            ("lines=0-1", 10, Wanted::Whole),
            // Several are answered with the whole.
            ("bytes=0-1,3-4", 10, Wanted::Whole),
            ("bytes=0-1, 3-4", 10, Wanted::Whole),
            // Of nothing there is no part.
            ("bytes=0-", 0, Wanted::Unsatisfiable),
            ("bytes=0-5", 0, Wanted::Unsatisfiable),
            ("bytes=-5", 0, Wanted::Whole),
        ] {
            assert_eq!(of(&Method::GET, &[(header::RANGE, range)], size), expected, "{range} of {size}");
        }
        let two = [(header::RANGE, "bytes=0-1"), (header::RANGE, "bytes=3-4")];
        assert_eq!(of(&Method::GET, &two, 10), Wanted::Whole);
        assert_eq!(of(&Method::HEAD, &[(header::RANGE, "bytes=0-1")], 10), Wanted::Whole);
    }

    #[test]
    fn a_condition_is_read_as_the_standard_says() {
        let range = (header::RANGE, "bytes=3-4");
        let part = Wanted::Part { first: 3, last: 4 };
        for (field, value, expected) in [
            (header::IF_RANGE, TAG, part),
            (header::IF_RANGE, "\"abd\"", Wanted::Whole),
            (header::IF_RANGE, "W/\"abc\"", Wanted::Whole),
            (header::IF_RANGE, "Fri, 27 Nov 2026 00:00:00 GMT", Wanted::Whole),
            (header::IF_NONE_MATCH, TAG, Wanted::NotModified),
            (header::IF_NONE_MATCH, "\"x\", W/\"abc\"", Wanted::NotModified),
            (header::IF_NONE_MATCH, "*", Wanted::NotModified),
            (header::IF_NONE_MATCH, "\"x\"", part),
            (header::IF_MATCH, TAG, part),
            (header::IF_MATCH, "\"x\", \"abc\"", part),
            (header::IF_MATCH, "*", part),
            (header::IF_MATCH, "W/\"abc\"", Wanted::Failed),
            (header::IF_MATCH, "\"x\"", Wanted::Failed),
        ] {
            assert_eq!(
                of(&Method::GET, &[range.clone(), (field.clone(), value)], 10),
                expected,
                "{field}: {value}"
            );
        }
        // The first condition comes first (section 13.2.2).
        let both = [(header::IF_MATCH, "\"x\""), (header::IF_NONE_MATCH, TAG)];
        assert_eq!(of(&Method::GET, &both, 10), Wanted::Failed);
        assert_eq!(of(&Method::HEAD, &[(header::IF_NONE_MATCH, TAG)], 10), Wanted::NotModified);
    }
}

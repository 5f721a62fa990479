//! Which bytes of a blob a request asks for, and under which conditions.
//!
//! Of the conditions of HTTP, Azure's page of conditional headers names no `If-Range`: a client that trusts it gets a part of
//! whatever stands there now.
//! <https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations>

use http::HeaderMap;
use http::header::{IF_MATCH, IF_NONE_MATCH, RANGE};

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    range: Option<(u64, Option<u64>)>,
    if_match: Option<String>,
    if_none_match: Option<String>,
}

/// What it gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// From the first of these bytes to the last.
    Bytes { first: u64, last: u64, is_all: bool },
    /// Nothing: the caller has it.
    Unchanged,
    /// Nothing: it is another one by now.
    Changed,
    /// Nothing: there are no such bytes.
    Outside,
}

impl Asked {
    /// `None` for a range that blob storage does not know: it takes one, counted from the start.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let range = match text("x-ms-range").or_else(|| text(RANGE.as_str())) {
            Some(range) => Some(bytes(range)?),
            None => None,
        };
        let owned = |name: &str| text(name).map(str::to_owned);
        Some(Self { range, if_match: owned(IF_MATCH.as_str()), if_none_match: owned(IF_NONE_MATCH.as_str()) })
    }

    pub(super) fn is_of_a_part(&self) -> bool {
        self.range.is_some()
    }

    /// What of a blob of this tag and size it gets.
    pub(super) fn of(&self, etag: &str, size: u64) -> Part {
        let is_it =
            |tags: &String| tags.split(',').any(|tag| matches!(tag.trim(), "*") || tag.trim() == etag);
        if self.if_match.as_ref().is_some_and(|tags| !is_it(tags)) {
            return Part::Changed;
        }
        if self.if_none_match.as_ref().is_some_and(is_it) {
            return Part::Unchanged;
        }
        let end = size.saturating_sub(1);
        match self.range {
            None => Part::Bytes { first: 0, last: end, is_all: true },
            Some((first, _)) if first >= size => Part::Outside,
            Some((first, last)) => Part::Bytes { first, last: last.unwrap_or(end).min(end), is_all: false },
        }
    }
}

fn bytes(range: &str) -> Option<(u64, Option<u64>)> {
    let (first, last) = range.trim().strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    let last = if last.is_empty() { None } else { Some(last.parse().ok().filter(|last| *last >= first)?) };
    Some((first, last))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::{Asked, Part};

    fn asked(headers: &[(&'static str, &str)]) -> Option<Asked> {
        let pairs = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Asked::read(&pairs.collect::<HeaderMap>())
    }

    #[test]
    fn a_part_is_of_the_bytes_that_there_are() {
        let part = |range| asked(&[("range", range)]).map(|asked| asked.of("\"1\"", 10));
        let bytes = |first, last| Some(Part::Bytes { first, last, is_all: false });
        assert_eq!(part("bytes=0-"), bytes(0, 9));
        assert_eq!(part("bytes=4-6"), bytes(4, 6));
        assert_eq!(part("bytes=9-99"), bytes(9, 9));
        assert_eq!(part("bytes=10-"), Some(Part::Outside));
        for odd in ["bytes=-5", "bytes=1-2,4-5", "bytes=6-4", "rows=1-2", ""] {
            assert_eq!(part(odd), None, "{odd}");
        }
    }

    #[test]
    fn conditions_come_first() {
        let of = |headers| asked(headers).unwrap().of("\"1\"", 10);
        assert_eq!(of(&[("range", "bytes=20-"), ("if-match", "\"2\"")]), Part::Changed);
        assert_eq!(of(&[("if-none-match", "\"2\", \"1\"")]), Part::Unchanged);
        let (first, last) = (4, 9);
        let resumed = of(&[("range", "bytes=4-"), ("if-match", "\"1\"")]);
        assert_eq!(resumed, Part::Bytes { first, last, is_all: false });
        let blind = of(&[("range", "bytes=4-"), ("if-range", "\"2\"")]);
        assert_eq!(blind, Part::Bytes { first, last, is_all: false });
    }
}

//! An export as an HTTP answer: its fields, and which of its bytes.

use std::fmt::Write as _;
use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::Kept;
use super::conditions::Wanted;
use super::id::unhex;

/// What is true of every answer: nobody keeps it, takes it for another type, runs it, or learns where it came from.
const ALWAYS: [(HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "private, no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
];
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// The strong entity tag (RFC 9110 section 8.8.3), quotes included.
pub(super) fn tag(kept: &Kept) -> String {
    format!("\"{}\"", kept.sha256)
}

/// The head of an answer, and the bytes that belong to it. `ranges` is whether a part may be asked for.
pub(super) fn head(kept: &Kept, wanted: Wanted, ranges: bool) -> (Response<Body>, Range<u64>) {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    set(headers, header::ETAG, tag(kept));
    set(headers, header::ACCEPT_RANGES, if ranges { "bytes" } else { "none" }.to_owned());
    let bytes = match wanted {
        Wanted::Whole => 0..kept.size,
        Wanted::Part { first, last } => first..last + 1,
        Wanted::Unsatisfiable | Wanted::NotModified | Wanted::Failed => 0..0,
    };
    let status = match wanted {
        Wanted::Whole => StatusCode::OK,
        Wanted::Part { first, last } => {
            set(headers, header::CONTENT_RANGE, format!("bytes {first}-{last}/{}", kept.size));
            StatusCode::PARTIAL_CONTENT
        }
        Wanted::Unsatisfiable => {
            set(headers, header::CONTENT_RANGE, format!("bytes */{}", kept.size));
            StatusCode::RANGE_NOT_SATISFIABLE
        }
        Wanted::NotModified => StatusCode::NOT_MODIFIED,
        Wanted::Failed => StatusCode::PRECONDITION_FAILED,
    };
    if matches!(wanted, Wanted::Whole | Wanted::Part { .. }) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kept.about.media_type));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.end - bytes.start));
        set(headers, header::CONTENT_DISPOSITION, disposition(&kept.about.file_name));
        set(headers, REPR_DIGEST, digest(&kept.sha256));
    }
    *response.status_mut() = status;
    (response, bytes)
}

/// What is no value of a field is left out: all of them are made of printable ASCII here.
fn set(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// The whole's digest (RFC 9530), whichever part is sent.
fn digest(sha256: &str) -> String {
    let bytes: [u8; 32] = unhex(sha256).unwrap_or_default();
    format!("sha-256=:{}:", BASE64_STANDARD.encode(bytes))
}

/// Where it is saved (RFC 6266): a name that no system takes for a path, and the name itself where it says more.
fn disposition(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let plain = plain.trim_start_matches('.');
    let mut value = format!("attachment; filename=\"{plain}\"");
    if plain != name {
        value.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            if is_plain(char::from(byte)) {
                value.push(char::from(byte));
            } else {
                // Writing to a `String` cannot fail.
                let _ = write!(value, "%{byte:02X}");
            }
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_to_save_whatever_it_is() {
        for (name, expected) in [
            ("costs-2026-10.csv.gz", "attachment; filename=\"costs-2026-10.csv.gz\""),
            ("../\"a b\".csv", "attachment; filename=\"__a_b_.csv\"; filename*=UTF-8''..%2F%22a%20b%22.csv"),
            (
                "Kosten ä\r\nX: y",
                "attachment; filename=\"Kosten____X__y\"; filename*=UTF-8''Kosten%20%C3%A4%0D%0AX%3A%20y",
            ),
        ] {
            assert_eq!(disposition(name), expected);
        }
    }
}

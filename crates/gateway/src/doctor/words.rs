//! What others wrote or answered, in the words of a finding.

use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, LOCATION};

/// A refusal's text as a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut characters = text.trim_end_matches('.').chars();
    let first = characters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}

/// What answered, in words.
pub(super) fn described(response: &Response) -> String {
    let status = response.status().as_u16();
    let header =
        |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match header(LOCATION) {
        "" if header(CONTENT_TYPE).starts_with("text/html") => format!("status {status} with an HTML page"),
        "" => format!("status {status}"),
        location => format!("status {status}, a redirect to {location}"),
    }
}

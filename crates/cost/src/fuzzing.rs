//! What a fuzzer throws its input at (`make fuzz`). The inputs that are kept are survived in the tests below.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde_json::{Map, Value};

use crate::challenge::{ClaimsChallenge, MOST_BYTES};

/// Reads each line as the value of a `WWW-Authenticate` header of one answer.
///
/// # Panics
/// If claims are taken that are not a JSON object, that do not come back as they are, or that stand there twice.
pub fn www_authenticate(input: &[u8]) {
    let mut headers: HeaderMap = input
        .split(|byte| *byte == b'\n')
        .filter_map(|line| Some((WWW_AUTHENTICATE, HeaderValue::from_bytes(line).ok()?)))
        .collect();
    let Some(found) = ClaimsChallenge::find(&headers) else { return };
    assert!(serde_json::from_str::<Map<String, Value>>(&found.claims).is_ok(), "no object: {}", found.claims);
    let alone = format!("Bearer claims=\"{}\"", BASE64_STANDARD.encode(&found.claims));
    let Ok(alone) = HeaderValue::from_str(&alone) else { return };
    // Quotes and padding may be what is too much.
    if alone.len() <= MOST_BYTES {
        let again = ClaimsChallenge::find(&HeaderMap::from_iter([(WWW_AUTHENTICATE, alone.clone())]));
        assert_eq!(again.as_ref(), Some(&found));
    }
    headers.append(WWW_AUTHENTICATE, alone);
    assert_eq!(ClaimsChallenge::find(&headers), None, "there are two");
}

#[cfg(test)]
mod tests {
    use testkit::kept_inputs;

    use super::*;

    #[test]
    fn every_kept_input_is_survived() {
        for (file, input) in kept_inputs("www_authenticate") {
            println!("{}", file.display());
            www_authenticate(&input);
        }
    }
}

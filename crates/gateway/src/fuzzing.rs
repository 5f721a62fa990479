//! What a fuzzer throws its input at (`make fuzz`). The inputs that are kept are survived in the tests below.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::guard;
use crate::mcp::tool_names;
use crate::policy::{Policy, PolicyError};

/// Reads each line as the value of an `Authorization` header of one request.
///
/// # Panics
/// If a token is taken that is not the one header's, or if the refusal is of another kind than there are for it.
pub fn bearer_header(input: &[u8]) {
    let headers: HeaderMap = input
        .split(|byte| *byte == b'\n')
        .filter_map(|line| Some((header::AUTHORIZATION, HeaderValue::from_bytes(line).ok()?)))
        .collect();
    match guard::bearer(&headers) {
        Ok(token) => {
            assert_eq!(headers.len(), 1);
            let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            let (scheme, rest) = value.and_then(|value| value.split_once(' ')).unwrap_or_default();
            assert!(scheme.eq_ignore_ascii_case("bearer"), "{scheme}");
            assert!(rest.trim() == token.expose(), "another token than the header's");
        }
        Err(refusal) => {
            let code = refusal.code();
            assert!(
                ["missing_bearer", "invalid_token", "token_too_large"].contains(&code.as_str()),
                "{code}"
            );
        }
    }
}

/// Reads the input as a policy file.
///
/// # Panics
/// If a policy is taken that leaves out a tool, demands nothing, or demands what no token or header can hold; or if an error
/// does not name the file.
pub fn policy_file(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let tools = tool_names();
    match Policy::of("policy.toml", text, &tools) {
        Ok(policy) => {
            assert!(!policy.base_scopes().is_empty());
            for tool in tools {
                assert!(policy.rule(tool).is_some_and(|rule| !rule.scopes.is_empty()), "{tool}");
            }
            for rule in tool_names().into_iter().filter_map(|tool| policy.rule(tool)) {
                let quotable = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
                let is_word = |word: &String| !word.is_empty() && word.bytes().all(quotable);
                assert!(rule.scopes.iter().chain(&rule.roles).all(is_word), "{rule:?}");
                let number = rule.auth_context.as_deref().map(|context| context.strip_prefix('c'));
                let number = number.map(|number| number.and_then(|number| number.parse::<u8>().ok()));
                assert!(number.is_none_or(|number| matches!(number, Some(1..=99))), "{rule:?}");
            }
        }
        Err(error) => {
            assert!(error.to_string().starts_with("policy.toml"), "{error}");
            if let PolicyError::Entry { line, .. } = error {
                assert!((1..=text.split('\n').count()).contains(&line), "line {line}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use testkit::kept_inputs;

    use super::*;

    #[test]
    fn every_kept_input_is_survived() {
        for (target, survive) in [("bearer_header", bearer_header as fn(&[u8])), ("policy_file", policy_file)]
        {
            for (file, input) in kept_inputs(target) {
                println!("{}", file.display());
                survive(&input);
            }
        }
    }
}

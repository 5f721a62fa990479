//! The `WWW-Authenticate` header: one Bearer challenge, every value quoted, nothing in it that a client misreads.

use std::fmt::Write;

use axum::http::HeaderValue;

/// A Bearer challenge (RFC 6750 section 3) under construction.
pub(super) struct Challenge(String);

impl Challenge {
    pub(super) fn bearer() -> Self {
        Self("Bearer".to_owned())
    }

    /// Adds a parameter. Values hold only what may stand in a quoted string unescaped: several MCP SDKs read
    /// this header with unanchored regular expressions that know no escapes.
    pub(super) fn param(mut self, name: &str, value: &str) -> Self {
        let separator = if self.0 == "Bearer" { " " } else { ", " };
        let value: String = value.chars().map(plain).collect();
        // Writing to a `String` cannot fail.
        let _ = write!(self.0, "{separator}{name}=\"{value}\"");
        self
    }

    /// Adds prose for `error_description`, in which no text may look like another parameter.
    pub(super) fn description(self, text: &str) -> Self {
        self.param("error_description", &text.replace('=', " "))
    }

    pub(super) fn into_header(self) -> HeaderValue {
        // `param` let nothing but printable ASCII through; a name is a constant.
        HeaderValue::try_from(self.0).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}

fn plain(c: char) -> char {
    match c {
        '"' | '\\' => '\'',
        ' '..='~' => c,
        _ => ' ',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_can_end_its_quotes_or_the_line() {
        let header = Challenge::bearer()
            .param("scope", "a\" , error=\"x")
            .description("said \"scope=\"\r\nSet-Cookie: a=b\u{1f4b0}")
            .into_header();
        assert_eq!(
            header,
            "Bearer scope=\"a' , error='x\", error_description=\"said 'scope '  Set-Cookie: a b \""
        );
    }
}

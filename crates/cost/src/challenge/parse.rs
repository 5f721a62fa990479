//! The grammar of `WWW-Authenticate` (RFC 9110 §11.6.1). Knows nothing of claims.
//!
//! ```text
//! WWW-Authenticate = #challenge
//! challenge        = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
//! auth-param       = token BWS "=" BWS ( token / quoted-string )
//! ```
//! The comma separates both challenges and parameters, so splitting at commas cannot work: quoted strings hold
//! commas too.

/// One challenge of a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) scheme: String,
    params: Vec<(String, Vec<u8>)>,
}

impl Challenge {
    /// Every value of a parameter; the name ignores case. More than one breaks RFC 9110: the caller decides.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.params
            .iter()
            .filter(move |(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }
}

/// The challenges of one header value; `None` if any part of it does not parse: half a challenge is none.
pub(super) fn challenges(value: &[u8]) -> Option<Vec<Challenge>> {
    let mut input = Input { rest: value };
    let mut challenges: Vec<Challenge> = Vec::new();
    loop {
        input.skip(is_separator);
        if input.rest.is_empty() {
            return Some(challenges);
        }
        let name = input.token()?;
        if input.skip_equals() {
            challenges.last_mut()?.params.push((name, input.param_value()?));
            input.end_of_element()?;
            continue;
        }
        input.skip(is_space);
        input.skip_token68();
        challenges.push(Challenge { scheme: name, params: Vec::new() });
    }
}

/// What is left to read.
struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// A token (RFC 9110 §5.6.2), at least one character long.
    fn token(&mut self) -> Option<String> {
        let token = self.take(is_token);
        if token.is_empty() {
            return None;
        }
        String::from_utf8(token.to_vec()).ok()
    }

    /// Steps over the `=` between a parameter's name and value. Without one the name was a scheme.
    fn skip_equals(&mut self) -> bool {
        let mut ahead = Input { rest: self.rest };
        ahead.skip(is_space);
        let Some(rest) = ahead.rest.strip_prefix(b"=") else { return false };
        self.rest = rest;
        self.skip(is_space);
        true
    }

    /// A parameter's value.
    fn param_value(&mut self) -> Option<Vec<u8>> {
        let Some(rest) = self.rest.strip_prefix(b"\"") else {
            // More than a token: unquoted base64 holds `/` and `=`.
            return Some(self.take(|byte| !is_separator(byte) && byte != b'"').to_vec());
        };
        self.rest = rest;
        self.quoted()
    }

    /// The rest of a quoted string (RFC 9110 §5.6.4) after its opening quote.
    fn quoted(&mut self) -> Option<Vec<u8>> {
        let mut value = Vec::new();
        loop {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b'"' => return Some(value),
                b'\\' => {
                    let (&escaped, rest) = self.rest.split_first()?;
                    self.rest = rest;
                    value.push(escaped);
                }
                other => value.push(other),
            }
        }
    }

    /// Steps over the `token68` of schemes such as Negotiate, if one stands here. `realm=` looks like one until
    /// its value begins, so it counts only if the element ends with it.
    fn skip_token68(&mut self) {
        let mut ahead = Input { rest: self.rest };
        ahead.skip(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte));
        ahead.skip(|byte| byte == b'=');
        if ahead.end_of_element().is_some() {
            self.rest = ahead.rest;
        }
    }

    /// Nothing but white space until a comma or the end.
    fn end_of_element(&mut self) -> Option<()> {
        self.skip(is_space);
        matches!(self.rest.first(), None | Some(b',')).then_some(())
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        self.take(wanted);
    }

    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !wanted(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_separator(byte: u8) -> bool {
    byte == b',' || is_space(byte)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parsed<'a> = Vec<(&'a str, Vec<(&'a str, &'a str)>)>;

    fn parsed(value: &str) -> Option<Vec<Challenge>> {
        challenges(value.as_bytes())
    }

    fn expect(value: &str, expected: Parsed<'_>) {
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(scheme, params)| Challenge {
                scheme: scheme.to_owned(),
                params: params.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect(),
            })
            .collect();
        assert_eq!(parsed(value), Some(expected), "{value}");
    }

    #[test]
    fn reads_challenges_and_parameters() {
        expect("", vec![]);
        expect(" , ,", vec![]);
        expect("Bearer", vec![("Bearer", vec![])]);
        expect("Negotiate, Bearer", vec![("Negotiate", vec![]), ("Bearer", vec![])]);
        expect("Bearer realm=\"\"", vec![("Bearer", vec![("realm", "")])]);
        expect(
            "Bearer a=1,b = \"2,3\" ,, c=\"x\\\"y\\\\\"",
            vec![("Bearer", vec![("a", "1"), ("b", "2,3"), ("c", "x\"y\\")])],
        );
        expect("Basic YWxhZGRpbg==, Bearer a=b==", vec![("Basic", vec![]), ("Bearer", vec![("a", "b==")])]);
        // RFC 9110's own example.
        expect(
            "Basic realm=\"simple\", Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\"",
            vec![
                ("Basic", vec![("realm", "simple")]),
                ("Newauth", vec![("realm", "apps"), ("type", "1"), ("title", "Login to \"apps\"")]),
            ],
        );
    }

    #[test]
    fn refuses_what_it_cannot_read_whole() {
        for value in ["a=b", "Bearer a=\"open", "Bearer a=\"x\\", "Bearer a=\"x\"y", "\"", "=", "Bearer (x)"]
        {
            assert_eq!(parsed(value), None, "{value}");
        }
    }
}

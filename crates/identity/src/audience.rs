//! Which audiences are this API, as both services read it from their settings.

use crate::ids::ClientId;

/// The identifier that Microsoft's guides give an API whose MCP URL is not registered, beside its client id.
const IDENTIFIER_URI: &str = "api://mcp-cost-server";

/// The audiences in force: those that were given, or the client id and `api://mcp-cost-server`. The `aud` of a version
/// 2.0 token is always the client id.
///
/// # Errors
/// [`EmptyAudience`] if one of those given is empty.
pub fn audiences(given: &[String], client: ClientId) -> Result<Vec<String>, EmptyAudience> {
    if given.is_empty() {
        return Ok(vec![client.to_string(), IDENTIFIER_URI.to_owned()]);
    }
    let trimmed: Vec<_> = given.iter().map(|audience| audience.trim().to_owned()).collect();
    if trimmed.iter().any(String::is_empty) { Err(EmptyAudience) } else { Ok(trimmed) }
}

/// An audience that would match nothing, or everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the list of audiences holds an empty entry")]
pub struct EmptyAudience;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_takes_the_place_of_the_default() {
        let client: ClientId = "11112222-bbbb-3333-cccc-4444dddd5555".parse().unwrap();
        let of =
            |given: &[&str]| audiences(&given.iter().map(ToString::to_string).collect::<Vec<_>>(), client);
        assert_eq!(of(&[]).unwrap(), ["11112222-bbbb-3333-cccc-4444dddd5555", "api://mcp-cost-server"]);
        assert_eq!(of(&[" a", "b "]).unwrap(), ["a", "b"]);
        assert_eq!(of(&["a", " "]), Err(EmptyAudience));
    }
}

//! Hand-written `Debug` for the two messages that carry live credentials: what may be logged of them.

use std::fmt;

use crate::v1::{ExchangeRequest, ExchangeResponse};

impl fmt::Debug for ExchangeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeRequest")
            .field("assertion", &Length(&self.assertion))
            .field("resource", &self.resource)
            .field("claims", &Length(&self.claims))
            .finish()
    }
}

impl fmt::Debug for ExchangeResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeResponse")
            .field("access_token", &Length(&self.access_token))
            .field("expires_at", &self.expires_at)
            .field("source", &self.source())
            .finish()
    }
}

/// Shows how long a text is and nothing of what it says.
struct Length<'a>(&'a str);

impl fmt::Debug for Length<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<redacted, {} bytes>", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_do_not_reach_debug() {
        let request = ExchangeRequest {
            assertion: "eyJ.secret.one".into(),
            resource: "arm".into(),
            claims: r#"{"access_token":{}}"#.into(),
        };
        let response = ExchangeResponse { access_token: "eyJ.secret.two".into(), ..Default::default() };

        let shown = format!("{request:?} {response:?}");

        assert!(!shown.contains("secret"), "{shown}");
        assert!(!shown.contains("access_token\":"), "{shown}");
        assert!(shown.contains("arm") && shown.contains("14 bytes"), "{shown}");
    }
}

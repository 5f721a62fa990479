//! Everything that the facade refuses by itself: one table of how it reads, to a client as JSON (RFC 6749 section 5.2) and to a
//! person as a page. Nothing of the request is repeated.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

/// Why a request goes no further than here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Claims,
    Credential,
    ForeignRedirect,
    ForeignRegistration,
    ForeignResource,
    ForeignScope,
    GrantType,
    Malformed,
    NoForm,
    NoMetadata,
    NoProof,
    NothingToRedeem,
    OddAnswer,
    Overloaded,
    Query,
    Repeated,
    ResponseType,
    TooLarge,
    TooMany { wait: Duration },
    Unreachable,
    UnknownClient,
}

const OPERATOR: &str = "The operator of this server can mend that, in GATEWAY_SIGN_IN_FILE.";
const MAKER: &str = "Whoever made or configured the client can mend that.";
const LATER: &str = "Try again in a moment.";

impl Fault {
    /// The name of this fault in the log and in metrics, and what is wrong.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Claims => ("bad_claims", "The parameter claims is no JSON object."),
            Self::Credential => {
                ("credential_sent", "Clients here are public: leave out any secret or assertion.")
            }
            Self::ForeignRedirect => {
                ("unlisted_redirect", "This redirect URI is not listed for this client.")
            }
            Self::ForeignRegistration => ("unlisted_registration", "No client here has these redirect URIs."),
            Self::ForeignResource => {
                ("foreign_resource", "The parameter resource does not name this server.")
            }
            Self::ForeignScope => ("foreign_scope", "A scope is none that this client may ask for here."),
            Self::GrantType => ("foreign_grant", "The grants here are authorization_code and refresh_token."),
            Self::Malformed => {
                ("malformed", "A parameter is no percent-encoded text without control characters.")
            }
            Self::NoForm => ("no_form", "There is no body of application/x-www-form-urlencoded."),
            Self::NoMetadata => ("no_metadata", "There is no JSON object with redirect_uris."),
            Self::NoProof => {
                ("no_pkce", "PKCE is missing: code_challenge with S256, and then its code_verifier.")
            }
            Self::NothingToRedeem => ("nothing_to_redeem", "There is no code, or no refresh_token."),
            Self::OddAnswer => ("odd_answer", "Entra ID did not answer as it should."),
            Self::Overloaded => ("overloaded", "Too many sign-ins are under way."),
            Self::Query => ("query", "Parameters belong into the body, and none into the address."),
            Self::Repeated => ("repeated", "A parameter stands there twice."),
            Self::ResponseType => ("response_type", "The response_type here is code."),
            Self::TooLarge => ("too_large", "The request is longer than 8 KiB."),
            Self::TooMany { .. } => ("too_many", "Too many requests came from this network address."),
            Self::Unreachable => ("unreachable", "Entra ID does not answer."),
            Self::UnknownClient => ("unknown_client", "No client is known here by this client_id."),
        }
    }

    /// Status and error of OAuth, and who can mend it.
    fn kind(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Credential => (401, "invalid_client", MAKER),
            Self::UnknownClient => (401, "invalid_client", OPERATOR),
            Self::ForeignRedirect => (400, "invalid_request", OPERATOR),
            Self::ForeignRegistration => (400, "invalid_redirect_uri", OPERATOR),
            Self::ForeignResource => (400, "invalid_target", MAKER),
            Self::ForeignScope => (400, "invalid_scope", OPERATOR),
            Self::GrantType => (400, "unsupported_grant_type", MAKER),
            Self::NoMetadata => (400, "invalid_client_metadata", MAKER),
            Self::ResponseType => (400, "unsupported_response_type", MAKER),
            Self::TooLarge => (413, "invalid_request", MAKER),
            Self::TooMany { .. } => (429, "temporarily_unavailable", LATER),
            Self::OddAnswer => (502, "server_error", LATER),
            Self::Overloaded | Self::Unreachable => (503, "temporarily_unavailable", LATER),
            _ => (400, "invalid_request", MAKER),
        }
    }

    /// As it stands in the log and in metrics.
    pub(super) fn code(self) -> &'static str {
        self.words().0
    }

    /// For a client.
    pub(super) fn as_json(self) -> Response {
        let (status, error, who) = self.kind();
        let document = json!({"error": error, "error_description": format!("{} {who}", self.words().1)});
        let mut response = (code_of(status), Json(document)).into_response();
        let field = match self {
            // RFC 6749 section 5.2: who tried the header is told of a scheme.
            Self::Credential => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"none\"")))
            }
            Self::TooMany { wait } => Some((header::RETRY_AFTER, wait.as_secs().into())),
            Self::Overloaded | Self::Unreachable => Some((header::RETRY_AFTER, 2.into())),
            _ => None,
        };
        response.headers_mut().extend(field);
        response
    }

    /// For the person at the browser.
    pub(super) fn as_page(self) -> Response {
        let ((code, what), (status, error, who)) = (self.words(), self.kind());
        let page = include_str!("page.html").replace("{what}", what).replace("{who}", who);
        let page = page.replace("{error}", error).replace("{code}", code);
        // A browser that is told 401 asks for a password.
        (code_of(if status == 401 { 400 } else { status }), Html(page)).into_response()
    }
}

fn code_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST)
}

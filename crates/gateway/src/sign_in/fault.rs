//! Everything that the facade refuses by itself: one table of how it reads, to a client as JSON (RFC 6749 section 5.2) and to a
//! person as a page. Nothing of the request is repeated.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

const OPERATOR: &str = "The operator of this server can mend that, in GATEWAY_SIGN_IN_FILE.";
const MAKER: &str = "Whoever made or configured the client can mend that.";
const LATER: &str = "Try again in a moment.";

macro_rules! faults {
    ($($name:ident $status:literal $error:literal $code:literal $what:literal $who:ident;)*) => {
        /// Why a request goes no further than here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Fault { $($name,)* }

        impl Fault {
            #[cfg(test)]
            pub(super) const ALL: &[Self] = &[$(Self::$name,)*];

            fn row(self) -> (u16, &'static str, &'static str, &'static str, &'static str) {
                match self { $(Self::$name => ($status, $error, $code, $what, $who),)* }
            }
        }
    };
}

// Status and error of OAuth, the name in the log and in metrics, what is wrong, and who can mend it.
faults! {
    Claims 400 "invalid_request" "bad_claims" "The parameter claims is no JSON object." MAKER;
    Credential 401 "invalid_client" "credential_sent" "Clients here are public: leave out any secret or assertion." MAKER;
    ForeignRedirect 400 "invalid_request" "unlisted_redirect" "This redirect URI is not listed for this client." OPERATOR;
    ForeignRegistration 400 "invalid_redirect_uri" "unlisted_registration" "No client here has these redirect URIs." OPERATOR;
    ForeignResource 400 "invalid_target" "foreign_resource" "The parameter resource does not name this server." MAKER;
    ForeignScope 400 "invalid_scope" "foreign_scope" "A scope is none that this client may ask for here." OPERATOR;
    GrantType 400 "unsupported_grant_type" "foreign_grant" "The grants here are authorization_code and refresh_token." MAKER;
    Malformed 400 "invalid_request" "malformed" "A parameter is no percent-encoded text without control characters." MAKER;
    NoForm 400 "invalid_request" "no_form" "There is no body of application/x-www-form-urlencoded." MAKER;
    NoMetadata 400 "invalid_client_metadata" "no_metadata" "There is no JSON object with redirect_uris." MAKER;
    NoProof 400 "invalid_request" "no_pkce" "PKCE is missing: code_challenge with S256, and then its code_verifier." MAKER;
    NothingToRedeem 400 "invalid_request" "nothing_to_redeem" "There is no code, or no refresh_token." MAKER;
    OddAnswer 502 "server_error" "odd_answer" "Entra ID did not answer as it should." LATER;
    Overloaded 503 "temporarily_unavailable" "overloaded" "Too many sign-ins are under way." LATER;
    Query 400 "invalid_request" "query" "Parameters belong into the body, and none into the address." MAKER;
    Repeated 400 "invalid_request" "repeated" "A parameter stands there twice." MAKER;
    ResponseType 400 "unsupported_response_type" "response_type" "The response_type here is code." MAKER;
    TooLarge 413 "invalid_request" "too_large" "The request is longer than 8 KiB." MAKER;
    TooMany 429 "temporarily_unavailable" "too_many" "Too many requests came from this network address." LATER;
    Unreachable 503 "temporarily_unavailable" "unreachable" "Entra ID does not answer." LATER;
    UnknownClient 401 "invalid_client" "unknown_client" "No client is known here by this client_id." OPERATOR;
}

impl Fault {
    /// As it stands in the log and in metrics.
    pub(super) fn code(self) -> &'static str {
        self.row().2
    }

    /// For a client.
    pub(super) fn as_json(self) -> Response {
        let (status, error, _, what, who) = self.row();
        let document = json!({"error": error, "error_description": format!("{what} {who}")});
        let mut response = (code_of(status), Json(document)).into_response();
        let field = match self {
            // RFC 6749 section 5.2: who tried the header is told of a scheme.
            Self::Credential => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"none\"")))
            }
            // One more call of an address is forgiven within the second.
            Self::TooMany => Some((header::RETRY_AFTER, 1.into())),
            Self::Overloaded | Self::Unreachable => Some((header::RETRY_AFTER, 2.into())),
            _ => None,
        };
        response.headers_mut().extend(field);
        response
    }

    /// For the person at the browser.
    pub(super) fn as_page(self) -> Response {
        let (status, error, code, what, who) = self.row();
        let page = include_str!("page.html").replace("{what}", what).replace("{who}", who);
        let page = page.replace("{error}", error).replace("{code}", code);
        // A browser that is told 401 asks for a password.
        (code_of(if status == 401 { 400 } else { status }), Html(page)).into_response()
    }
}

fn code_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST)
}

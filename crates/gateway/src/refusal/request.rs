//! What is wrong with a request as HTTP, before it is asked what it wants: one table.

use std::borrow::Cow;

use axum::http::StatusCode;

use crate::listen::MAX_FIELD_BYTES;

/// Why a request cannot be served, whoever sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestFault {
    /// Two hosts, or none: parties on the way may each believe another one (RFC 9112 section 3.2, RFC 9113 section 8.3.1).
    AmbiguousHost,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body is longer than allowed.
    BodyTooLarge { limit: usize },
    /// The export is another process's, or was.
    ExportElsewhere,
    /// There is no such export, or it is another's, or it is over.
    ExportNotFound,
    /// All fields together are longer than allowed.
    FieldsTooLarge,
    /// The server is not known by this name.
    HostNotAllowed,
    /// There is no such method here.
    MethodNotAllowed,
    /// The client takes no JSON.
    NotAcceptable,
    /// There is nothing at this path.
    NotFound,
    /// The body is not said to be JSON.
    NotJson,
    /// A page of this origin may not call.
    OriginNotAllowed,
    /// The token is longer than any that is looked at.
    TokenTooLarge,
    /// This person, or all, are being sent as many exports as can be at a time.
    TooManyDownloads,
    /// A client behind a proxy has too many requests under way.
    TooManyOfAddress,
    /// A list in the token is longer than any that is read.
    TooManyValues,
}

impl RequestFault {
    pub(super) fn status(self) -> StatusCode {
        self.row().0
    }

    pub(super) fn code(self) -> &'static str {
        self.row().1
    }

    pub(super) fn detail(self) -> Cow<'static, str> {
        self.row().2
    }

    /// Status, code, and what to do next.
    fn row(self) -> (StatusCode, &'static str, Cow<'static, str>) {
        let text = Cow::Borrowed;
        match self {
            Self::AmbiguousHost => (StatusCode::BAD_REQUEST, "ambiguous_host", text(
                "the request must name exactly one host: one Host header, equal to the host of the address that was asked for",
            )),
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "body_timeout", text(
                "the request's body did not arrive in time; send it again",
            )),
            Self::BodyTooLarge { limit } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("the request body is longer than {limit} bytes; ask for less at once").into(),
            ),
            Self::ExportElsewhere => (StatusCode::MISDIRECTED_REQUEST, "export_elsewhere", text(
                "this export is another instance's of this server, or is gone with one that was started anew; send the request again over a new connection, which may reach that instance, or have cost_export make the export again",
            )),
            Self::ExportNotFound => (StatusCode::NOT_FOUND, "export_not_found", text(
                "there is no such export of yours here: its time is over, or the address is wrong; have cost_export make it again",
            )),
            Self::FieldsTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers_too_large",
                format!("the header fields of this request take more than {} KiB together; send fewer cookies and fields, or have the proxy in front add fewer", MAX_FIELD_BYTES / 1024).into(),
            ),
            Self::HostNotAllowed => (StatusCode::FORBIDDEN, "host_not_allowed", text(
                "this server is not known by the host name that was asked for; use its public address, or have its operator add the name to GATEWAY_ALLOWED_HOSTS",
            )),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", text(
                "MCP is spoken with POST here: this server keeps no sessions and opens no streams",
            )),
            Self::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, "not_acceptable", text(
                "answers are JSON: send an Accept header of application/json, text/event-stream (both, as MCP asks)",
            )),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", text(
                "there is nothing at this path; mcp_url is where MCP is served, letter by letter",
            )),
            Self::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", text(
                "the body must be JSON and say so: Content-Type: application/json",
            )),
            Self::OriginNotAllowed => (StatusCode::FORBIDDEN, "origin_not_allowed", text(
                "pages of this origin may not call this server; its operator may add the origin to GATEWAY_ALLOWED_ORIGINS",
            )),
            Self::TooManyDownloads => (StatusCode::TOO_MANY_REQUESTS, "too_many_downloads", text(
                "as many exports are on their way as this server sends at a time; wait until one of yours is here, then ask again",
            )),
            Self::TooManyOfAddress => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests", text(
                "too many requests from this network address are under way; wait for some to be answered, then send it again",
            )),
            Self::TooManyValues => (StatusCode::FORBIDDEN, "too_many_values", text(
                "the token lists more scopes or roles than this server reads, and a new sign-in brings the same ones; an administrator assigns fewer app roles of this API",
            )),
            Self::TokenTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "token_too_large", text(
                "the token is larger than 16 KiB, and a new sign-in brings the same one: it names too many groups; an administrator chooses \"Groups assigned to the application\" in the token configuration of this API's app registration",
            )),
        }
    }
}

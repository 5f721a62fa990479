//! ARM's error envelope and the codes clients must tell apart.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::json;
use uuid::Uuid;

/// An answer `{"error":{"code":…,"message":…}}`.
#[derive(Debug, Clone)]
pub(crate) struct ArmError {
    status: StatusCode,
    code: &'static str,
    message: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ArmError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), headers: Vec::new() }
    }

    /// The same error with more at the end of its message.
    pub(crate) fn saying(mut self, more: &str) -> Self {
        self.message.push_str(more);
        self
    }

    /// What it says.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn bad_request(message: impl std::fmt::Display) -> Self {
        let message = format!("{message} (Request ID: {})", Uuid::new_v4());
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// A forecast of days that are over, in all the words that it has: <https://github.com/mivano/azure-cost-cli/issues/28>.
    pub(crate) fn cant_forecast_on_the_past() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "CantForecastOnThePast", "CantForecastOnThePast")
    }

    /// Cost details are for EA and MCA alone: <https://github.com/microsoft/finops-toolkit/issues/1005>.
    pub(crate) fn unsupported_offer() -> Self {
        let message = "Unsupported request. offer type: WebDirect is not supported.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "422", message)
    }

    /// What Cost Management says of what it does not support: the code is the string "500".
    pub(crate) fn internal() -> Self {
        let message = "An internal server error occurred.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "500", message)
    }

    pub(crate) fn not_found(path: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", format!("The resource '{path}' could not be found."))
    }

    pub(crate) fn subscription_not_found(id: &str) -> Self {
        let message = format!("The subscription '{id}' could not be found.");
        Self::new(StatusCode::NOT_FOUND, "SubscriptionNotFound", message)
    }

    pub(crate) fn resource_group_not_found(name: &str) -> Self {
        let message = format!("Resource group '{name}' could not be found.");
        Self::new(StatusCode::NOT_FOUND, "ResourceGroupNotFound", message)
    }

    /// ARM's own throttling: it tells when to come back in `Retry-After`.
    pub(crate) fn too_many_reads(subscription: &str, seconds: u64) -> Self {
        let message = format!(
            "Number of read requests for subscription '{subscription}' exceeded the limit. Please try again after \
             '{seconds}' seconds."
        );
        Self::new(StatusCode::TOO_MANY_REQUESTS, "SubscriptionRequestsThrottled", message)
            .with_header(RETRY_AFTER, seconds)
    }

    pub(crate) fn missing_api_version() -> Self {
        let message = "The api-version query parameter (?api-version=) is required for all requests.";
        Self::new(StatusCode::BAD_REQUEST, "MissingApiVersionParameter", message)
    }

    pub(crate) fn invalid_api_version(version: &str, supported: &[&str]) -> Self {
        let message = format!(
            "The api-version '{version}' is invalid. The supported versions are '{}'.",
            supported.join(",")
        );
        Self::new(StatusCode::BAD_REQUEST, "InvalidApiVersionParameter", message)
    }

    /// Cost Management's own refusal: 401 **without** `WWW-Authenticate`, although the token is good.
    pub(crate) fn rbac_access_denied() -> Self {
        let message = format!(
            "The client does not have authorization to perform action. Request ID: {}",
            Uuid::new_v4()
        );
        Self::new(StatusCode::UNAUTHORIZED, "RBACAccessDenied", message)
    }

    /// What a billing scope says to who has no role there.
    /// <https://learn.microsoft.com/azure/cost-management-billing/costs/cost-management-error-codes>
    pub(crate) fn billing_access_denied() -> Self {
        let message =
            format!("The client does not have access to the billing scope. Request ID: {}", Uuid::new_v4());
        Self::new(StatusCode::BAD_REQUEST, "BillingAccessDenied", message)
    }

    /// ARM's refusal, which names who asked for what.
    pub(crate) fn authorization_failed(who: &str, oid: &str, action: &str, scope: &str) -> Self {
        let message = format!(
            "The client '{who}' with object id '{oid}' does not have authorization to perform action '{action}' over scope \
             '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
        );
        Self::new(StatusCode::FORBIDDEN, "AuthorizationFailed", message)
    }

    /// Cost Management's throttling: the code is the string "429".
    pub(crate) fn too_many_requests() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "429", "Too many requests. Please retry.")
    }

    /// A token problem: 401 with a challenge.
    pub(crate) fn challenge(code: &'static str, message: impl Into<String>, challenge: &str) -> Self {
        let mut error = Self::new(StatusCode::UNAUTHORIZED, code, message);
        // A value no header can carry is a test's own choice; it is then left out.
        if let Ok(value) = HeaderValue::from_bytes(challenge.as_bytes()) {
            error.headers.push((WWW_AUTHENTICATE, value));
        }
        error
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl IntoResponse for ArmError {
    fn into_response(self) -> Response {
        let body = json!({"error": {"code": self.code, "message": self.message}});
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().extend(self.headers);
        // Cost Management itself refuses without it.
        if !matches!(
            self.code,
            "RBACAccessDenied"
                | "BillingAccessDenied"
                | "BadRequest"
                | "CantForecastOnThePast"
                | "400"
                | "401"
                | "413"
                | "422"
                | "429"
                | "500"
        ) {
            let name = HeaderName::from_static("x-ms-failure-cause");
            response.headers_mut().insert(name, HeaderValue::from_static("gateway"));
        }
        response
    }
}

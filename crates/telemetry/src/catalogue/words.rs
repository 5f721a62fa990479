//! The words that are values of labels, where there are many.

use crate::names::OUTCOME_CANCELLED;

/// The standard methods of HTTP, and all others as one.
pub(super) const METHODS: &[&str] =
    &["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "_OTHER"];

/// Where requests to Entra ID and Azure go, the ids left out.
pub(super) const TEMPLATES: &[&str] = &[
    "/subscriptions",
    "/{container}/{blob}",
    "/{scope}/providers/Microsoft.Authorization/permissions",
    "/{scope}/providers/Microsoft.Consumption/budgets",
    "/{scope}/providers/Microsoft.Consumption/tags",
    "/{scope}/providers/Microsoft.CostManagement/budgets",
    "/{scope}/providers/Microsoft.CostManagement/costDetailsOperationResults/{operationId}",
    "/{scope}/providers/Microsoft.CostManagement/dimensions",
    "/{scope}/providers/Microsoft.CostManagement/forecast",
    "/{scope}/providers/Microsoft.CostManagement/generateCostDetailsReport",
    "/{scope}/providers/Microsoft.CostManagement/query",
    "/{tenant}/oauth2/v2.0/token",
];

/// Why Entra ID gave no answer.
pub(super) const NO_ANSWERS: &[&str] = &["broken_off", "held_back", "no_answer", "not_connected"];

/// What the broker refuses an exchange with.
pub(super) const REASONS: &[&str] = &[
    "app_only_token",
    "audit_unavailable",
    "blocked_by_policy",
    "broker_misconfigured",
    "claims_challenge",
    "consent_required",
    "consumer_not_allowed",
    "identity_provider_unavailable",
    "invalid_request",
    "invalid_token",
    "overloaded",
    "purge_incomplete",
    "unknown_resource",
];

/// What the gateway refuses a request with.
pub(super) const REFUSED: &[&str] = &[
    "ambiguous_host",
    "app_only_token",
    "audit_unavailable",
    "blocked_by_policy",
    "body_timeout",
    "body_too_large",
    "broker_misconfigured",
    "broker_unavailable",
    OUTCOME_CANCELLED,
    "claims_challenge",
    "client_not_allowed",
    "consent_required",
    "deadline_exceeded",
    "export_elsewhere",
    "export_not_found",
    "headers_too_large",
    "host_not_allowed",
    "identity_provider_unavailable",
    "internal",
    "invalid_params",
    "invalid_request",
    "invalid_token",
    "method_not_allowed",
    "missing_bearer",
    "no_policy",
    "not_acceptable",
    "not_found",
    "origin_not_allowed",
    "parse_error",
    "rate_limited",
    "token_too_large",
    "too_many_downloads",
    "too_many_requests",
    "too_many_values",
    "unknown_method",
    "unknown_tool",
    "unsupported_media_type",
];

/// Codes of what Azure does not answer.
pub(super) const AZURE: &[&str] = &[
    "answer_incomplete",
    "azure_timeout",
    "azure_unavailable",
    "cost_data_disabled",
    "export_unwritable",
    "export_value",
    "forecast_failed",
    "invalid_query",
    "no_access",
    "no_data_yet",
    "no_report_of_offer",
    "provider_not_registered",
    "report_damaged",
    "report_failed",
    "report_link_expired",
    "report_not_ready",
    "resource_group_not_found",
    "subscription_disabled",
    "subscription_not_found",
    "subscription_type_not_supported",
    "throttled",
    "token_rejected",
    "too_large",
    "unexpected_response",
    "untrusted_link",
    "wrong_tenant",
];

/// Checks of the preflight.
pub(super) const CHECKS: &[&str] = &[
    "app_roles",
    "audiences",
    "client_consent",
    "client_redirect_uris",
    "clock",
    "credential",
    "downstream_consent",
    "identifier_uris",
    "optional_claims",
    "own_redirect_uris",
    "pre_authorization",
    "scopes",
    "service_principal",
    "token_version",
    "user_assignment",
];

/// What the sign-in facade and Entra ID refuse.
pub(super) const SIGN_IN: &[&str] = &[
    "bad_claims",
    "consent_required",
    "credential_sent",
    "foreign_grant",
    "foreign_resource",
    "foreign_scope",
    "interaction_required",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "malformed",
    "no_form",
    "no_metadata",
    "no_pkce",
    "nothing_to_redeem",
    "odd_answer",
    "other",
    "overloaded",
    "query",
    "repeated",
    "response_type",
    "temporarily_unavailable",
    "too_large",
    "too_many",
    "unauthorized_client",
    "unknown_client",
    "unlisted_redirect",
    "unlisted_registration",
    "unreachable",
];

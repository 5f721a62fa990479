//! The bearer check of ARM: signature, audience, lifetime, and continuous access evaluation.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::errors::ArmError;
use crate::entra::verify::{self, Rejected};
use crate::faults::{ArmChallenge, CaeDialect};
use crate::jwt::{self, Unverified};
use crate::tenant::contoso::{ARM_APP_ID, TENANT_ID};
use crate::tenant::directory::{AzureRole, BuiltIn, READER};
use crate::tenant::people::Person;
use crate::world::World;

/// Who calls, proven.
pub(crate) struct Caller {
    person: Option<Arc<Person>>,
    oid: String,
    /// Roles given since the start.
    roles: Vec<AzureRole>,
    /// Scopes where what was so at the start is no more, and whether there is a role now.
    changes: HashMap<String, bool>,
}

impl Caller {
    /// Short name of the person, or "app".
    pub(crate) fn name(&self) -> &str {
        self.person.as_deref().map_or("app", |person| &person.name)
    }

    pub(crate) fn oid(&self) -> &str {
        &self.oid
    }

    /// How ARM names the caller in its errors.
    pub(crate) fn display(&self) -> &str {
        self.person.as_deref().map_or(&self.oid, |person| &person.upn)
    }

    /// The roles that the caller has on the subscription, or on that resource group of it.
    pub(crate) fn roles_on(&self, subscription: &str, group: Option<&str>) -> Vec<&'static BuiltIn> {
        let whole = subscription.to_ascii_lowercase();
        let group = group.map(|group| format!("{whole}/resourcegroups/{}", group.to_ascii_lowercase()));
        let from_the_start = self.person.as_deref().is_some_and(|person| person.may_see(subscription));
        let reads = self.has_role(&format!("/subscriptions/{whole}"), from_the_start)
            || group.as_ref().is_some_and(|group| self.has_role(&format!("/subscriptions/{group}"), false));
        let reader = reads.then(|| BuiltIn::named(READER)).flatten();
        let is_there = |role: &&AzureRole| role.below == whole || Some(&role.below) == group.as_ref();
        let given = self.roles.iter().filter(is_there).filter_map(|role| BuiltIn::of(role.role));
        reader.into_iter().chain(given).collect()
    }

    /// Whether the caller has a role on the subscription, or on anything in it.
    pub(crate) fn may_see(&self, subscription: &str) -> bool {
        let inside = format!("{}/resourcegroups/", subscription.to_ascii_lowercase());
        let on_a_group = self.roles.iter().any(|role| role.below.starts_with(&inside))
            || self.changes.iter().any(|(scope, has)| {
                *has && scope.strip_prefix("/subscriptions/").is_some_and(|below| below.starts_with(&inside))
            });
        on_a_group || !self.roles_on(subscription, None).is_empty()
    }

    /// Whether a role of the caller reads costs there.
    pub(crate) fn may_read_costs(&self, subscription: &str, group: Option<&str>) -> bool {
        self.roles_on(subscription, group).iter().any(|role| role.reads_costs())
    }

    /// Whether the caller has a role on the management group.
    pub(crate) fn may_see_group(&self, id: &str) -> bool {
        let from_the_start = self.person.as_deref().is_some_and(|person| person.groups.contains(&id));
        self.has_role(&format!("/providers/Microsoft.Management/managementGroups/{id}"), from_the_start)
    }

    /// Whether the caller may read the billing account. Roles on subscriptions say nothing of it.
    pub(crate) fn may_see_billing(&self, account: &str) -> bool {
        let accounts = |person: &Person| person.billing_accounts.contains(&account);
        let from_the_start = self.person.as_deref().is_some_and(accounts);
        self.has_role(&format!("/providers/Microsoft.Billing/billingAccounts/{account}"), from_the_start)
    }

    /// Whether the caller may read what benefits and commitments the billing account has: not every role that reads its costs does
    /// (<https://learn.microsoft.com/azure/cost-management-billing/manage/understand-ea-roles>). It is taken away and given as a
    /// role at the account's path with `/benefits` behind it.
    pub(crate) fn may_see_benefits(&self, account: &str) -> bool {
        let path = format!("/providers/Microsoft.Billing/billingAccounts/{account}/benefits");
        self.may_see_billing(account) && self.has_role(&path, true)
    }

    /// Whether the caller may give roles on the subscription.
    pub(crate) fn may_give_roles(&self, subscription: &str) -> bool {
        self.roles_on(subscription, None).iter().any(|role| role.gives())
    }

    fn has_role(&self, scope: &str, from_the_start: bool) -> bool {
        self.changes.get(&scope.to_ascii_lowercase()).copied().unwrap_or(from_the_start)
    }
}

/// Proves the bearer token of a request.
///
/// # Errors
/// 401 with the `WWW-Authenticate` ARM sends for each case.
pub(crate) fn authenticate(world: &World, headers: &HeaderMap) -> Result<Caller, ArmError> {
    let token = bearer(headers).ok_or_else(missing)?;
    let parsed = verify::token(world, token, 0).map_err(|why| rejected(world, why))?;
    check_audience(world, &parsed)?;
    let oid = parsed.text("oid").unwrap_or_default().to_owned();
    let person = world.tenant.people.by_oid(&oid).cloned();
    if let Some(person) = &person {
        check_session(world, person, &parsed)?;
        if let Some(challenge) = world.faults.take_arm_challenge(&person.name, &parsed.list("acrs")) {
            return Err(ordered_challenge(world, &challenge));
        }
    }
    let directory = world.tenant.directory();
    let roles = directory.azure_roles.iter().filter(|role| role.principal == oid).cloned().collect();
    let changes = directory.role_changes.of(&oid);
    Ok(Caller { person, oid, roles, changes })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

fn check_audience(world: &World, parsed: &Unverified<'_>) -> Result<(), ArmError> {
    let audience = parsed.text("aud").unwrap_or_default();
    if world.tenant.directory().resource(audience).is_some_and(|app| app.app_id == ARM_APP_ID) {
        return Ok(());
    }
    let message = format!(
        "The access token has been obtained for wrong audience or resource '{audience}'. It should exactly match with one \
         of the allowed audiences 'https://management.core.windows.net/','https://management.core.windows.net',\
         'https://management.azure.com/','https://management.azure.com'."
    );
    Err(invalid_token("InvalidAuthenticationTokenAudience", message, "The access token is invalid."))
}

/// A token that can be challenged (`cp1`) and is from before the last revocation is challenged, others live on until
/// they expire: that is what CAE is.
fn check_session(world: &World, person: &Person, parsed: &Unverified<'_>) -> Result<(), ArmError> {
    let session = world.tenant.directory().session(&person.oid);
    let Some(revoked_at) = session.revoked_at else { return Ok(()) };
    let can_be_challenged = parsed.list("xms_cc").iter().any(|value| value.eq_ignore_ascii_case("cp1"));
    if !can_be_challenged || verify::epoch(parsed) >= session.epoch {
        return Ok(());
    }
    let claims = json!({"access_token": {"nbf": {"essential": true, "value": revoked_at.to_string()}}});
    Err(cae_challenge(world.faults.settings().cae_dialect, claims))
}

fn ordered_challenge(world: &World, order: &ArmChallenge) -> ArmError {
    match &order.header {
        Some(header) => ArmError::challenge("InvalidAuthenticationToken", "Challenged by order.", header),
        None => cae_challenge(world.faults.settings().cae_dialect, order.claims.clone()),
    }
}

/// The challenge in one of the wordings of Microsoft's SDK tests.
fn cae_challenge(dialect: CaeDialect, claims: Value) -> ArmError {
    let padded = |claims: &Value| jwt::encode_standard(claims.to_string());
    let (message, header) = match dialect {
        CaeDialect::InvalidToken => (
            "User session has been revoked",
            format!(
                "Bearer authorization_uri=\"https://login.windows.net/\", error=\"invalid_token\", \
                 error_description=\"User session has been revoked\", claims=\"{}\"",
                padded(&claims)
            ),
        ),
        CaeDialect::InsufficientClaims => (
            "Continuous access evaluation resulted in claims challenge",
            format!(
                "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
                 client_id=\"{ARM_APP_ID}\", error=\"insufficient_claims\", claims=\"{}\"",
                padded(&claims)
            ),
        ),
        CaeDialect::IpPolicy => {
            let mut claims = claims;
            claims["access_token"]["xms_rp_ipaddr"] = json!({"value": "1.2.3.4"});
            (
                "Tenant IP Policy validate failed.",
                format!(
                    "Bearer authorization_uri=\"https://login.windows.net/\", error=\"invalid_token\", \
                     error_description=\"Tenant IP Policy validate failed.\", claims=\"{}\"",
                    STANDARD_NO_PAD.encode(claims.to_string())
                ),
            )
        }
    };
    ArmError::challenge("InvalidAuthenticationToken", message, &header)
}

fn missing() -> ArmError {
    let description = "The authentication failed because of missing 'Authorization' header.";
    invalid_token(
        "AuthenticationFailed",
        "Authentication failed. The 'Authorization' header is missing.",
        description,
    )
}

fn rejected(world: &World, why: Rejected) -> ArmError {
    match why {
        Rejected::Malformed | Rejected::Signature | Rejected::NotYetValid => invalid_token(
            "InvalidAuthenticationToken",
            "The access token is invalid.",
            "The access token is invalid.",
        ),
        Rejected::Issuer(issuer) => {
            let message = format!(
                "The access token is from the wrong issuer '{issuer}'. It must match the tenant '{}' associated with this \
                 subscription. Please use the authority (URL) '{}/{TENANT_ID}' to get the token.",
                world.issuer_v1(TENANT_ID),
                world.endpoints.authority
            );
            let description = message.clone();
            invalid_token("InvalidAuthenticationTokenTenant", message, &description)
        }
        Rejected::Expired => {
            let message =
                format!("The access token has expired. Current UTC time: '{}'.", stamp(world.clock.now()));
            let description = message.clone();
            invalid_token("ExpiredAuthenticationToken", message, &description)
        }
    }
}

fn stamp(at: Timestamp) -> String {
    at.strftime("%m/%d/%Y %H:%M:%S").to_string()
}

fn invalid_token(code: &'static str, message: impl Into<String>, description: &str) -> ArmError {
    let header = format!(
        "Bearer authorization_uri=\"https://login.windows.net/{TENANT_ID}\", error=\"invalid_token\", \
         error_description=\"{description}\""
    );
    ArmError::challenge(code, message, &header)
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use serde_json::json;

    use super::cae_challenge;
    use crate::faults::CaeDialect;

    /// Header of a vector of the SDKs' unit tests, with our own wording of the same claims.
    fn header(dialect: CaeDialect) -> String {
        let claims = json!({"access_token": {"nbf": {"essential": true, "value": "1610563006"}}});
        let response = cae_challenge(dialect, claims).into_response();
        response.headers()["www-authenticate"].to_str().unwrap().to_owned()
    }

    #[test]
    fn dialects_are_those_of_the_vectors() {
        let ip_policy = "Bearer authorization_uri=\"https://login.windows.net/\", error=\"invalid_token\", \
            error_description=\"Tenant IP Policy validate failed.\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6\
            dHJ1ZSwidmFsdWUiOiIxNjEwNTYzMDA2In0sInhtc19ycF9pcGFkZHIiOnsidmFsdWUiOiIxLjIuMy40In19fQ\"";
        assert_eq!(header(CaeDialect::IpPolicy), ip_policy);
        let revoked = header(CaeDialect::InvalidToken);
        let start = "Bearer authorization_uri=\"https://login.windows.net/\", error=\"invalid_token\", \
                     error_description=\"User session has been revoked\", claims=\"";
        assert!(revoked.starts_with(start), "{revoked}");
    }
}

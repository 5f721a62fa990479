//! OpenID Connect discovery and key documents, with the members real Entra has and without those it lacks.
//!
//! Real Entra publishes neither `code_challenge_methods_supported` nor `registration_endpoint`, and no RFC 8414 document.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use serde::Deserialize;
use serde_json::{Value, json};

use super::TenantName;
use super::errors::EntraError;
use crate::faults::{Endpoint, struck};
use crate::tenant::contoso::TENANT_ID;
use crate::world::World;

/// An application with custom signing keys asks for its own documents with `?appid=`.
#[derive(Debug, Deserialize)]
pub(crate) struct AppId {
    appid: Option<String>,
}

pub(crate) async fn v2(
    Shared(world): Shared<Arc<World>>,
    Path(tenant): Path<String>,
    Query(query): Query<AppId>,
) -> Response {
    document(&world, &tenant, query.appid.as_deref(), "/v2.0").await
}

pub(crate) async fn v1(
    Shared(world): Shared<Arc<World>>,
    Path(tenant): Path<String>,
    Query(query): Query<AppId>,
) -> Response {
    document(&world, &tenant, query.appid.as_deref(), "").await
}

pub(crate) async fn keys_v2(Shared(world): Shared<Arc<World>>, Path(tenant): Path<String>) -> Response {
    keys(&world, &tenant, true).await
}

pub(crate) async fn keys_v1(Shared(world): Shared<Arc<World>>, Path(tenant): Path<String>) -> Response {
    keys(&world, &tenant, false).await
}

async fn document(world: &World, tenant: &str, appid: Option<&str>, version: &str) -> Response {
    world.counters.add(|counts| counts.discovery_requests += 1);
    if let Some(strike) = world.faults.strike(Endpoint::Discovery).await {
        return struck(strike);
    }
    let Some(name) = TenantName::parse(tenant) else { return unknown_tenant(world, tenant) };
    let mut body = metadata(world, tenant, version, &issuer(world, name, version));
    if let Some(appid) = appid {
        let uri = format!("{}?appid={appid}", body["jwks_uri"].as_str().unwrap_or_default());
        body["jwks_uri"] = uri.into();
    }
    if world.config.publish_code_challenge_methods {
        body["code_challenge_methods_supported"] = json!(["S256"]);
    }
    if world.config.authorization_response_iss {
        body["authorization_response_iss_parameter_supported"] = true.into();
    }
    ([(CACHE_CONTROL, "max-age=86400, private")], Json(body)).into_response()
}

/// The issuer as the document names it: on `common` a template, not a value.
fn issuer(world: &World, tenant: TenantName, version: &str) -> String {
    let tenant = match tenant {
        TenantName::Contoso => TENANT_ID,
        TenantName::Any => "{tenantid}",
    };
    if version.is_empty() { world.issuer_v1(tenant) } else { world.issuer_v2(tenant) }
}

fn metadata(world: &World, tenant: &str, version: &str, issuer: &str) -> Value {
    let base = format!("{}/{tenant}", world.endpoints.authority);
    json!({
        "token_endpoint": format!("{base}/oauth2{version}/token"),
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "private_key_jwt", "client_secret_basic", "self_signed_tls_client_auth"],
        "jwks_uri": format!("{base}/discovery{version}/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer,
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": format!("{}/oidc/userinfo", world.endpoints.graph),
        "authorization_endpoint": format!("{base}/oauth2{version}/authorize"),
        "device_authorization_endpoint": format!("{base}/oauth2{version}/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{base}/oauth2{version}/logout"),
        "claims_supported": [
            "sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host",
            "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver", "at_hash",
            "c_hash", "email"
        ],
        "kerberos_endpoint": format!("{base}/kerberos"),
        "mtls_endpoint_aliases": {"token_endpoint": format!("{base}/oauth2{version}/token")},
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": world.endpoints.graph_host(),
        "rbac_url": "https://pas.windows.net",
    })
}

async fn keys(world: &World, tenant: &str, v2: bool) -> Response {
    world.counters.add(|counts| counts.jwks_requests += 1);
    if let Some(strike) = world.faults.strike(Endpoint::Jwks).await {
        return struck(strike);
    }
    if TenantName::parse(tenant).is_none() {
        return unknown_tenant(world, tenant);
    }
    let ring = world.keys.load();
    let issuer_template = world.issuer_v2("{tenantid}");
    let tenant_keys = ring.tenant_keys().map(|key| (key, issuer_template.clone()));
    let all = tenant_keys.chain([(&ring.consumers, world.consumers_issuer())]);
    let published: Vec<Value> = all
        .map(|(key, issuer)| {
            let mut jwk = key.jwk();
            if v2 {
                jwk["issuer"] = issuer.into();
            }
            jwk
        })
        .collect();
    ([(CACHE_CONTROL, "max-age=86400, private")], Json(json!({"keys": published}))).into_response()
}

fn unknown_tenant(world: &World, tenant: &str) -> Response {
    no_such_tenant(tenant).into_answer(world.clock.now(), None, false)
}

/// AADSTS90002.
pub(crate) fn no_such_tenant(tenant: &str) -> EntraError {
    let message = format!(
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
    );
    EntraError::invalid_request(90_002, message)
}

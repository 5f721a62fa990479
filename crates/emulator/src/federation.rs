//! Identities outside the application that it may trust: its federated identity credentials, and a Kubernetes cluster's
//! issuer with the service account tokens it projects into pods, as AKS has them.
//!
//! <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>,
//! <https://learn.microsoft.com/azure/aks/use-oidc-issuer>

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::CACHE_CONTROL;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::config::{FEDERATED_AUDIENCE, MANAGED_IDENTITY_ID, TENANT_ID};
use crate::directory::object_id;
use crate::faults::{Endpoint, struck};
use crate::jwt::{self, object};
use crate::state::State;

/// The most that an application can have, as in life.
pub(crate) const MOST_CREDENTIALS: usize = 20;

/// A federated identity credential of the API application. A token must match all three exactly, case included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederatedCredential {
    /// Unique in the application.
    pub name: String,
    /// `iss` of the token.
    pub issuer: String,
    /// `sub` of the token.
    pub subject: String,
    /// `aud` of the token; Entra takes one.
    #[serde(default = "default_audiences")]
    pub audiences: Vec<String>,
}

/// A service account token to order. The default is what the API application trusts, for an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceAccountToken {
    /// Namespace of the service account.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Audience of the projected volume.
    pub audience: String,
    /// Seconds from now until it expires; negative for an expired one.
    pub lifetime_seconds: i64,
}

impl Default for ServiceAccountToken {
    fn default() -> Self {
        Self {
            namespace: "mcp".to_owned(),
            name: "token-broker".to_owned(),
            audience: FEDERATED_AUDIENCE.to_owned(),
            lifetime_seconds: 3_600,
        }
    }
}

impl ServiceAccountToken {
    fn subject(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }
}

/// Routes of the cluster's issuer, on the Entra listener.
pub(crate) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/kubernetes/.well-known/openid-configuration", get(discovery))
        .route("/kubernetes/openid/v1/jwks", get(keys))
        .with_state(state)
}

/// What the API application trusts from the start: the managed identity, and a service account.
pub(crate) fn initial(authority: &str) -> Vec<FederatedCredential> {
    vec![
        FederatedCredential {
            name: "managed-identity".to_owned(),
            issuer: format!("{authority}/{TENANT_ID}/v2.0"),
            subject: MANAGED_IDENTITY_ID.to_owned(),
            audiences: default_audiences(),
        },
        FederatedCredential {
            name: "kubernetes".to_owned(),
            issuer: issuer(authority),
            subject: ServiceAccountToken::default().subject(),
            audiences: default_audiences(),
        },
    ]
}

/// The cluster's issuer, with the trailing slash that AKS' have.
pub(crate) fn issuer(authority: &str) -> String {
    format!("{authority}/kubernetes/")
}

/// The token as the kubelet writes it into the pod's volume.
pub(crate) fn mint(state: &State, order: &ServiceAccountToken) -> String {
    let now = state.clock.seconds();
    let uid = |kind: &str| object_id(kind, &order.subject());
    let header = json!({"alg": "RS256", "kid": state.cluster_key.kid()});
    let claims = json!({
        "aud": [order.audience], "exp": now + order.lifetime_seconds, "iat": now, "iss": issuer(&state.endpoints.authority),
        "jti": Uuid::new_v4(), "nbf": now, "sub": order.subject(),
        "kubernetes.io": {
            "namespace": order.namespace,
            "node": {"name": "aks-nodepool1-00000000-vmss000000", "uid": uid("node")},
            "pod": {"name": format!("{}-0", order.name), "uid": uid("pod")},
            "serviceaccount": {"name": order.name, "uid": uid("serviceaccount")},
        },
    });
    let message = format!("{}.{}", jwt::encode(header.to_string()), jwt::encode(claims.to_string()));
    let token = format!("{message}.{}", state.cluster_key.sign_rs256(&message));
    state.secrets.remember(&token);
    token
}

fn default_audiences() -> Vec<String> {
    vec![FEDERATED_AUDIENCE.to_owned()]
}

async fn discovery(Shared(state): Shared<Arc<State>>) -> Response {
    if let Some(strike) = state.faults.strike(Endpoint::Discovery).await {
        return struck(strike);
    }
    let issuer = issuer(&state.endpoints.authority);
    let document = json!({
        "issuer": issuer, "jwks_uri": format!("{issuer}openid/v1/jwks"),
        "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    ([(CACHE_CONTROL, "public, max-age=3600")], Json(document)).into_response()
}

/// The cluster's keys: no certificates, and `alg`, which Entra leaves out.
async fn keys(Shared(state): Shared<Arc<State>>) -> Response {
    if let Some(strike) = state.faults.strike(Endpoint::Jwks).await {
        return struck(strike);
    }
    let mut key: Map<String, Value> = object(state.cluster_key.jwk());
    key.retain(|name, _| !name.starts_with("x5"));
    key.insert("alg".to_owned(), "RS256".into());
    ([(CACHE_CONTROL, "public, max-age=3600")], Json(json!({"keys": [key]}))).into_response()
}

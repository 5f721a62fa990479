//! A Kubernetes cluster's issuer with the service account tokens it projects into pods, as AKS has them.
//!
//! <https://learn.microsoft.com/azure/aks/use-oidc-issuer>

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::CACHE_CONTROL;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::faults::{Endpoint, struck};
use crate::jwt::{self, object};
use crate::tenant::federation::{ServiceAccountToken, issuer};
use crate::tenant::ids::object_id;
use crate::world::World;

/// Routes of the cluster's issuer, on the Entra listener.
pub(crate) fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/kubernetes/.well-known/openid-configuration", get(discovery))
        .route("/kubernetes/openid/v1/jwks", get(keys))
        .with_state(world)
}

/// The token as the kubelet writes it into the pod's volume.
pub(crate) fn mint(world: &World, order: &ServiceAccountToken) -> String {
    let now = world.clock.seconds();
    let uid = |kind: &str| object_id(kind, &order.subject());
    let header = json!({"alg": "RS256", "kid": world.cluster_key.kid()});
    let claims = json!({
        "aud": [order.audience], "exp": now + order.lifetime_seconds, "iat": now, "iss": issuer(&world.endpoints.authority),
        "jti": Uuid::new_v4(), "nbf": now, "sub": order.subject(),
        "kubernetes.io": {
            "namespace": order.namespace,
            "node": {"name": "aks-nodepool1-00000000-vmss000000", "uid": uid("node")},
            "pod": {"name": format!("{}-0", order.name), "uid": uid("pod")},
            "serviceaccount": {"name": order.name, "uid": uid("serviceaccount")},
        },
    });
    let message = format!("{}.{}", jwt::encode(header.to_string()), jwt::encode(claims.to_string()));
    let token = format!("{message}.{}", world.cluster_key.sign_rs256(&message));
    world.secrets.remember(&token);
    token
}

async fn discovery(Shared(world): Shared<Arc<World>>) -> Response {
    if let Some(strike) = world.faults.strike(Endpoint::Discovery).await {
        return struck(strike);
    }
    let issuer = issuer(&world.endpoints.authority);
    let document = json!({
        "issuer": issuer, "jwks_uri": format!("{issuer}openid/v1/jwks"),
        "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    ([(CACHE_CONTROL, "public, max-age=3600")], Json(document)).into_response()
}

/// The cluster's keys: no certificates, and `alg`, which Entra leaves out.
async fn keys(Shared(world): Shared<Arc<World>>) -> Response {
    if let Some(strike) = world.faults.strike(Endpoint::Jwks).await {
        return struck(strike);
    }
    let mut key: Map<String, Value> = object(world.cluster_key.jwk());
    key.retain(|name, _| !name.starts_with("x5"));
    key.insert("alg".to_owned(), "RS256".into());
    ([(CACHE_CONTROL, "public, max-age=3600")], Json(json!({"keys": [key]}))).into_response()
}

//! Microsoft Graph, as far as registering an application and consent look-ups need it. App-only tokens with the right
//! application permissions alone.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};
use uuid::Uuid;

use self::write::Written;
use crate::entra::verify;
use crate::faults::Endpoint;
use crate::jwt::Unverified;
use crate::tenant::contoso::GRAPH_APP_ID;
use crate::world::World;

mod lookup;
mod objects;
mod write;

/// Which application permissions let a caller read what is below a path that contains this; any one will do.
const READ: [(&str, &[&str]); 3] = [
    (
        "oauth2permissiongrants",
        &["DelegatedPermissionGrant.Read.All", "DelegatedPermissionGrant.ReadWrite.All"],
    ),
    ("users", &["User.Read.All"]),
    ("", &["Application.Read.All", "Application.ReadWrite.All"]),
];

/// The Graph listener.
pub(crate) fn router(world: Arc<World>) -> Router {
    Router::new().fallback(handle).with_state(world)
}

/// Why Graph refuses.
struct GraphError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl GraphError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn not_found(what: &str) -> Self {
        let message = format!(
            "Resource '{what}' does not exist or one of its queried reference-property objects are not present."
        );
        Self::new(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message)
    }

    fn unsupported_filter() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "Request_UnsupportedQuery",
            "Unsupported or invalid query filter clause.",
        )
    }

    fn into_response(self, world: &World) -> Response {
        let id = Uuid::new_v4();
        let date = world.clock.now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let body = json!({"error": {
            "code": self.code, "message": self.message,
            "innerError": {"date": date, "request-id": id, "client-request-id": id},
        }});
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED
            && let Ok(challenge) = format!(
                "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
                 client_id=\"{GRAPH_APP_ID}\""
            )
            .parse()
        {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

async fn handle(
    Shared(world): Shared<Arc<World>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    world.counters.add(|counts| counts.graph_requests += 1);
    if let Some(strike) = world.faults.strike(Endpoint::Graph).await {
        let status = StatusCode::from_u16(strike.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let code = if strike.status == 429 { "TooManyRequests" } else { "ServiceUnavailable" };
        let mut response = GraphError::new(status, code, "The request was not served.").into_response(&world);
        if let Some(seconds) = strike.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        return response;
    }
    answer(&world, &method, &uri, &headers, &body).unwrap_or_else(|error| error.into_response(&world))
}

fn answer(
    world: &World,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, GraphError> {
    let caller = authenticate(world, headers)?;
    let path = uri.path().trim_start_matches('/');
    let path = path.strip_prefix("v1.0/").ok_or_else(|| GraphError::not_found(path))?;
    if method == Method::GET {
        return Ok(Json(read(world, &caller, path, uri)?).into_response());
    }
    Ok(match write::write(world, &caller, method, path, body)? {
        Written::Created(object) => (StatusCode::CREATED, Json(object)).into_response(),
        Written::Changed => StatusCode::NO_CONTENT.into_response(),
    })
}

fn read(world: &World, caller: &Caller, path: &str, uri: &Uri) -> Result<Value, GraphError> {
    let query = uri.query().unwrap_or_default().as_bytes();
    let query: HashMap<String, String> = url::form_urlencoded::parse(query).into_owned().collect();
    let lowered = path.to_ascii_lowercase();
    let sufficient =
        READ.iter().find(|(of, _)| lowered.contains(of)).map_or(&[] as &[&str], |(_, roles)| roles);
    let permitted =
        caller.roles.iter().any(|role| role == "Directory.Read.All" || sufficient.contains(&role.as_str()));
    if !permitted && !objects::is_own(world, path, &caller.app_id) {
        let message = "Insufficient privileges to complete the operation.";
        return Err(GraphError::new(StatusCode::FORBIDDEN, "Authorization_RequestDenied", message));
    }
    if let Some(odd) = world.tenant.graph().application.clone().filter(|_| path.starts_with("applications("))
    {
        return Ok(odd);
    }
    match objects::find(world, path, &query)? {
        objects::Found::One(value) => Ok(select(value, query.get("$select"))),
        objects::Found::Many(values) => page(world, uri, &query, values),
    }
}

/// Who calls, and the application permissions in its token.
struct Caller {
    app_id: String,
    roles: Vec<String>,
}

/// The caller of an app-only Graph token.
fn authenticate(world: &World, headers: &HeaderMap) -> Result<Caller, GraphError> {
    let invalid =
        |message: &str| GraphError::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message);
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"));
    let (_, token) = token.ok_or_else(|| invalid("Access token is empty."))?;
    let parsed: Unverified<'_> = verify::token(world, token.trim(), 0)
        .map_err(|_| invalid("IDX14100: JWT is not valid or has expired."))?;
    let audience = parsed.text("aud").unwrap_or_default();
    if world.tenant.directory().resource(audience).is_none_or(|app| app.app_id != GRAPH_APP_ID) {
        return Err(invalid("Access token validation failure. Invalid audience."));
    }
    // A user's token may not read its client's own objects without a permission either.
    let app_only = !parsed.claims.contains_key("scp");
    let app_id = parsed.text("appid").or(parsed.text("azp")).filter(|_| app_only);
    let app_id = app_id.unwrap_or_default().to_owned();
    Ok(Caller { app_id, roles: parsed.list("roles") })
}

/// One page of a collection, with `$top`, `$skiptoken` and `$select`.
fn page(
    world: &World,
    uri: &Uri,
    query: &HashMap<String, String>,
    values: Vec<Value>,
) -> Result<Value, GraphError> {
    let number = |name: &str, default: usize| match query.get(name) {
        Some(text) => text.parse().map_err(|_| {
            GraphError::new(StatusCode::BAD_REQUEST, "BadRequest", format!("Invalid value for {name}."))
        }),
        None => Ok(default),
    };
    let most = world.tenant.graph().page_size.max(1);
    let (size, start) = (number("$top", most)?.clamp(1, most.min(999)), number("$skiptoken", 0)?);
    let total = values.len();
    let value: Vec<_> =
        values.into_iter().skip(start).take(size).map(|value| select(value, query.get("$select"))).collect();
    let collection = uri.path().trim_start_matches("/v1.0/").split(['(', '?']).next().unwrap_or_default();
    let context = format!("{}/v1.0/$metadata#{collection}", world.endpoints.graph);
    let mut body = json!({"@odata.context": context, "value": value});
    if start + size < total {
        let mut next = url::form_urlencoded::Serializer::new(String::new());
        next.extend_pairs(query.iter().filter(|(name, _)| *name != "$skiptoken"));
        next.append_pair("$skiptoken", &(start + size).to_string());
        let origin =
            world.tenant.graph().next_link_origin.clone().unwrap_or_else(|| world.endpoints.graph.clone());
        body["@odata.nextLink"] = format!("{origin}{}?{}", uri.path(), next.finish()).into();
    }
    Ok(body)
}

fn select(value: Value, names: Option<&String>) -> Value {
    let (Value::Object(mut members), Some(names)) = (value.clone(), names) else { return value };
    members.retain(|name, _| names.split(',').any(|wanted| wanted.trim() == name));
    Value::Object(members)
}

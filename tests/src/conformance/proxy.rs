//! A reverse proxy that signs its clients in: adds the token and changes nothing else.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::{PathAndQuery, Scheme};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

#[derive(Clone)]
struct Proxy {
    client: Client<HttpConnector, Body>,
    upstream: SocketAddr,
    authorization: HeaderValue,
}

/// Forwards what `listener` receives to `upstream`, as the owner of `token`.
pub(super) async fn serve(listener: TcpListener, upstream: SocketAddr, token: String) {
    let mut authorization =
        HeaderValue::try_from(format!("Bearer {token}")).expect("a token is a header value");
    authorization.set_sensitive(true);
    let client = Client::builder(TokioExecutor::new()).build_http();
    let router = Router::new().fallback(forward).with_state(Proxy { client, upstream, authorization });
    axum::serve(listener, router).await.expect("the proxy serves");
}

/// The Host header is the client's: what the gateway thinks of it is one of the scenarios.
async fn forward(State(proxy): State<Proxy>, mut request: Request) -> Response {
    let path = request.uri().path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(proxy.upstream.to_string())
        .path_and_query(path)
        .build()
        .expect("an address and a path are a URI");
    request.headers_mut().insert(header::AUTHORIZATION, proxy.authorization);
    match proxy.client.request(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

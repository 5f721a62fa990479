//! A reverse proxy that does to requests and answers what badly configured ones do.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::uri::{PathAndQuery, Scheme};
use axum::http::{HeaderMap, Response, StatusCode, Uri, header};
use axum::response::IntoResponse;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// What the proxy does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    NoChallenge,
    NoAuthorization,
    NoWellKnown,
    ShortHeads,
    OtherResource,
    OwnSignIn,
}

#[derive(Clone)]
struct Proxy {
    client: Client<HttpConnector, Body>,
    upstream: Arc<OnceLock<SocketAddr>>,
    fault: Fault,
}

/// A running proxy: its URL for clients, and where to say whom it serves.
pub(super) async fn start(fault: Fault) -> (String, Arc<OnceLock<SocketAddr>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let client = Client::builder(TokioExecutor::new()).build_http();
    let proxy = Proxy { client, upstream: Arc::default(), fault };
    let upstream = Arc::clone(&proxy.upstream);
    let router = Router::new().fallback(forward).with_state(proxy);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, upstream)
}

async fn forward(State(proxy): State<Proxy>, mut request: Request) -> Response<Body> {
    let path = request.uri().path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    match proxy.fault {
        Fault::NoWellKnown if path.path().starts_with("/.well-known") => {
            return StatusCode::NOT_FOUND.into_response();
        }
        Fault::ShortHeads if request.headers().values().any(|value| value.len() > 8 * 1024) => {
            let page = "<html><center><h1>400 Bad Request</h1></center></html>";
            let fields = [(header::CONTENT_TYPE, "text/html"), (header::SERVER, "nginx")];
            return (StatusCode::BAD_REQUEST, fields, page).into_response();
        }
        Fault::NoAuthorization => drop(request.headers_mut().remove(header::AUTHORIZATION)),
        _ => {}
    }
    let upstream = proxy.upstream.get().unwrap().to_string();
    let uri = Uri::builder().scheme(Scheme::HTTP).authority(upstream).path_and_query(path);
    *request.uri_mut() = uri.build().unwrap();
    let (mut parts, body) = proxy.client.request(request).await.unwrap().into_parts();
    let mut body = to_bytes(Body::new(body), 1 << 20).await.unwrap();
    mangle(proxy.fault, &mut parts.headers);
    if proxy.fault == Fault::OtherResource {
        body = String::from_utf8_lossy(&body).replace("127.0.0.1", "localhost").into();
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    Response::from_parts(parts, Body::from(body))
}

fn mangle(fault: Fault, headers: &mut HeaderMap) {
    match fault {
        Fault::NoChallenge => drop(headers.remove(header::WWW_AUTHENTICATE)),
        Fault::OwnSignIn if headers.contains_key(header::WWW_AUTHENTICATE) => {
            headers.insert(header::WWW_AUTHENTICATE, "Basic realm=\"proxy\"".parse().unwrap());
        }
        _ => {}
    }
}

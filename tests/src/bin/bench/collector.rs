//! A collector of telemetry that is as it is told to be, as a process: it takes what it is sent and looks at nothing.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Response};
use clap::ValueEnum;
use http_body_util::{BodyExt, Full};
use tokio::net::TcpListener;
use tonic::Code;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::child::{self, Child};

/// How long the slow one takes: each export is taken, a fraction of what is ended.
const SLOW: Duration = Duration::from_secs(2);

/// How a collector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Manner {
    /// It takes all.
    Well,
    /// Nobody listens.
    Dead,
    /// It never answers.
    Hangs,
    /// It answers that it will not.
    Refuses,
    /// It takes its time.
    Slow,
}

/// A collector, for as long as this is held.
pub(crate) struct Collector {
    _process: Option<Child>,
    address: SocketAddr,
}

impl Collector {
    /// Starts one.
    ///
    /// # Errors
    /// When it does not tell its address.
    pub(crate) fn start(manner: Manner) -> anyhow::Result<Self> {
        if manner == Manner::Dead {
            // The port of a listener that is gone.
            let address = StdListener::bind("127.0.0.1:0")?.local_addr()?;
            return Ok(Self { _process: None, address });
        }
        let name = manner.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let process = Child::start(&["collector", &name], "")?;
        Ok(Self { address: process.address(), _process: Some(process) })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Runs the collector until stdin ends.
///
/// # Errors
/// When it cannot be set up.
pub(crate) async fn serve(manner: Manner) -> anyhow::Result<()> {
    child::told()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    child::tell(listener.local_addr()?);
    // To have the body is to have read it.
    let routes = Routes::from(Router::new().fallback(move |_: Bytes| answer(manner)));
    Server::builder().add_routes(routes).serve_with_incoming(TcpIncoming::from(listener)).await?;
    Ok(())
}

/// An empty answer: one gRPC frame of length zero, and the status as a trailer.
async fn answer(manner: Manner) -> Response<Body> {
    match manner {
        Manner::Hangs => std::future::pending().await,
        Manner::Slow => tokio::time::sleep(SLOW).await,
        Manner::Well | Manner::Dead | Manner::Refuses => {}
    }
    let status = if manner == Manner::Refuses { Code::ResourceExhausted } else { Code::Ok };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", (status as i32).into());
    let body = Full::new(Bytes::from_static(&[0; 5])).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

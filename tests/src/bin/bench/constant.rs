//! What the broker is compared with: a tonic service of the same contract and settings that gives everybody the same
//! answer. It looks at no assertion, counts nothing, and traces nothing.

use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use prost::Message;
use proto::v1::token_broker_server::{TokenBroker, TokenBrokerServer};
use proto::v1::{
    ExchangeRequest, ExchangeResponse, PreflightRequest, PreflightResponse, PurgeUserRequest,
    PurgeUserResponse,
};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, async_trait};

use super::child::{self, Child};

/// Starts the service as a process that answers `answer`, an encoded [`ExchangeResponse`].
///
/// # Errors
/// When it does not tell its address.
pub(crate) fn start(answer: &[u8]) -> anyhow::Result<Child> {
    Child::start(&["constant"], &BASE64_STANDARD.encode(answer))
}

/// Runs the service until stdin ends. The settings are those of the broker's own server.
///
/// # Errors
/// When it cannot be set up.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let answer = BASE64_STANDARD.decode(child::told()?).context("the answer is base64")?;
    let answer = ExchangeResponse::decode(answer.as_slice()).context("the answer is a message")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    child::tell(listener.local_addr()?);
    Server::builder()
        .timeout(Duration::from_secs(20))
        .max_concurrent_streams(2048)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .add_service(TokenBrokerServer::new(Constant(answer)).max_decoding_message_size(32 * 1024))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?;
    Ok(())
}

struct Constant(ExchangeResponse);

#[async_trait]
impl TokenBroker for Constant {
    async fn exchange(&self, _: Request<ExchangeRequest>) -> Result<Response<ExchangeResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn purge_user(&self, _: Request<PurgeUserRequest>) -> Result<Response<PurgeUserResponse>, Status> {
        Err(Status::unimplemented("there is nothing to purge"))
    }

    async fn preflight(&self, _: Request<PreflightRequest>) -> Result<Response<PreflightResponse>, Status> {
        Err(Status::unimplemented("there is nothing to consent to"))
    }
}

//! `Exchange` over gRPC, as lean as it can be asked: the request is encoded once, the answer compared as bytes.

use anyhow::{Context, ensure};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use proto::v1::ExchangeRequest;
use tokio::net::TcpStream;

use super::load::Target;

/// What precedes a message: whether it is compressed, and its length in four bytes (gRPC over HTTP/2).
const PREFIX_BYTES: usize = 5;
/// What the gateway sends too, which the broker reads.
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// A service of the broker's contract, the call it is sent, and the answer it gave.
pub(crate) struct Exchange {
    address: String,
    request: Request<Full<Bytes>>,
    /// Calls at the same time on one connection.
    streams: usize,
    answer: Bytes,
}

impl Exchange {
    /// Asks twice: the first call warms the caches, the second is answered as all others will be.
    ///
    /// # Errors
    /// When the answer is a refusal.
    pub(crate) async fn new(address: String, assertion: String, streams: usize) -> anyhow::Result<Self> {
        let message = ExchangeRequest { assertion, resource: "arm".to_owned(), claims: String::new() };
        let mut body = BytesMut::new();
        body.put_u8(0);
        body.put_u32(u32::try_from(message.encoded_len())?);
        message.encode(&mut body)?;
        let request = Request::post(format!("http://{address}/token_broker.v1.TokenBroker/Exchange"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("grpc-timeout", "10S")
            .header("traceparent", TRACE)
            .body(Full::from(body.freeze()))?;
        let mut exchange = Self { address, request, streams, answer: Bytes::new() };
        let mut connection = exchange.connect(1).await?.remove(0);
        exchange.call(&mut connection).await?;
        exchange.answer = exchange.call(&mut connection).await?;
        Ok(exchange)
    }

    /// The answer, an encoded `ExchangeResponse`.
    pub(crate) fn answer(&self) -> &[u8] {
        self.answer.get(PREFIX_BYTES..).unwrap_or_default()
    }

    async fn call(&self, connection: &mut SendRequest<Full<Bytes>>) -> anyhow::Result<Bytes> {
        connection.ready().await?;
        let response = connection.send_request(self.request.clone()).await?;
        // A refusal comes in the headers alone.
        let refusal = response.headers().get("grpc-message").cloned();
        let body = response.into_body().collect().await?;
        let status = body.trailers().and_then(|trailers| trailers.get("grpc-status")).cloned();
        ensure!(status.is_some_and(|status| status == "0"), "{} refuses: {refusal:?}", self.address);
        Ok(body.to_bytes())
    }
}

impl Target for Exchange {
    type Connection = SendRequest<Full<Bytes>>;

    async fn connect(&self, callers: usize) -> anyhow::Result<Vec<Self::Connection>> {
        let mut connections = Vec::new();
        while connections.len() < callers {
            let stream = TcpStream::connect(&self.address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
            // Ends with the last sender; what goes wrong, the senders tell.
            tokio::spawn(connection);
            let share = self.streams.min(callers - connections.len());
            connections.extend(std::iter::repeat_n(sender, share));
        }
        Ok(connections)
    }

    async fn ask(&self, connection: &mut Self::Connection) -> anyhow::Result<()> {
        let answer = self.call(connection).await.context("a call of Exchange")?;
        ensure!(answer == self.answer, "{} gives another answer than before", self.address);
        Ok(())
    }
}

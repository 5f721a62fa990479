//! A closed loop: each connection asks, reads the whole answer, and asks again.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::target::Target;

/// An answer that takes longer is a failure, not a measurement.
const DEADLINE: Duration = Duration::from_secs(30);

/// A load on one target.
pub(crate) struct Load<'a> {
    pub(crate) target: &'a Target,
    pub(crate) connections: usize,
}

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    /// How long each call took.
    pub(crate) latencies: Vec<Duration>,
    /// How long all of them took together.
    pub(crate) elapsed: Duration,
}

impl Load<'_> {
    /// Keeps all connections busy for this long.
    ///
    /// # Errors
    /// At the first call that fails, or whose answer is another than the one seen before.
    pub(crate) async fn run(&self, duration: Duration) -> anyhow::Result<Sample> {
        let mut connections = Vec::new();
        for _ in 0..self.connections {
            connections.push(self.connect().await?);
        }
        let started = Instant::now();
        let loops = connections.into_iter().map(|sender| self.keep_asking(sender, started + duration));
        let all = tokio::time::timeout(duration + DEADLINE, try_join_all(loops));
        let latencies = all.await.context("a call does not end")??.concat();
        Ok(Sample { latencies, elapsed: started.elapsed() })
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.target.address()).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends with the sender; what goes wrong, the sender tells.
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn keep_asking(
        &self,
        mut sender: SendRequest<Full<Bytes>>,
        end: Instant,
    ) -> anyhow::Result<Vec<Duration>> {
        let mut latencies = Vec::new();
        while Instant::now() < end {
            let started = Instant::now();
            sender.ready().await?;
            let response = sender.send_request(self.target.request()).await?;
            let status = response.status();
            let answer = response.into_body().collect().await?.to_bytes();
            latencies.push(started.elapsed());
            ensure!(
                self.target.is_expected(&answer),
                "another answer than before, {status}: {}",
                String::from_utf8_lossy(&answer).chars().take(500).collect::<String>()
            );
        }
        Ok(latencies)
    }
}

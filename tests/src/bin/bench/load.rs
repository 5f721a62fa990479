//! A closed loop: each caller asks, reads the whole answer, and asks again.

use std::time::{Duration, Instant};

use anyhow::Context;
use futures::future::try_join_all;

/// An answer that takes longer is a failure, not a measurement.
const DEADLINE: Duration = Duration::from_secs(30);

/// Who is asked.
pub(crate) trait Target {
    /// What one caller holds.
    type Connection;

    /// Connects this many callers.
    async fn connect(&self, callers: usize) -> anyhow::Result<Vec<Self::Connection>>;

    /// Asks once and reads the answer. It fails if it is another than the first one was.
    async fn ask(&self, connection: &mut Self::Connection) -> anyhow::Result<()>;
}

/// A load on one target.
pub(crate) struct Load<'a, T> {
    pub(crate) target: &'a T,
    pub(crate) callers: usize,
}

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    /// How long each call took.
    pub(crate) latencies: Vec<Duration>,
    /// How long all of them took together.
    pub(crate) elapsed: Duration,
}

impl<T: Target> Load<'_, T> {
    /// Keeps all callers busy for this long.
    ///
    /// # Errors
    /// At the first call that fails, or whose answer is another than the one seen before.
    pub(crate) async fn run(&self, duration: Duration) -> anyhow::Result<Sample> {
        let connections = self.target.connect(self.callers).await?;
        let started = Instant::now();
        let loops =
            connections.into_iter().map(|connection| self.keep_asking(connection, started + duration));
        let all = tokio::time::timeout(duration + DEADLINE, try_join_all(loops));
        let latencies = all.await.context("a call does not end")??.concat();
        Ok(Sample { latencies, elapsed: started.elapsed() })
    }

    async fn keep_asking(
        &self,
        mut connection: T::Connection,
        end: Instant,
    ) -> anyhow::Result<Vec<Duration>> {
        let mut latencies = Vec::new();
        while Instant::now() < end {
            let started = Instant::now();
            self.target.ask(&mut connection).await?;
            latencies.push(started.elapsed());
        }
        Ok(latencies)
    }
}

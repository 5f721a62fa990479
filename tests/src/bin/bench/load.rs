//! A closed loop: each caller asks, reads the whole answer, and asks again. And an open one, that asks at a fixed rate
//! whatever the answers do.

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

/// Calls at a fixed rate.
pub(crate) struct Paced<'a, T> {
    pub(crate) target: &'a T,
    /// Enough that a slow answer does not keep the next call waiting for a connection.
    pub(crate) callers: u32,
    /// Calls per second, of all callers together.
    pub(crate) rate: u32,
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

impl<T: Target> Paced<'_, T> {
    /// Calls for this long, by the clock. A call that waits for its connection counts from when it was due.
    ///
    /// # Errors
    /// As [`Load::run`].
    pub(crate) async fn run(&self, duration: Duration) -> anyhow::Result<Sample> {
        let connections = self.target.connect(self.callers as usize).await?;
        let started = Instant::now();
        let loops = (0..).zip(connections).map(|(n, connection)| {
            let (first, step) =
                (Duration::from_secs(1) * n / self.rate, Duration::from_secs(1) * self.callers / self.rate);
            self.keep_pace(connection, started + first, step, started + duration)
        });
        let all = tokio::time::timeout(duration + DEADLINE, try_join_all(loops));
        let latencies = all.await.context("a call does not end")??.concat();
        Ok(Sample { latencies, elapsed: started.elapsed() })
    }

    async fn keep_pace(
        &self,
        mut connection: T::Connection,
        mut due: Instant,
        step: Duration,
        end: Instant,
    ) -> anyhow::Result<Vec<Duration>> {
        let mut latencies = Vec::new();
        while due < end {
            // A timer rings up to a millisecond late: that is not the server's.
            let late = Instant::now() >= due;
            tokio::time::sleep_until(due.into()).await;
            let started = if late { due } else { Instant::now() };
            self.target.ask(&mut connection).await?;
            latencies.push(started.elapsed());
            due += step;
        }
        Ok(latencies)
    }
}

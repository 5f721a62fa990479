//! How the service ends: it is not ready at once, takes calls a while longer, finishes those in flight, and tells of
//! itself to the last.

use std::io;
use std::time::Duration;

use telemetry::admin::Check;
use tokio_util::sync::CancellationToken;

/// The steps of the end, each a token that is cancelled when it is reached.
#[derive(Clone)]
pub(super) struct Ending {
    /// The service is told to stop.
    told: CancellationToken,
    /// Clients are let in no more, and those who wait are sent away.
    pub(super) closing: CancellationToken,
    /// The last call is finished, or has had its time.
    pub(super) over: CancellationToken,
}

impl Ending {
    pub(super) fn when(told: CancellationToken) -> Self {
        Self { told, closing: CancellationToken::new(), over: CancellationToken::new() }
    }

    /// Who is told to stop is not ready: whoever looks goes elsewhere while calls are still taken.
    pub(super) fn check(&self) -> Option<Check> {
        self.told.is_cancelled().then(|| Check::new("stopping", false))
    }

    /// Waits until the service is told to stop, and then for as long as load balancers may take to notice.
    pub(super) async fn close_after(&self, delay: Duration) -> io::Result<()> {
        self.told.cancelled().await;
        tokio::time::sleep(delay).await;
        self.closing.cancel();
        Ok(())
    }

    /// Serves clients to the end.
    pub(super) async fn follow(&self, clients: impl Future<Output = io::Result<()>>) -> io::Result<()> {
        let served = clients.await;
        self.over.cancel();
        served
    }
}
